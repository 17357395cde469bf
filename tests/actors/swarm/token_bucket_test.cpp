#include "actors/swarm/token_bucket.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;

TEST(token_bucket_test, WithoutALimitEverythingPasses) {
  token_bucket b;
  EXPECT_FALSE(b.limited());
  EXPECT_TRUE(b.take(0ns, std::uint64_t{1} << 60));
  EXPECT_EQ(b.ready_at(5s, 1 << 30), 5s);
}

TEST(token_bucket_test, GivesTheBurstThenTheRate) {
  token_bucket b(1000, 500);
  EXPECT_TRUE(b.take(10s, 500));
  EXPECT_FALSE(b.take(10s, 1));
  EXPECT_EQ(b.available(10s + 100ms), 100U);
  EXPECT_FALSE(b.take(10s + 100ms, 101));
  EXPECT_TRUE(b.take(10s + 100ms, 100));
  EXPECT_EQ(b.available(3600s), 500U) << "no more than the burst gathers";
}

TEST(token_bucket_test, LargerThanTheBurstIsOwed) {
  token_bucket b(1000, 100);
  EXPECT_TRUE(b.take(1s, 1000));
  EXPECT_FALSE(b.take(1500ms, 1));
  EXPECT_TRUE(b.take(2s, 100));
}

TEST(token_bucket_test, ClockThatStandsOrGoesBackGivesNothing) {
  token_bucket b(1000, 100);
  EXPECT_TRUE(b.take(10s, 100));
  EXPECT_FALSE(b.take(9s, 1));
  EXPECT_FALSE(b.take(10s, 1));
}

TEST(token_bucket_test, AnotherRateKeepsWhatGathered) {
  token_bucket b(1000, 1000);
  EXPECT_TRUE(b.take(1s, 900));
  b.set_rate(1s, 10, 1000);
  EXPECT_EQ(b.available(1s), 100U);
  EXPECT_EQ(b.available(2s), 110U);
  b.set_rate(2s, 0, 1);
  EXPECT_TRUE(b.take(2s, 1 << 20));
}

RC_GTEST_PROP(token_bucket_test, NeverPassesMoreThanRateAndBurst, ()) {
  const auto rate = *rc::gen::inRange<std::uint64_t>(1, 10'000'000);
  const auto burst = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  token_bucket b(rate, burst);
  std::chrono::nanoseconds now = 5s;
  const auto begun = now;
  std::uint64_t passed = 0;
  const auto steps = *rc::gen::container<std::vector<std::pair<std::uint64_t, std::uint64_t>>>(rc::gen::pair(
      rc::gen::inRange<std::uint64_t>(0, 400'000'000), rc::gen::inRange<std::uint64_t>(1, burst + 1)));
  for (const auto& [wait, amount] : steps) {
    now += std::chrono::nanoseconds(wait);
    if (b.take(now, amount)) passed += amount;
    const auto elapsed_ns = static_cast<long double>((now - begun).count());
    RC_ASSERT(static_cast<long double>(passed) <=
              static_cast<long double>(burst) + elapsed_ns * static_cast<long double>(rate) / 1e9L + 1);
  }
}

RC_GTEST_PROP(token_bucket_test, ReadyAtIsTheFirstMomentThatWorks, ()) {
  const auto rate = *rc::gen::inRange<std::uint64_t>(1, 1'000'000'000);
  const auto burst = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  token_bucket b(rate, burst);
  std::chrono::nanoseconds now = 1s;
  RC_ASSERT(b.take(now, *rc::gen::inRange<std::uint64_t>(1, 2 * burst)));
  now += std::chrono::nanoseconds(*rc::gen::inRange<std::int64_t>(0, 1'000'000));
  const auto amount = *rc::gen::inRange<std::uint64_t>(1, burst + 1);
  const auto at = b.ready_at(now, amount);
  RC_ASSERT(at >= now);
  auto copy = b;
  RC_ASSERT(copy.take(at, amount));
  if (at > now + 2ns) RC_ASSERT(!b.take(at - 2ns, amount));
}

}  // namespace

}  // namespace vsf::swarm
