#include "sim/fuzzer.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "net/crypto/crypto.hpp"
#include "sim/trial_pool.hpp"

namespace vsf::sim {
namespace {

class fuzzer : public ::testing::Test {
 protected:
  void SetUp() override {
    crypto::use(crypto::suite::stand_in);
    crypto::memoise(true);
  }
  void TearDown() override { crypto::use(crypto::suite::real); }
};

bool has(const trial& t, fault::kind what) {
  return std::any_of(t.plan.faults.begin(), t.plan.faults.end(),
                     [&](const fault& f) { return f.what == what; });
}

TEST_F(fuzzer, plans_are_valid_differ_and_leave_time_to_heal) {
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto drawn = draw_trial({7, 50, 30}, i);
    const auto text = to_yaml(drawn.plan);
    const auto again = parse_scenario(text, "drawn");
    ASSERT_TRUE(again) << again.error().message << text;
    EXPECT_TRUE(*again == drawn.plan) << text;
    EXPECT_EQ(drawn.plan.nodes, 50u);
    EXPECT_DOUBLE_EQ(drawn.plan.end_s(), 1800);
    EXPECT_GE(fault_kinds(drawn.plan), 5u);
    for (const auto& f : drawn.plan.faults) {
      EXPECT_GE(f.at_s, drawn.plan.population.join_spread_s + drawn.plan.timeline.warmup_s);
      EXPECT_LE(f.at_s + std::max(f.for_s, f.back_after_s), 0.6 * drawn.plan.end_s());
    }
    auto unnamed = drawn.plan;
    unnamed.name.clear();
    seen.insert(to_yaml(unnamed));
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST_F(fuzzer, every_dimension_is_drawn_and_left_out_about_equally_often) {
  std::map<std::string, std::size_t> with;
  std::set<fault::kind> kinds;
  constexpr std::size_t plans = 200;
  for (std::uint64_t i = 0; i < plans; ++i) {
    const auto p = draw_trial({3, 50, 30}, i).plan;
    const bool nat = p.network.nat[0] < 1;
    EXPECT_GE(p.network.nat[0], 0.5);
    EXPECT_NEAR(std::accumulate(p.network.nat.begin(), p.network.nat.end(), 0.0), 1, 1e-9);
    with["nat"] += nat ? 1U : 0U;
    for (std::size_t kind = 1; kind < nat_types; ++kind)
      with[to_string(static_cast<nat_type>(kind))] += p.network.nat[kind] > 0 ? 1U : 0U;
    with["ipv6"] += p.network.ipv6 > 0 ? 1U : 0U;
    with["churn"] += p.population.churn.session_mean_s > 0 ? 1U : 0U;
    with["skew"] += p.population.clock_skew_s > 0 ? 1U : 0U;
    with["second"] += p.catalogue.second_encoding > 0 ? 1U : 0U;
    with["fake"] += p.catalogue.fake > 0 ? 1U : 0U;
    with["crowd"] += p.workload.flash_crowds.empty() ? 0U : 1U;
    double jumps = 0;
    for (const auto& f : p.faults) {
      kinds.insert(f.what);
      if (f.what == fault::kind::clock_jump) jumps += std::abs(f.value);
      EXPECT_TRUE(nat || f.what != fault::kind::nat_rebind);
    }
    EXPECT_LE(2 * p.population.clock_skew_s + jumps, 600) << "a leaf from further ahead is refused";
  }
  EXPECT_EQ(kinds.size(), fault::kinds - 1) << "all but server_down: no plan has a server";
  for (const auto& [what, count] : with) {
    EXPECT_GT(count, plans / 5) << what;
    EXPECT_LT(count, plans * 4 / 5) << what;
  }
}

TEST_F(fuzzer, shrinking_leaves_out_every_dimension_that_the_failure_does_not_need) {
  std::size_t tried = 0;
  for (std::uint64_t i = 0; i < 400 && tried < 10; ++i) {
    const auto drawn = draw_trial({12, 50, 30}, i);
    const auto& p = drawn.plan;
    if (p.network.nat[4] == 0 || p.network.ipv6 == 0 || p.population.churn.session_mean_s == 0) continue;
    ++tried;
    const auto all = shrink(
                         drawn, [](const trial&) { return true; }, 300)
                         .smallest.plan;
    EXPECT_EQ(all.network, network_plan{}) << to_yaml(all);
    EXPECT_EQ(all.population.churn, churn_plan{});
    EXPECT_EQ(all.population.clock_skew_s, 0);
    EXPECT_EQ(all.catalogue.fake + all.catalogue.second_encoding, 0);
    EXPECT_TRUE(all.workload.flash_crowds.empty());
    // Planted: it takes somebody behind a symmetric translator.
    const auto small = shrink(
                           drawn, [](const trial& t) { return t.plan.network.nat[4] > 0; }, 400)
                           .smallest.plan;
    EXPECT_EQ(small.network.nat[4], p.network.nat[4]);
    EXPECT_EQ(small.network.nat[1] + small.network.nat[2] + small.network.nat[3], 0) << to_yaml(small);
    EXPECT_EQ(small.network.ipv6, 0);
    EXPECT_EQ(small.population.churn, churn_plan{});
  }
  EXPECT_EQ(tried, 10u);
}

TEST_F(fuzzer, a_process_of_its_own_says_the_same_and_its_end_is_a_failure) {
  const auto what = draw_trial({5, 10, 12}, 1);
  const auto here = run_trial(what), apart = trial_pool::run(what);
  EXPECT_EQ(here.trace_hash, apart.trace_hash);
  EXPECT_EQ(here.metrics, apart.metrics);
  EXPECT_EQ(here.failures, apart.failures);
  EXPECT_GT(apart.cpu_s, 0);
  auto broken = what;
  broken.plan.population.puzzle_bits = 1000;  // no such network
  const auto came = trial_pool::run(broken);
  ASSERT_EQ(came.failures.size(), 1u);
  EXPECT_TRUE(came.failures.front().starts_with("crashed:")) << came.failures.front();
}

TEST_F(fuzzer, several_at_once_are_told_apart) {
  trial_pool pool;
  for (std::uint64_t i = 0; i < 3; ++i) pool.begin(i, draw_trial({5, 8, 10}, i));
  EXPECT_EQ(pool.running(), 3u);
  std::set<std::uint64_t> seen;
  while (const auto next = pool.wait()) {
    seen.insert(next->number);
    EXPECT_TRUE(next->what == draw_trial({5, 8, 10}, next->number));
  }
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2}));
}

TEST_F(fuzzer, a_plan_follows_from_seed_and_number_alone) {
  EXPECT_TRUE(draw_trial({7, 50, 30}, 3) == draw_trial({7, 50, 30}, 3));
  EXPECT_FALSE(draw_trial({7, 50, 30}, 3) == draw_trial({7, 50, 30}, 4));
  EXPECT_FALSE(draw_trial({7, 50, 30}, 3) == draw_trial({8, 50, 30}, 3));
}

TEST_F(fuzzer, shrinking_ends_at_what_the_failure_needs) {
  // Planted: it fails with a partition and a power cut together, among 12 nodes or more.
  const auto fails = [](const trial& t) {
    return has(t, fault::kind::partition) && has(t, fault::kind::power_cut) && t.plan.nodes >= 12;
  };
  std::size_t tried = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto drawn = draw_trial({11, 50, 30}, i);
    if (!fails(drawn)) continue;
    ++tried;
    const auto small = shrink(drawn, fails, 300);
    EXPECT_TRUE(fails(small.smallest));
    EXPECT_EQ(small.smallest.plan.faults.size(), 2u) << to_yaml(small.smallest.plan);
    EXPECT_LT(small.smallest.plan.nodes, 18u);
    EXPECT_EQ(small.smallest.schedule_seed, 0u);
    EXPECT_LT(small.smallest.plan.end_s(), drawn.plan.end_s());
    EXPECT_LE(small.runs, 300u);
  }
  EXPECT_GT(tried, 5u);
}

TEST_F(fuzzer, shrinking_stops_after_so_many_runs) {
  std::size_t asked = 0;
  const auto small = shrink(
      draw_trial({1, 50, 30}, 0), [&](const trial&) { return ++asked, true; }, 5);
  EXPECT_EQ(small.runs, 5u);
  EXPECT_EQ(asked, 5u);
}

TEST_F(fuzzer, the_same_seeds_give_the_same_run_and_another_schedule_another) {
  auto what = draw_trial({5, 10, 12}, 0);
  const auto first = run_trial(what), again = run_trial(what);
  EXPECT_EQ(first.trace_hash, again.trace_hash);
  EXPECT_EQ(first.metrics, again.metrics);
  ++what.schedule_seed;
  EXPECT_NE(run_trial(what).trace_hash, first.trace_hash);
}

TEST_F(fuzzer, runs_of_an_unbroken_program_keep_every_promise) {
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto what = draw_trial({21, 24, 20}, i);
    const auto came = run_trial(what);
    for (const auto& f : came.failures)
      ADD_FAILURE() << f << "\nseed " << what.seed << ", schedule " << what.schedule_seed << '\n'
                    << to_yaml(what.plan);
    EXPECT_GT(came.metrics.at("strangers_heard"), 0);
    EXPECT_GE(came.metrics.at("settled_resolves"), 20);
  }
}

TEST_F(fuzzer, another_failure_is_not_the_one_that_is_shrunk) {
  EXPECT_TRUE(fails_alike({"a is 1, expected at most 0", "b is 2"}, "b is 7"));
  EXPECT_FALSE(fails_alike({"a is 1, expected at most 0"}, "b is 7"));
  EXPECT_FALSE(fails_alike({}, "b is 7"));
}

TEST_F(fuzzer, the_command_that_repeats_a_run_names_all_it_needs) {
  trial what;
  what.seed = 12;
  what.schedule_seed = 34;
  EXPECT_EQ(repeat_command(what, "a.yml", "no-ban"),
            "vsf-sim fuzz --plan a.yml --seed 12 --schedule-seed 34 --mutant no-ban");
}

}  // namespace
}  // namespace vsf::sim
