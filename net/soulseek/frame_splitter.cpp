#include "net/soulseek/frame_splitter.hpp"

#include <algorithm>

namespace vsf::soulseek {
namespace {

/// Room beyond this is given back when nothing is kept: one large frame shouldn't cost for ever.
constexpr std::size_t kept_capacity = 256UL << 10;

std::uint32_t number_at(byte_view raw, std::size_t size) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < size; ++i) out |= std::uint32_t{raw[i]} << (8 * i);
  return out;
}

}  // namespace

void frame_splitter::feed(byte_view raw) {
  if (error_) return;
  if (start_ == buffer_.size() && buffer_.capacity() > kept_capacity) buffer_ = {};
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
  start_ = 0;
  buffer_.insert(buffer_.end(), raw.begin(), raw.end());
}

/// To the first frame that holds something. False: its length isn't there yet, or is wrong.
bool frame_splitter::skip_empty() {
  while (!error_ && streaming_ == 0 && buffered() >= 4) {
    const auto length = number_at(byte_view(buffer_).subspan(start_), 4);
    if (length > limit_)
      error_ = fault::oversize;
    else if (length > 0 && length < code_size_)
      error_ = fault::malformed;
    else if (length > 0)
      return true;
    else
      start_ += 4;
  }
  return false;
}

std::optional<frame_splitter::head> frame_splitter::front() {
  if (!skip_empty() || buffered() < 4 + code_size_) return std::nullopt;
  const auto rest = byte_view(buffer_).subspan(start_);
  return head{number_at(rest, 4), number_at(rest.subspan(4), code_size_)};
}

std::optional<byte_view> frame_splitter::next() {
  if (!skip_empty()) return std::nullopt;
  const auto rest = byte_view(buffer_).subspan(start_);
  const std::size_t length = number_at(rest, 4);
  if (rest.size() - 4 < length) return std::nullopt;
  start_ += 4 + length;
  return rest.subspan(4, length);
}

bool frame_splitter::stream_front() {
  const auto first = front();
  if (!first) return false;
  start_ += 4 + code_size_;
  streaming_ = first->length - code_size_;
  return true;
}

byte_view frame_splitter::take() {
  const auto out = byte_view(buffer_).subspan(start_, std::min(streaming_, buffered()));
  start_ += out.size();
  streaming_ -= out.size();
  return out;
}

bytes frame_splitter::drain() {
  bytes out(buffer_.begin() + static_cast<std::ptrdiff_t>(start_), buffer_.end());
  buffer_ = {};
  start_ = 0;
  streaming_ = 0;
  return out;
}

}  // namespace vsf::soulseek
