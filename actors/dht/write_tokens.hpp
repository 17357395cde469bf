#pragma once

#include <array>

#include "actors/dht/contacts.hpp"
#include "net/crypto/crypto.hpp"

namespace vsf::dht {

/// Proof that an address was answered lately: HMAC-SHA256 over ip and port under a secret that changes every
/// period; the one before is taken too, so that a token lasts between one and two periods. As in BEP 5 it is
/// not bound to a key: one is good for all that a sweep brings.
class write_tokens {
 public:
  static constexpr std::size_t token_size = 8;
  static constexpr nanoseconds period = std::chrono::minutes(5);
  using token = std::array<std::uint8_t, token_size>;

  explicit write_tokens(crypto::random_source& random);
  token make(nanoseconds now, const endpoint& who);
  bool check(nanoseconds now, const endpoint& who, byte_view shown);

 private:
  void rotate(nanoseconds now);
  static token made_with(const digest& secret, const endpoint& who);
  crypto::random_source* random_;
  digest current_, previous_;
  nanoseconds since_ = nanoseconds::min();
};

}  // namespace vsf::dht
