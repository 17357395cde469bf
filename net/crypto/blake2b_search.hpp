#pragma once

#include <array>
#include <cstdint>

#include "messages/types.hpp"

namespace vsf::crypto {

/// BLAKE2b-256 (RFC 7693) of many messages of one block (<= 128 bytes) that differ in 8 aligned bytes only,
/// computed no further than needed: proof-of-work searches spend all their time here.
class blake2b_search {
 public:
  static constexpr std::size_t block_size = 128;

  /// `message`: at most 128 bytes. `counter_offset`: a multiple of 8; those 8 bytes of the message are the
  /// counter, little-endian, whatever they hold. Throws std::invalid_argument when that does not fit.
  blake2b_search(byte_view message, std::size_t counter_offset);
  /// The last 8 bytes of the hash with this counter, as a big-endian number: its low bits are the hash's last
  /// bits.
  std::uint64_t last_bits(std::uint64_t counter) const;

 private:
  std::array<std::uint64_t, 16> words_{};
  std::size_t counter_word_;
  std::uint64_t size_;
};

}  // namespace vsf::crypto
