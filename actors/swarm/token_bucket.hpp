#pragma once

#include <chrono>
#include <cstdint>

namespace vsf::swarm {

/// Lets at most `rate` bytes a second pass on average and `burst` at once. Integer arithmetic, nothing is
/// lost to rounding. A rate of 0 is no limit.
class token_bucket {
 public:
  token_bucket() = default;
  token_bucket(std::uint64_t rate_bytes_per_s, std::uint64_t burst_bytes);

  bool limited() const { return rate_ != 0; }
  /// Keeps what has gathered, up to the new burst.
  void set_rate(std::chrono::nanoseconds now, std::uint64_t rate_bytes_per_s, std::uint64_t burst_bytes);
  /// Takes `amount` if there is as much; more than the burst is taken once the bucket is full and then owed.
  bool take(std::chrono::nanoseconds now, std::uint64_t amount_bytes);
  /// What take() would give now; the greatest number without a limit.
  std::uint64_t available(std::chrono::nanoseconds now);
  /// When take(amount) will succeed if nothing else is taken; `now` if at once.
  std::chrono::nanoseconds ready_at(std::chrono::nanoseconds now, std::uint64_t amount_bytes);

 private:
  void refill(std::chrono::nanoseconds now);

  std::uint64_t rate_ = 0;
  std::uint64_t burst_ = 0;
  std::int64_t tokens_ = 0;  // negative: owed
  std::uint64_t carry_ = 0;  // billionths of a token
  std::chrono::nanoseconds last_{0};
  bool begun_ = false;
};

}  // namespace vsf::swarm
