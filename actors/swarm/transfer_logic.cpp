#include "actors/swarm/transfer_logic.hpp"

#include <algorithm>
#include <utility>

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

}  // namespace

transfer_logic::transfer_logic(const node_id& who, fb::TransferRecordT from, options how)
    : self_(who),
      how_(how),
      partial_name_(std::move(from.partial_name)),
      rejected_partial_(std::move(from.rejected_partial)) {
  if (from.status) status_ = std::move(*from.status);
  status_.sources.clear();
  for (const auto& claim : from.claims)
    if (claim && claims_.size() < max_claims) claims_.push_back(from_record(*claim));
  if (!has_variant()) return;
  auto& banned = banned_[root()];
  for (const auto& key : from.banned) banned.insert(from_fb<static_key>(key));
}

bool transfer_logic::is_final() const {
  return status_.state == fb::TransferState::done || status_.state == fb::TransferState::failed ||
         status_.state == fb::TransferState::cancelled;
}

bool transfer_logic::is_running() const {
  return !is_final() && status_.state != fb::TransferState::queued &&
         status_.state != fb::TransferState::paused && !finishing_ && !check_;
}

std::uint64_t transfer_logic::wall_ms(nanoseconds now) const {
  return static_cast<std::uint64_t>(wall_offset_ms_ + now / 1ms);
}

nanoseconds transfer_logic::backoff(unsigned failures) const {
  const auto doubled = how_.first_backoff * (std::int64_t{1} << std::min(failures, 16U));
  return std::min<nanoseconds>(doubled, how_.last_backoff);
}

void transfer_logic::set_state(fb::TransferState state, std::string reason) {
  if (status_.state != state) urgent_ = true;
  if (status_.state != state || status_.reason != reason) dirty_ = true;
  status_.state = state;
  status_.reason = std::move(reason);
}

fb::TransferStatusT transfer_logic::status() const {
  auto out = status_;
  for (const auto& [key, s] : sources_) {
    auto source = std::make_unique<fb::SourceStatusT>();
    source->node = box(s.who.id);
    source->address = box(s.who.address);
    source->state = s.state;
    source->bytes = s.bytes;
    source->bad_leaves = s.bad_leaves;
    source->reason = s.reason;
    if (s.state == fb::SourceState::active) {
      source->rate_bytes_per_s = s.pace.rate_bytes_per_s;
      out.rate_bytes_per_s += s.pace.rate_bytes_per_s;
      if (plan_) source->bytes_asked = std::uint64_t{plan_->outstanding(s.number)} * leaf_size;
    }
    out.sources.push_back(std::move(source));
  }
  if (plan_) out.chunks = plan_->chunks(most_chunks);
  return out;
}

std::uint64_t transfer_logic::unsynced_bytes() const {
  // A checkpoint on its way comes before whatever is stored next.
  return unsynced_bytes_ - (checkpointing_ ? std::min(unsynced_bytes_, in_checkpoint_) : 0);
}

fb::TransferRecordT transfer_logic::snapshot(std::uint64_t unsynced_bytes) const {
  fb::TransferRecordT out;
  out.status = std::make_unique<fb::TransferStatusT>(status());
  out.status->bytes_received -= std::min(out.status->bytes_received, unsynced_bytes);
  out.partial_name = partial_name_;
  out.rejected_partial = rejected_partial_;
  for (const auto& claim : claims_) out.claims.push_back(std::make_unique<fb::ClaimT>(to_record(claim)));
  if (has_variant())
    if (const auto it = banned_.find(root()); it != banned_.end())
      for (const auto& key : it->second) out.banned.push_back(to_fb(key));
  return out;
}

std::optional<fb::TransferStatusT> transfer_logic::take_status(nanoseconds now) {
  if (!dirty_ || (!urgent_ && now < last_told_ + how_.status_interval)) return std::nullopt;
  dirty_ = urgent_ = false;
  last_told_ = now;
  return status();
}

// ---- Commands

void transfer_logic::know_time(nanoseconds now, std::uint64_t unix_ms) {
  wall_offset_ms_ = static_cast<std::int64_t>(unix_ms) - now / 1ms;
}

transfer_logic::effects transfer_logic::start(nanoseconds now) {
  effects out;
  if (status_.state == fb::TransferState::done) {
    // The node ended before the SHA-256 was known.
    out.push_back(hash_file{epoch_, status_.path});
    return out;
  }
  const auto finishing_as =
      status_.state == fb::TransferState::finishing ? std::exchange(status_.path, {}) : std::string{};
  set_state(fb::TransferState::resolving);
  // The node ended before the file was in quarantine.
  if (!rejected_partial_.empty()) out.push_back(quarantine{snapshot(), rejected_partial_, wall_ms(now), {}});
  if (has_variant()) {
    open(out);
    std::get<open_disk>(out.back()).finishing_as = finishing_as;
  }
  ask_resolver(now, out);
  return out;
}

void transfer_logic::open(effects& out) {
  plan_.reset();
  opening_ = true;
  finishing_ = checkpointing_ = looking_for_room_ = false;
  room_again_.reset();
  unsynced_bytes_ = in_checkpoint_ = 0;
  if (partial_name_.empty())
    partial_name_ = status_.transfer + '-' + to_hex(root().view().first(4)) + ".part";
  out.push_back(open_disk{++epoch_, root(), status_.variant->size(), partial_name_, {}});
}

void transfer_logic::close_sources(effects& out) {
  for (auto& [key, s] : sources_) {
    if (s.state != fb::SourceState::active && s.state != fb::SourceState::connecting) continue;
    out.push_back(disconnect{s.number});
    if (plan_) plan_->drop_source(s.number);
    s.state = fb::SourceState::idle;
  }
}

void transfer_logic::stop(effects& out) {
  close_sources(out);
  plan_.reset();
  ++epoch_;  // answers under way no longer count
  opening_ = finishing_ = checkpointing_ = looking_for_room_ = false;
  check_.reset();
  resolve_due_.reset();
  resolve_again_.reset();
  room_again_.reset();
  bucket_wait_.reset();
  steal_wait_.reset();
  unsynced_bytes_ = 0;
}

void transfer_logic::end_with(nanoseconds now, fb::TransferState state, std::string reason, effects& out) {
  stop(out);
  set_state(state, std::move(reason));
  status_.finished_ms = wall_ms(now);
}

transfer_logic::effects transfer_logic::cancel(nanoseconds now) {
  effects out;
  if (is_final() || finishing_) return out;  // too late while it is renamed
  end_with(now, fb::TransferState::cancelled, "cancelled on request", out);
  status_.bytes_verified = status_.bytes_kept = 0;
  out.push_back(discard{snapshot(), partial_name_});
  return out;
}

transfer_logic::effects transfer_logic::retry(nanoseconds now) {
  effects out;
  if (status_.state == fb::TransferState::done || finishing_ || forgotten_) return out;
  const bool stopped =
      is_final() || status_.state == fb::TransferState::queued || status_.state == fb::TransferState::paused;
  vain_rounds_ = 0;
  for (auto& [key, s] : sources_) {
    s.failures = 0;
    s.retry_at = nanoseconds(0);
    if (s.state == fb::SourceState::refused || s.state == fb::SourceState::lost)
      s.state = fb::SourceState::idle;
  }
  if (!stopped) {
    if (!can_flow()) ask_resolver(now, out);
    step(now, out);
    return out;
  }
  status_.finished_ms = 0;
  set_state(fb::TransferState::resolving);
  out.push_back(save{snapshot(), stored::synced});
  if (has_variant()) open(out);
  ask_resolver(now, out);
  return out;
}

transfer_logic::effects transfer_logic::drop(nanoseconds now) {
  effects out;
  if (finishing_) return out;
  end_with(now, is_final() ? status_.state : fb::TransferState::cancelled, "forgotten on request", out);
  forgotten_ = true;
  out.push_back(forget{partial_name_});
  return out;
}

transfer_logic::effects transfer_logic::pause(nanoseconds) {
  effects out;
  if (is_final() || finishing_ || forgotten_ || status_.state == fb::TransferState::paused) return out;
  // What is here is then known as safe, so that going on doesn't count it as received once more.
  if (plan_) out.push_back(checkpoint{epoch_, snapshot()});
  stop(out);
  set_state(fb::TransferState::paused, "paused on request");
  out.push_back(save{snapshot(), stored::synced});
  return out;
}

transfer_logic::effects transfer_logic::resume(nanoseconds now) {
  if (status_.state != fb::TransferState::paused) return {};
  return retry(now);
}

transfer_logic::effects transfer_logic::prioritize(nanoseconds, fb::Priority priority) {
  effects out;
  if (status_.priority == priority || forgotten_) return out;
  status_.priority = priority;
  dirty_ = urgent_ = true;
  out.push_back(save{snapshot(unsynced_bytes()), stored::synced});
  return out;
}

transfer_logic::effects transfer_logic::set_rate(nanoseconds now, std::uint64_t bytes_per_s) {
  bucket_.set_rate(now, bytes_per_s, std::max<std::uint64_t>(bytes_per_s / 2, 4 * leaf_size));
  effects out;
  pump(now, out);
  return out;
}

// ---- Time

transfer_logic::effects transfer_logic::tick(nanoseconds now) {
  effects out;
  check_tick(now, out);
  look_for_room(now, out);
  if (!is_running()) return out;
  if (resolve_due_ && now >= *resolve_due_) {
    resolve_due_.reset();
    if (!has_variant() && !in_vain_for_now(now)) {
      end_with(now, fb::TransferState::failed,
               "not found: the mesh gave no answer for recording " +
                   (status_.mbid ? to_string(from_fb<vsf::mbid>(*status_.mbid)) : std::string()) +
                   "; try again later",
               out);
      out.push_back(save{snapshot(), stored::synced});
      return out;
    }
    if (has_variant() && !can_flow()) ++vain_rounds_;
  }
  if (resolve_again_ && now >= *resolve_again_) {
    if (!has_variant() || active(false) < wanted_sources())
      ask_resolver(now, out);
    else
      resolve_again_.reset();
  }
  maybe_checkpoint(now, out);
  step(now, out);
  return out;
}

std::optional<nanoseconds> transfer_logic::next_deadline() const {
  std::optional<nanoseconds> out;
  const auto earliest = [&](const std::optional<nanoseconds>& at) {
    if (at) out = out ? std::min(*out, *at) : *at;
  };
  if (dirty_) earliest(urgent_ ? last_told_ : last_told_ + how_.status_interval);
  if (check_) earliest(check_->due);
  earliest(room_again_);
  if (!is_running()) return out;
  earliest(resolve_due_);
  earliest(resolve_again_);
  earliest(bucket_wait_);
  earliest(steal_wait_);
  earliest(checkpoint_due());
  if (plan_ && !plan_->complete())
    for (const bool parts : {false, true}) {
      if (active(parts) >= wanted_sources()) continue;
      for (const auto& [key, s] : sources_)
        if (s.parts == parts && (s.state == fb::SourceState::lost || s.state == fb::SourceState::idle ||
                                 s.state == fb::SourceState::refused))
          earliest(s.retry_at);
    }
  return out;
}

}  // namespace vsf::swarm
