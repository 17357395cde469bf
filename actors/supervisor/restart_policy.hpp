#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "net/crypto/random.hpp"

namespace vsf::supervisor {

/// permanent: always brought back. transient: brought back unless it ended normally. temporary: never (a
/// session, a lookup): whoever wanted it asks again.
enum class restart_mode : std::uint8_t { permanent, transient, temporary };

/// Capped exponential back-off with jitter; more than max_restarts inside the window is the parent's problem.
struct backoff_policy {
  std::chrono::milliseconds base{100};
  std::chrono::milliseconds cap{30'000};
  unsigned max_restarts = 8;
  std::chrono::milliseconds window{60'000};
};

/// Decides when a failed child comes back. Pure: time and chance come in.
class restart_tracker {
 public:
  explicit restart_tracker(backoff_policy policy) : policy_(policy) {}

  /// Delay until the restart, in [d/2, d] for the back-off d; nullopt: give up and escalate.
  std::optional<std::chrono::milliseconds> on_failure(std::chrono::nanoseconds now,
                                                      crypto::random_source& random);

 private:
  backoff_policy policy_;
  std::deque<std::chrono::nanoseconds> failures_;
};

}  // namespace vsf::supervisor
