#pragma once

#include <map>

#include "actors/dht/contacts.hpp"

namespace vsf::dht {

/// One bucket of tokens that fills with time.
class token_bucket {
 public:
  /// Starts full: `burst` at once, then `per_second`.
  token_bucket(double burst, double per_second) : burst_(burst), per_second_(per_second), tokens_(burst) {}
  bool take(nanoseconds now, double count = 1);
  /// When the next token is there.
  nanoseconds next(nanoseconds now) const;
  bool full(nanoseconds now) const { return filled(now) >= burst_; }
  nanoseconds last_use() const { return last_; }

 private:
  double filled(nanoseconds now) const;
  double burst_, per_second_, tokens_;
  nanoseconds last_{0};
};

struct rate {
  double burst = 0;
  double per_second = 0;
};

/// A bucket for each source (address_group). Bounded: when it is full, sources whose bucket is full again are
/// forgotten, and if there are none a new source gets nothing.
class rate_limiter {
 public:
  rate_limiter(rate each, std::size_t max_sources) : each_(each), max_sources_(max_sources) {}
  bool allow(const endpoint& from, nanoseconds now, double cost = 1);
  std::size_t sources() const { return sources_.size(); }

 private:
  rate each_;
  std::size_t max_sources_;
  std::map<address_group, token_bucket> sources_;
  nanoseconds next_sweep_{0};
};

}  // namespace vsf::dht
