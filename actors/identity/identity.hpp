#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/types.hpp"
#include "net/crypto/crypto.hpp"

namespace vsf::identity {

inline constexpr int default_difficulty_bits = 24;
inline constexpr int max_difficulty_bits = 40;
inline constexpr std::size_t max_network_length = 64;

/// Which network a node belongs to; nodes of different networks can't talk to each other.
struct network_parameters {
  /// The whole string, "vsf-1" or "sim/8": what is hashed and signed.
  std::string name;
  /// How many of the last bits of the identity's hash must be zero.
  int difficulty_bits = default_difficulty_bits;

  bool operator==(const network_parameters&) const = default;
};

/// "NAME" (difficulty 24) or "NAME/BITS" with BITS in 0..40; NAME is of letters, digits, '.', '_' and '-',
/// the whole at most 64 bytes.
result<network_parameters> parse_network(std::string_view text);

/// BLAKE2b-256(public key || nonce as 8 bytes little-endian || network string).
digest puzzle_hash(const public_key& who, std::uint64_t nonce, const network_parameters& network);
/// Whether the last `difficulty_bits` bits of the hash are zero.
bool solves(const digest& hash, int difficulty_bits);
/// The first 160 bits of puzzle_hash; nullopt: the nonce does not solve the puzzle of this network.
std::optional<node_id> derive_node_id(const public_key& who, std::uint64_t nonce,
                                      const network_parameters& network);

/// Who a node is: its keys and, once the puzzle is solved, its place in the DHT.
struct identity {
  crypto::signing_key signing_key;
  crypto::dh_key dh_key;
  std::uint64_t id_nonce = 0;
  /// Zero until the puzzle is solved.
  vsf::node_id node_id{};
  network_parameters network;

  bool solved() const { return !node_id.is_zero(); }
  /// Takes a solution of the puzzle; false (and unchanged) when it is none.
  bool accept(std::uint64_t nonce);
};

/// New keys; the puzzle is still to be solved (puzzle.hpp).
identity make_identity(const network_parameters& network, crypto::random_source& random);
/// New keys and the puzzle solved on the spot: for simulations and tests, whose difficulty is low.
identity make_solved_identity(const network_parameters& network, crypto::random_source& random);

/// The bytes of the identity file (IdentityFile). They hold the secret keys.
bytes to_file_content(const identity& who);
/// Refuses what is damaged, made for another network, or claims a puzzle solution that is none.
result<identity> from_file_content(byte_view content, const network_parameters& expected);

}  // namespace vsf::identity
