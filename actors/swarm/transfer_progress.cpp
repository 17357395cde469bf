// Of transfer_logic: what the disk says, up to the finished file.

#include "actors/swarm/transfer_logic.hpp"

#include <algorithm>
#include <utility>

namespace vsf::swarm {

namespace {

using std::chrono::nanoseconds;

}  // namespace

// ---- Disk

transfer_logic::effects transfer_logic::disk_opened(nanoseconds now, std::uint32_t epoch,
                                                    const disk_state& what) {
  effects out;
  if (epoch != epoch_ || !opening_) return out;
  opening_ = false;
  dirty_ = true;
  if (std::exchange(looking_for_room_, false)) {
    set_state(fb::TransferState::resolving);
    ask_resolver(now, out);
  }
  if (!what.finished_path.empty()) {
    finishing_ = true;
    status_.bytes_verified = status_.bytes_total;
    return finished(now, epoch, what.finished_path);
  }
  transfer_plan::options plan;
  plan.order = how_.order;
  plan_.emplace(status_.variant->size(), plan);
  plan_->restore(what.had, what.proven);
  status_.bytes_verified = plan_->bytes_had();
  status_.bytes_kept = what.bytes_kept;
  // They came off the wire after the last checkpoint, whose count is the one that was stored; what came since
  // this run began is counted.
  if (!std::exchange(opened_once_, true)) status_.bytes_received += what.bytes_recovered;
  unsynced_bytes_ = what.bytes_recovered;
  unsynced_since_ = last_checkpoint_ = now;
  step(now, out);
  return out;
}

transfer_logic::effects transfer_logic::proof_checked(nanoseconds now, std::uint32_t epoch,
                                                      source_number source, std::uint32_t piece, bool good) {
  effects out;
  if (epoch != epoch_ || !plan_) return out;
  plan_->proof_checked(piece, good);
  if (!good) {
    ++counters_.bad_proofs;
    if (auto* s = by_number(source)) ban(now, *s, "sent hashes that are not of this file", out);
  }
  step(now, out);
  return out;
}

transfer_logic::effects transfer_logic::leaves_checked(nanoseconds now, std::uint32_t epoch,
                                                       source_number source, std::uint32_t first_leaf,
                                                       std::uint16_t count, std::uint64_t good,
                                                       std::uint64_t bad) {
  effects out;
  if (epoch != epoch_ || !plan_) return out;
  for (std::uint16_t i = 0; i < count; ++i)
    if (((good | bad) >> i & 1) != 0) plan_->leaf_checked(first_leaf + i, (good >> i & 1) != 0);
  auto* s = by_number(source);
  if (s != nullptr && s->number == source)
    for (std::uint16_t i = 0; i < count; ++i)
      if (((good | bad) >> i & 1) != 0 && s->checking > 0) --s->checking;
  if (const auto length = masked_length(plan_->size(), first_leaf, count, good); length != 0) {
    counters_.bytes_verified += length;
    status_.bytes_verified = plan_->bytes_had();
    if (unsynced_bytes_ == 0) unsynced_since_ = now;
    unsynced_bytes_ += length;
    vain_rounds_ = 0;
    if (s != nullptr) {
      s->bytes += length;
      counters_.verified_from[s->who.id] += length;
      s->failures = 0;
    }
    dirty_ = true;
  }
  if (bad != 0) {
    std::uint32_t wrong = 0;
    for (std::uint16_t i = 0; i < count; ++i) wrong += (bad >> i & 1) != 0 ? 1U : 0U;
    counters_.bad_leaves += wrong;
    waste(masked_length(plan_->size(), first_leaf, count, bad));
    if (s != nullptr) {
      s->bad_leaves += wrong;
      ban(now, *s, "sent bytes that are not of this file", out);
    }
  }
  maybe_checkpoint(now, out);
  step(now, out);
  return out;
}

std::optional<nanoseconds> transfer_logic::checkpoint_due() const {
  if (!plan_ || checkpointing_ || finishing_ || unsynced_bytes_ == 0) return std::nullopt;
  const auto slow = unsynced_since_ + how_.checkpoint_interval;
  if (unsynced_bytes_ < how_.checkpoint_bytes) return slow;
  return std::min(slow, last_checkpoint_ + how_.least_checkpoint_interval);
}

void transfer_logic::maybe_checkpoint(nanoseconds now, effects& out) {
  const auto due = checkpoint_due();
  if (!due || now < *due) return;
  checkpointing_ = true;
  in_checkpoint_ = unsynced_bytes_;
  last_checkpoint_ = now;
  out.push_back(checkpoint{epoch_, snapshot()});
}

transfer_logic::effects transfer_logic::checkpointed(nanoseconds now, std::uint32_t epoch) {
  effects out;
  if (epoch != epoch_) return out;
  checkpointing_ = false;
  unsynced_bytes_ -= std::min(unsynced_bytes_, in_checkpoint_);
  unsynced_since_ = now;
  return out;
}

void transfer_logic::begin_finish(effects& out) {
  close_sources(out);
  set_state(fb::TransferState::finishing);
  finishing_ = true;
  out.push_back(finish{epoch_, snapshot()});
}

transfer_logic::effects transfer_logic::finished(nanoseconds now, std::uint32_t epoch,
                                                 const std::string& path) {
  effects out;
  if (epoch != epoch_ || !finishing_) return out;
  stop(out);
  status_.path = path;
  set_state(fb::TransferState::done);
  status_.finished_ms = wall_ms(now);
  out.push_back(settle{snapshot()});
  out.push_back(hash_file{epoch_, path});
  return out;
}

transfer_logic::effects transfer_logic::hashed(nanoseconds, std::uint32_t epoch, const digest& sha256) {
  effects out;
  if (epoch != epoch_ || status_.state != fb::TransferState::done) return out;
  status_.sha256 = box(sha256);
  dirty_ = urgent_ = true;
  const bool same = !has_variant() || std::equal(sha256.begin(), sha256.begin() + 16,
                                                 status_.variant->sha256_prefix().bytes()->begin());
  if (!same) {
    ++counters_.sha256_mismatches;
    status_.reason =
        "the file is what its hash tree promised, but its publisher named another SHA-256: its other details "
        "may be "
        "wrong, too";
    out.push_back(warn{status_.reason});
  }
  out.push_back(save{snapshot(), stored::buffered});
  return out;
}

transfer_logic::effects transfer_logic::hash_failed(nanoseconds, std::uint32_t epoch,
                                                    const std::string& reason) {
  effects out;
  if (epoch != epoch_ || status_.state != fb::TransferState::done) return out;
  status_.reason = "complete, but its SHA-256 could not be computed: " + reason;
  dirty_ = urgent_ = true;
  out.push_back(save{snapshot(), stored::buffered});
  return out;
}

transfer_logic::effects transfer_logic::disk_failed(nanoseconds now, std::uint32_t epoch,
                                                    const std::string& reason, bool no_room) {
  effects out;
  if (epoch != 0 && epoch != epoch_) return out;
  const bool still = std::exchange(looking_for_room_, false);
  if (is_final() || (status_.state == fb::TransferState::queued && !still)) {
    out.push_back(warn{reason});
    return out;
  }
  const auto unsynced = unsynced_bytes();
  stop(out);
  set_state(fb::TransferState::queued, reason);
  if (no_room) room_again_ = now + how_.room_interval;
  if (no_room && still) return out;  // it was said already
  out.push_back(save{snapshot(unsynced), stored::buffered});
  out.push_back(warn{reason});
  return out;
}

/// Opening the partial file is what tells whether there is room now; until then it stays queued.
void transfer_logic::look_for_room(nanoseconds now, effects& out) {
  if (!room_again_ || now < *room_again_) return;
  open(out);
  looking_for_room_ = true;
}

}  // namespace vsf::swarm
