#include "actors/swarm/transfer_logic.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::string count_of(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + ' ' + (n == 1 ? one : many);
}

std::uint64_t bytes_of(std::uint64_t size, std::uint32_t first, std::uint16_t count, std::uint64_t mask) {
  std::uint64_t total = 0;
  for (std::uint16_t i = 0; i < count; ++i)
    if ((mask >> i & 1) != 0) total += leaf_length(size, first + i);
  return total;
}

}  // namespace

transfer_logic::transfer_logic(const node_id& who, fb::TransferRecordT from, options how)
    : self_(who), how_(how), partial_name_(std::move(from.partial_name)) {
  if (from.status) status_ = std::move(*from.status);
  status_.sources.clear();
  if (!has_variant()) return;
  auto& banned = banned_[root()];
  for (const auto& key : from.banned) banned.insert(from_fb<static_key>(key));
}

bool transfer_logic::is_final() const {
  return status_.state == fb::TransferState::done || status_.state == fb::TransferState::failed ||
         status_.state == fb::TransferState::cancelled;
}

bool transfer_logic::is_running() const {
  return !is_final() && status_.state != fb::TransferState::queued && !finishing_;
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
    out.sources.push_back(std::move(source));
  }
  return out;
}

fb::TransferRecordT transfer_logic::snapshot() const {
  fb::TransferRecordT out;
  out.status = std::make_unique<fb::TransferStatusT>(status());
  out.partial_name = partial_name_;
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
  finishing_ = checkpointing_ = false;
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
  opening_ = finishing_ = checkpointing_ = false;
  resolve_due_.reset();
  resolve_again_.reset();
  bucket_wait_.reset();
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
  const bool stopped = is_final() || status_.state == fb::TransferState::queued;
  vain_rounds_ = 0;
  for (auto& [key, s] : sources_) {
    s.failures = 0;
    s.retry_at = nanoseconds(0);
    if (s.state == fb::SourceState::refused || s.state == fb::SourceState::lost)
      s.state = fb::SourceState::idle;
  }
  if (!stopped) {
    if (active() == 0) ask_resolver(now, out);
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

transfer_logic::effects transfer_logic::set_rate(nanoseconds now, std::uint64_t bytes_per_s) {
  bucket_.set_rate(now, bytes_per_s, std::max<std::uint64_t>(bytes_per_s / 2, 4 * leaf_size));
  effects out;
  pump(now, out);
  return out;
}

// ---- Who has it

void transfer_logic::ask_resolver(nanoseconds now, effects& out) {
  if (resolve_due_) return;
  resolve_due_ = now + how_.resolve_deadline;
  resolve_again_.reset();
  ++counters_.resolves;
  out.push_back(resolve{last_resolve_.has_value()});
  last_resolve_ = now;
}

void transfer_logic::ask_later(nanoseconds now) {
  if (resolve_due_ || resolve_again_) return;
  resolve_again_ = std::max(now, last_resolve_.value_or(now) + backoff(vain_rounds_));
}

transfer_logic::effects transfer_logic::resolved(nanoseconds now, const fb::ResolveResult& answer) {
  effects out;
  if (!resolve_due_ || !is_running()) return out;
  resolve_due_.reset();
  const auto choices = rank_variants(answer, self_);
  if (has_variant())
    later_answer(now, choices, out);
  else
    first_answer(now, answer, choices, out);
  return out;
}

void transfer_logic::first_answer(nanoseconds now, const fb::ResolveResult& answer,
                                  const std::vector<variant_choice>& choices, effects& out) {
  const auto name =
      status_.mbid ? to_string(from_fb<vsf::mbid>(*status_.mbid)) : std::string("without an id");
  if (choices.empty()) {
    const bool only_us = answer.candidates() != nullptr && answer.candidates()->size() > 0;
    end_with(now, fb::TransferState::failed,
             only_us ? "not found elsewhere: this node is the only one in the mesh that has recording " + name
                     : "not found: nobody in the mesh has recording " + name + "; try again later",
             out);
    out.push_back(save{snapshot(), stored::synced});
    return;
  }
  for (const auto& choice : choices) {
    if (!offers_source(now, choice)) continue;
    choose(now, choice, out);
    return;
  }
  ++vain_rounds_;
  ask_later(now);
  std::size_t publishers = 0;
  for (const auto& choice : choices) publishers += choice.publishers;
  set_state(fb::TransferState::resolving,
            count_of(publishers, "peer has", "peers have") +
                " it, but no address of theirs is known yet; the mesh is asked again");
}

void transfer_logic::later_answer(nanoseconds now, const std::vector<variant_choice>& choices, effects& out) {
  const auto mine = std::find_if(choices.begin(), choices.end(), [&](const auto& c) {
    return from_fb<digest>(c.variant.root()) == root() && c.variant.size() == status_.variant->size();
  });
  if (mine != choices.end()) take_sources(*mine);
  if (active() == 0 && best_source(now) == nullptr && !opening_) {
    ++vain_rounds_;
    if (status_.bytes_verified == 0 || vain_rounds_ >= how_.rounds_before_fallback) {
      for (const auto& choice : choices) {
        if (choice.variant.size() == status_.variant->size() &&
            from_fb<digest>(choice.variant.root()) == root())
          continue;
        if (!offers_source(now, choice)) continue;
        const auto old = std::exchange(partial_name_, {});
        stop(out);
        status_.bytes_verified = status_.bytes_kept = 0;
        out.push_back(discard{snapshot(), old});
        choose(now, choice, out);
        return;
      }
    }
  }
  step(now, out);
}

bool transfer_logic::offers_source(nanoseconds now, const variant_choice& choice) const {
  const auto choice_root = from_fb<digest>(choice.variant.root());
  const auto banned = banned_.find(choice_root);
  const bool current = has_variant() && choice_root == root();
  return std::any_of(choice.sources.begin(), choice.sources.end(), [&](const auto& s) {
    if (banned != banned_.end() && banned->second.count(s.who.key) != 0) return false;
    const auto known = sources_.find(s.who.key);
    return !current || known == sources_.end() || usable(now, known->second);
  });
}

void transfer_logic::take_sources(const variant_choice& choice) {
  const auto banned = banned_.find(root());
  for (std::size_t i = 0; i < choice.sources.size(); ++i) {
    const auto& who = choice.sources[i].who;
    if (sources_.count(who.key) == 0 && sources_.size() >= how_.max_sources) continue;
    auto& s = sources_[who.key];
    const bool moved = s.number != 0 && s.who.address != who.address;
    s.who = who;
    s.order = i;
    if (moved && s.state == fb::SourceState::lost) s.retry_at = nanoseconds(0);
    if (banned != banned_.end() && banned->second.count(who.key) != 0) {
      s.state = fb::SourceState::banned;
      if (s.reason.empty()) s.reason = "sent wrong bytes";
    }
  }
  dirty_ = true;
}

void transfer_logic::choose(nanoseconds now, const variant_choice& choice, effects& out) {
  status_.variant = std::make_unique<fb::Variant>(choice.variant);
  status_.bytes_total = choice.variant.size();
  status_.bytes_verified = status_.bytes_kept = 0;
  sources_.clear();
  connections_.clear();
  if (banned_.size() > how_.max_banned) banned_.clear();
  vain_rounds_ = 0;
  take_sources(choice);
  partial_name_.clear();  // open() makes one for this root
  set_state(fb::TransferState::connecting);
  out.push_back(save{snapshot(), stored::synced});
  open(out);
  step(now, out);
}

// ---- Sources

bool transfer_logic::usable(nanoseconds now, const known_source& s) const {
  return s.state != fb::SourceState::banned && s.state != fb::SourceState::active &&
         s.state != fb::SourceState::connecting && now >= s.retry_at;
}

transfer_logic::known_source* transfer_logic::by_number(source_number number) {
  const auto it = connections_.find(number);
  if (it == connections_.end()) return nullptr;
  const auto found = sources_.find(it->second);
  return found == sources_.end() ? nullptr : &found->second;
}

transfer_logic::known_source* transfer_logic::best_source(nanoseconds now) {
  known_source* best = nullptr;
  for (auto& [key, s] : sources_)
    if (usable(now, s) &&
        (best == nullptr || std::pair(s.failures, s.order) < std::pair(best->failures, best->order)))
      best = &s;
  return best;
}

std::size_t transfer_logic::active() const {
  return static_cast<std::size_t>(std::count_if(sources_.begin(), sources_.end(), [](const auto& s) {
    return s.second.state == fb::SourceState::active || s.second.state == fb::SourceState::connecting;
  }));
}

std::string transfer_logic::waiting_reason() const {
  std::size_t lying = 0, lost = 0, without = 0;
  for (const auto& [key, s] : sources_) {
    lying += s.state == fb::SourceState::banned ? 1 : 0;
    without += s.state == fb::SourceState::refused ? 1 : 0;
    lost += s.state == fb::SourceState::lost || s.state == fb::SourceState::idle ? 1 : 0;
  }
  std::string what;
  const auto add = [&](std::size_t n, const char* text) {
    if (n != 0) what += (what.empty() ? "" : ", ") + std::to_string(n) + text;
  };
  add(lying, " sent wrong bytes and is not asked again");
  add(without, " no longer shares it");
  add(lost, " can't be reached or is busy");
  return "no usable source now" + (what.empty() ? std::string() : " (of those known: " + what + ")") +
         "; the mesh is asked again within " + std::to_string(how_.last_backoff / 1s) + " s";
}

void transfer_logic::step(nanoseconds now, effects& out) {
  if (!is_running() || !has_variant() || opening_ || !plan_) return;
  if (plan_->complete()) {
    if (plan_->checking() == 0) begin_finish(out);
    return;
  }
  while (active() < how_.max_active) {
    auto* s = best_source(now);
    if (s == nullptr) break;
    s->number = next_source_++;
    s->state = fb::SourceState::connecting;
    s->reason.clear();
    connections_[s->number] = s->who.key;
    if (connections_.size() > how_.max_connections) connections_.erase(connections_.begin());
    out.push_back(connect{s->number, s->who, root(), status_.variant->size()});
    dirty_ = true;
  }
  if (active() == 0) {
    ask_later(now);
    set_state(fb::TransferState::resolving, waiting_reason());
    return;
  }
  const bool flowing = std::any_of(sources_.begin(), sources_.end(),
                                   [](const auto& s) { return s.second.state == fb::SourceState::active; });
  set_state(flowing ? fb::TransferState::transferring : fb::TransferState::connecting);
  pump(now, out);
}

void transfer_logic::pump(nanoseconds now, effects& out) {
  bucket_wait_.reset();
  if (!is_running() || !plan_) return;
  for (auto& [key, s] : sources_)
    if (s.state == fb::SourceState::active) pump_source(now, s, out);
}

void transfer_logic::pump_source(nanoseconds now, known_source& s, effects& out) {
  while (const auto piece = plan_->next_proof(s.number)) out.push_back(ask_proof{s.number, *piece});
  while (true) {
    // What waits for the disk counts, too: a slow disk slows the source down.
    const auto under_way = plan_->outstanding(s.number) + plan_->checking();
    if (under_way >= s.window) return;
    const auto usual = std::clamp<std::uint32_t>(s.window / 4, 1, max_request_leaves);
    const auto room = s.window - under_way;
    if (room < (usual + 1) / 2) return;  // not crumb by crumb
    auto count = std::min<std::uint64_t>(usual, room);
    if (bucket_.limited()) {
      const auto granted = bucket_.available(now) / leaf_size;
      if (granted == 0) {
        bucket_wait_ = bucket_.ready_at(now, leaf_size);
        return;
      }
      count = std::min(count, granted);
    }
    const auto request = plan_->next_data(s.number, static_cast<std::uint16_t>(count));
    if (!request) return;
    bucket_.take(now, std::uint64_t{request->count} * leaf_size);
    out.push_back(ask_data{s.number, *request});
  }
}

transfer_logic::effects transfer_logic::source_opened(nanoseconds now, source_number source,
                                                      std::uint32_t window) {
  effects out;
  auto* s = by_number(source);
  if (s == nullptr || s->number != source || s->state != fb::SourceState::connecting || !plan_) return out;
  s->state = fb::SourceState::active;
  s->window = window;
  plan_->add_source(source);
  dirty_ = true;
  step(now, out);
  return out;
}

transfer_logic::effects transfer_logic::proof_came(nanoseconds, source_number source, std::uint32_t piece,
                                                   const record<fb::OverlayMessage>& message) {
  effects out;
  if (plan_ && plan_->proof_arrived(source, piece))
    out.push_back(check_proof{epoch_, source, piece, message});
  return out;
}

transfer_logic::effects transfer_logic::data_came(nanoseconds now, source_number source,
                                                  const source_logic::data_came& what, std::uint32_t window) {
  effects out;
  const auto size = what.body.size();
  counters_.bytes_received += size;
  status_.bytes_received += size;
  dirty_ = true;
  const auto wanted =
      plan_ && is_running() ? plan_->data_arrived(source, what.request, what.first_leaf, what.count) : 0;
  const auto useful = wanted == 0 ? 0 : bytes_of(plan_->size(), what.first_leaf, what.count, wanted);
  counters_.bytes_wasted += size - useful;
  if (wanted != 0)
    out.push_back(write_leaves{epoch_, source, what.first_leaf, what.count, wanted, what.body});
  if (auto* s = by_number(source); s != nullptr && s->number == source) s->window = window;
  pump(now, out);
  return out;
}

transfer_logic::effects transfer_logic::request_failed(nanoseconds now, source_number source,
                                                       std::uint32_t request, std::uint32_t window) {
  effects out;
  if (!plan_) return out;
  plan_->request_over(source, request);
  if (auto* s = by_number(source); s != nullptr && s->number == source) s->window = window;
  pump(now, out);
  return out;
}

transfer_logic::effects transfer_logic::unasked(nanoseconds, std::uint64_t bytes) {
  counters_.bytes_received += bytes;
  counters_.bytes_wasted += bytes;
  status_.bytes_received += bytes;
  dirty_ = true;
  return {};
}

transfer_logic::effects transfer_logic::source_over(nanoseconds now, source_number source,
                                                    source_logic::end how, const std::string& reason) {
  effects out;
  auto* s = by_number(source);
  if (s == nullptr || s->number != source) return out;
  if (s->state != fb::SourceState::active && s->state != fb::SourceState::connecting) return out;
  if (how == source_logic::end::lied) {
    ban(now, *s, reason, out);
    step(now, out);
    return out;
  }
  if (plan_) plan_->drop_source(source);
  s->reason = reason;
  if (how == source_logic::end::refused) {
    s->state = fb::SourceState::refused;
    s->retry_at = now + how_.refused_pause;
    ++counters_.sources_refused;
  } else {
    s->state = how == source_logic::end::busy ? fb::SourceState::idle : fb::SourceState::lost;
    s->retry_at = now + backoff(s->failures++);
    ++counters_.sources_lost;
  }
  dirty_ = true;
  step(now, out);
  return out;
}

void transfer_logic::ban(nanoseconds, known_source& s, std::string reason, effects& out) {
  if (s.state == fb::SourceState::banned) return;
  auto& banned = banned_[root()];
  if (banned.size() < how_.max_banned) banned.insert(s.who.key);
  if (s.state == fb::SourceState::active || s.state == fb::SourceState::connecting) {
    out.push_back(disconnect{s.number});
    if (plan_) plan_->drop_source(s.number);
  }
  s.state = fb::SourceState::banned;
  s.reason = std::move(reason);
  ++counters_.sources_banned;
  dirty_ = true;
  out.push_back(save{snapshot(), stored::buffered});
  out.push_back(warn{"node " + to_hex(s.who.id) + " at " + to_string(s.who.address) + " " + s.reason +
                     ": it is not asked for this file again"});
}

// ---- Disk

transfer_logic::effects transfer_logic::disk_opened(nanoseconds now, std::uint32_t epoch,
                                                    const disk_state& what) {
  effects out;
  if (epoch != epoch_ || !opening_) return out;
  opening_ = false;
  dirty_ = true;
  if (!what.finished_path.empty()) {
    finishing_ = true;
    status_.bytes_verified = status_.bytes_total;
    return finished(now, epoch, what.finished_path);
  }
  plan_.emplace(status_.variant->size());
  plan_->restore(what.had, what.proven);
  status_.bytes_verified = plan_->bytes_had();
  status_.bytes_kept = what.bytes_kept;
  // They came off the wire after the last checkpoint, whose count is the one that was stored.
  status_.bytes_received += what.bytes_recovered;
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
  if (const auto length = bytes_of(plan_->size(), first_leaf, count, good); length != 0) {
    counters_.bytes_verified += length;
    status_.bytes_verified = plan_->bytes_had();
    if (unsynced_bytes_ == 0) unsynced_since_ = now;
    unsynced_bytes_ += length;
    vain_rounds_ = 0;
    if (s != nullptr) {
      s->bytes += length;
      s->failures = 0;
    }
    dirty_ = true;
  }
  if (bad != 0) {
    std::uint32_t wrong = 0;
    for (std::uint16_t i = 0; i < count; ++i) wrong += bad >> i & 1 ? 1 : 0;
    counters_.bad_leaves += wrong;
    counters_.bytes_wasted += bytes_of(plan_->size(), first_leaf, count, bad);
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

transfer_logic::effects transfer_logic::disk_failed(nanoseconds, std::uint32_t epoch,
                                                    const std::string& reason) {
  effects out;
  if (epoch != 0 && epoch != epoch_) return out;
  if (is_final() || status_.state == fb::TransferState::queued) {
    out.push_back(warn{reason});
    return out;
  }
  stop(out);
  set_state(fb::TransferState::queued, reason);
  out.push_back(save{snapshot(), stored::buffered});
  out.push_back(warn{reason});
  return out;
}

// ---- Time

transfer_logic::effects transfer_logic::tick(nanoseconds now) {
  effects out;
  if (!is_running()) return out;
  if (resolve_due_ && now >= *resolve_due_) {
    resolve_due_.reset();
    if (!has_variant()) {
      end_with(now, fb::TransferState::failed,
               "not found: the mesh gave no answer for recording " +
                   (status_.mbid ? to_string(from_fb<vsf::mbid>(*status_.mbid)) : std::string()) +
                   "; try again later",
               out);
      out.push_back(save{snapshot(), stored::synced});
      return out;
    }
    ++vain_rounds_;
  }
  if (resolve_again_ && now >= *resolve_again_) {
    if (active() == 0 || !has_variant())
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
  if (!is_running()) return out;
  earliest(resolve_due_);
  earliest(resolve_again_);
  earliest(bucket_wait_);
  earliest(checkpoint_due());
  if (plan_ && !plan_->complete() && active() < how_.max_active)
    for (const auto& [key, s] : sources_)
      if (s.state == fb::SourceState::lost || s.state == fb::SourceState::idle ||
          s.state == fb::SourceState::refused)
        earliest(s.retry_at);
  return out;
}

}  // namespace vsf::swarm
