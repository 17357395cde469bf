#pragma once

#include <optional>

#include "net/crypto/crypto.hpp"

namespace vsf::noise {

/// The two patterns we speak, both with 25519, ChaChaPoly and SHA256 (Noise revision 34).
enum class pattern : std::uint8_t { xx, ik };

/// The two directions' keys after a handshake and its hash, which channel binding signs.
struct split_keys {
  digest send;
  digest receive;
  digest handshake_hash;
};

/// One side of a Noise handshake: write and read alternate until finished(). Any failure is final: drop the object.
class handshake {
public:
  static handshake initiator(pattern p, byte_view prologue, const crypto::dh_key& local,
                             const std::optional<static_key>& remote, crypto::random_source& random);
  static handshake responder(pattern p, byte_view prologue, const crypto::dh_key& local,
                             crypto::random_source& random);

  bool my_turn() const;
  bool finished() const;
  /// Size on the wire of the next message for a payload of this size.
  std::size_t message_size(std::size_t payload_size) const;
  /// The next message; only when my_turn(). nullopt: the remote key is unusable.
  std::optional<bytes> write(byte_view payload);
  /// Takes the other's message and gives its payload; nullopt: not authentic or malformed.
  std::optional<bytes> read(byte_view message);
  /// Known after the message that carries it (or from the start for IK's initiator).
  const std::optional<static_key>& remote_static() const { return remote_static_; }
  /// Only when finished().
  split_keys split() const;

  /// For test vectors: the ephemeral key to use instead of a random one.
  void set_ephemeral(const crypto::dh_key& e) { ephemeral_ = e; }

private:
  // Noise's CipherState, SymmetricState and HandshakeState, folded into one: completed by handshake.cpp.
