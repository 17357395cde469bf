#include "net/soulseek/obfuscation.hpp"

#include <bit>

namespace vsf::soulseek {

obfuscated_message::obfuscated_message(crypto::random_source& random) {
  random.fill(raw_key_);
  for (std::size_t i = 0; i < key_size; ++i) key_ |= std::uint32_t{raw_key_[i]} << (8 * i);
}

void obfuscated_message::hide(byte_view framed, std::uint8_t* out) {
  for (const auto byte : framed) {
    if (done_ % 4 == 0) key_ = std::rotl(key_, 1);
    *out++ = static_cast<std::uint8_t>(byte ^ (key_ >> (8 * (done_ % 4)) & 0xFFU));
    ++done_;
  }
}

bytes obfuscator::wrap(byte_view framed) {
  obfuscated_message message(*random_);
  bytes out(message.key().begin(), message.key().end());
  out.resize(out.size() + framed.size());
  message.hide(framed, out.data() + obfuscated_message::key_size);
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
