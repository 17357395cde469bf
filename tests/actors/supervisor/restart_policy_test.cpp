#include "actors/supervisor/restart_policy.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <vector>

namespace vsf::supervisor {
namespace {

using namespace std::chrono_literals;

TEST(restart_policy, doubles_up_to_the_cap_with_jitter_in_the_upper_half) {
  EXPECT_TRUE(rc::check("back-off", [](std::uint64_t seed) {
    crypto::seeded_random random(seed);
    restart_tracker tracker({.base = 100ms, .cap = 1000ms, .max_restarts = 8, .window = 60s});
    std::int64_t full_ms = 100;
    for (int i = 0; i < 8; ++i) {
      const auto delay = tracker.on_failure(1ms, random);
      RC_ASSERT(delay);
      RC_ASSERT(delay->count() >= full_ms / 2 && delay->count() <= full_ms);
      full_ms = std::min<std::int64_t>(full_ms * 2, 1000);
    }
    RC_ASSERT(!tracker.on_failure(1ms, random));
  }));
}

TEST(restart_policy, failures_that_left_the_window_are_forgotten) {
  crypto::seeded_random random(1);
  restart_tracker tracker({.base = 100ms, .cap = 1000ms, .max_restarts = 2, .window = 10s});
  EXPECT_TRUE(tracker.on_failure(0s, random));
  EXPECT_TRUE(tracker.on_failure(1s, random));
  EXPECT_FALSE(tracker.on_failure(10s, random)) << "the first is exactly as old as the window";
  const auto later = tracker.on_failure(12s, random);
  ASSERT_TRUE(later);
  EXPECT_LE(later->count(), 100) << "the back-off begins again";
}

TEST(restart_policy, any_series_of_failures_stays_within_the_limit_of_its_window) {
  EXPECT_TRUE(rc::check("series", [](std::uint64_t seed) {
    crypto::seeded_random random(seed);
    const backoff_policy policy{.base = 10ms, .cap = 500ms, .max_restarts = 3, .window = 5s};
    restart_tracker tracker(policy);
    std::vector<std::chrono::nanoseconds> granted;
    std::chrono::nanoseconds now{0};
    for (int i = 0; i < 50; ++i) {
      now += std::chrono::milliseconds(random.below(3000));
      const auto recent = std::ranges::count_if(granted, [&](auto t) { return now - t <= policy.window; });
      const auto delay = tracker.on_failure(now, random);
      RC_ASSERT(delay.has_value() == (recent < 3));
      if (delay) {
        RC_ASSERT(*delay <= policy.cap && delay->count() >= 5);
        granted.push_back(now);
      }
    }
  }));
}

}  // namespace
}  // namespace vsf::supervisor
