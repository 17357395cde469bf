#pragma once

#include <functional>
#include <memory>

#include "net/soulseek/codec.hpp"

namespace vsf::soulseek::detail {

using chunk_sink = std::function<void(byte_view)>;

/// zlib piece by piece; about 270 KiB.
class deflater {
 public:
  explicit deflater(chunk_sink out);
  /// What comes out goes to the sink, in chunks of at most 64 KiB.
  void put(byte_view raw);
  /// Ends the stream; its size in bytes.
  std::uint64_t finish();

 private:
  struct stream;
  void run(byte_view raw, int flush);

  std::shared_ptr<stream> stream_;
  chunk_sink out_;
  bytes chunk_;
  std::uint64_t size_ = 0;
};

/// The other way, within limits; about 110 KiB.
class inflater {
 public:
  explicit inflater(const inflate_limits& limits);
  /// The sink gets chunks of at most 64 KiB and says false to stop. Bytes after the end of the stream are
  /// dropped. bad_zlib, inflates_too_far.
  tl::expected<void, fault> put(byte_view raw, const std::function<bool(byte_view)>& out);
  bool ended() const { return ended_; }

 private:
  struct stream;
  std::shared_ptr<stream> stream_;
  inflate_limits limits_;
  bytes chunk_;
  std::uint64_t in_ = 0;
  std::uint64_t out_ = 0;
  bool ended_ = false;
};

tl::expected<bytes, fault> inflate(byte_view raw, const inflate_limits& limits);
/// Appends.
void deflate(byte_view raw, bytes& out);

}  // namespace vsf::soulseek::detail
