#pragma once

#include "actors/shadow_index/publish_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

namespace vsf::shadow_index {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

inline dht_key key(int i) {
  dht_key out{};
  out[0] = static_cast<std::uint8_t>(i >> 8);
  out[1] = static_cast<std::uint8_t>(i);
  return out;
}

struct put {
  nanoseconds at;
  dht_key key;
  bool held;
};
struct charge {
  nanoseconds at;
  std::uint32_t datagrams;
};

/// Of a node that has been there for a while: puts are not repeated to settle.
inline plan_settings settled() {
  plan_settings out;
  out.young = nanoseconds(0);
  out.datagrams_per_minute = 100'000;
  return out;
}

/// Runs a plan through virtual time; every sweep is answered after `latency`, its keys taken by `holders`.
struct world {
  explicit world(plan_settings settings = settled(), std::uint64_t seed = 1)
      : random(seed), plan(settings, random) {}

  void take_due() {
    std::erase_if(flying, [&](const auto& f) { return f.second <= now; });
    for (auto& sweep : plan.take_due(now)) {
      ASSERT_FALSE(sweep.items.empty());
      EXPECT_LE(sweep.items.size(), plan.settings().keys_per_sweep);
      EXPECT_TRUE(std::ranges::is_sorted(sweep.items, std::less(), &planned_sweep::item::key));
      for (const auto& item : sweep.items) puts.push_back({now, item.key, item.held});
      EXPECT_TRUE(flying.emplace(sweep.id, now + plan.settings().sweep_timeout).second);
      most_in_flight = std::max(most_in_flight, flying.size());
      if (!silent) answers.emplace(now + latency, sweep);
      sweeps.push_back(std::move(sweep));
    }
  }
  void answer(const planned_sweep& sweep) {
    std::vector<key_outcome> outcomes;
    std::uint32_t written = per_sweep;
    for (const auto& item : sweep.items) {
      const auto of_key = holders_of.find(item.key);
      outcomes.push_back({item.key, of_key == holders_of.end() ? holders : of_key->second});
      written += item.held ? per_held : per_whole;
    }
    if (asked == 0) written = 0;
    if (plan.flying(sweep.id)) {
      charges.push_back({now, written});
      flying.erase(sweep.id);
    }
    plan.done(sweep.id, outcomes, asked, written, now);
  }
  void run_until(nanoseconds end) {
    int stuck = 0;
    while (true) {
      take_due();
      for (const auto& k : plan.take_finished(now)) finished.push_back(k);
      auto next = plan.next_deadline(now).value_or(end);
      if (!answers.empty()) next = std::min(next, answers.begin()->first);
      ASSERT_TRUE(next > now || ++stuck < 1000) << "the plan wants to run again and again at the same time";
      if (next > now) stuck = 0;
      if (next >= end) break;
      now = next;
      while (!answers.empty() && answers.begin()->first <= now) {
        const auto sweep = std::move(answers.begin()->second);
        answers.erase(answers.begin());
        answer(sweep);
      }
    }
    now = end;
  }
  void run_for(nanoseconds span) { run_until(now + span); }
  std::size_t count(const dht_key& k) const {
    return static_cast<std::size_t>(std::ranges::count_if(puts, [&](const put& p) { return p.key == k; }));
  }
  plan_status status() const { return plan.status(now); }
  /// The most that was written in any time beyond what flows into the bucket in that time.
  double most_beyond_rate() const {
    double most = 0, sum = 0;
    const double per_ns = plan.settings().datagrams_per_minute / 60e9;
    double lowest = 0;
    for (const auto& c : charges) {
      const auto inflow = static_cast<double>(c.at.count()) * per_ns;
      lowest = &c == &charges.front() ? -inflow : std::min(lowest, sum - inflow);
      sum += c.datagrams;
      most = std::max(most, sum - inflow - lowest);
    }
    return most;
  }

  crypto::seeded_random random;
  publish_plan plan;
  nanoseconds now{1h};
  nanoseconds latency = 500ms;
  std::uint32_t holders = 16, asked = 16, per_whole = 8, per_held = 1, per_sweep = 0;
  std::map<dht_key, std::uint32_t> holders_of;  // instead of `holders`
  bool silent = false;
  std::vector<put> puts;
  std::vector<planned_sweep> sweeps;
  std::vector<charge> charges;
  std::vector<dht_key> finished;
  std::multimap<nanoseconds, planned_sweep> answers;
  std::map<std::uint64_t, nanoseconds> flying;
  std::size_t most_in_flight = 0;
};

}  // namespace vsf::shadow_index
