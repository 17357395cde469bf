#include "actors/shadow_index/publish_plan.hpp"

#include <algorithm>

namespace vsf::shadow_index {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

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

nanoseconds doubled(nanoseconds first, std::uint32_t times, nanoseconds longest) {
  nanoseconds out = first;
  for (std::uint32_t i = 0; i < times && out < longest; ++i) out *= 2;
  return std::min(out, longest);
}

}  // namespace

std::int64_t publish_plan::delay_permille() { return 800 + static_cast<std::int64_t>(random_.below(401)); }

void publish_plan::not_sent(std::uint64_t id, const dht_key& key, nanoseconds now) {
  const auto at = flights_.find(id);
  if (at == flights_.end() || std::erase(at->second.keys, key) == 0) return;
  look_again_ = true;
  if (const auto found = keys_.find(key); found != keys_.end() && is_in(id, found->second))
    end_put(key, found->second, 0, {.started = now, .now = now, .asked = 1});
  if (!at->second.keys.empty()) return;
  budget_.end(at->second.size, 0, now);
  if (at->second.has_new && new_left_ < settings_.new_per_round) ++new_left_;
  flights_.erase(at);
}

void publish_plan::done(std::uint64_t id, std::span<const key_outcome> outcomes, std::uint32_t asked,
                        std::uint32_t written, nanoseconds now) {
  const auto at = flights_.find(id);
  if (at == flights_.end()) return;
  const auto f = std::move(at->second);
  flights_.erase(at);
  budget_.end(f.size, written, now);
  if (asked > 0) {
    pauses_ = 0;
  } else {
    paused_until_ = now + doubled(first_pause, pauses_, longest_pause) * delay_permille() / 1000;
    ++pauses_;
  }
  end_flight(id, f, outcomes, asked, now);
}

void publish_plan::end_flight(std::uint64_t id, const flight& f, std::span<const key_outcome> outcomes,
                              std::uint32_t asked, nanoseconds now) {
  look_again_ = true;
  const ending how{f.started, now, asked, delay_permille(), draw_early()};
  bool used = false;
  auto next = outcomes.begin();
  for (const auto& key : f.keys) {
    while (next != outcomes.end() && next->key < key) ++next;
    const auto holders = next != outcomes.end() && next->key == key ? next->holders : 0;
    const auto found = keys_.find(key);
    if (found != keys_.end() && is_in(id, found->second)) used |= end_put(key, found->second, holders, how);
  }
  // Nobody took what was new: the round keeps its place.
  if (f.has_new && !used && new_left_ < settings_.new_per_round) ++new_left_;
}

bool publish_plan::end_put(const dht_key& key, entry& e, std::uint32_t holders, const ending& how) {
  e.at = phase::none;
  if (holders > 0) {
    e.failures = 0;
    e.lease_end = how.started + settings_.lease;
  }
  if (e.changed_again) {
    e.changed_again = false;
    e.failures = 0;
    gather(key, e, how.now);
    return holders > 0;
  }
  if (holders == 0) {
    if (how.asked == 0) {
      queue(key, e);
      return false;
    }
    const auto delay = doubled(first_retry, e.failures++, longest_retry);
    wait_until(key, e, phase::retrying, how.now + delay * how.delay_permille / 1000);
    return false;
  }
  const bool was_new = e.is_new;
  set_new(e, false);
  e.held = true;
  if (e.tombstone) {
    keep_tombstone(key, e);
    return was_new;
  }
  // The DHT was young or lossy: nodes that have come since are closer to the key, and whoever reads asks
  // those.
  const bool settle = how.started - began_.value_or(how.started) < settings_.young;
  const bool thin = holders < settings_.copies * 3 / 4 && e.thin_puts < max_thin_puts;
  if (!thin) e.thin_puts = 0;
  if (thin || settle) {
    const auto delay = thin ? doubled(first_thickening, e.thin_puts, longest_thickening) : settling;
    if (thin) ++e.thin_puts;
    wait_until(key, e, phase::retrying, how.now + delay * how.delay_permille / 1000);
  } else {
    wait_until(key, e, phase::resting, e.lease_end - how.early);
  }
  return was_new;
}

void publish_plan::abandon_in_flight(nanoseconds now) {
  look_again_ = true;
  for (const auto& [id, f] : flights_) {
    budget_.lost(f.size, now);
    if (f.has_new && new_left_ < settings_.new_per_round) ++new_left_;
    for (const auto& key : f.keys) {
      const auto found = keys_.find(key);
      if (found == keys_.end() || !is_in(id, found->second)) continue;
      found->second.changed_again = false;
      queue(key, found->second);
    }
  }
  flights_.clear();
  paused_until_ = now;
  pauses_ = 0;
}

std::vector<dht_key> publish_plan::take_finished(nanoseconds now) {
  std::vector<dht_key> out;
  while (!tombstones_.empty() && tombstones_.begin()->first <= now) {
    out.push_back(tombstones_.begin()->second);
    forget(out.back());
  }
  return out;
}

}  // namespace vsf::shadow_index
