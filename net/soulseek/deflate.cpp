#include "net/soulseek/deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

namespace vsf::soulseek::detail {
namespace {

constexpr std::size_t chunk_size = 64UL << 10;
/// zlib counts in 32 bits.
constexpr std::size_t max_input = 1UL << 30;
/// What may come out of however little, so that the ratio judges bombs and not the headers of small bodies.
constexpr std::uint64_t free_of_ratio = 64UL << 10;

void give(z_stream& z, byte_view raw) {
  z.next_in = const_cast<Bytef*>(raw.data());  // zlib's own type; it only reads
  z.avail_in = static_cast<uInt>(raw.size());
}

void room(z_stream& z, bytes& chunk) {
  z.next_out = chunk.data();
  z.avail_out = static_cast<uInt>(chunk.size());
}

}  // namespace

struct deflater::stream {
  z_stream z{};
  stream() {
    if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK) throw std::bad_alloc();
  }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() { deflateEnd(&z); }
};

deflater::deflater(chunk_sink out)
    : stream_(std::make_shared<stream>()), out_(std::move(out)), chunk_(chunk_size) {
  room(stream_->z, chunk_);
}

void deflater::run(byte_view raw, int flush) {
  auto& z = stream_->z;
  give(z, raw);
  for (;;) {
    const auto code = ::deflate(&z, flush);
    const bool full = z.avail_out == 0;
    if (full || code == Z_STREAM_END) {
      const auto made = chunk_.size() - z.avail_out;
      size_ += made;
      if (made > 0) out_(byte_view(chunk_).first(made));
      room(z, chunk_);
    }
    if (code == Z_STREAM_END || (!full && flush == Z_NO_FLUSH)) return;
  }
}

void deflater::put(byte_view raw) {
  while (!raw.empty()) {
    const auto part = raw.first(std::min(raw.size(), max_input));
    run(part, Z_NO_FLUSH);
    raw = raw.subspan(part.size());
  }
}

std::uint64_t deflater::finish() {
  run({}, Z_FINISH);
  return size_;
}

struct inflater::stream {
  z_stream z{};
  stream() {
    if (inflateInit(&z) != Z_OK) throw std::bad_alloc();
  }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() { inflateEnd(&z); }
};

inflater::inflater(const inflate_limits& limits)
    : stream_(std::make_shared<stream>()), limits_(limits), chunk_(chunk_size) {}

tl::expected<void, fault> inflater::put(byte_view raw, const std::function<bool(byte_view)>& out) {
  auto& z = stream_->z;
  bool more = true;  // zlib may hold output for which there was no room
  while (!ended_ && (!raw.empty() || more)) {
    const auto part = raw.first(std::min(raw.size(), max_input));
    give(z, part);
    room(z, chunk_);
    const auto code = ::inflate(&z, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return tl::unexpected(fault::bad_zlib);
    const auto used = part.size() - z.avail_in;
    const auto made = chunk_.size() - z.avail_out;
    raw = raw.subspan(used);
    in_ += used;
    out_ += made;
    if (out_ > limits_.size) return tl::unexpected(fault::inflates_too_far);
    if (out_ > free_of_ratio && out_ / limits_.ratio > in_) return tl::unexpected(fault::inflates_too_far);
    if (made > 0 && !out(byte_view(chunk_).first(made))) return {};
    ended_ = code == Z_STREAM_END;
    more = z.avail_out == 0;
    if (used == 0 && made == 0) break;
  }
  return {};
}

tl::expected<bytes, fault> inflate(byte_view raw, const inflate_limits& limits) {
  bytes out;
  inflater it(limits);
  const auto done = it.put(raw, [&](byte_view chunk) {
    out.insert(out.end(), chunk.begin(), chunk.end());
    return true;
  });
  if (!done) return tl::unexpected(done.error());
  if (!it.ended()) return tl::unexpected(fault::bad_zlib);
  return out;
}

void deflate(byte_view raw, bytes& out) {
  deflater it([&](byte_view chunk) { out.insert(out.end(), chunk.begin(), chunk.end()); });
  it.put(raw);
  it.finish();
}

}  // namespace vsf::soulseek::detail
