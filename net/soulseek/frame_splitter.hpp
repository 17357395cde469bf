#pragma once

#include <optional>

#include "net/soulseek/types.hpp"

namespace vsf::soulseek {

/// Limits for frame_splitter: the length a frame may claim, in bytes.
inline constexpr std::size_t server_frame_limit = 128UL << 20;
inline constexpr std::size_t peer_frame_limit = 128UL
                                                << 20;  // for browse replies; the others are far smaller
inline constexpr std::size_t init_frame_limit = 64UL << 10;
inline constexpr std::size_t distributed_frame_limit = 64UL << 10;

inline constexpr std::size_t wide_code = 4;    // server and P connections
inline constexpr std::size_t narrow_code = 1;  // the init message and D connections

/// Cuts a stream into frames. It keeps only bytes that have arrived, never what a length promises, and at
/// most one frame beyond what was fed at once. A length of 0 is skipped, as some clients write the token of
/// PeerInit with four zeros more than they count; one between that and the code's size is malformed, one
/// beyond the limit oversize.
class frame_splitter {
 public:
  /// What is known of the first frame once its code is there.
  struct head {
    std::uint32_t length = 0;  // code and body
    std::uint32_t code = 0;
    bool operator==(const head&) const = default;
  };

  frame_splitter(std::size_t limit, std::size_t code_size) : limit_(limit), code_size_(code_size) {}

  /// Ends the life of every view given out. After an error bytes are dropped.
  void feed(byte_view raw);
  /// The next whole frame without its length, which the decoders take; the view lives until the next feed()
  /// or drain(). Nothing: feed more, or look at error().
  std::optional<byte_view> next();
  /// Set for good once the stream is broken; the connection is of no more use.
  std::optional<fault> error() const { return error_; }

  /// The frame that next() would give or waits for. To be looked at when a code has a limit of its own, or
  /// when the frame is to be streamed.
  std::optional<head> front();
  /// The front frame is wanted piecemeal: take() gives its body as it comes, and next() nothing until it's
  /// over. False: there is no head yet.
  bool stream_front();
  /// What has arrived of the streamed body; the view lives until the next feed() or drain().
  byte_view take();
  /// Bytes of the streamed body that take() hasn't given yet.
  std::size_t streaming() const { return streaming_; }

  std::size_t buffered() const { return buffer_.size() - start_; }
  /// Gives up what was fed and not yet taken, for who goes on with the connection otherwise (F connections
  /// have no frames).
  bytes drain();

 private:
  bool skip_empty();

  std::size_t limit_;
  std::size_t code_size_;
  bytes buffer_;
  std::size_t start_ = 0;
  std::size_t streaming_ = 0;
  std::optional<fault> error_;
};

}  // namespace vsf::soulseek
