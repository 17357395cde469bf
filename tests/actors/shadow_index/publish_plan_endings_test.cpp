#include "tests/actors/shadow_index/plan_world.hpp"

namespace vsf::shadow_index {
namespace {

TEST(publish_plan, a_put_nobody_took_comes_back_with_growing_delay) {
  world w;
  w.holders = 0;
  w.plan.changed(key(1), false, w.now);
  w.run_for(10min);
  ASSERT_GE(w.puts.size(), 4u);
  EXPECT_LE(w.puts.size(), 9u);
  EXPECT_LT(w.puts[1].at - w.puts[0].at, 8s);
  for (std::size_t i = 2; i + 1 < w.puts.size(); ++i)
    EXPECT_GT(w.puts[i + 1].at - w.puts[i].at, w.puts[1].at - w.puts[0].at);
  EXPECT_EQ(w.status().pending, 1u);
  w.holders = 3;
  w.run_for(7min);
  EXPECT_EQ(w.status().alive, 1u);
}

TEST(publish_plan, only_what_nobody_took_comes_back) {
  world w;
  w.holders_of[key(3)] = 0;
  for (int i = 0; i < 10; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(15s);
  EXPECT_EQ(w.status().pending, 1u);
  EXPECT_EQ(w.count(key(2)), 1u);
  EXPECT_EQ(w.count(key(3)), 2u);
  EXPECT_FALSE(w.puts.back().held);
}

TEST(publish_plan, puts_that_few_took_go_again_together_a_few_times) {
  world w;
  w.holders = 3;
  for (int i = 0; i < 10; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(25min);
  ASSERT_EQ(w.sweeps.size(), 7u);
  nanoseconds last{0}, gap{0};
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(w.sweeps[i].items.size(), 10u);
    const auto at = w.puts[i * 10].at;
    if (i >= 2) {
      EXPECT_GT(at - last, gap);
    }
    gap = i == 0 ? nanoseconds(0) : at - last;
    last = at;
    EXPECT_EQ(w.puts[i * 10].held, i > 0);
  }
  EXPECT_EQ(w.status().alive, 10u);
  EXPECT_EQ(w.status().pending, 0u);
  w.run_for(3h);
  EXPECT_EQ(w.status().alive, 10u);
  EXPECT_LE(w.sweeps.size(), 7u * 6);
}

TEST(publish_plan, waits_for_a_dht_that_is_not_up_with_one_sweep_at_a_time) {
  auto settings = settled();
  settings.keys_per_sweep = 2;
  world w(settings);
  w.asked = w.holders = 0;
  w.latency = 1ms;
  for (int i = 0; i < 90; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(60s);
  EXPECT_LE(w.sweeps.size(), 4u + 12u);
  EXPECT_GE(w.sweeps.size(), 6u);
  w.asked = w.holders = 16;
  w.run_for(75s);
  EXPECT_EQ(w.status().alive, 90u);
  EXPECT_EQ(w.status().pending, 0u);
}

TEST(publish_plan, silence_counts_as_failure) {
  world w;
  w.silent = true;
  w.plan.changed(key(1), false, w.now);
  w.run_for(5min);
  EXPECT_EQ(w.plan.timeouts(), 2u);
  EXPECT_GE(w.puts[1].at - w.puts[0].at, 120s);
  w.silent = false;
  w.run_for(5min);
  EXPECT_EQ(w.status().alive, 1u);
}

TEST(publish_plan, an_answer_after_the_timeout_is_ignored) {
  world w;
  w.holders = 0;
  w.latency = 121s;
  w.plan.changed(key(1), false, w.now);
  w.run_for(3min);
  EXPECT_EQ(w.plan.timeouts(), 1u);
  EXPECT_EQ(w.status().in_flight, 1u);
}

TEST(publish_plan, a_change_during_a_sweep_is_put_again) {
  world w;
  w.plan.changed(key(1), false, w.now);
  w.now += 2s;
  const auto first = w.plan.take_due(w.now);
  ASSERT_EQ(first.size(), 1u);
  w.plan.changed(key(1), false, w.now + 1ms);
  EXPECT_TRUE(w.plan.take_due(w.now + 1ms).empty());
  w.plan.done(first[0].id, std::vector<key_outcome>{{key(1), 16}}, 16, 16, w.now + 2ms);
  EXPECT_EQ(w.plan.status(w.now + 2ms).pending, 1u);
  EXPECT_EQ(w.plan.status(w.now + 2ms).alive, 1u);
  const auto second = w.plan.take_due(w.now + 2s + 2ms);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_FALSE(second[0].items[0].held);
}

TEST(publish_plan, a_key_forgotten_and_known_again_does_not_take_an_old_answer) {
  world w;
  w.plan.changed(key(1), false, w.now);
  const auto first = w.plan.take_due(w.now + 2s);
  ASSERT_EQ(first.size(), 1u);
  w.plan.forget(key(1));
  w.plan.changed(key(1), false, w.now + 3s);
  w.plan.done(first[0].id, std::vector<key_outcome>{{key(1), 16}}, 16, 16, w.now + 4s);
  EXPECT_EQ(w.plan.status(w.now + 4s).alive, 0u);
  EXPECT_EQ(w.plan.status(w.now + 4s).pending, 1u);
}

TEST(publish_plan, a_leaf_that_could_not_be_read_goes_later) {
  world w;
  w.plan.changed(key(1), false, w.now);
  w.plan.changed(key(2), false, w.now);
  w.now += 2s;
  const auto first = w.plan.take_due(w.now);
  ASSERT_EQ(first.size(), 1u);
  w.plan.not_sent(first[0].id, key(1), w.now);
  EXPECT_TRUE(w.plan.flying(first[0].id));
  w.plan.not_sent(first[0].id, key(2), w.now);
  EXPECT_FALSE(w.plan.flying(first[0].id));
  EXPECT_EQ(w.status().in_flight, 0u);
  w.run_for(10s);
  EXPECT_EQ(w.status().alive, 2u);
}

TEST(publish_plan, a_tombstone_is_put_once_and_forgotten_after_its_lease) {
  world w;
  w.plan.changed(key(1), false, w.now);
  w.run_for(1min);
  w.plan.changed(key(1), true, w.now);
  EXPECT_EQ(w.status().withdrawing, 1u);
  w.run_for(59min);
  EXPECT_TRUE(w.finished.empty());
  w.run_for(2min);
  ASSERT_EQ(w.finished.size(), 1u);
  EXPECT_EQ(w.puts.size(), 2u);
  EXPECT_FALSE(w.plan.next_deadline(w.now));
}

TEST(publish_plan, a_withdrawn_key_that_comes_back_is_kept) {
  world w;
  w.plan.changed(key(1), true, w.now);
  w.run_for(10s);
  w.plan.changed(key(1), false, w.now);
  w.run_for(5h);
  EXPECT_TRUE(w.finished.empty());
  EXPECT_EQ(w.status().alive, 1u);
}

TEST(publish_plan, a_restarted_dht_gets_what_was_in_flight_again) {
  world w;
  w.silent = true;
  for (int i = 0; i < 5; ++i) w.plan.changed(key(i), false, w.now);
  w.run_for(3s);
  EXPECT_EQ(w.status().in_flight, 5u);
  w.silent = false;
  w.plan.abandon_in_flight(w.now);
  w.run_for(2s);
  EXPECT_EQ(w.status().alive, 5u);
}

}  // namespace
}  // namespace vsf::shadow_index
