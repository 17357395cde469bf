#pragma once

#include <cstdint>
#include <optional>

#include "actors/identity/identity.hpp"
#include "net/crypto/blake2b_search.hpp"

namespace vsf::identity {

/// The search for a nonce that gives an identity its NodeId, in steps of any size, so that a worker can
/// report and stop between them. It starts at a random nonce: several searches side by side don't repeat each
/// other.
class puzzle {
 public:
  /// The network's name is at most max_network_length bytes (parse_network sees to it; otherwise throws).
  puzzle(const public_key& who, const network_parameters& network, crypto::random_source& random);
  /// Tries up to `attempts` more nonces; a solution, if one was among them. Ready to go on after one.
  std::optional<std::uint64_t> step(std::uint64_t attempts);
  std::uint64_t tried() const { return tried_; }
  /// The number of attempts a search takes on average.
  std::uint64_t expected() const { return mask_ + 1; }

 private:
  crypto::blake2b_search search_;
  std::uint64_t mask_;
  std::uint64_t next_;
  std::uint64_t tried_ = 0;
};

}  // namespace vsf::identity
