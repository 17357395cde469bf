#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "actors/soulseek/link_effects.hpp"
#include "actors/swarm/token_bucket.hpp"

namespace vsf::soulseek {

/// How fast files come in, all together: a link may read on once what it read was paid for, in the order of
/// the debts. Pure. Without a limit all is paid at once.
class receive_pace {
 public:
  explicit receive_pace(std::uint64_t rate_bytes_per_s) { set_rate(nanoseconds(0), rate_bytes_per_s); }

  void set_rate(nanoseconds now, std::uint64_t rate_bytes_per_s) {
    rate_ = rate_bytes_per_s;
    bucket_.set_rate(now, rate_, rate_ / 4);
  }
  std::uint64_t rate_bytes_per_s() const { return rate_; }
  /// This link has read so much; it is named by ready() later. A new one owes nothing and waits behind the
  /// others.
  void owe(link_id link, std::uint64_t length_bytes) { debts_.push_back({link, length_bytes}); }
  /// It reads no more; what it has read is paid for nevertheless.
  void forget(link_id link) {
    for (auto& d : debts_)
      if (d.link == link) d.link = 0;
  }
  /// The links that may read one chunk more, a link once for each debt.
  std::vector<link_id> ready(nanoseconds now) {
    std::vector<link_id> out;
    while (!debts_.empty() && (rate_ == 0 || bucket_.take(now, debts_.front().length_bytes))) {
      if (debts_.front().link != 0) out.push_back(debts_.front().link);
      debts_.pop_front();
    }
    return out;
  }
  template <class Visit>
  void for_each_waiting(Visit visit) const {
    for (const auto& d : debts_)
      if (d.link != 0) visit(d.link);
  }
  std::optional<nanoseconds> next_deadline(nanoseconds now) {
    if (debts_.empty()) return std::nullopt;
    return rate_ == 0 ? now : bucket_.ready_at(now, debts_.front().length_bytes);
  }

 private:
  struct debt {
    link_id link = 0;
    std::uint64_t length_bytes = 0;
  };
  std::uint64_t rate_ = 0;
  swarm::token_bucket bucket_;
  std::deque<debt> debts_;  // at most the chunks that are granted
};

}  // namespace vsf::soulseek
