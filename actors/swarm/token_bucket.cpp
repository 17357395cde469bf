#include "actors/swarm/token_bucket.hpp"

#include <algorithm>
#include <limits>

namespace vsf::swarm {

namespace {

constexpr std::uint64_t billion = 1'000'000'000;
// Keeps every product below within 64 bits: 16 GiB a second.
constexpr std::uint64_t max_rate = std::uint64_t{1} << 34;

}  // namespace

token_bucket::token_bucket(std::uint64_t rate_bytes_per_s, std::uint64_t burst_bytes)
    : rate_(std::min(rate_bytes_per_s, max_rate)),
      burst_(std::clamp<std::uint64_t>(burst_bytes, 1, max_rate)) {
  tokens_ = static_cast<std::int64_t>(burst_);
}

void token_bucket::set_rate(std::chrono::nanoseconds now, std::uint64_t rate_bytes_per_s,
                            std::uint64_t burst_bytes) {
  const bool was_limited = limited();
  refill(now);
  rate_ = std::min(rate_bytes_per_s, max_rate);
  burst_ = std::clamp<std::uint64_t>(burst_bytes, 1, max_rate);
  carry_ = 0;
  tokens_ =
      was_limited ? std::min(tokens_, static_cast<std::int64_t>(burst_)) : static_cast<std::int64_t>(burst_);
}

void token_bucket::refill(std::chrono::nanoseconds now) {
  if (!begun_) {
    begun_ = true;
    last_ = now;
  }
  if (now <= last_ || rate_ == 0) {
    last_ = std::max(last_, now);
    return;
  }
  const auto elapsed = static_cast<std::uint64_t>((now - last_).count());
  last_ = now;
  const auto seconds = elapsed / billion;
  const auto room = static_cast<std::uint64_t>(static_cast<std::int64_t>(burst_) - tokens_);
  if (seconds > room / rate_ + 1) {
    tokens_ = static_cast<std::int64_t>(burst_);
    carry_ = 0;
    return;
  }
  const auto fraction = (elapsed % billion) * rate_ + carry_;
  const auto gained = seconds * rate_ + fraction / billion;
  carry_ = fraction % billion;
  if (gained >= room) {
    tokens_ = static_cast<std::int64_t>(burst_);
    carry_ = 0;
  } else {
    tokens_ += static_cast<std::int64_t>(gained);
  }
}

bool token_bucket::take(std::chrono::nanoseconds now, std::uint64_t amount_bytes) {
  if (rate_ == 0) return true;
  refill(now);
  if (tokens_ < static_cast<std::int64_t>(std::min(amount_bytes, burst_))) return false;
  tokens_ -= static_cast<std::int64_t>(std::min(amount_bytes, max_rate));
  return true;
}

std::uint64_t token_bucket::available(std::chrono::nanoseconds now) {
  if (rate_ == 0) return std::numeric_limits<std::uint64_t>::max();
  refill(now);
  return tokens_ > 0 ? static_cast<std::uint64_t>(tokens_) : 0;
}

std::chrono::nanoseconds token_bucket::ready_at(std::chrono::nanoseconds now, std::uint64_t amount_bytes) {
  if (rate_ == 0) return now;
  refill(now);
  const auto wanted = static_cast<std::int64_t>(std::min(amount_bytes, burst_));
  if (tokens_ >= wanted) return now;
  const auto missing = static_cast<std::uint64_t>(wanted - tokens_);
  const auto seconds = missing / rate_;
  const auto rest = (missing % rate_) * billion;  // < 2^34 * 2^30
  const auto part = (rest > carry_ ? rest - carry_ : 0) / rate_ + 1;
  return now + std::chrono::seconds(seconds) + std::chrono::nanoseconds(part);
}

}  // namespace vsf::swarm
