#include "net/crypto/random.hpp"

#include <algorithm>
#include <stdexcept>

#include <sodium.h>

#include "net/crypto/start.hpp"

namespace vsf::crypto {
namespace {

constexpr std::size_t block_size = 64;

/// Whole blocks of the stream from block `first` on.
void make_blocks(std::span<std::uint8_t> out, std::uint64_t first, const std::array<std::uint8_t, 32>& key) {
  static constexpr std::array<std::uint8_t, crypto_stream_chacha20_NONCEBYTES> nonce{};
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  crypto_stream_chacha20_xor_ic(out.data(), out.data(), out.size(), nonce.data(), first, key.data());
}

}  // namespace

void start_sodium() {
  static const int started = sodium_init();
  if (started < 0)
    throw std::runtime_error("libsodium could not start: no source of randomness on this system");
}

std::uint64_t random_source::u64() {
  std::array<std::uint8_t, 8> raw{};
  fill(raw);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) out |= static_cast<std::uint64_t>(raw[i]) << (8 * i);
  return out;
}

std::uint64_t random_source::below(std::uint64_t bound) {
  if (bound == 0) throw std::invalid_argument("random_source::below: the bound must be positive");
  // The lowest 2^64 mod bound values would come up once too often: draw again.
  const std::uint64_t biased = (0 - bound) % bound;
  for (;;) {
    const auto x = u64();
    if (x >= biased) return x % bound;
  }
}

void system_random::fill(std::span<std::uint8_t> out) {
  start_sodium();
  if (!out.empty()) randombytes_buf(out.data(), out.size());
}

seeded_random::seeded_random(std::uint64_t seed) {
  start_sodium();
  for (std::size_t i = 0; i < 8; ++i) key_[i] = static_cast<std::uint8_t>(seed >> (8 * i));
}

void seeded_random::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    if (used_ == ready_.size()) {
      const auto whole = out.size() / block_size * block_size;
      if (whole >= ready_.size()) {
        make_blocks(out.first(whole), block_, key_);
        block_ += whole / block_size;
        out = out.subspan(whole);
        continue;
      }
      make_blocks(ready_, block_, key_);
      block_ += ready_.size() / block_size;
      used_ = 0;
    }
    const auto n = std::min(out.size(), ready_.size() - used_);
    std::copy_n(ready_.begin() + static_cast<std::ptrdiff_t>(used_), n, out.begin());
    used_ += n;
    out = out.subspan(n);
  }
}

}  // namespace vsf::crypto
