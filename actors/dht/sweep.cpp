#include "actors/dht/sweep.hpp"

#include "actors/dht/wire_messages.hpp"
#include "messages/mutant.hpp"

namespace vsf::dht {
namespace {

constexpr std::size_t max_peers = 512;
constexpr std::size_t seeds_of_a_search = 3;  // times k
// Answers that a key wants from nodes that were asked for something as near: one node's table has holes.
constexpr std::size_t near_answers_wanted = 2;
// Items after the current one whose hashes may ride along with its search.
constexpr std::size_t ahead = 12;
// Fit beside a certificate in the first message of a handshake.
constexpr std::size_t digests_of_a_search = 48;
constexpr std::size_t writes_in_flight = 16;
// Bytes of values in one Store, each with its key and table.
constexpr std::size_t store_size = 1'060;
constexpr std::size_t store_item_overhead = 44;

std::uint64_t first_8(const id160& x) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | x[i];
  return out;
}

/// Whether one of these questions was for something at least as near to the target as its neighbours are: its
/// answer named whoever is missing.
bool answered_near(const std::vector<id160>& asked_for, const id160& target, std::uint64_t reach) {
  return std::any_of(asked_for.begin(), asked_for.end(),
                     [&](const id160& asked) { return (first_8(asked) ^ first_8(target)) <= reach; });
}

}  // namespace

sweep::sweep(std::vector<sweep_item> items, const node_id& self, lookup_options options,
             std::shared_ptr<const value_policy> policy, std::uint64_t unix_s)
    : self_(self), options_(options), policy_(std::move(policy)) {
  for (auto& item : items) {
    item.hash = policy_->parse(item.key, item.value, unix_s).order;
    sweep_outcome outcome;
    outcome.key = item.key;
    result_.outcomes.push_back(std::move(outcome));
  }
  items_ = std::make_shared<const std::vector<sweep_item>>(std::move(items));
}

lookup_effects sweep::start(nanoseconds now, const std::vector<known_peer>& seeds) {
  lookup_effects out;
  started_ = now;
  for (const auto& seed : seeds) learn(seed);
  search_next(now, out);
  return out;
}

void sweep::learn(const known_peer& told) {
  if (!is_plausible(told.who) || told.who.id == self_) return;
  if (const auto it = peers_.find(told.who.id); it != peers_.end()) {
    auto& known = it->second;
    if (told.rtt.known() && !known.who.rtt.known()) known.who.rtt = told.rtt;
    // It may have moved: whoever told us the first address was behind.
    if (known.failed && known.who.who != told.who) {
      known.who.who = told.who;
      known.failed = false;
    }
    return;
  }
  if (peers_.size() < max_peers || make_room()) peers_[told.who.id].who = told;
}

/// Lets go of whoever is of least use: the farthest from the current key that hasn't answered.
bool sweep::make_room() {
  const auto target = current_ < items_->size() ? (*items_)[current_].key : self_;
  auto worst = peers_.end();
  for (auto it = peers_.begin(); it != peers_.end(); ++it)
    if (it->second.items.empty() && !it->second.answered &&
        (worst == peers_.end() || (worst->first ^ target) < (it->first ^ target)))
      worst = it;
  if (worst == peers_.end()) return false;
  peers_.erase(worst);
  return true;
}

std::vector<sweep::peer*> sweep::nearest(const id160& target, std::size_t count) {
  std::vector<std::pair<std::uint64_t, peer*>> all;
  all.reserve(peers_.size());
  const auto top = first_8(target);
  for (auto& [id, p] : peers_)
    if (!p.failed) all.emplace_back(first_8(id) ^ top, &p);
  const auto nearer = [&](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return (a.second->who.who.id ^ target) < (b.second->who.who.id ^ target);
  };
  const auto n = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(), nearer);
  std::vector<peer*> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(all[i].second);
  return out;
}

/// How far from the target its neighbours (nearest first) are. Where fewer than k are known, every answer
/// names all.
std::uint64_t sweep::reach_of(const id160& target, const std::vector<peer*>& around, std::size_t k) {
  return around.size() < k ? ~std::uint64_t{0}
                           : first_8(around[around.size() / 8]->who.who.id) ^ first_8(target);
}

void sweep::search_next(nanoseconds now, lookup_effects& out) {
  for (; search_ == nullptr && current_ < items_->size();) {
    const auto& target = (*items_)[current_].key;
    const auto around = nearest(target, options_.k);
    const auto near = static_cast<std::size_t>(std::count_if(
        around.begin(), around.end(), [&, reach = reach_of(target, around, options_.k)](const peer* p) {
          return answered_near(p->asked_for, target, reach);
        }));
    const bool all = std::all_of(around.begin(), around.end(), [](const peer* p) { return p->answered; });
    if (all && near >= std::min(near_answers_wanted, around.size())) {
      place(around);
      ++current_;
    } else {
      begin_search(now, around, out);
    }
  }
  if (search_ == nullptr && !writing_) begin_writes(now, out);
}

/// A lookup that knows what earlier ones have found; of those who answered about another part of the key
/// space, a few are asked again.
void sweep::begin_search(nanoseconds now, const std::vector<peer*>& around, lookup_effects& out) {
  const auto& target = (*items_)[current_].key;
  measure_radii();
  auto options = options_;
  options.deadline = std::min(options.deadline, started_ + deadline - now);
  search_ = std::make_unique<lookup>(lookup_goal::holders, target, self_, options, policy_);
  const auto reach = reach_of(target, around, options_.k);
  std::size_t rank = 0;
  std::vector<known_peer> seeds;
  for (const auto* p : nearest(target, seeds_of_a_search * options_.k)) {
    const bool has_answered_near = answered_near(p->asked_for, target, reach);
    if (p->answered && (has_answered_near || rank >= near_answers_wanted))
      search_->answered_before(p->who);
    else
      seeds.push_back(p->who);
    ++rank;
  }
  take(search_->start(now, seeds), out);
}

void sweep::measure_radii() {
  radii_.clear();
  std::vector<std::uint64_t> distances;
  for (auto i = current_; i < std::min(items_->size(), current_ + ahead); ++i) {
    const auto& item = (*items_)[i];
    distances.clear();
    if (item.held)
      for (const auto& [id, p] : peers_)
        if (!p.failed) distances.push_back(first_8(id) ^ first_8(item.key));
    if (distances.size() > options_.k) {
      const auto kth = distances.begin() + static_cast<std::ptrdiff_t>(options_.k) - 1;
      std::nth_element(distances.begin(), kth, distances.end());
      radii_.push_back(*kth);
    } else {
      radii_.push_back(~std::uint64_t{0});
    }
  }
}

/// A question of a search also offers what its node may hold already.
void sweep::decorate(ask_peer& ask, pending& what) {
  const auto it = peers_.find(ask.who.id);
  if (it == peers_.end()) return;
  for (std::size_t i = 0; i < radii_.size() && what.items.size() < digests_of_a_search; ++i) {
    const auto item = current_ + i;
    if (!(*items_)[item].held || (first_8(ask.who.id) ^ first_8((*items_)[item].key)) > radii_[i]) continue;
    const auto index = static_cast<item_index>(item);
    const auto& told = it->second.told;
    if (std::none_of(told.begin(), told.end(), [&](const auto& t) { return t.first == index; }))
      what.items.push_back(index);
  }
  if (what.items.empty()) return;
  ask.what.kind = question_kind::renew;
  ask.what.items = items_;
  ask.what.which = what.items;
  ++result_.written;
}

/// Effects of the current search become this run's.
void sweep::take(lookup_effects effects, lookup_effects& out) {
  for (auto& e : effects) {
    if (auto* ask = std::get_if<ask_peer>(&e)) {
      pending what;
      what.whom = ask->who.id;
      what.kind = ask->what.kind;
      what.search = current_;
      what.inner = ask->ask;
      decorate(*ask, what);
      ask->ask = next_ask_;
      pending_.emplace(next_ask_++, std::move(what));
      out.push_back(std::move(e));
    } else if (auto* silent = std::get_if<peer_silent>(&e)) {
      if (const auto it = peers_.find(silent->who.id); it != peers_.end()) it->second.failed = true;
      out.push_back(std::move(e));
    } else if (auto* over = std::get_if<lookup_finished>(&e)) {
      result_.asked += over->result.asked;
      result_.timeouts += over->result.timeouts;
      result_.complete = result_.complete && over->result.complete;
      std::vector<peer*> holders;
      for (const auto& c : over->result.contacts)
        if (const auto it = peers_.find(c.id); it != peers_.end()) holders.push_back(&it->second);
      place(holders);
      search_.reset();
      ++current_;
    }
  }
}

/// The current item's holders are these, nearest first.
void sweep::place(const std::vector<peer*>& holders) {
  auto& outcome = result_.outcomes[current_];
  outcome.ours =
      holders.size() < options_.k || (self_ ^ outcome.key) < (holders.back()->who.who.id ^ outcome.key);
  const auto index = static_cast<item_index>(current_);
  if (mutant(mutation::wrong_replica_set)) {
    if (!peers_.empty()) nearest(outcome.key, max_peers).back()->items.push_back(index);
    return;
  }
  for (auto* p : holders)
    if (!p->token.empty()) p->items.push_back(index);
}

void sweep::on_search_answer(const pending& what, const id160& target, const peer_answer& answer) {
  auto& from = peers_.at(what.whom);
  from.failed = false;
  from.answered = true;
  if (!answer.token.empty()) from.token = answer.token;
  if (from.asked_for.size() >= 2) from.asked_for.erase(from.asked_for.begin());
  from.asked_for.push_back(target);
  take_held(from, what.items, answer.held);
  for (const auto& told : answer.contacts) learn(told);
}

void sweep::take_held(peer& from, const std::vector<item_index>& items, const std::vector<bool>& held) {
  for (std::size_t i = 0; i < items.size(); ++i) from.told.emplace_back(items[i], i < held.size() && held[i]);
}

lookup_effects sweep::on_answer(nanoseconds now, std::uint64_t unix_s, std::uint32_t ask,
                                const peer_answer& answer) {
  lookup_effects out;
  const auto it = pending_.find(ask);
  if (done_ || it == pending_.end()) return out;
  const auto what = std::move(it->second);
  pending_.erase(it);
  if (what.inner == 0) {
    --writes_open_;
    on_written(what, answer);
    pump(now, out);
  } else if (peers_.contains(what.whom)) {
    on_search_answer(what, (*items_)[what.search].key, answer);
    if (search_ != nullptr && what.search == current_)
      take(search_->on_answer(now, unix_s, what.inner, answer), out);
    search_next(now, out);
  }
  return out;
}

lookup_effects sweep::on_refused(nanoseconds now, std::uint32_t ask) {
  lookup_effects out;
  const auto it = pending_.find(ask);
  if (done_ || it == pending_.end()) return out;
  const auto what = std::move(it->second);
  pending_.erase(it);
  if (const auto p = peers_.find(what.whom); p != peers_.end()) p->second.failed = true;
  if (what.inner == 0) {
    --writes_open_;
    for (const auto item : what.items) ++result_.outcomes[item].refused;
    pump(now, out);
  } else if (search_ != nullptr && what.search == current_) {
    take(search_->on_refused(now, what.inner), out);
    search_next(now, out);
  }
  return out;
}

void sweep::begin_writes(nanoseconds now, lookup_effects& out) {
  writing_ = true;
  for (auto& [id, p] : peers_)
    if (!p.items.empty()) queue_writes(p);
  pump(now, out);
}

/// What it holds counts, what may be there is asked for by hash, the rest is sent.
void sweep::queue_writes(peer& to) {
  std::vector<item_index> unknown, missing;
  for (const auto item : to.items) {
    const auto told =
        std::find_if(to.told.begin(), to.told.end(), [&](const auto& t) { return t.first == item; });
    if (told != to.told.end() && told->second)
      result_.outcomes[item].stored_at.push_back(to.who.who.id);
    else if ((*items_)[item].held && told == to.told.end())
      unknown.push_back(item);
    else
      missing.push_back(item);
  }
  const auto queue = [&](question_kind kind, std::vector<item_index>& items) {
    if (!items.empty()) jobs_.push_back({to.who.who.id, kind, std::exchange(items, {}), 1});
  };
  std::vector<item_index> chunk;
  for (const auto item : unknown) {
    chunk.push_back(item);
    if (chunk.size() == max_renewed_digests) queue(question_kind::renew, chunk);
  }
  queue(question_kind::renew, chunk);
  std::size_t size = 0;
  for (const auto item : missing) {
    const auto more = (*items_)[item].value.size() + store_item_overhead;
    if (size + more > store_size || chunk.size() == max_stored_values) {
      queue(question_kind::store, chunk);
      size = 0;
    }
    size += more;
    chunk.push_back(item);
  }
  queue(question_kind::store, chunk);
  to.items.clear();
}

void sweep::pump(nanoseconds now, lookup_effects& out) {
  if (!writing_ || done_) return;
  while (!jobs_.empty() && writes_open_ < writes_in_flight) {
    auto next = std::move(jobs_.front());
    jobs_.pop_front();
    if (peers_.at(next.whom).failed)
      give_up(next.items);
    else
      send(now, std::move(next), out);
  }
  if (jobs_.empty() && writes_open_ == 0) finish(now, out);
}

void sweep::send(nanoseconds now, job what, lookup_effects& out) {
  const auto& to = peers_.at(what.whom);
  question q;
  q.kind = what.kind;
  q.target = (*items_)[what.items.front()].key;
  q.token = to.token;
  q.items = items_;
  q.which = what.items;
  pending open;
  open.whom = what.whom;
  open.kind = what.kind;
  open.items = std::move(what.items);
  open.attempt = what.attempt;
  open.deadline = now + question_rto(to.who.rtt, options_.initial_rto, what.attempt);
  out.push_back(ask_peer{next_ask_, to.who.who, std::move(q), what.attempt > 1});
  pending_.emplace(next_ask_++, std::move(open));
  ++writes_open_;
  ++result_.asked;
  ++result_.written;
}

void sweep::on_written(const pending& what, const peer_answer& answer) {
  auto& from = peers_.at(what.whom);
  if (what.kind == question_kind::renew) {
    take_held(from, what.items, answer.held);
    if (!answer.token.empty()) from.token = answer.token;
    from.items = what.items;
    return queue_writes(from);
  }
  const bool complete = !answer.refused && answer.verdicts.size() == what.items.size();
  for (std::size_t i = 0; i < what.items.size(); ++i) {
    auto& outcome = result_.outcomes[what.items[i]];
    if (complete && answer.verdicts[i] == fb::PutVerdict::stored)
      outcome.stored_at.push_back(what.whom);
    else
      ++outcome.refused;
  }
}

void sweep::give_up(const std::vector<item_index>& items) {
  for (const auto item : items) ++result_.outcomes[item].unanswered;
}

lookup_effects sweep::on_time(nanoseconds now) {
  lookup_effects out;
  if (done_) return out;
  if (now >= started_ + deadline) {
    result_.complete = false;
    finish(now, out);
    return out;
  }
  if (search_ != nullptr && search_->next_deadline() <= now) {
    take(search_->on_time(now), out);
    search_next(now, out);
  }
  std::vector<std::uint32_t> due;
  for (const auto& [ask, what] : pending_)
    if (what.deadline <= now) due.push_back(ask);
  if (mutant(mutation::ignores_timeouts)) due.clear();
  for (const auto ask : due) {
    // Where few answer, each of them matters. A late answer to the first question is as good.
    auto& what = pending_.at(ask);
    const std::uint8_t attempts = peers_.size() <= options_.quorum ? 3 : 2;
    --writes_open_;
    ++result_.timeouts;
    job again{what.whom, what.kind, what.items, static_cast<std::uint8_t>(what.attempt + 1)};
    if (what.attempt < attempts) {
      pending_.erase(ask);
      send(now, std::move(again), out);
    } else {
      peers_.at(what.whom).failed = true;
      give_up(what.items);
      pending_.erase(ask);
    }
  }
  if (!due.empty()) pump(now, out);
  return out;
}

void sweep::finish(nanoseconds now, lookup_effects& out) {
  done_ = true;
  // The deadline may have come first.
  for (const auto& [ask, what] : pending_)
    if (what.inner == 0) give_up(what.items);
  for (const auto& what : jobs_) give_up(what.items);
  pending_.clear();
  jobs_.clear();
  result_.elapsed = now - started_;
  out.push_back(lookup_finished{std::move(result_)});
}

nanoseconds sweep::next_deadline() const {
  if (done_) return nanoseconds::max();
  auto at = started_ + deadline;
  if (search_ != nullptr) at = std::min(at, search_->next_deadline());
  if (writing_)
    for (const auto& [ask, what] : pending_) at = std::min(at, what.deadline);
  return at;
}

}  // namespace vsf::dht
