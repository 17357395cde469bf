#include "actors/shadow_index/publish_plan.hpp"

#include <algorithm>

#include "messages/mutant.hpp"

namespace vsf::shadow_index {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds minute = std::chrono::minutes(1);
constexpr nanoseconds first_retry = seconds(5);
constexpr nanoseconds longest_retry = std::chrono::minutes(5);
// After a put that fewer nodes took than the DHT keeps copies: 15 s, 30 s ... 8 min, then it waits for its
// lease.
constexpr nanoseconds first_thickening = seconds(15);
constexpr nanoseconds longest_thickening = std::chrono::minutes(8);
constexpr std::uint32_t max_thin_puts = 6;
// A node that has just come, perhaps with the whole network, does not know yet who is nearest: what it put
// while it was young goes once more after that.
constexpr nanoseconds settling = seconds(75);
constexpr nanoseconds first_pause = seconds(1);
constexpr nanoseconds longest_pause = seconds(30);
// A put takes some seconds; the lease should not end meanwhile.
constexpr nanoseconds lease_margin = minute;

nanoseconds doubled(nanoseconds first, std::uint32_t times, nanoseconds longest) {
  nanoseconds out = first;
  for (std::uint32_t i = 0; i < times && out < longest; ++i) out *= 2;
  return std::min(out, longest);
}

}  // namespace

publish_plan::publish_plan(plan_settings settings, crypto::random_source& random)
    : settings_(settings), random_(random), new_left_(settings.new_per_round) {
  // Rounds farther apart than half a lease would let leaves lapse in between.
  settings_.interval = std::clamp(settings_.interval, minute, std::max(minute, settings_.lease / 2));
}

nanoseconds publish_plan::jittered(nanoseconds around, std::uint64_t tenths) {
  const auto tenth = static_cast<std::uint64_t>(around.count() / 10);
  const auto span = static_cast<std::int64_t>(random_.below(2 * tenths * tenth + 1));
  return around + nanoseconds(span - static_cast<std::int64_t>(tenths * tenth));
}

void publish_plan::restore(const dht_key& key, bool tombstone, std::optional<nanoseconds> since_put,
                           nanoseconds now) {
  if (!since_put || *since_put < nanoseconds(0)) {
    changed(key, tombstone, now);
    return;
  }
  if (keys_.size() >= max_keys && !keys_.contains(key)) return;
  if (!next_round_)
    next_round_ =
        now +
        nanoseconds(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(minute.count()))));
  auto& e = keys_[key];
  e.tombstone = tombstone;
  e.lease_end = now + settings_.lease - std::min(*since_put, settings_.lease);
  if (tombstone) tombstones_.emplace(e.lease_end, key);
}

bool publish_plan::changed(const dht_key& key, bool tombstone, nanoseconds now) {
  if (keys_.size() >= max_keys && !keys_.contains(key)) return false;
  if (!next_round_) {
    next_round_ = now + jittered(settings_.interval, 1);
    new_left_ = settings_.new_per_round;
  }
  auto& e = keys_[key];
  if (e.tombstone) tombstones_.erase({e.lease_end, key});
  e.tombstone = tombstone;
  set_new(e, true);
  if (e.at == phase::in_flight) {
    e.changed_again = true;
    return true;
  }
  if (e.at == phase::retrying) retries_.erase({e.due, key});
  e.failures = 0;
  enqueue(key, e);
  return true;
}

void publish_plan::set_new(entry& e, bool is_new) {
  if (e.is_new == is_new) return;
  e.is_new = is_new;
  is_new ? ++pending_ : --pending_;
}

void publish_plan::enqueue(const dht_key& key, entry& e) {
  const auto queue = e.is_new ? phase::queued_new : phase::queued_renewal;
  if (e.at == queue) return;
  // A place in the other queue is left behind and passed over when its turn comes.
  e.at = queue;
  (e.is_new ? new_ : renewals_).push_back(key);
}

void publish_plan::forget(const dht_key& key) {
  const auto at = keys_.find(key);
  if (at == keys_.end()) return;
  retries_.erase({at->second.due, key});
  flying_.erase({at->second.due, key});
  tombstones_.erase({at->second.lease_end, key});
  set_new(at->second, false);
  keys_.erase(at);
}

bool publish_plan::take_token(nanoseconds now) {
  if (settings_.puts_per_minute == 0 || next_token(now) > now) return false;
  bucket_ = std::max(bucket_, now) + minute / settings_.puts_per_minute;
  return true;
}

nanoseconds publish_plan::next_token(nanoseconds now) const {
  if (settings_.puts_per_minute == 0) return nanoseconds::max();
  return std::max(now, bucket_ - minute + minute / settings_.puts_per_minute);
}

void publish_plan::start_round(nanoseconds now) {
  ++rounds_;
  next_round_ = now + jittered(settings_.interval, 1);
  new_left_ = settings_.new_per_round;
  const auto horizon = now + settings_.interval * 11 / 10 + lease_margin;
  for (auto& [key, e] : keys_)
    if (e.at == phase::resting && !e.tombstone && e.lease_end <= horizon && !mutant(mutation::no_republish))
      enqueue(key, e);
}

void publish_plan::expire_in_flight(nanoseconds now) {
  while (!flying_.empty() && flying_.begin()->first <= now) {
    const auto key = flying_.begin()->second;
    ++timeouts_;
    done(key, 0, 1, now);
  }
}

std::vector<dht_key> publish_plan::take_due(nanoseconds now) {
  if (!began_) began_ = now;
  expire_in_flight(now);
  if (next_round_ && *next_round_ <= now) start_round(now);
  std::vector<dht_key> out;
  if (now < paused_until_) return out;
  while (!retries_.empty() && retries_.begin()->first <= now) {
    const auto key = retries_.begin()->second;
    retries_.erase(retries_.begin());
    enqueue(key, keys_.at(key));
  }
  const auto pick = [&](std::deque<dht_key>& queue, phase wanted) -> entry* {
    while (!queue.empty()) {
      const auto found = keys_.find(queue.front());
      if (found != keys_.end() && found->second.at == wanted) return &found->second;
      queue.pop_front();
    }
    return nullptr;
  };
  // While it is unknown whether the DHT is there, one put finds out for all.
  const std::size_t limit = pauses_ > 0 ? 1 : settings_.in_flight;
  while (flying_.size() < limit) {
    entry* e = pick(new_, phase::queued_new);
    auto* queue = &new_;
    if (e == nullptr || new_left_ == 0) {
      e = pick(renewals_, phase::queued_renewal);
      queue = &renewals_;
    }
    if (e == nullptr || !take_token(now)) break;
    const auto key = queue->front();
    queue->pop_front();
    if (e->is_new) --new_left_;
    e->at = phase::in_flight;
    e->due = now + settings_.put_timeout;
    flying_.emplace(e->due, key);
    out.push_back(key);
  }
  return out;
}

void publish_plan::retry_later(const dht_key& key, entry& e, nanoseconds now) {
  e.at = phase::retrying;
  e.due = now + jittered(doubled(first_retry, e.failures, longest_retry), 2);
  ++e.failures;
  retries_.emplace(e.due, key);
}

void publish_plan::done(const dht_key& key, std::uint32_t holders, std::uint32_t asked, nanoseconds now) {
  const auto at = keys_.find(key);
  if (at == keys_.end() || at->second.at != phase::in_flight) return;
  auto& e = at->second;
  flying_.erase({e.due, key});
  e.at = phase::resting;
  if (asked > 0) pauses_ = 0;
  if (holders == 0) {
    // It was not used: the round keeps its place.
    if (e.is_new && new_left_ < settings_.new_per_round) ++new_left_;
    if (asked == 0) {
      paused_until_ = now + jittered(doubled(first_pause, pauses_, longest_pause), 2);
      ++pauses_;
    }
  }
  if (holders > 0) {
    e.failures = 0;
    e.lease_end = now + settings_.lease;
  }
  if (e.changed_again) {
    e.changed_again = false;
    e.failures = 0;
    enqueue(key, e);
    return;
  }
  if (holders == 0) {
    if (asked > 0) return retry_later(key, e, now);
    e.at = e.is_new ? phase::queued_new : phase::queued_renewal;
    (e.is_new ? new_ : renewals_).push_front(key);
    return;
  }
  set_new(e, false);
  if (e.tombstone) {
    tombstones_.emplace(e.lease_end, key);
    return;
  }
  // The DHT was young or lossy: nodes that have come since are closer to the key, and whoever reads asks
  // those.
  const bool settle = now - began_.value_or(now) < settings_.young;
  const bool thin = holders < settings_.copies && e.thin_puts < max_thin_puts;
  if (!thin) e.thin_puts = 0;
  if (!thin && !settle) return;
  e.at = phase::retrying;
  e.due = now + jittered(thin ? doubled(first_thickening, e.thin_puts, longest_thickening) : settling, 2);
  if (thin) ++e.thin_puts;
  retries_.emplace(e.due, key);
}

void publish_plan::abandon_in_flight(nanoseconds now) {
  while (!flying_.empty()) {
    const auto key = flying_.begin()->second;
    auto& e = keys_.at(key);
    flying_.erase(flying_.begin());
    e.changed_again = false;
    if (e.is_new && new_left_ < settings_.new_per_round) ++new_left_;
    e.at = phase::resting;
    enqueue(key, e);
  }
  paused_until_ = now;
  pauses_ = 0;
}

std::vector<dht_key> publish_plan::take_finished(nanoseconds now) {
  std::vector<dht_key> out;
  while (!tombstones_.empty() && tombstones_.begin()->first <= now) {
    out.push_back(tombstones_.begin()->second);
    tombstones_.erase(tombstones_.begin());
    forget(out.back());
  }
  return out;
}

bool publish_plan::has_work() const {
  const auto holds = [&](const std::deque<dht_key>& queue, phase wanted) {
    return std::ranges::any_of(queue, [&](const dht_key& key) {
      const auto at = keys_.find(key);
      return at != keys_.end() && at->second.at == wanted;
    });
  };
  return (new_left_ > 0 && holds(new_, phase::queued_new)) || holds(renewals_, phase::queued_renewal);
}

std::optional<nanoseconds> publish_plan::next_deadline(nanoseconds now) const {
  if (keys_.empty()) return std::nullopt;
  nanoseconds out = nanoseconds::max();
  if (next_round_) out = std::min(out, *next_round_);
  if (!retries_.empty()) out = std::min(out, std::max(retries_.begin()->first, paused_until_));
  if (!flying_.empty()) out = std::min(out, flying_.begin()->first);
  if (!tombstones_.empty()) out = std::min(out, tombstones_.begin()->first);
  const std::size_t limit = pauses_ > 0 ? 1 : settings_.in_flight;
  if (flying_.size() < limit && has_work()) out = std::min(out, std::max(next_token(now), paused_until_));
  if (out == nanoseconds::max()) return std::nullopt;
  return std::max(out, now);
}

plan_status publish_plan::status(nanoseconds now) const {
  plan_status out;
  for (const auto& [key, e] : keys_) {
    if (e.tombstone) {
      ++out.withdrawing;
      continue;
    }
    ++out.keys;
    if (e.lease_end > now) ++out.alive;
  }
  out.pending = pending_;
  out.in_flight = flying_.size();
  const auto lease_minutes = static_cast<std::uint64_t>(settings_.lease / minute);
  const auto kept = settings_.puts_per_minute * lease_minutes;
  out.beyond_rate = out.keys > kept ? out.keys - kept : 0;
  if (out.keys > 0) {
    const auto n = static_cast<std::int64_t>(out.keys);
    const auto by_rate = minute * n / std::max<std::int64_t>(1, settings_.puts_per_minute);
    const auto rounds = (n - 1) / std::max<std::int64_t>(1, settings_.new_per_round);
    out.full_publish = std::max<nanoseconds>(by_rate, settings_.interval * rounds);
  }
  return out;
}

}  // namespace vsf::shadow_index
