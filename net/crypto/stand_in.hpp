#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "messages/types.hpp"

/// What suite::stand_in computes instead of curves and ciphers: a fast keyed checksum. It keeps the
/// functional properties (another key, a flipped byte: refused; both sides derive the same secret) and no
/// security at all.
namespace vsf::crypto::stand_in {

/// A 256-bit checksum of bytes in sections; ("ab", "c") differs from ("a", "bc"). The same on every machine.
class checksum {
 public:
  explicit checksum(std::uint64_t purpose);
  checksum& section(byte_view data);
  checksum& number(std::uint64_t value);
  /// Fills `out` (any size) from the state.
  void finish(std::span<std::uint8_t> out) const;

 private:
  std::uint64_t a_;
  std::uint64_t b_;
};

public_key identity_of(const digest& seed);
signature sign(const public_key& identity, byte_view message);
bool verify(const public_key& who, const signature& sig, byte_view message);

static_key dh_public(const digest& secret);
/// Symmetric in its arguments.
digest dh_shared(const static_key& mine, const static_key& theirs);

/// 64 bytes in place of Noise's HKDF with two outputs.
std::array<std::uint8_t, 64> derive(const digest& chaining_key, byte_view input);

/// The text stays as it is; only the tag (16 bytes) is made.
void tag(const digest& key, std::uint64_t nonce, byte_view associated, byte_view text,
         std::span<std::uint8_t> out);

}  // namespace vsf::crypto::stand_in
