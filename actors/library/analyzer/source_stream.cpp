#include "actors/library/analyzer/source_stream.hpp"

#include <algorithm>

namespace vsf::library {
namespace {

constexpr std::uint64_t max_read = std::uint64_t{64} << 20;

}  // namespace

TagLib::ByteVector source_stream::readBlock(unsigned long length) {
  if (at_ >= source_.size()) return {};
  const auto take = std::min({std::uint64_t{length}, source_.size() - at_, max_read, left_});
  if (take == 0) return {};
  TagLib::ByteVector out(static_cast<unsigned>(take), 0);
  const auto got =
      source_.read_at(at_, {reinterpret_cast<std::uint8_t*>(out.data()), static_cast<std::size_t>(take)});
  out.resize(static_cast<unsigned>(got));
  at_ += got;
  left_ -= take;
  return out;
}

void source_stream::seek(long offset, Position from) {
  const auto base = from == Beginning ? 0 : from == Current ? tell() : length();
  long to = 0;
  if (__builtin_add_overflow(base, offset, &to)) to = offset < 0 ? 0 : base;
  at_ = static_cast<std::uint64_t>(std::max(0L, to));
}

}  // namespace vsf::library
