#pragma once

#include <array>

#include "messages/types.hpp"
#include "net/crypto/random.hpp"

namespace vsf::soulseek {

/// Obfuscation type 1, of P connections and of the init messages of D and F: each message is a random key of
/// four bytes and then its whole frame, xored with the key, which is turned left by one bit before every four
/// bytes. It hides nothing from who knows this.
class obfuscator {
 public:
  /// `random` must outlive it.
  explicit obfuscator(crypto::random_source& random) : random_(&random) {}
  /// `framed` is one frame with its length, as encode() gives it; four bytes more come out.
  bytes wrap(byte_view framed);

 private:
  crypto::random_source* random_;
};

/// The same for a message that comes in parts.
class obfuscated_message {
 public:
  static constexpr std::size_t key_size = 4;

  explicit obfuscated_message(crypto::random_source& random);
  /// Goes in front of all.
  byte_view key() const { return raw_key_; }
  /// The next bytes of the frame; `out` has room for as many.
  void hide(byte_view framed, std::uint8_t* out);

 private:
  std::array<std::uint8_t, key_size> raw_key_{};
  std::uint32_t key_ = 0;
  std::uint64_t done_ = 0;
};

/// Undoes it over a stream of messages, cut anywhere. Keeps eight bytes of state; lengths are for
/// frame_splitter to judge.
class deobfuscator {
 public:
  /// The plain bytes of what these hold, for a frame_splitter.
  bytes feed(byte_view raw);
  /// Between two messages: the next byte would be of a key. From here an F connection goes on in the plain.
  bool at_boundary() const { return key_bytes_ == 0; }
  /// As feed(), but stops at the end of the first message; `raw` becomes what is left.
  bytes feed_one(byte_view& raw);

 private:
  std::uint8_t plain(std::uint8_t raw);

  std::uint32_t key_ = 0;
  std::size_t key_bytes_ = 0;
  std::uint64_t done_ = 0;  // bytes of the frame
  std::uint32_t length_ = 0;
};

}  // namespace vsf::soulseek
