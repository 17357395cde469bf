#include "net/soulseek/obfuscation.hpp"

#include <bit>

namespace vsf::soulseek {

bytes obfuscator::wrap(byte_view framed) {
  std::array<std::uint8_t, 4> raw_key{};
  random_->fill(raw_key);
  bytes out(raw_key.begin(), raw_key.end());
  out.reserve(framed.size() + raw_key.size());
  std::uint32_t key = 0;
  for (std::size_t i = 0; i < 4; ++i) key |= std::uint32_t{raw_key[i]} << (8 * i);
  for (std::size_t i = 0; i < framed.size(); ++i) {
    if (i % 4 == 0) key = std::rotl(key, 1);
    out.push_back(static_cast<std::uint8_t>(framed[i] ^ (key >> (8 * (i % 4)) & 0xFFU)));
  }
  return out;
}

std::uint8_t deobfuscator::plain(std::uint8_t raw) {
  if (done_ % 4 == 0) key_ = std::rotl(key_, 1);
  const auto out = static_cast<std::uint8_t>(raw ^ (key_ >> (8 * (done_ % 4)) & 0xFFU));
  if (done_ < 4) length_ |= std::uint32_t{out} << (8 * done_);
  ++done_;
  if (done_ >= 4 && done_ - 4 == length_) {
    key_ = length_ = 0;
    key_bytes_ = 0;
    done_ = 0;
  }
  return out;
}

bytes deobfuscator::feed_one(byte_view& raw) {
  bytes out;
  while (!raw.empty()) {
    const auto byte = raw[0];
    raw = raw.subspan(1);
    if (key_bytes_ < 4) {
      key_ |= std::uint32_t{byte} << (8 * key_bytes_++);
      continue;
    }
    out.push_back(plain(byte));
    if (at_boundary()) break;
  }
  return out;
}

bytes deobfuscator::feed(byte_view raw) {
  bytes out;
  while (!raw.empty()) {
    const auto part = feed_one(raw);
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

}  // namespace vsf::soulseek
