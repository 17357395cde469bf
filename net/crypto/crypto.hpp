#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>

#include "messages/types.hpp"
#include "net/crypto/random.hpp"

namespace vsf::crypto {

/// real: libsodium and OpenSSL. stand_in: keyed checksums in place of curves and ciphers, for large
/// simulations only; set once per process before anything else, printed in every report, refused by the
/// daemon.
enum class suite : std::uint8_t { real, stand_in };
void use(suite s);
suite in_use();
/// Remembers verified signatures and computed shared secrets process-wide (bounded), for simulations in which
/// every node would compute the same thing again. Off by default.
void memoise(bool on);
struct memo_counters {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t dropped = 0;  ///< entries forgotten because the cache was full (the older half goes)
};
/// Of both caches, since the process began.
memo_counters memo_stats();

digest sha256(byte_view data);
/// One-shot SHA-256 without looking the algorithm up again; one per thread.
class sha256_hasher {
 public:
  sha256_hasher();
  ~sha256_hasher();
  sha256_hasher(const sha256_hasher&) = delete;
  sha256_hasher& operator=(const sha256_hasher&) = delete;
  digest operator()(byte_view data);
  digest pair(const digest& left, const digest& right);
  /// Incremental: begin, update..., finish.
  void begin();
  void update(byte_view data);
  digest finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};
id160 sha1(byte_view data);
digest blake2b256(std::initializer_list<byte_view> parts);
digest hmac_sha256(byte_view key, byte_view data);
bool equal_constant_time(byte_view a, byte_view b);
byte_view as_bytes(std::string_view text);

/// Ed25519.
struct signing_key {
  digest seed;
  public_key identity;
  static signing_key from_seed(const digest& seed);
  static signing_key generate(random_source& random);
  /// Signs the concatenation of the parts.
  signature sign(std::initializer_list<byte_view> parts) const;
};
bool verify(const public_key& who, const signature& sig, std::initializer_list<byte_view> parts);

/// X25519.
struct dh_key {
  digest secret;
  static_key key;
  static dh_key from_secret(const digest& secret);
  static dh_key generate(random_source& random);
};
/// nullopt: the other's key is a low-order point.
std::optional<digest> shared_secret(const dh_key& mine, const static_key& theirs);

inline constexpr std::size_t tag_size = 16;

/// ChaCha20-Poly1305 (IETF) under one key with Noise's nonce: 4 zero bytes, then the counter little-endian.
/// One direction, not for threads to share; the context is made once and only the nonce changes.
class aead {
 public:
  explicit aead(const digest& key);
  ~aead();
  aead(aead&&) noexcept;
  aead& operator=(aead&&) noexcept;
  /// Encrypts `text` in place; its last 16 bytes receive the tag (so text.size() = plaintext + 16).
  void seal(std::uint64_t nonce, byte_view associated, std::span<std::uint8_t> text_and_tag);
  /// Decrypts in place; false: not authentic, the content is then undefined. Plaintext = size - 16 bytes.
  bool open(std::uint64_t nonce, byte_view associated, std::span<std::uint8_t> text_and_tag);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace vsf::crypto
