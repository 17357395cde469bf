#include "net/crypto/blake2b_search.hpp"

#include <bit>
#include <stdexcept>
#include <utility>

namespace vsf::crypto {
namespace {

using words16 = std::array<std::uint64_t, 16>;

constexpr std::array<std::uint64_t, 8> initial{0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                               0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                               0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

constexpr std::uint8_t sigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                        {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                        {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                        {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                        {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                        {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

[[gnu::always_inline]] inline void step(std::uint64_t& a, std::uint64_t& b, std::uint64_t& c,
                                        std::uint64_t& d, std::uint64_t x, std::uint64_t y) {
  a += b + x;
  d = std::rotr(d ^ a, 32);
  c += d;
  b = std::rotr(b ^ c, 24);
  a += b + y;
  d = std::rotr(d ^ a, 16);
  c += d;
  b = std::rotr(b ^ c, 63);
}

/// The round is a template argument so that the message schedule costs no look-ups.
template <std::size_t Round>
[[gnu::always_inline]] inline void round(words16& v, const words16& m) {
  constexpr auto& s = sigma[Round % 10];
  step(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  step(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  step(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  step(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  step(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  step(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  step(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  step(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

std::uint64_t byte_swapped(std::uint64_t x) { return __builtin_bswap64(x); }

}  // namespace

blake2b_search::blake2b_search(byte_view message, std::size_t counter_offset)
    : counter_word_(counter_offset / 8), size_(message.size()) {
  if (message.size() > block_size || counter_offset % 8 != 0 || counter_offset + 8 > message.size())
    throw std::invalid_argument("blake2b_search: the message or its counter does not fit one block");
  for (std::size_t i = 0; i < message.size(); ++i)
    words_[i / 8] |= static_cast<std::uint64_t>(message[i]) << (8 * (i % 8));
}

std::uint64_t blake2b_search::last_bits(std::uint64_t counter) const {
  auto m = words_;
  m[counter_word_] = counter;
  constexpr std::uint64_t parameters = 0x01010000 ^ 32;  // no key, sequential mode, 32 bytes of hash
  words16 v{initial[0] ^ parameters,
            initial[1],
            initial[2],
            initial[3],
            initial[4],
            initial[5],
            initial[6],
            initial[7],
            initial[0],
            initial[1],
            initial[2],
            initial[3],
            initial[4] ^ size_,
            initial[5],
            ~initial[6],
            initial[7]};
  [&]<std::size_t... Round>(std::index_sequence<Round...>) { (round<Round>(v, m), ...); }
  (std::make_index_sequence<12>());
  return byte_swapped(initial[3] ^ v[3] ^ v[11]);
}

}  // namespace vsf::crypto
