#include "actors/shadow_index/publish_plan.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace vsf::shadow_index {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

dht_key key(int i) {
  dht_key out{};
  out[0] = static_cast<std::uint8_t>(i >> 8);
  out[1] = static_cast<std::uint8_t>(i);
  return out;
}

struct put {
  nanoseconds at;
  dht_key key;
};

/// Of a node that has been there for a while: puts are not repeated to settle.
plan_settings settled() {
  plan_settings out;
  out.young = nanoseconds(0);
  return out;
}

/// Runs a plan through virtual time; every put is answered after `latency` by `holders`.
struct world {
  explicit world(plan_settings settings = settled(), std::uint64_t seed = 1)
      : random(seed), plan(settings, random) {}

  void run_until(nanoseconds end) {
    int stuck = 0;
    while (true) {
      for (const auto& k : plan.take_due(now)) {
        puts.push_back({now, k});
        if (!silent) answers.emplace(now + latency, k);
      }
      for (const auto& k : plan.take_finished(now)) finished.push_back({now, k});
      auto next = plan.next_deadline(now).value_or(end);
      if (!answers.empty()) next = std::min(next, answers.begin()->first);
      ASSERT_TRUE(next > now || ++stuck < 1000) << "the plan wants to run again and again at the same time";
      if (next > now) stuck = 0;
      if (next >= end) break;
      now = next;
      while (!answers.empty() && answers.begin()->first <= now) {
        plan.done(answers.begin()->second, holders, asked, now);
        answers.erase(answers.begin());
      }
    }
    now = end;
  }
  std::size_t count(const dht_key& k) const {
    return static_cast<std::size_t>(std::ranges::count_if(puts, [&](const put& p) { return p.key == k; }));
  }

  crypto::seeded_random random;
  publish_plan plan;
  nanoseconds now{1h};
  nanoseconds latency = 500ms;
  std::uint32_t holders = 16, asked = 16;
  bool silent = false;
  std::vector<put> puts;
  std::vector<put> finished;
  std::multimap<nanoseconds, dht_key> answers;
};

TEST(publish_plan, idle_without_keys) {
  world w;
  EXPECT_FALSE(w.plan.next_deadline(w.now));
  EXPECT_TRUE(w.plan.take_due(w.now).empty());
}

TEST(publish_plan, new_leaves_go_at_once) {
  world w;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(w.plan.changed(key(i), false, w.now));
  EXPECT_EQ(w.plan.status(w.now).pending, 20u);
  w.run_until(w.now + 3s);
  EXPECT_EQ(w.puts.size(), 20u);
  const auto status = w.plan.status(w.now);
  EXPECT_EQ(status.alive, 20u);
  EXPECT_EQ(status.pending, 0u);
}

TEST(publish_plan, leases_never_lapse_and_renewals_are_not_wasted) {
  world w;
  for (int i = 0; i < 50; ++i) w.plan.changed(key(i), false, w.now);
  const auto start = w.now;
  w.run_until(w.now + 10s);
  while (w.now < start + 10h) {
    w.run_until(w.now + 1min);
    EXPECT_EQ(w.plan.status(w.now).alive, 50u) << "after " << (w.now - start) / 1min << " min";
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_LE(w.count(key(i)), 1u + 10 * 60 / 40);
    EXPECT_GE(w.count(key(i)), 10u);
  }
}

TEST(publish_plan, renewals_sweep_the_key_space_in_order) {
  world w;
  for (int i = 49; i >= 0; --i) w.plan.restore(key(i), false, 59min, w.now);
  w.run_until(w.now + 5min);
  ASSERT_EQ(w.puts.size(), 50u);
  EXPECT_TRUE(std::ranges::is_sorted(w.puts, {}, &put::key));
}

TEST(publish_plan, restored_keys_wait_for_their_lease) {
  world w;
  w.plan.restore(key(1), false, 1min, w.now);
  w.plan.restore(key(2), false, 3h, w.now);
  w.plan.restore(key(3), false, std::nullopt, w.now);
  w.run_until(w.now + 90s);
  EXPECT_EQ(w.count(key(1)), 0u);
  EXPECT_EQ(w.count(key(2)), 1u);
  EXPECT_EQ(w.count(key(3)), 1u);
  EXPECT_EQ(w.plan.status(w.now).alive, 3u);
}

// A leaf that was put while a network formed is on nodes that nobody asks once it has grown.
TEST(publish_plan, what_is_put_in_the_first_minute_goes_once_more) {
  world w(plan_settings{});
  w.plan.changed(key(1), false, w.now);
  w.run_until(w.now + 2min);
  EXPECT_EQ(w.count(key(1)), 2u);
  w.plan.changed(key(2), false, w.now);
  w.run_until(w.now + 10min);
  EXPECT_EQ(w.count(key(1)), 2u);
  EXPECT_EQ(w.count(key(2)), 1u);
}

TEST(publish_plan, keeps_within_the_rate) {
  auto settings = settled();
  settings.puts_per_minute = 60;
  settings.new_per_round = 100'000;
  settings.in_flight = 1000;
  world w(settings);
  for (int i = 0; i < 600; ++i) w.plan.changed(key(i), false, w.now);
  w.run_until(w.now + 15min);
  EXPECT_EQ(w.puts.size(), 600u);
  for (std::size_t i = 0; i + 120 < w.puts.size(); ++i) EXPECT_GT(w.puts[i + 120].at - w.puts[i].at, 59s);
}

TEST(publish_plan, keeps_within_the_round) {
  auto settings = settled();
  settings.new_per_round = 10;
  world w(settings);
  for (int i = 0; i < 35; ++i) w.plan.changed(key(i), false, w.now);
  w.run_until(w.now + 1min);
  EXPECT_EQ(w.puts.size(), 10u);
  const auto status = w.plan.status(w.now);
  EXPECT_EQ(status.pending, 25u);
  EXPECT_EQ(status.full_publish, 45min);
  w.run_until(w.now + 50min);
  EXPECT_EQ(w.plan.status(w.now).pending, 0u);
  for (int i = 0; i < 35; ++i) EXPECT_GE(w.count(key(i)), 1u);
}

TEST(publish_plan, says_what_can_not_be_kept_alive) {
  auto settings = settled();
  settings.puts_per_minute = 1;
  settings.new_per_round = 1000;
  world w(settings);
  for (int i = 0; i < 100; ++i) w.plan.changed(key(i), false, w.now);
  EXPECT_EQ(w.plan.status(w.now).beyond_rate, 40u);
  EXPECT_EQ(w.plan.status(w.now).full_publish, 100min);
  // All get their turn although not all can be alive.
  w.run_until(w.now + 10h);
  for (int i = 0; i < 100; ++i) EXPECT_GE(w.count(key(i)), 4u) << i;
  EXPECT_LE(w.puts.size(), 602u);
}

TEST(publish_plan, a_put_nobody_took_comes_back_with_growing_delay) {
  world w;
  w.holders = 0;
  w.plan.changed(key(1), false, w.now);
  w.run_until(w.now + 10min);
  ASSERT_GE(w.puts.size(), 4u);
  EXPECT_LE(w.puts.size(), 9u);
  EXPECT_LT(w.puts[1].at - w.puts[0].at, 8s);
  for (std::size_t i = 2; i + 1 < w.puts.size(); ++i)
    EXPECT_GT(w.puts[i + 1].at - w.puts[i].at, w.puts[1].at - w.puts[0].at);
  EXPECT_EQ(w.plan.status(w.now).pending, 1u);
  w.holders = 3;
  w.run_until(w.now + 7min);
  EXPECT_EQ(w.plan.status(w.now).alive, 1u);
}

TEST(publish_plan, a_put_that_few_took_goes_again_a_few_times) {
  world w;
  w.holders = 3;
  w.plan.changed(key(1), false, w.now);
  w.run_until(w.now + 25min);
  EXPECT_EQ(w.puts.size(), 7u);
  for (std::size_t i = 1; i + 1 < w.puts.size(); ++i)
    EXPECT_GT(w.puts[i + 1].at - w.puts[i].at, w.puts[i].at - w.puts[i - 1].at);
  EXPECT_EQ(w.plan.status(w.now).alive, 1u);
  EXPECT_EQ(w.plan.status(w.now).pending, 0u);
  w.run_until(w.now + 3h);
  EXPECT_EQ(w.plan.status(w.now).alive, 1u);
  EXPECT_LE(w.puts.size(), 7u * 6);
}

TEST(publish_plan, waits_for_a_dht_that_is_not_up_with_one_put_at_a_time) {
  world w;
  w.asked = w.holders = 0;
  w.latency = 1ms;
  for (int i = 0; i < 90; ++i) w.plan.changed(key(i), false, w.now);
  w.run_until(w.now + 60s);
  // The first eight, then one probe after another.
  EXPECT_LE(w.puts.size(), 8u + 12u);
  EXPECT_GE(w.puts.size(), 10u);
  w.asked = w.holders = 16;
  w.run_until(w.now + 75s);
  EXPECT_EQ(w.plan.status(w.now).alive, 90u);
}

TEST(publish_plan, silence_counts_as_failure) {
  world w;
  w.silent = true;
  w.plan.changed(key(1), false, w.now);
  w.run_until(w.now + 2min);
  EXPECT_GE(w.plan.timeouts(), 2u);
  w.silent = false;
  w.run_until(w.now + 5min);
  EXPECT_EQ(w.plan.status(w.now).alive, 1u);
}

TEST(publish_plan, a_change_during_a_put_is_put_again) {
  world w;
  w.plan.changed(key(1), false, w.now);
  ASSERT_EQ(w.plan.take_due(w.now).size(), 1u);
  w.plan.changed(key(1), false, w.now + 1ms);
  EXPECT_TRUE(w.plan.take_due(w.now + 1ms).empty());
  w.plan.done(key(1), 16, 16, w.now + 2ms);
  EXPECT_EQ(w.plan.status(w.now + 2ms).pending, 1u);
  EXPECT_EQ(w.plan.status(w.now + 2ms).alive, 1u);
  EXPECT_EQ(w.plan.take_due(w.now + 2ms).size(), 1u);
}

TEST(publish_plan, a_tombstone_is_put_once_and_forgotten_after_its_lease) {
  world w;
  w.plan.changed(key(1), false, w.now);
  w.run_until(w.now + 1min);
  w.plan.changed(key(1), true, w.now);
  EXPECT_EQ(w.plan.status(w.now).withdrawing, 1u);
  w.run_until(w.now + 59min);
  EXPECT_TRUE(w.finished.empty());
  w.run_until(w.now + 2min);
  ASSERT_EQ(w.finished.size(), 1u);
  EXPECT_EQ(w.puts.size(), 2u);
  EXPECT_FALSE(w.plan.next_deadline(w.now));
}

TEST(publish_plan, a_withdrawn_key_that_comes_back_is_kept) {
  world w;
  w.plan.changed(key(1), true, w.now);
  w.run_until(w.now + 10s);
  w.plan.changed(key(1), false, w.now);
  w.run_until(w.now + 5h);
  EXPECT_TRUE(w.finished.empty());
  EXPECT_EQ(w.plan.status(w.now).alive, 1u);
}

TEST(publish_plan, a_restarted_dht_gets_what_was_in_flight_again) {
  world w;
  w.silent = true;
  for (int i = 0; i < 5; ++i) w.plan.changed(key(i), false, w.now);
  w.run_until(w.now + 1s);
  EXPECT_EQ(w.plan.status(w.now).in_flight, 5u);
  w.silent = false;
  w.plan.abandon_in_flight(w.now);
  w.run_until(w.now + 2s);
  EXPECT_EQ(w.plan.status(w.now).alive, 5u);
}

TEST(publish_plan, is_bounded) {
  world w;
  for (std::size_t i = 0; i < publish_plan::max_keys; ++i) {
    dht_key k{};
    std::memcpy(k.data(), &i, sizeof i);
    ASSERT_TRUE(w.plan.changed(k, false, w.now));
  }
  dht_key one_more = key(1);
  one_more.back() = 1;
  EXPECT_FALSE(w.plan.changed(one_more, false, w.now));
}

// Whatever happens to puts, every key gets its turn, nothing spins and nothing is forgotten.
RC_GTEST_PROP(publish_plan, every_key_gets_alive_once_the_dht_works, ()) {
  auto settings = settled();
  settings.new_per_round = *rc::gen::inRange(1u, 30u);
  settings.puts_per_minute = *rc::gen::inRange(5u, 120u);
  world w(settings, *rc::gen::arbitrary<std::uint64_t>());
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 60));
  std::set<dht_key> wanted;
  for (const auto step : steps) {
    const auto k = key(step % 12);
    switch (step / 12) {
      case 0:
        w.plan.changed(k, false, w.now);
        wanted.insert(k);
        break;
      case 1:
        w.plan.changed(k, true, w.now);
        wanted.erase(k);
        break;
      case 2:
        w.holders = w.holders == 0 ? 16 : 0;
        break;
      case 3:
        w.silent = !w.silent;
        break;
      default:
        w.run_until(w.now + 20s * (step % 12));
        break;
    }
  }
  w.holders = w.asked = 16;
  w.silent = false;
  w.run_until(w.now + 4h);
  const auto status = w.plan.status(w.now);
  RC_ASSERT(status.pending == 0u);
  RC_ASSERT(status.keys == wanted.size());
  RC_ASSERT(status.alive == wanted.size());
  RC_ASSERT(status.withdrawing == 0u);
}

}  // namespace
}  // namespace vsf::shadow_index
