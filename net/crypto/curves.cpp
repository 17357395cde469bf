#include <array>

#include <sodium.h>

#include "net/crypto/crypto.hpp"
#include "net/crypto/memo.hpp"
#include "net/crypto/stand_in.hpp"
#include "net/crypto/start.hpp"

namespace vsf::crypto {
namespace {

/// The parts in one piece: as they are when there is one, copied to the stack while they are small.
class joined {
 public:
  explicit joined(std::initializer_list<byte_view> parts) {
    if (parts.size() == 1) {
      view_ = *parts.begin();
      return;
    }
    std::size_t size = 0;
    for (const auto& part : parts) size += part.size();
    auto* at = small_.data();
    if (size > small_.size()) {
      large_.resize(size);
      at = large_.data();
    }
    view_ = {at, size};
    for (const auto& part : parts) {
      if (!part.empty()) std::memcpy(at, part.data(), part.size());
      at += part.size();
    }
  }
  joined(const joined&) = delete;
  joined& operator=(const joined&) = delete;
  byte_view view() const { return view_; }

 private:
  byte_view view_;
  std::array<std::uint8_t, 1024> small_;
  bytes large_;
};

bool verify_now(const public_key& who, const signature& sig, byte_view message) {
  return crypto_sign_verify_detached(sig.data(), message.data(), message.size(), who.data()) == 0;
}

std::optional<digest> shared_secret_now(const dh_key& mine, const static_key& theirs) {
  digest out;
  // libsodium refuses low-order points by the all-zero result.
  if (crypto_scalarmult_curve25519(out.data(), mine.secret.data(), theirs.data()) != 0) return std::nullopt;
  return out;
}

}  // namespace

signing_key signing_key::from_seed(const digest& seed) {
  signing_key out;
  out.seed = seed;
  if (in_use() == suite::stand_in) {
    out.identity = stand_in::identity_of(seed);
    return out;
  }
  start_sodium();
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_seed_keypair(out.identity.data(), secret.data(), seed.data());
  sodium_memzero(secret.data(), secret.size());
  return out;
}

signing_key signing_key::generate(random_source& random) {
  digest seed;
  random.fill(seed);
  return from_seed(seed);
}

signature signing_key::sign(std::initializer_list<byte_view> parts) const {
  const joined message(parts);
  if (in_use() == suite::stand_in) return stand_in::sign(identity, message.view());
  start_sodium();
  // libsodium's secret key is the seed followed by the public key.
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  std::memcpy(secret.data(), seed.data(), 32);
  std::memcpy(secret.data() + 32, identity.data(), 32);
  signature out;
  crypto_sign_detached(out.data(), nullptr, message.view().data(), message.view().size(), secret.data());
  sodium_memzero(secret.data(), secret.size());
  return out;
}

bool verify(const public_key& who, const signature& sig, std::initializer_list<byte_view> parts) {
  const joined message(parts);
  if (in_use() == suite::stand_in) return stand_in::verify(who, sig, message.view());
  start_sodium();
  if (!memo::enabled()) return verify_now(who, sig, message.view());
  const auto question = blake2b256({who.view(), sig.view(), message.view()});
  if (const auto known = memo::find_verdict(question)) return *known;
  const bool good = verify_now(who, sig, message.view());
  memo::keep_verdict(question, good);
  return good;
}

dh_key dh_key::from_secret(const digest& secret) {
  dh_key out;
  out.secret = secret;
  if (in_use() == suite::stand_in) {
    out.key = stand_in::dh_public(secret);
    return out;
  }
  start_sodium();
  crypto_scalarmult_curve25519_base(out.key.data(), secret.data());
  return out;
}

dh_key dh_key::generate(random_source& random) {
  digest secret;
  random.fill(secret);
  return from_secret(secret);
}

std::optional<digest> shared_secret(const dh_key& mine, const static_key& theirs) {
  if (in_use() == suite::stand_in) {
    if (theirs.is_zero()) return std::nullopt;
    return stand_in::dh_shared(mine.key, theirs);
  }
  start_sodium();
  if (!memo::enabled()) return shared_secret_now(mine, theirs);
  if (const auto known = memo::find_secret(mine.key, theirs)) return *known;
  const auto secret = shared_secret_now(mine, theirs);
  memo::keep_secret(mine.key, theirs, secret);
  return secret;
}

}  // namespace vsf::crypto
