#include "actors/library/analyzer/byte_source.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vsf::library {

descriptor_source::descriptor_source(int descriptor) : descriptor_(descriptor) {
  // Not fstat: the sandbox would have to allow the call that looks at paths too.
  const auto end = ::lseek(descriptor, 0, SEEK_END);
  size_ = end < 0 ? 0 : static_cast<std::uint64_t>(end);
}

std::size_t descriptor_source::read_at(std::uint64_t offset, std::span<std::uint8_t> out) const {
  std::size_t done = 0;
  while (done < out.size() && offset + done < size_) {
    const auto got =
        ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::size_t memory_source::read_at(std::uint64_t offset, std::span<std::uint8_t> out) const {
  if (offset >= data_.size() || out.empty()) return 0;
  const auto take = std::min(out.size(), data_.size() - static_cast<std::size_t>(offset));
  std::memcpy(out.data(), data_.data() + offset, take);
  return take;
}

bytes read_some(const byte_source& source, std::uint64_t offset, std::size_t size) {
  if (offset >= source.size()) return {};
  bytes out(static_cast<std::size_t>(std::min<std::uint64_t>(size, source.size() - offset)));
  out.resize(source.read_at(offset, out));
  return out;
}

}  // namespace vsf::library
