#include "net/crypto/stand_in.hpp"

#include <algorithm>
#include <bit>

namespace vsf::crypto::stand_in {
namespace {

__extension__ using wide = unsigned __int128;

constexpr std::uint64_t k0 = 0xa0761d6478bd642fULL;
constexpr std::uint64_t k1 = 0xe7037ed1a0b428dbULL;
constexpr std::uint64_t k2 = 0x8ebc6af09c88c6e3ULL;
constexpr std::uint64_t k3 = 0x589965cc75374cc3ULL;

/// Multiply and fold, wyhash's mixer.
std::uint64_t mix(std::uint64_t x, std::uint64_t y) {
  const wide product = static_cast<wide>(x) * y;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load(const std::uint8_t* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, 8);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

enum purpose : std::uint64_t {
  for_identity = 1,
  for_signature,
  for_dh_public,
  for_dh_shared,
  for_tag,
  for_derive
};

}  // namespace

checksum::checksum(std::uint64_t purpose) : a_(mix(purpose ^ k0, k1)), b_(mix(purpose ^ k2, k3)) {}

checksum& checksum::number(std::uint64_t value) {
  a_ = mix(a_ ^ value ^ k1, k2 ^ std::rotl(b_, 23));
  b_ = mix(b_ ^ value ^ k3, k0) + a_;
  return *this;
}

checksum& checksum::section(byte_view data) {
  number(data.size());
  const auto* at = data.data();
  auto left = data.size();
  for (; left >= 32; at += 32, left -= 32) {
    a_ = mix(load(at) ^ k1, load(at + 8) ^ a_);
    b_ = mix(load(at + 16) ^ k2, load(at + 24) ^ b_);
  }
  for (; left >= 8; at += 8, left -= 8) number(load(at));
  if (left > 0) {
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < left; ++i) last |= static_cast<std::uint64_t>(at[i]) << (8 * i);
    number(last);
  }
  return *this;
}

void checksum::finish(std::span<std::uint8_t> out) const {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 8 == 0) word = mix(a_ ^ (i + k2), b_ ^ k3) ^ mix(b_ ^ (i + k0), a_ ^ k1);
    out[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
  }
}

public_key identity_of(const digest& seed) {
  public_key out;
  checksum(for_identity).section(seed.view()).finish(out);
  return out;
}

signature sign(const public_key& identity, byte_view message) {
  signature out;
  checksum(for_signature).section(identity.view()).section(message).finish(out);
  return out;
}

bool verify(const public_key& who, const signature& sig, byte_view message) {
  return sign(who, message) == sig;
}

static_key dh_public(const digest& secret) {
  static_key out;
  checksum(for_dh_public).section(secret.view()).finish(out);
  return out;
}

digest dh_shared(const static_key& mine, const static_key& theirs) {
  const auto& [low, high] = std::minmax(mine, theirs);
  digest out;
  checksum(for_dh_shared).section(low.view()).section(high.view()).finish(out);
  return out;
}

std::array<std::uint8_t, 64> derive(const digest& chaining_key, byte_view input) {
  std::array<std::uint8_t, 64> out{};
  checksum(for_derive).section(chaining_key.view()).section(input).finish(out);
  return out;
}

void tag(const digest& key, std::uint64_t nonce, byte_view associated, byte_view text,
         std::span<std::uint8_t> out) {
  checksum(for_tag).section(key.view()).number(nonce).section(associated).section(text).finish(out);
}

}  // namespace vsf::crypto::stand_in
