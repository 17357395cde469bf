#include <array>
#include <atomic>
#include <stdexcept>

#include <openssl/evp.h>
#include <sodium.h>

#include "net/crypto/crypto.hpp"
#include "net/crypto/start.hpp"

namespace vsf::crypto {
namespace {

std::atomic<suite> chosen{suite::real};

void check(int ok, const char* what) {
  if (ok != 1) throw std::runtime_error(std::string("OpenSSL refuses ") + what);
}

/// Looking an algorithm up takes locks and longer than hashing a leaf's worth of headers; never freed on
/// purpose.
const EVP_MD* fetch(const char* name) {
  const EVP_MD* md = EVP_MD_fetch(nullptr, name, nullptr);
  if (md == nullptr) throw std::runtime_error(std::string("OpenSSL on this system offers no ") + name);
  return md;
}
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* md = fetch("SHA256");
  return md;
}
const EVP_MD* sha1_algorithm() {
  static const EVP_MD* md = fetch("SHA1");
  return md;
}

struct context_deleter {
  void operator()(EVP_MD_CTX* x) const { EVP_MD_CTX_free(x); }
};
using context = std::unique_ptr<EVP_MD_CTX, context_deleter>;
context make_context() {
  context made(EVP_MD_CTX_new());
  if (!made) throw std::bad_alloc();
  return made;
}

sha256_hasher& hasher_of_this_thread() {
  thread_local sha256_hasher hasher;
  return hasher;
}

}  // namespace

void use(suite s) { chosen.store(s, std::memory_order_relaxed); }
suite in_use() { return chosen.load(std::memory_order_relaxed); }

struct sha256_hasher::state {
  context ctx = make_context();
};

sha256_hasher::sha256_hasher() : state_(std::make_unique<state>()) {
  check(EVP_DigestInit_ex2(state_->ctx.get(), sha256_algorithm(), nullptr), "SHA-256");
}
sha256_hasher::~sha256_hasher() = default;

void sha256_hasher::begin() { check(EVP_DigestInit_ex2(state_->ctx.get(), nullptr, nullptr), "SHA-256"); }
void sha256_hasher::update(byte_view data) {
  check(EVP_DigestUpdate(state_->ctx.get(), data.data(), data.size()), "SHA-256 data");
}
digest sha256_hasher::finish() {
  digest out;
  check(EVP_DigestFinal_ex(state_->ctx.get(), out.data(), nullptr), "to finish SHA-256");
  return out;
}
digest sha256_hasher::operator()(byte_view data) {
  begin();
  update(data);
  return finish();
}
digest sha256_hasher::pair(const digest& left, const digest& right) {
  std::array<std::uint8_t, 64> both;
  std::memcpy(both.data(), left.data(), 32);
  std::memcpy(both.data() + 32, right.data(), 32);
  return (*this)(both);
}

digest sha256(byte_view data) { return hasher_of_this_thread()(data); }

id160 sha1(byte_view data) {
  thread_local const context ctx = make_context();
  id160 out;
  check(EVP_DigestInit_ex2(ctx.get(), sha1_algorithm(), nullptr), "SHA-1");
  check(EVP_DigestUpdate(ctx.get(), data.data(), data.size()), "SHA-1 data");
  check(EVP_DigestFinal_ex(ctx.get(), out.data(), nullptr), "to finish SHA-1");
  return out;
}

digest blake2b256(std::initializer_list<byte_view> parts) {
  start_sodium();
  crypto_generichash_blake2b_state state;
  crypto_generichash_blake2b_init(&state, nullptr, 0, digest::length);
  for (const auto& part : parts) crypto_generichash_blake2b_update(&state, part.data(), part.size());
  digest out;
  crypto_generichash_blake2b_final(&state, out.data(), out.size());
  return out;
}

/// RFC 2104 over the thread's own SHA-256 context: OpenSSL 3 would look up a MAC and copy three contexts each
/// time.
digest hmac_sha256(byte_view key, byte_view data) {
  auto& hash = hasher_of_this_thread();
  std::array<std::uint8_t, 64> block{};
  if (key.size() > block.size()) {
    const auto shorter = hash(key);
    std::memcpy(block.data(), shorter.data(), shorter.size());
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  for (auto& b : block) b ^= 0x36;
  hash.begin();
  hash.update(block);
  hash.update(data);
  const auto inner = hash.finish();
  for (auto& b : block) b ^= 0x36 ^ 0x5c;
  hash.begin();
  hash.update(block);
  hash.update(inner.view());
  sodium_memzero(block.data(), block.size());
  return hash.finish();
}

bool equal_constant_time(byte_view a, byte_view b) {
  return a.size() == b.size() && (a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0);
}

byte_view as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace vsf::crypto
