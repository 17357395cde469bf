#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <set>

#include "tests/actors/shadow_index/plan_world.hpp"

namespace vsf::shadow_index {
namespace {

TEST(publish_plan, idle_without_keys) {
  world w;
  EXPECT_FALSE(w.plan.next_deadline(w.now));
  EXPECT_TRUE(w.plan.take_due(w.now).empty());
}

TEST(publish_plan, new_leaves_go_as_soon_as_changes_pause) {
  world w;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(w.plan.changed(key(i), false, w.now));
  EXPECT_EQ(w.status().pending, 20u);
  w.run_for(1999ms);
  EXPECT_TRUE(w.puts.empty());
  w.run_for(1s);
  ASSERT_EQ(w.sweeps.size(), 1u);
  EXPECT_EQ(w.sweeps[0].items.size(), 20u);
  for (const auto& item : w.sweeps[0].items) EXPECT_FALSE(item.held);
  EXPECT_EQ(w.status().alive, 20u);
  EXPECT_EQ(w.status().pending, 0u);
}

TEST(publish_plan, a_leaf_that_changes_again_soon_is_put_once) {
  world w;
  for (int i = 0; i < 5; ++i) {
    w.plan.changed(key(1), false, w.now);
    w.run_for(1s);
  }
  w.run_for(10s);
  EXPECT_EQ(w.puts.size(), 1u);
}

TEST(publish_plan, changes_that_never_pause_wait_half_a_minute) {
  world w;
  for (int i = 0; i < 100; ++i) {
    w.plan.changed(key(i), false, w.now);
    w.run_for(1s);
  }
  ASSERT_GE(w.puts.size(), 90u);
  EXPECT_EQ(w.puts[0].at, 1h + 30s);
  EXPECT_LE(w.sweeps.size(), 4u);
}

TEST(publish_plan, sweeps_are_neighbours_in_order) {
  world w;
  for (int i = 99; i >= 0; --i) w.plan.changed(key(i), false, w.now);
  w.run_for(10s);
  ASSERT_EQ(w.sweeps.size(), 4u);
  EXPECT_EQ(w.sweeps[0].items.size(), 32u);
  EXPECT_EQ(w.sweeps[3].items.size(), 4u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(w.puts[static_cast<std::size_t>(i)].key, key(i));
}

TEST(publish_plan, few_are_in_flight) {
  world w;
  w.latency = 10s;
  for (int i = 0; i < 500; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(2min);
  EXPECT_EQ(w.most_in_flight, w.plan.settings().sweeps_in_flight);
  EXPECT_EQ(w.status().alive, 500u);
}

TEST(publish_plan, leases_never_lapse_and_renewals_are_not_wasted) {
  world w;
  for (int i = 0; i < 50; ++i) w.plan.changed(key(i), false, w.now);
  const auto start = w.now;
  w.run_for(10s);
  while (w.now < start + 10h) {
    w.run_for(1min);
    EXPECT_EQ(w.status().alive, 50u) << "after " << (w.now - start) / 1min << " min";
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_LE(w.count(key(i)), 1u + 10 * 60 / 40);
    EXPECT_GE(w.count(key(i)), 10u);
  }
  EXPECT_LE(w.sweeps.size(), 2u * (1 + 10 * 60 / 40));
  for (std::size_t i = 50; i < w.puts.size(); ++i) EXPECT_TRUE(w.puts[i].held);
}

TEST(publish_plan, what_was_put_apart_is_renewed_together) {
  world w;
  for (int i = 0; i < 30; ++i) {
    w.plan.changed(key(i), false, w.now);
    w.run_for(20s);
  }
  EXPECT_EQ(w.sweeps.size(), 30u);
  w.run_for(5h);
  w.sweeps.clear();
  w.run_for(2h);
  for (const auto& sweep : w.sweeps) EXPECT_EQ(sweep.items.size(), 30u);
  EXPECT_LE(w.sweeps.size(), 3u);
  EXPECT_EQ(w.status().alive, 30u);
}

TEST(publish_plan, the_load_of_renewals_becomes_even) {
  world w;
  for (int i = 0; i < 1280; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(4h);
  std::map<nanoseconds, int> sweeps;  // of each five minutes
  const auto start = w.now;
  w.puts.clear();
  w.run_for(100min);
  for (const auto& p : w.puts) ++sweeps[(p.at - start) / 5min * 5min];
  for (const auto& [at, n] : sweeps) EXPECT_LE(n, 1280 / 3) << at / 1min << " min";
  EXPECT_EQ(w.status().alive, 1280u);
}

TEST(publish_plan, renewals_go_through_the_key_space_in_order) {
  world w;
  for (int i = 49; i >= 0; --i) w.plan.restore(key(i), false, 59min, true, w.now);
  w.run_for(5min);
  ASSERT_EQ(w.puts.size(), 50u);
  EXPECT_EQ(w.sweeps.size(), 2u);
  EXPECT_TRUE(std::ranges::is_sorted(w.puts, {}, &put::key));
  for (const auto& p : w.puts) EXPECT_TRUE(p.held);
}

// While the node was away its holders may have gone.
TEST(publish_plan, restored_keys_are_offered_again_soon) {
  world w;
  w.plan.restore(key(1), false, 1min, true, w.now);
  w.plan.restore(key(2), false, 3h, true, w.now);
  w.run_for(2min);
  ASSERT_EQ(w.puts.size(), 2u);
  EXPECT_TRUE(std::ranges::find(w.puts, key(1), &put::key)->held);
  EXPECT_FALSE(std::ranges::find(w.puts, key(2), &put::key)->held) << "nobody keeps it beyond its lease";
  EXPECT_EQ(w.status().alive, 2u);
}

TEST(publish_plan, restored_keys_that_were_never_put_go_at_once) {
  world w;
  w.plan.restore(key(3), false, std::nullopt, false, w.now);
  w.run_for(5s);
  EXPECT_EQ(w.count(key(3)), 1u);
}

TEST(publish_plan, a_leaf_signed_again_goes_whole_when_it_is_due) {
  world w;
  w.plan.changed(key(1), false, w.now);
  w.run_for(10s);
  w.plan.resigned(key(1));
  EXPECT_EQ(w.status().pending, 0u);
  w.run_for(30min);
  EXPECT_EQ(w.puts.size(), 1u);
  w.run_for(2h);
  ASSERT_GE(w.puts.size(), 3u);
  EXPECT_FALSE(w.puts[1].held);
  EXPECT_TRUE(w.puts[2].held);
}

// A leaf that was put while a network formed is on nodes that nobody asks once it has grown.
TEST(publish_plan, what_is_put_in_the_first_minute_goes_once_more) {
  auto settings = settled();
  settings.young = 60s;
  world w(settings);
  for (int i = 0; i < 40; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(2min);
  EXPECT_EQ(w.puts.size(), 80u);
  EXPECT_EQ(w.sweeps.size(), 4u);
  for (std::size_t i = 40; i < 80; ++i) {
    EXPECT_TRUE(w.puts[i].held);
    EXPECT_GE(w.puts[i].at - 1h, 60s);
  }
  w.plan.changed(key(50), false, w.now);
  w.run_for(10min);
  EXPECT_EQ(w.count(key(1)), 2u);
  EXPECT_EQ(w.count(key(50)), 1u);
}

TEST(publish_plan, keeps_within_the_rate) {
  auto settings = settled();
  settings.datagrams_per_minute = 100;
  world w(settings);
  for (int i = 0; i < 320; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(21min);
  EXPECT_LT(w.puts.size(), 320u);
  w.run_for(5min);
  EXPECT_EQ(w.status().alive, 320u);
  EXPECT_LE(w.most_beyond_rate(), 100 + 32 * w.per_whole);
}

TEST(publish_plan, a_debt_delays_the_next_sweep_and_small_ones_go_at_once) {
  auto settings = settled();
  settings.datagrams_per_minute = 100;
  world w(settings);
  w.per_whole = 10;
  for (int i = 0; i < 30; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(10s);
  ASSERT_EQ(w.sweeps.size(), 1u);
  w.plan.changed(key(100), false, w.now);
  w.run_for(60s);
  EXPECT_EQ(w.sweeps.size(), 1u) << "200 datagrams in debt";
  w.run_for(65s);
  ASSERT_EQ(w.sweeps.size(), 2u);
  EXPECT_GE(w.puts.back().at, 1h + 2min);
  w.run_for(2min);
  w.plan.changed(key(101), false, w.now);
  const auto changed = w.now;
  w.run_for(10s);
  EXPECT_EQ(w.puts.back().at, changed + 2s);
}

TEST(publish_plan, counts_sweeps_with_new_keys_in_a_round) {
  auto settings = settled();
  settings.new_per_round = 2;
  world w(settings);
  for (int i = 0; i < 200; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(1min);
  EXPECT_EQ(w.sweeps.size(), 2u);
  EXPECT_EQ(w.status().pending, 200u - 64);
  EXPECT_EQ(w.status().full_publish, 45min);
  w.run_for(50min);
  EXPECT_EQ(w.status().pending, 0u);
  for (int i = 0; i < 200; ++i) EXPECT_GE(w.count(key(i)), 1u);
}

TEST(publish_plan, says_what_can_not_be_kept_alive) {
  auto settings = settled();
  settings.datagrams_per_minute = 16;
  settings.new_per_round = 1000;
  world w(settings);
  w.per_whole = w.per_held = 16;
  for (int i = 0; i < 100; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(4h);
  EXPECT_EQ(w.status().beyond_rate, 40u);
  EXPECT_GE(w.status().full_publish, 100min);
  // All get their turn although not all can be alive.
  w.run_for(8h);
  for (int i = 0; i < 100; ++i) EXPECT_GE(w.count(key(i)), 2u) << i;
  EXPECT_LE(w.puts.size(), 12u * 60 + 64);
}

// 32 neighbours share some 17 holders: 5,300 of the 6,000 datagrams of a lease.
TEST(publish_plan, ten_thousand_keys_stay_alive_at_the_usual_rate) {
  auto settings = settled();
  settings.datagrams_per_minute = 100;
  world w(settings);
  w.per_held = 0;
  w.per_sweep = 17;
  for (int i = 0; i < 10'000; ++i) w.plan.restore(key(i), false, i / 32 * 50min / 313, true, w.now);
  EXPECT_EQ(w.status().beyond_rate, 0u);
  for (int minutes = 0; minutes < 300; ++minutes) {
    w.run_for(1min);
    ASSERT_EQ(w.status().alive, 10'000u) << "after " << minutes << " min";
  }
  EXPECT_EQ(w.status().beyond_rate, 0u);
  EXPECT_LE(w.most_beyond_rate(), 100 + 17);
}

TEST(publish_plan, new_keys_do_not_wait_for_renewals_nor_let_them_lapse) {
  auto settings = settled();
  settings.datagrams_per_minute = 100;
  settings.new_per_round = 100'000;
  world w(settings);
  for (int i = 0; i < 3000; ++i) w.plan.restore(key(2 * i), false, i * 50min / 3000, true, w.now);
  w.run_for(5min);
  const auto changed = w.now;
  w.plan.changed(key(7), false, w.now);
  w.run_for(1min);
  const auto first = std::ranges::find(w.puts, key(7), &put::key);
  ASSERT_NE(first, w.puts.end());
  EXPECT_LE(first->at - changed, 30s);
  for (int i = 0; i < 1000; ++i) w.plan.changed(key(8001 + i), false, w.now);
  for (int minutes = 0; minutes < 240; ++minutes) {
    w.run_for(1min);
    ASSERT_GE(w.status().alive, 3000u) << "after " << minutes << " min";
  }
  EXPECT_GE(w.status().alive, 3500u);
}

// What lapsed costs as much as what is new: if it went first, all others would lapse while they wait for it.
TEST(publish_plan, beyond_the_rate_many_stay_alive_and_all_get_their_turn) {
  auto settings = settled();
  settings.datagrams_per_minute = 20;
  settings.new_per_round = 100'000;
  world w(settings);
  for (int i = 0; i < 2000; ++i) w.plan.restore(key(i), false, 2h, true, w.now);
  w.run_for(48h);
  EXPECT_GE(w.status().beyond_rate, 500u);
  EXPECT_GE(w.status().alive, 500u);
  for (int i = 0; i < 2000; ++i) EXPECT_GE(w.count(key(i)), 1u) << i;
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

// Whatever happens to sweeps, every key gets its turn, nothing spins, nothing is forgotten and the budget is
// kept.
RC_GTEST_PROP(publish_plan, every_key_gets_alive_once_the_dht_works, ()) {
  auto settings = settled();
  settings.new_per_round = *rc::gen::inRange(1u, 30u);
  settings.datagrams_per_minute = *rc::gen::inRange(20u, 400u);
  settings.keys_per_sweep = *rc::gen::inRange(std::size_t{1}, std::size_t{33});
  settings.sweeps_in_flight = *rc::gen::inRange(std::size_t{1}, std::size_t{5});
  world w(settings, *rc::gen::arbitrary<std::uint64_t>());
  w.per_whole = *rc::gen::inRange(1u, 16u);
  w.per_held = *rc::gen::inRange(1u, 3u);
  w.latency = 100ms * *rc::gen::inRange(1, 600);
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 8 * 60));
  std::set<dht_key> wanted;
  for (const auto step : steps) {
    const auto k = key(step % 60);
    switch (step / 60) {
      case 0:
      case 1:
        w.plan.changed(k, false, w.now);
        wanted.insert(k);
        break;
      case 2:
        w.plan.changed(k, true, w.now);
        wanted.erase(k);
        break;
      case 3:
        w.holders = w.holders == 0 ? 16 : 0;
        w.holders_of[k] = *rc::gen::inRange(0u, 17u);
        break;
      case 4:
        w.silent = !w.silent;
        break;
      case 5:
        w.asked = w.asked == 0 ? 16 : 0;
        w.plan.resigned(k);
        break;
      case 6:
        if (step % 60 == 0) w.plan.abandon_in_flight(w.now), w.flying.clear();
        w.run_for(100ms * (step % 60));
        break;
      default:
        w.run_for(4s * (step % 60));
        break;
    }
  }
  w.holders = w.asked = 16;
  w.holders_of.clear();
  w.silent = false;
  w.run_for(22h);  // perhaps one key a round
  RC_ASSERT(w.most_in_flight <= settings.sweeps_in_flight);
  RC_ASSERT(w.most_beyond_rate() <=
            settings.datagrams_per_minute +
                static_cast<double>(settings.keys_per_sweep) * std::max(w.per_whole, w.per_held));
  const auto status = w.status();
  RC_ASSERT(status.pending == 0u);
  RC_ASSERT(status.keys == wanted.size());
  RC_ASSERT(status.withdrawing == 0u);
  RC_ASSERT(status.alive == wanted.size());
}

}  // namespace
}  // namespace vsf::shadow_index
