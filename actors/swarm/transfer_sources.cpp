// Of transfer_logic: who has the file, and which of them are its sources now.

#include "actors/swarm/transfer_logic.hpp"

#include <algorithm>
#include <utility>

#include "messages/mutant.hpp"

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::string count_of(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + ' ' + (n == 1 ? one : many);
}

}  // namespace

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

transfer_logic::effects transfer_logic::mesh_restarted(nanoseconds now, bool resolver) {
  effects out;
  if (!is_running()) return out;
  recovers_until_ = now + how_.mesh_recovery;
  if (!resolver || !resolve_due_) return out;
  resolve_due_.reset();
  ask_resolver(now, out);
  return out;
}

/// Whether a resolve in vain may be the fault of an actor that was just brought back; it is then repeated.
bool transfer_logic::in_vain_for_now(nanoseconds now) {
  if (!recovers_until_ || now >= *recovers_until_) return false;
  ++vain_rounds_;
  ask_later(now);
  set_state(fb::TransferState::resolving, "a part of this node was restarted; the mesh is asked again");
  return true;
}

transfer_logic::effects transfer_logic::resolved(nanoseconds now, const fb::ResolveResult& answer,
                                                 std::set<storage::offer> banned) {
  effects out;
  learn(answer, std::move(banned));
  if (!resolve_due_ || !is_running()) return out;
  resolve_due_.reset();
  const auto choices = rank_variants(
      answer, self_, [&](const auto& publisher, const auto& which) { return refuses(publisher, which); });
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
  if (choices.empty() && refuses_any(answer)) return end_rejected(now, out);
  if (choices.empty()) {
    const bool only_us = answer.candidates() != nullptr && answer.candidates()->size() > 0;
    // An empty answer that nobody gave says nothing about the recording.
    const bool nobody_asked = !only_us && answer.asked() == 0;
    // Not for want of peers, which is known at once: those that were asked just did not answer in time.
    const bool too_slow =
        nobody_asked && std::chrono::microseconds(answer.elapsed_us()) > how_.resolve_deadline / 2;
    if (too_slow && vain_rounds_ < how_.rounds_before_fallback) {
      ++vain_rounds_;
      ask_later(now);
      return set_state(fb::TransferState::resolving, "the mesh did not answer in time; it is asked again");
    }
    if (!only_us && in_vain_for_now(now)) return;
    end_with(now, fb::TransferState::failed,
             nobody_asked ? "not found: nobody could be asked for recording " + name +
                                "; this node has no peers or asks too much at once: try again in a minute"
             : only_us
                 ? "not found elsewhere: this node is the only one in the mesh that has recording " + name
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
  if (!can_flow() && best_source(now, false) == nullptr && best_source(now, true) == nullptr && !opening_) {
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
    if (std::exchange(s.hearsay, false)) s.parts = s.parts && s.state == fb::SourceState::active;
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

transfer_logic::known_source* transfer_logic::best_source(nanoseconds now, bool parts) {
  known_source* best = nullptr;
  for (auto& [key, s] : sources_)
    if (s.parts == parts && usable(now, s) &&
        (best == nullptr || std::pair(s.failures, s.order) < std::pair(best->failures, best->order)))
      best = &s;
  return best;
}

/// In use or on the way to it, of those with the whole file or of those with parts.
std::size_t transfer_logic::active(bool parts) const {
  return static_cast<std::size_t>(std::count_if(sources_.begin(), sources_.end(), [&](const auto& s) {
    return s.second.parts == parts &&
           (s.second.state == fb::SourceState::active || s.second.state == fb::SourceState::connecting);
  }));
}

/// Whether anything can come of the sources in use: those with parts may have nothing that is missing here.
bool transfer_logic::can_flow() const {
  if (plan_ && plan_->checking() != 0) return true;
  return std::any_of(sources_.begin(), sources_.end(), [&](const auto& one) {
    const auto& s = one.second;
    if (s.state == fb::SourceState::connecting) return true;
    return s.state == fb::SourceState::active && (!s.parts || (plan_ && plan_->can_give(s.number)));
  });
}

std::size_t transfer_logic::wanted_sources() const {
  const auto by_size = 1 + status_.bytes_total / how_.bytes_per_source;
  return static_cast<std::size_t>(std::min<std::uint64_t>(how_.max_active, by_size));
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
    if (plan_->checking() == 0) begin_check(now, out);
    return;
  }
  for (const bool parts : {false, true})
    while (active(parts) < wanted_sources()) {
      auto* s = best_source(now, parts);
      if (s == nullptr) break;
      s->number = next_source_++;
      s->state = fb::SourceState::connecting;
      s->reason.clear();
      connections_[s->number] = s->who.key;
      if (connections_.size() > how_.max_connections) connections_.erase(connections_.begin());
      out.push_back(connect{s->number, s->who, root(), status_.variant->size(), how_.shares});
      dirty_ = true;
    }
  if (!can_flow()) {
    bucket_wait_.reset();
    steal_wait_.reset();
    ask_later(now);
    set_state(fb::TransferState::resolving, waiting_reason());
    return;
  }
  if (active(false) < wanted_sources() && !resolve_due_ && !resolve_again_)
    resolve_again_ = std::max(now, last_resolve_.value_or(now) + how_.look_interval);
  const bool flowing = std::any_of(sources_.begin(), sources_.end(),
                                   [](const auto& s) { return s.second.state == fb::SourceState::active; });
  set_state(flowing ? fb::TransferState::transferring : fb::TransferState::connecting);
  pump(now, out);
}

transfer_logic::effects transfer_logic::source_opened(nanoseconds now, source_number source,
                                                      const source_pace& pace,
                                                      const std::optional<bitmap>& pieces) {
  effects out;
  auto* s = by_number(source);
  if (s == nullptr || s->number != source || s->state != fb::SourceState::connecting || !plan_) return out;
  s->state = fb::SourceState::active;
  s->pace = pace;
  s->checking = 0;
  s->opened_at = s->heard = now;
  s->parts = pieces.has_value();
  if (pieces)
    plan_->add_source(source, *pieces);
  else
    plan_->add_source(source);
  dirty_ = true;
  step(now, out);
  return out;
}

transfer_logic::effects transfer_logic::source_has(nanoseconds now, source_number source,
                                                   const std::vector<std::uint32_t>& pieces) {
  effects out;
  const auto* s = by_number(source);
  if (s == nullptr || s->number != source || s->state != fb::SourceState::active || !plan_) return out;
  for (const auto piece : pieces) plan_->source_got(source, piece);
  step(now, out);
  return out;
}

transfer_logic::effects transfer_logic::heard_of(nanoseconds now, source_number source,
                                                 const std::vector<contact>& sharers) {
  effects out;
  const auto* from = by_number(source);
  if (from == nullptr || from->number != source || !how_.shares || !has_variant()) return out;
  const auto banned = banned_.find(root());
  auto hearsay = static_cast<std::size_t>(
      std::count_if(sources_.begin(), sources_.end(), [](const auto& s) { return s.second.hearsay; }));
  for (const auto& who : sharers) {
    if (who.id == self_ || sources_.count(who.key) != 0) continue;
    if (hearsay >= how_.max_hearsay || sources_.size() >= how_.max_sources) break;
    if (banned != banned_.end() && banned->second.count(who.key) != 0) continue;
    auto& s = sources_[who.key];
    s.who = who;
    s.order = how_.max_sources + hearsay++;
    s.parts = s.hearsay = true;
    dirty_ = true;
  }
  step(now, out);
  return out;
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
    const bool busy = how == source_logic::end::busy;
    s->state = busy ? fb::SourceState::idle : fb::SourceState::lost;
    const auto pause = backoff(s->failures++);
    s->retry_at = now + (busy ? std::min(pause, how_.last_busy_pause) : pause);
    ++counters_.sources_lost;
  }
  dirty_ = true;
  step(now, out);
  return out;
}

void transfer_logic::ban(nanoseconds, known_source& s, std::string reason, effects& out) {
  if (s.state == fb::SourceState::banned || mutant(mutation::no_ban)) return;
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
  out.push_back(save{snapshot(unsynced_bytes()), stored::buffered});
  out.push_back(warn{"node " + to_hex(s.who.id) + " at " + to_string(s.who.address) + " " + s.reason +
                     ": it is not asked for this file again"});
}

}  // namespace vsf::swarm
