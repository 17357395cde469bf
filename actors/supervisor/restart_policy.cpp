#include "actors/supervisor/restart_policy.hpp"

#include <algorithm>

namespace vsf::supervisor {

std::optional<std::chrono::milliseconds> restart_tracker::on_failure(std::chrono::nanoseconds now,
                                                                     crypto::random_source& random) {
  while (!failures_.empty() && now - failures_.front() > policy_.window) failures_.pop_front();
  if (failures_.size() >= policy_.max_restarts) return std::nullopt;
  const auto doublings = std::min<std::size_t>(failures_.size(), 20);
  const auto delay = std::min(policy_.cap, policy_.base * (std::int64_t{1} << doublings));
  failures_.push_back(now);
  const auto half = static_cast<std::uint64_t>(delay.count() / 2);
  return std::chrono::milliseconds(delay.count() - static_cast<std::int64_t>(random.below(half + 1)));
}

}  // namespace vsf::supervisor
