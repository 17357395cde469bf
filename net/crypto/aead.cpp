#include <array>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "net/crypto/crypto.hpp"
#include "net/crypto/stand_in.hpp"

namespace vsf::crypto {
namespace {

const EVP_CIPHER* algorithm() {
  static const EVP_CIPHER* cipher = [] {
    EVP_CIPHER* fetched = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
    if (fetched == nullptr) throw std::runtime_error("OpenSSL on this system offers no ChaCha20-Poly1305");
    return fetched;
  }();
  return cipher;
}

struct context_deleter {
  void operator()(EVP_CIPHER_CTX* x) const { EVP_CIPHER_CTX_free(x); }
};
using context = std::unique_ptr<EVP_CIPHER_CTX, context_deleter>;

std::array<std::uint8_t, 12> nonce_bytes(std::uint64_t nonce) {
  std::array<std::uint8_t, 12> out{};
  for (std::size_t i = 0; i < 8; ++i) out[4 + i] = static_cast<std::uint8_t>(nonce >> (8 * i));
  return out;
}

context make_context(const digest& key, bool encrypt) {
  context made(EVP_CIPHER_CTX_new());
  if (!made) throw std::bad_alloc();
  if (EVP_CipherInit_ex2(made.get(), algorithm(), key.data(), nullptr, encrypt ? 1 : 0, nullptr) != 1)
    throw std::runtime_error("OpenSSL refuses ChaCha20-Poly1305");
  return made;
}

/// OpenSSL counts in int.
int checked_size(std::size_t size) {
  if (size > (1U << 30)) throw std::length_error("aead: a text beyond 1 GiB");
  return static_cast<int>(size);
}

/// Nonce, associated data, then the text in place; true when OpenSSL took it all.
bool run(EVP_CIPHER_CTX* ctx, std::uint64_t nonce, byte_view associated, std::span<std::uint8_t> text) {
  const auto iv = nonce_bytes(nonce);
  int n = 0;
  if (EVP_CipherInit_ex2(ctx, nullptr, nullptr, iv.data(), -1, nullptr) != 1) return false;
  if (!associated.empty() &&
      EVP_CipherUpdate(ctx, nullptr, &n, associated.data(), checked_size(associated.size())) != 1)
    return false;
  return text.empty() || EVP_CipherUpdate(ctx, text.data(), &n, text.data(), checked_size(text.size())) == 1;
}

}  // namespace

/// The context of a direction is made at its first use: most are used in one only.
struct aead::state {
  digest key;
  context sealing;
  context opening;
  ~state() { OPENSSL_cleanse(key.data(), key.size()); }
};

aead::aead(const digest& key) : state_(std::make_unique<state>()) { state_->key = key; }
aead::~aead() = default;
aead::aead(aead&&) noexcept = default;
aead& aead::operator=(aead&&) noexcept = default;

void aead::seal(std::uint64_t nonce, byte_view associated, std::span<std::uint8_t> text_and_tag) {
  if (text_and_tag.size() < tag_size) throw std::invalid_argument("aead::seal: no room for the tag");
  const auto text = text_and_tag.first(text_and_tag.size() - tag_size);
  const auto tag = text_and_tag.last(tag_size);
  if (in_use() == suite::stand_in) {
    stand_in::tag(state_->key, nonce, associated, text, tag);
    return;
  }
  if (!state_->sealing) state_->sealing = make_context(state_->key, true);
  auto* ctx = state_->sealing.get();
  int n = 0;
  if (!run(ctx, nonce, associated, text) || EVP_CipherFinal_ex(ctx, text.data(), &n) != 1 ||
      EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_size), tag.data()) != 1)
    throw std::runtime_error("OpenSSL refuses to seal with ChaCha20-Poly1305");
}

bool aead::open(std::uint64_t nonce, byte_view associated, std::span<std::uint8_t> text_and_tag) {
  if (text_and_tag.size() < tag_size) return false;
  const auto text = text_and_tag.first(text_and_tag.size() - tag_size);
  const auto tag = text_and_tag.last(tag_size);
  if (in_use() == suite::stand_in) {
    std::array<std::uint8_t, tag_size> expected;
    stand_in::tag(state_->key, nonce, associated, text, expected);
    return equal_constant_time(expected, tag);
  }
  if (!state_->opening) state_->opening = make_context(state_->key, false);
  auto* ctx = state_->opening.get();
  int n = 0;
  return run(ctx, nonce, associated, text) &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size), tag.data()) == 1 &&
         EVP_CipherFinal_ex(ctx, text.data(), &n) == 1;
}

}  // namespace vsf::crypto
