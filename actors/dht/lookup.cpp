#include "actors/dht/lookup.hpp"

#include "messages/mutant.hpp"

namespace vsf::dht {
namespace {

std::uint64_t first_8(byte_view raw) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | raw[i];
  return out;
}

}  // namespace

lookup::lookup(lookup_goal goal, const id160& target, const node_id& self, lookup_options options,
               std::shared_ptr<const value_policy> policy)
    : goal_(goal), target_(target), self_(self), options_(options), policy_(std::move(policy)) {}

void lookup::hold(std::uint64_t unix_s, byte_view leaf) {
  if (merge(unix_s, leaf)) result_.replicas = 1;
}

void lookup::answered_before(const known_peer& peer) {
  learn(peer);
  const auto it = nodes_.find(peer.who.id ^ target_);
  if (it == nodes_.end() || it->second.state != standing::fresh) return;
  it->second.state = standing::answered;
  ++answered_;
}

lookup_effects lookup::start(nanoseconds now, const std::vector<known_peer>& seeds) {
  lookup_effects out;
  started_ = now;
  for (const auto& seed : seeds) learn(seed);
  step(now, out);
  return out;
}

void lookup::learn(const known_peer& peer) {
  if (!is_plausible(peer.who) || peer.who.id == self_) return;
  const auto distance = peer.who.id ^ target_;
  if (const auto it = nodes_.find(distance); it != nodes_.end()) {
    auto& known = it->second;
    if (peer.rtt.known() && !known.rtt.known()) known.rtt = peer.rtt;
    // It may have moved: whoever told us the first address was behind.
    if (known.state == standing::failed && known.who != peer.who && known.attempts < 4) {
      known.who = peer.who;
      known.state = standing::fresh;
    }
    return;
  }
  if (nodes_.size() >= options_.max_known) {
    const auto last = std::prev(nodes_.end());
    if (last->first < distance || last->second.state != standing::fresh) return;
    nodes_.erase(last);
  }
  node fresh;
  fresh.who = peer.who;
  fresh.rtt = peer.rtt;
  nodes_.emplace(distance, std::move(fresh));
}

nanoseconds question_rto(const rtt_estimate& rtt, nanoseconds initial, std::uint8_t attempt) {
  auto rto = rtt.rto(initial);
  for (std::uint8_t i = 1; i < attempt; ++i) rto *= 2;
  return std::min(rto, rtt_estimate::max_rto);
}

std::uint8_t lookup::attempts_for(const node& whom) const {
  // Where few answer, each of them matters.
  return is_wanted(whom) || answered_ < options_.quorum ? 3 : 2;
}

std::uint32_t lookup::track(nanoseconds now, const node& whom, pending what) {
  what.deadline = now + question_rto(whom.rtt, options_.initial_rto, what.attempt);
  const auto ask = next_ask_++;
  pending_.emplace(ask, what);
  ++result_.asked;
  return ask;
}

void lookup::search(nanoseconds now, node& whom, const id160& distance, lookup_effects& out) {
  ++whom.attempts;
  pending what;
  what.distance = distance;
  what.attempt = whom.attempts;
  if (whom.state == standing::fresh) {
    whom.state = standing::asked;
    what.attempt = 1;
    ++in_flight_;
  }
  question q;
  q.kind = goal_ == lookup_goal::find ? question_kind::find : question_kind::get;
  q.target = target_;
  // Tokens and contacts are wanted, no values.
  q.cursor = goal_ == lookup_goal::holders ? no_values_cursor : 0;
  const auto attempt = what.attempt;
  out.push_back(ask_peer{track(now, whom, what), whom.who, std::move(q), attempt > 1});
}

void lookup::ask_page(nanoseconds now, const id160& distance, std::uint64_t cursor, std::uint8_t attempt,
                      lookup_effects& out) {
  auto& whom = nodes_.at(distance);
  pending what;
  what.distance = distance;
  what.why = purpose::page;
  what.cursor = cursor;
  what.attempt = attempt;
  question q;
  q.kind = question_kind::get;
  q.target = target_;
  q.cursor = cursor;
  out.push_back(ask_peer{track(now, whom, what), whom.who, std::move(q), attempt > 1});
}

lookup_effects lookup::on_answer(nanoseconds now, std::uint64_t unix_s, std::uint32_t ask,
                                 const peer_answer& answer) {
  lookup_effects out;
  const auto it = pending_.find(ask);
  if (done_ || it == pending_.end()) return out;
  const auto what = it->second;
  pending_.erase(it);
  auto& from = nodes_.at(what.distance);
  if (what.why == purpose::page) {
    if (!what.overdue) --pages_open_;
    take_shard(now, unix_s, from, what.distance, answer.shard, out);
  } else {
    if (what.attempt == 1 && !what.overdue) --in_flight_;
    if (from.state != standing::answered) {
      from.state = standing::answered;
      ++answered_;
      found_ = found_ || is_wanted(from);
    }
    for (const auto& peer : answer.contacts) learn(peer);
    take_shard(now, unix_s, from, what.distance, answer.shard, out);
  }
  step(now, out);
  return out;
}

lookup_effects lookup::on_refused(nanoseconds now, std::uint32_t ask) {
  lookup_effects out;
  const auto it = pending_.find(ask);
  if (done_ || it == pending_.end()) return out;
  const auto what = it->second;
  pending_.erase(it);
  auto& whom = nodes_.at(what.distance);
  if (what.why == purpose::search) {
    if (what.attempt == 1 && !what.overdue) --in_flight_;
    if (whom.state != standing::answered) whom.state = standing::failed;
  } else if (!what.overdue) {
    --pages_open_;
  }
  step(now, out);
  return out;
}

bool lookup::merge(std::uint64_t unix_s, byte_view raw) {
  if (raw.empty() || raw.size() > max_value_size || policy_ == nullptr) return false;
  auto facts = policy_->parse(target_, raw, unix_s);
  if (facts.verdict != fb::PutVerdict::stored) return false;
  const auto it = leaves_.find(facts.publisher);
  if (it == leaves_.end()) {
    if (leaves_.size() >= options_.max_leaves) return true;
    if (facts.node != self_ && !facts.tombstone) ++foreign_leaves_;
    const auto publisher = facts.publisher;
    leaves_.emplace(publisher, merged{std::move(facts), to_bytes(raw)});
  } else if (supersedes(facts, it->second.facts)) {
    it->second = merged{std::move(facts), to_bytes(raw)};
  }
  return true;
}

void lookup::take_shard(nanoseconds now, std::uint64_t unix_s, node& from, const id160& distance,
                        byte_view shard, lookup_effects& out) {
  if (shard.empty() || (goal_ != lookup_goal::first && goal_ != lookup_goal::quorum)) return;
  const auto page = record<fb::ShadowIndexShard>::parse_copy(shard);
  if (!page) return;
  const auto& root = **page;
  if (root.leaves() != nullptr)
    for (const auto* leaf : *root.leaves())
      if (leaf != nullptr && merge(unix_s, view_of(leaf->data())) && !from.is_replica) {
        from.is_replica = true;
        ++result_.replicas;
      }
  if (root.hints() != nullptr)
    for (const auto* hint : *root.hints())
      if (hints_.size() < options_.max_hints) hints_.insert(first_8(byte_view{hint->bytes()->data(), 8}));
  publishers_seen_ = std::max<std::size_t>(publishers_seen_,
                                           std::min<std::size_t>(root.peers_approx(), options_.max_leaves));
  const bool more =
      root.cursor() != 0 && root.cursor() != no_values_cursor && leaves_.size() < publishers_seen_;
  if (!more || from.pages >= options_.pages_per_holder || pages_asked_ >= options_.pages) return;
  ++from.pages;
  ++pages_asked_;
  ++pages_open_;
  ask_page(now, distance, root.cursor(), 1, out);
}

lookup_effects lookup::on_time(nanoseconds now) {
  lookup_effects out;
  if (done_) return out;
  if (now >= started_ + options_.deadline) {
    timed_out_ = true;
    finish(now, out);
    return out;
  }
  std::vector<std::uint32_t> due;
  for (const auto& [ask, what] : pending_)
    if (!what.overdue && what.deadline <= now) due.push_back(ask);
  for (const auto ask : due) {
    auto& what = pending_.at(ask);
    what.overdue = true;
    const auto copy = what;
    if (!mutant(mutation::ignores_timeouts)) lose(now, copy, out);
  }
  if (!due.empty()) step(now, out);
  return out;
}

void lookup::lose(nanoseconds now, const pending& what, lookup_effects& out) {
  auto& whom = nodes_.at(what.distance);
  ++result_.timeouts;
  const auto next_attempt = static_cast<std::uint8_t>(what.attempt + 1);
  if (what.why == purpose::page) {
    if (what.attempt < 2) return ask_page(now, what.distance, what.cursor, next_attempt, out);
    --pages_open_;
    return;
  }
  if (what.attempt == 1) --in_flight_;
  if (whom.state == standing::answered || whom.state == standing::failed) return;
  whom.state = standing::late;
  if (whom.attempts < attempts_for(whom) && (is_wanted(whom) || near_enough(what.distance)))
    return search(now, whom, what.distance, out);
  whom.state = standing::failed;
  out.push_back(peer_silent{whom.who});
}

bool lookup::near_enough(const id160& distance) const {
  std::size_t closer = 0;
  for (const auto& [d, n] : nodes_) {
    if (!(d < distance)) return true;
    if (n.state != standing::failed && ++closer >= options_.k) return false;
  }
  return true;
}

bool lookup::settled() const {
  std::size_t closest = 0;
  for (const auto& [distance, n] : nodes_) {
    if (closest >= options_.k) break;
    switch (n.state) {
      case standing::failed:
        continue;
      case standing::late:
        if (answered_ < options_.k || is_wanted(n)) return false;
        continue;
      case standing::fresh:
      case standing::asked:
        return false;
      case standing::answered:
        ++closest;
    }
  }
  return true;
}

bool lookup::satisfied() const {
  switch (goal_) {
    case lookup_goal::find:
      return found_;
    case lookup_goal::first:
      return foreign_leaves_ > 0;
    case lookup_goal::quorum:
      return result_.replicas >= options_.quorum && pages_open_ == 0;
    case lookup_goal::holders:
      return false;
  }
  return false;
}

void lookup::step(nanoseconds now, lookup_effects& out) {
  if (done_) return;
  if (satisfied()) return finish(now, out);
  std::size_t closest = 0;
  for (auto& [distance, n] : nodes_) {
    if (closest >= options_.k || in_flight_ >= in_flight_limit()) break;
    if (n.state == standing::failed || n.state == standing::late) continue;
    ++closest;
    if (n.state == standing::fresh) search(now, n, distance, out);
  }
  if (settled() && pages_open_ == 0) finish(now, out);
}

void lookup::finish(nanoseconds now, lookup_effects& out) {
  done_ = true;
  result_.elapsed = now - started_;
  result_.complete = !timed_out_;
  for (const auto& [distance, n] : nodes_) {
    if (result_.contacts.size() >= options_.k) break;
    if (n.state == standing::answered) result_.contacts.push_back(n.who);
  }
  for (auto& [publisher, leaf] : leaves_) {
    hints_.erase(first_8(leaf.facts.node.view()));
    if (!leaf.facts.tombstone) result_.leaves.push_back(std::move(leaf.raw));
  }
  result_.hints.assign(hints_.begin(), hints_.end());
  pending_.clear();
  out.push_back(lookup_finished{std::move(result_)});
}

nanoseconds lookup::next_deadline() const {
  if (done_) return nanoseconds::max();
  auto at = started_ + options_.deadline;
  for (const auto& [ask, what] : pending_)
    if (!what.overdue) at = std::min(at, what.deadline);
  return at;
}

}  // namespace vsf::dht
