#include "actors/shadow_index/publish_plan.hpp"

#include <algorithm>

#include "messages/mutant.hpp"

namespace vsf::shadow_index {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds minute = std::chrono::minutes(1);
constexpr nanoseconds never = nanoseconds::max();
// A scan changes thousands of leaves in a row, and each again when its sketch comes seconds later: one put
// for all of that. The upper limit is for those who wait for a library that never stops changing.
constexpr nanoseconds quiet = seconds(2);
constexpr nanoseconds longest_gathering = seconds(30);
// A sweep may take as long as its timeout; the lease should not end meanwhile.
constexpr nanoseconds lease_margin = 2 * minute;
// How many keys in order are looked at for those that may come along.
constexpr std::size_t neighbours = 128;
// One sweep should not cost so much that others lapse while its debt is paid.
constexpr double longest_debt_minutes = 3;
// While both wait, renewals get three quarters of the datagrams: to keep a key alive costs a tenth of what it
// costs to publish it, again if need be.
constexpr double held_per_whole = 3;

}  // namespace

publish_plan::publish_plan(plan_settings settings, crypto::random_source& random)
    : settings_(settings),
      random_(random),
      budget_(settings.datagrams_per_minute, settings.copies, settings.keys_per_sweep),
      new_left_(settings.new_per_round) {
  // Rounds farther apart than half a lease would let leaves lapse in between.
  settings_.interval = std::clamp(settings_.interval, minute, std::max(minute, settings_.lease / 2));
}

nanoseconds publish_plan::jittered_interval() {
  return settings_.interval * (900 + static_cast<std::int64_t>(random_.below(201))) / 1000;
}

// At any time of the interval before the last quarter, which is for retries and a full bucket: so the load is
// even although all was put at once.
nanoseconds publish_plan::draw_early() {
  const auto permille = 250 + static_cast<std::int64_t>(random_.below(751));
  return lease_margin + settings_.interval * permille / 1000;
}

// ---- Where a key waits

void publish_plan::set_new(entry& e, bool is_new) {
  if (e.is_new == is_new) return;
  e.is_new = is_new;
  is_new ? ++pending_ : --pending_;
}

void publish_plan::leave(const dht_key& key, entry& e) {
  switch (e.at) {
    case phase::resting:
    case phase::retrying:
      waiting_.erase({e.due, key});
      break;
    case phase::gathering:
      gathering_.erase(key);
      break;
    case phase::queued_new:
      new_.erase(key);
      break;
    case phase::queued_due:
      due_.erase(key);
      urgent_.erase({e.lease_end, key});
      lapsed_.erase({e.lease_end, key});
      break;
    case phase::none:
    case phase::in_flight:
      break;
  }
  e.at = phase::none;
}

void publish_plan::wait_until(const dht_key& key, entry& e, phase how, nanoseconds due) {
  if (how == phase::resting && mutant(mutation::no_republish)) due = never;
  e.at = how;
  e.due = due;
  if (due != never) waiting_.emplace(due, key);
}

void publish_plan::gather(const dht_key& key, entry& e, nanoseconds now) {
  if (gathering_.empty()) first_change_ = now;
  last_change_ = now;
  e.at = phase::gathering;
  gathering_.insert(key);
}

void publish_plan::keep_tombstone(const dht_key& key, entry& e) {
  e.at = phase::resting;
  e.due = never;
  tombstones_.emplace(e.lease_end, key);
}

void publish_plan::queue(const dht_key& key, entry& e) {
  if (e.is_new) {
    e.at = phase::queued_new;
    new_.insert(key);
    return;
  }
  e.at = phase::queued_due;
  due_.insert(key);
  urgent_.emplace(e.lease_end, key);
}

// ---- What changes

void publish_plan::restore(const dht_key& key, bool tombstone, std::optional<nanoseconds> since_put,
                           bool held, nanoseconds now) {
  if (!since_put || *since_put < nanoseconds(0)) {
    changed(key, tombstone, now);
    return;
  }
  if (keys_.size() >= max_keys && !keys_.contains(key)) return;
  look_again_ = true;
  auto& e = keys_[key];
  leave(key, e);
  e.tombstone = tombstone;
  e.held = held;
  e.lease_end = now + settings_.lease - std::min(*since_put, settings_.lease);
  if (tombstone) return keep_tombstone(key, e);
  // While this node was away holders may have gone, and others come that are nearer: all are offered by hash
  // soon, what lapses first at first. Not all nodes of a network that comes back at the same time.
  if (!restored_) restored_ = now + minute * static_cast<std::int64_t>(random_.below(1000)) / 1000;
  wait_until(key, e, phase::resting, *restored_ + std::max(nanoseconds(0), e.lease_end - now) / 60);
}

bool publish_plan::changed(const dht_key& key, bool tombstone, nanoseconds now) {
  if (keys_.size() >= max_keys && !keys_.contains(key)) return false;
  look_again_ = true;
  auto& e = keys_[key];
  if (e.tombstone) tombstones_.erase({e.lease_end, key});
  e.tombstone = tombstone;
  e.held = false;
  set_new(e, true);
  if (e.at == phase::in_flight) {
    e.changed_again = true;
    return true;
  }
  e.failures = 0;
  if (e.at == phase::queued_new) return true;
  leave(key, e);
  gather(key, e, now);
  return true;
}

void publish_plan::resigned(const dht_key& key) {
  const auto found = keys_.find(key);
  if (found == keys_.end() || !found->second.held) return;
  auto& e = found->second;
  e.held = false;
  if (e.at != phase::in_flight) return;
  auto& f = flights_.at(e.flight);
  if (f.size.held == 0) return;
  const sweep_size now_whole{f.size.whole + 1, f.size.held - 1};
  budget_.resize(f.size, now_whole);
  f.size = now_whole;
}

void publish_plan::forget(const dht_key& key) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return;
  look_again_ = true;
  leave(key, found->second);
  tombstones_.erase({found->second.lease_end, key});
  set_new(found->second, false);
  keys_.erase(found);
}

// ---- What goes when

std::optional<nanoseconds> publish_plan::gathered_at() const {
  if (gathering_.empty()) return std::nullopt;
  return std::min(last_change_ + quiet, first_change_ + longest_gathering);
}

void publish_plan::begin_round_if_due(nanoseconds now) {
  if (next_round_ && *next_round_ > now) return;
  if (next_round_) ++rounds_;
  next_round_ = now + jittered_interval();
  new_left_ = settings_.new_per_round;
}

void publish_plan::release_gathered(nanoseconds now) {
  const auto at = gathered_at();
  if (!at || *at > now) return;
  for (const auto& key : gathering_) queue(key, keys_.at(key));
  gathering_.clear();
}

void publish_plan::queue_what_is_due(nanoseconds now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const auto key = waiting_.begin()->second;
    auto& e = keys_.at(key);
    leave(key, e);
    queue(key, e);
  }
}

void publish_plan::expire_in_flight(nanoseconds now) {
  while (!flights_.empty() && flights_.begin()->second.started + settings_.sweep_timeout <= now) {
    const auto [id, f] = std::move(*flights_.begin());
    flights_.erase(flights_.begin());
    ++timeouts_;
    budget_.lost(f.size, now);
    end_flight(id, f, {}, 1, now);
  }
}

bool publish_plan::joins(const entry& e, nanoseconds now) const {
  switch (e.at) {
    case phase::queued_new:
      return new_left_ > 0;
    case phase::queued_due:
      return true;
    case phase::resting:
      return e.due <= now + settings_.interval;
    default:
      return false;
  }
}

dht_key publish_plan::next_new() const {
  if (new_.size() <= settings_.keys_per_sweep || !last_new_) return *new_.begin();
  const auto next = new_.upper_bound(*last_new_);
  return next == new_.end() ? *new_.begin() : *next;
}

std::optional<dht_key> publish_plan::next_first(nanoseconds now) {
  // Those of which too many wait must not take the others with them: what has lapsed has time.
  while (!urgent_.empty() && urgent_.begin()->first <= now) lapsed_.insert(urgent_.extract(urgent_.begin()));
  const bool has_new = new_left_ > 0 && !new_.empty();
  const bool has_whole = has_new || !lapsed_.empty();
  if (!has_whole || urgent_.empty()) spent_whole_ = spent_held_ = 0;
  if (has_whole && spent_whole_ * held_per_whole <= spent_held_)
    return has_new ? next_new() : lapsed_.begin()->second;
  if (urgent_.empty()) return std::nullopt;
  return urgent_.begin()->second;
}

bool publish_plan::has_room(const draft& sweep) const {
  return sweep.keys.empty() ||
         (sweep.keys.size() < settings_.keys_per_sweep &&
          budget_.cost(sweep.size) < longest_debt_minutes * settings_.datagrams_per_minute);
}

publish_plan::draft publish_plan::sweep_from(const dht_key& first, nanoseconds now) const {
  draft out;
  const auto add = [&](const dht_key& key, const entry& e) {
    out.keys.push_back(key);
    ++(holds(e, now) ? out.size.held : out.size.whole);
  };
  const auto from = keys_.find(first);
  auto last = first;
  auto at = from;
  for (std::size_t n = 0; n < neighbours && at != keys_.end() && has_room(out); ++n, ++at) {
    last = at->first;
    if (joins(at->second, now)) add(at->first, at->second);
  }
  at = from;
  for (std::size_t n = 0; n < neighbours && at != keys_.begin() && has_room(out); ++n)
    if (joins((--at)->second, now)) add(at->first, at->second);
  // Farther away: only those that would go at once anyway.
  while (has_room(out)) {
    const auto next_due = due_.upper_bound(last);
    const auto next_new = new_left_ > 0 ? new_.upper_bound(last) : new_.end();
    if (next_due == due_.end() && next_new == new_.end()) break;
    const bool take_new = next_due == due_.end() || (next_new != new_.end() && *next_new < *next_due);
    last = take_new ? *next_new : *next_due;
    add(last, keys_.at(last));
  }
  std::ranges::sort(out.keys);
  return out;
}

planned_sweep publish_plan::start(const dht_key& first, draft sweep, nanoseconds now) {
  planned_sweep out;
  out.id = next_id_++;
  const auto& leader = keys_.at(first);
  if (leader.is_new) last_new_ = sweep.keys.back();
  (leader.is_new || leader.lease_end <= now ? spent_whole_ : spent_held_) += budget_.cost(sweep.size);
  budget_.start(sweep.size);
  flight f{.keys = {}, .size = sweep.size, .has_new = false, .started = now};
  for (const auto& key : sweep.keys) {
    auto& e = keys_.at(key);
    leave(key, e);
    e.at = phase::in_flight;
    e.flight = out.id;
    f.has_new |= e.is_new;
    out.items.push_back({key, holds(e, now)});
  }
  if (f.has_new) --new_left_;
  f.keys = std::move(sweep.keys);
  flights_.emplace(out.id, std::move(f));
  return out;
}

std::vector<planned_sweep> publish_plan::take_due(nanoseconds now) {
  if (!began_) began_ = now;
  expire_in_flight(now);
  begin_round_if_due(now);
  release_gathered(now);
  queue_what_is_due(now);
  look_again_ = false;
  next_start_.reset();
  std::vector<planned_sweep> out;
  // While it is unknown whether the DHT is there, one sweep finds out for all.
  const std::size_t limit = pauses_ > 0 ? 1 : settings_.sweeps_in_flight;
  while (flights_.size() < limit) {
    const auto first = next_first(now);
    if (!first) break;
    next_start_ = paused_until_;
    if (now < paused_until_) break;
    auto sweep = sweep_from(*first, now);
    next_start_ = budget_.start_at(sweep.size, now);
    if (!next_start_ || *next_start_ > now) break;
    out.push_back(start(*first, std::move(sweep), now));
    next_start_.reset();
  }
  return out;
}

std::optional<nanoseconds> publish_plan::next_deadline(nanoseconds now) const {
  if (keys_.empty()) return std::nullopt;
  if (look_again_) return now;
  auto out = next_start_.value_or(never);
  if (const auto at = gathered_at()) out = std::min(out, *at);
  if (!waiting_.empty()) out = std::min(out, waiting_.begin()->first);
  if (!flights_.empty()) out = std::min(out, flights_.begin()->second.started + settings_.sweep_timeout);
  if (!tombstones_.empty()) out = std::min(out, tombstones_.begin()->first);
  if (next_round_ && new_left_ == 0 && !new_.empty()) out = std::min(out, *next_round_);
  if (out == never) return std::nullopt;
  return std::max(out, now);
}

plan_status publish_plan::status(nanoseconds now) const {
  plan_status out;
  for (const auto& [key, e] : keys_) {
    if (e.at == phase::in_flight) ++out.in_flight;
    if (e.tombstone) {
      ++out.withdrawing;
      continue;
    }
    ++out.keys;
    if (e.lease_end > now) ++out.alive;
  }
  out.pending = pending_;
  if (out.keys == 0) return out;
  const auto keys = static_cast<double>(out.keys);
  const double rate = std::max(1u, settings_.datagrams_per_minute);
  const auto lease_minutes = static_cast<double>(settings_.lease / minute);
  const auto kept = static_cast<std::uint64_t>(rate * lease_minutes / budget_.per_held());
  out.beyond_rate = out.keys > kept ? out.keys - kept : 0;
  // What is published has to be renewed meanwhile: half of it, in the mean.
  const auto renewing = std::min(keys / 2 * budget_.per_held() / lease_minutes, rate * 3 / 4);
  const auto minutes = keys * budget_.per_whole() / (rate - renewing);
  const auto rounds = static_cast<std::int64_t>((out.keys - 1) / settings_.keys_per_sweep) /
                      std::max<std::int64_t>(1, settings_.new_per_round);
  out.full_publish = std::max<nanoseconds>(
      nanoseconds(static_cast<std::int64_t>(minutes * static_cast<double>(minute.count()))),
      settings_.interval * rounds);
  return out;
}

}  // namespace vsf::shadow_index
