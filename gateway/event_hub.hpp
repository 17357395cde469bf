#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace vsf::gateway {

/// One WebSocket's share of the events: bounded, the oldest go first when it doesn't keep up, and it is told
/// how many.
class event_queue {
 public:
  static constexpr std::size_t max_waiting = 256;

  void push(std::shared_ptr<const std::string> text) {
    if (waiting_.size() == max_waiting) {
      waiting_.pop_front();
      ++dropped_;
    }
    waiting_.push_back(std::move(text));
  }
  bool empty() const { return waiting_.empty() && dropped_ == 0; }
  /// The next text to send; what was dropped is told first.
  std::string pop() {
    if (dropped_ > 0) {
      const auto text = R"({"kind":"warning","text":"this connection is too slow: )" +
                        std::to_string(dropped_) + R"( events were left out"})";
      dropped_ = 0;
      return text;
    }
    const auto text = *waiting_.front();
    waiting_.pop_front();
    return text;
  }

 private:
  std::deque<std::shared_ptr<const std::string>> waiting_;
  std::uint64_t dropped_ = 0;
};

}  // namespace vsf::gateway
