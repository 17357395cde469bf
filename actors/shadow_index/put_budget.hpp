#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vsf::shadow_index {

/// How many leaves a sweep offers, by what a holder is sent of them.
struct sweep_size {
  std::size_t whole = 0;  // the leaf itself
  std::size_t held = 0;   // its hash
};

/// A token bucket of datagrams for sweeps, whose cost is known only afterwards: a sweep may start while the
/// bucket is not in debt, further ones only as far as it can pay for all at the cost seen so far.
class put_budget {
 public:
  /// A bucket holds one minute's worth. `copies`: holders a leaf wants; `keys_per_sweep` as in the plan.
  put_budget(std::uint32_t datagrams_per_minute, std::uint32_t copies, std::size_t keys_per_sweep);

  /// When a sweep of this size may start; nullopt: not before one of those under way has ended.
  std::optional<std::chrono::nanoseconds> start_at(const sweep_size& size,
                                                   std::chrono::nanoseconds now) const;
  void start(const sweep_size& size);
  /// A sweep under way turned out to be of another size.
  void resize(const sweep_size& from, const sweep_size& to);
  void end(const sweep_size& size, std::uint32_t written, std::chrono::nanoseconds now);
  /// Nobody says what it cost: what was expected is charged.
  void lost(const sweep_size& size, std::chrono::nanoseconds now);

  /// Datagrams a key.
  double per_whole() const { return whole_.mean(); }
  double per_held() const { return held_.mean(); }
  double cost(const sweep_size& size) const;

 private:
  /// Mean over the last keys, each with the same weight, so that a sweep of one key, which shares its
  /// datagrams with none, says little about full ones.
  struct running_mean {
    double guess;
    double datagrams = 0, keys = 0;

    void add(double cost, std::size_t n);
    bool seen() const { return keys > 0; }
    double mean() const;
  };

  void observe(const sweep_size& size, std::uint32_t written);
  void charge(double datagrams, std::chrono::nanoseconds now);
  std::chrono::nanoseconds time_for(double datagrams) const;

  std::uint32_t per_minute_;
  running_mean whole_, held_;
  sweep_size under_way_;
  std::uint32_t sweeps_ = 0;            // under way
  std::chrono::nanoseconds full_at_{};  // debt is what lies more than a minute ahead
};

}  // namespace vsf::shadow_index
