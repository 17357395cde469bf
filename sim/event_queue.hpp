#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

namespace vsf::sim {

using virtual_time = std::chrono::nanoseconds;

/// What is going to happen outside the actors: deliveries, connection ends, faults, workload. Ordered by
/// time, then by the order of scheduling, so that a seed fixes everything.
class event_queue {
 public:
  void at(virtual_time when, std::function<void()> what) { heap_.push({when, next_++, std::move(what)}); }
  std::optional<virtual_time> next_time() const {
    return heap_.empty() ? std::nullopt : std::optional(heap_.top().when);
  }
  /// Takes the earliest event off the queue.
  std::function<void()> pop() {
    // top() is const only because changing the key would break the heap; the action is no part of the key.
    auto what = std::move(const_cast<event&>(heap_.top()).what);
    heap_.pop();
    return what;
  }
  std::size_t size() const { return heap_.size(); }

 private:
  struct event {
    virtual_time when;
    std::uint64_t sequence;
    std::function<void()> what;
    bool operator<(const event& other) const {
      return std::pair(when, sequence) > std::pair(other.when, other.sequence);
    }
  };
  std::priority_queue<event> heap_;
  std::uint64_t next_ = 0;
};

/// A running hash of everything that was sent: equal seeds must give equal traces on every compiler.
class trace {
 public:
  void mix(std::uint64_t x) {
    hash_ ^= x;
    hash_ *= 0x9E3779B97F4A7C15u;
    hash_ ^= hash_ >> 29;
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0x243F6A8885A308D3u;
};

}  // namespace vsf::sim
