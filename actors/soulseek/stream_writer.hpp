#pragma once

#include <deque>
#include <memory>

#include "net/network.hpp"

namespace vsf::soulseek {

/// What waits to be sent on one raw stream, in order. The stream takes a few pieces and says when it has room
/// again.
class stream_writer {
 public:
  static constexpr std::size_t piece_bytes = 64 * 1024;

  /// `done` goes with the last byte: written() counts it once the stream took it.
  void add(byte_view data) {
    for (std::size_t at = 0; at < data.size(); at += piece_bytes) {
      const auto part = data.subspan(at, std::min(piece_bytes, data.size() - at));
      waiting_.push_back({frame::copy_of(part), at + part.size() == data.size()});
    }
  }
  void add(frame data) { add_part(std::move(data), true); }
  /// Of a message in several frames; `last`: it ends with this one.
  void add_part(frame data, bool last) { waiting_.push_back({std::move(data), last}); }

  /// Gives the stream what it takes; how many whole messages went.
  std::size_t pump(net::stream_link& stream) {
    std::size_t whole = 0;
    while (!waiting_.empty() && stream.send(waiting_.front().data)) {
      whole += waiting_.front().last ? 1u : 0u;
      waiting_.pop_front();
    }
    return whole;
  }
  bool empty() const { return waiting_.empty(); }
  std::size_t pieces() const { return waiting_.size(); }

 private:
  struct piece {
    frame data;
    bool last = false;
  };
  std::deque<piece> waiting_;
};

}  // namespace vsf::soulseek
