#include "actors/shadow_index/put_budget.hpp"

#include <gtest/gtest.h>

namespace vsf::shadow_index {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(put_budget, counts_a_single_key_as_one_of_many) {
  put_budget budget(100, 16, 32);
  EXPECT_DOUBLE_EQ(budget.per_held(), 0.5);
  EXPECT_DOUBLE_EQ(budget.per_whole(), 8);
  nanoseconds now{0};
  for (int i = 0; i < 8; ++i) {
    budget.start({0, 32});
    budget.end({0, 32}, 16, now);
  }
  EXPECT_DOUBLE_EQ(budget.per_held(), 0.5);
  budget.start({0, 1});
  budget.end({0, 1}, 16, now);
  EXPECT_LT(budget.per_held(), 0.6);
}

TEST(put_budget, learns_from_sweeps_of_both_kinds) {
  put_budget budget(100, 16, 32);
  budget.start({10, 0});
  budget.end({10, 0}, 60, 0ns);
  EXPECT_DOUBLE_EQ(budget.per_whole(), 6);
  budget.start({10, 10});
  budget.end({10, 10}, 80, 0ns);
  EXPECT_DOUBLE_EQ(budget.per_whole(), 6);
  EXPECT_DOUBLE_EQ(budget.per_held(), 2);
}

TEST(put_budget, starts_only_what_it_can_pay_while_others_are_under_way) {
  put_budget budget(100, 16, 32);
  EXPECT_EQ(budget.start_at({10, 0}, 0ns), 0ns);
  budget.start({10, 0});
  EXPECT_FALSE(budget.start_at({1, 0}, 0ns)) << "nobody knows yet what one costs";
  budget.end({10, 0}, 40, 0ns);
  budget.start({10, 0});
  EXPECT_EQ(budget.start_at({5, 0}, 0ns), 0ns);
  EXPECT_EQ(budget.start_at({10, 0}, 0ns), 12s);
  EXPECT_FALSE(budget.start_at({16, 0}, 0ns));
  budget.lost({10, 0}, 0ns);
  EXPECT_EQ(budget.start_at({1000, 0}, 0ns), 0ns);
  EXPECT_FALSE(put_budget(0, 16, 32).start_at({1, 0}, 0ns));
}

}  // namespace
}  // namespace vsf::shadow_index
