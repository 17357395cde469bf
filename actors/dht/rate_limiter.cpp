#include "actors/dht/rate_limiter.hpp"

namespace vsf::dht {

double token_bucket::filled(nanoseconds now) const {
  if (now <= last_) return tokens_;
  return std::min(burst_, tokens_ + std::chrono::duration<double>(now - last_).count() * per_second_);
}

bool token_bucket::take(nanoseconds now, double count) {
  tokens_ = filled(now);
  last_ = std::max(last_, now);
  if (tokens_ < count) return false;
  tokens_ -= count;
  return true;
}

nanoseconds token_bucket::next(nanoseconds now) const {
  const auto have = filled(now);
  if (have >= 1 || per_second_ <= 0) return now;
  return now +
         std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>((1 - have) / per_second_)) +
         nanoseconds(1000);
}

bool rate_limiter::allow(const endpoint& from, nanoseconds now, double cost) {
  // Once a minute for tidiness; when full at most once a second, so that a flood of sources doesn't make
  // every datagram a sweep.
  const bool is_full = sources_.size() >= max_sources_;
  if (now >= next_sweep_ || (is_full && now >= next_sweep_ - std::chrono::seconds(59))) {
    std::erase_if(sources_, [&](const auto& entry) { return entry.second.full(now); });
    next_sweep_ = now + std::chrono::minutes(1);
  }
  const auto group = group_of(from);
  auto it = sources_.find(group);
  if (it == sources_.end()) {
    if (sources_.size() >= max_sources_) return false;
    it = sources_.emplace(group, token_bucket(each_.burst, each_.per_second)).first;
  }
  return it->second.take(now, cost);
}

}  // namespace vsf::dht
