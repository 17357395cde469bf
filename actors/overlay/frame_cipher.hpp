#pragma once

#include <cstdint>
#include <span>

#include "net/crypto/crypto.hpp"

namespace vsf::overlay {

/// Frames under one key before it is replaced.
inline constexpr std::uint64_t frames_per_key = std::uint64_t{1} << 20;

/// One direction of a session after its handshake. A frame's nonce is its number, from 0 and never reset;
/// before frame n > 0 with n mod 2^20 = 0 the key becomes HMAC-SHA256(key, "vsf-overlay-rekey-v1"), so that
/// an old one can't be had from a newer one.
class frame_cipher {
 public:
  explicit frame_cipher(const digest& key, std::uint64_t rekey_interval = frames_per_key);

  /// Encrypts in place; the last 16 bytes receive the tag.
  void seal(std::span<std::uint8_t> text_and_tag);
  /// Decrypts in place, 16 bytes remain unused at the end. false: not the next frame of this sender; the
  /// session is then over, since no later frame can be right.
  bool open(std::span<std::uint8_t> text_and_tag);
  /// Number of the next frame.
  std::uint64_t next() const { return next_; }

 private:
  void take_turn();

  digest key_;
  crypto::aead aead_;
  std::uint64_t next_ = 0;
  std::uint64_t interval_;
};

}  // namespace vsf::overlay
