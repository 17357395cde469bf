#pragma once

#include <optional>

#include "net/crypto/crypto.hpp"

namespace vsf::noise {

/// The two patterns we speak, both with 25519, ChaChaPoly and SHA256 (Noise revision 34).
enum class pattern : std::uint8_t { xx, ik };

/// Noise's bound on one message, 65,535 bytes with keys and tags.
inline constexpr std::size_t max_message_size = 65535;

/// The two directions' keys after a handshake and its hash, which channel binding signs.
struct split_keys {
  digest send;
  digest receive;
  digest handshake_hash;
};

/// One side of a Noise handshake: write and read alternate until finished(). Any failure is final: drop the
/// object. Unlike the specification, a low-order key of the other side is a failure too.
class handshake {
 public:
  /// `remote` is required for ik and ignored for xx. `random` must outlive the handshake.
  static handshake initiator(pattern p, byte_view prologue, const crypto::dh_key& local,
                             const std::optional<static_key>& remote, crypto::random_source& random);
  static handshake responder(pattern p, byte_view prologue, const crypto::dh_key& local,
                             crypto::random_source& random);

  /// Both are false after a failure.
  bool my_turn() const;
  bool finished() const;
  /// Size on the wire of the next message for a payload of this size, whoever writes it.
  std::size_t message_size(std::size_t payload_size) const;
  /// The next message; only when my_turn() and within max_message_size. nullopt: the remote key is unusable.
  std::optional<bytes> write(byte_view payload);
  /// Takes the other's message and gives its payload; nullopt: not authentic, malformed, or not its turn.
  std::optional<bytes> read(byte_view message);
  /// Known after the message that carries it (or from the start for IK's initiator). Whether the other side
  /// holds its secret is only certain once a later message of theirs was authentic (IK's initiator: after
  /// message 2).
  const std::optional<static_key>& remote_static() const { return remote_static_; }
  /// Only when finished().
  split_keys split() const;

  /// For test vectors: the ephemeral key to use instead of a random one.
  void set_ephemeral(const crypto::dh_key& e) { ephemeral_ = e; }

 private:
  // Noise's CipherState, SymmetricState and HandshakeState, folded into one.
  enum class token : std::uint8_t { e, s, ee, es, se, ss };

  handshake(pattern p, bool is_initiator, byte_view prologue, const crypto::dh_key& local,
            crypto::random_source& random);
  std::span<const token> tokens() const;
  std::size_t message_count() const;
  void mix_hash(byte_view data);
  void mix_key(const digest& input);
  bool mix_dh(token t);
  void encrypt_and_append(byte_view text, bytes& out);
  std::optional<bytes> decrypt_and_hash(byte_view text);
  bool read_key(token t, byte_view& rest);

  pattern pattern_;
  bool is_initiator_;
  bool failed_ = false;
  bool has_key_ = false;
  std::size_t next_message_ = 0;
  std::uint64_t nonce_ = 0;
  digest chaining_key_;
  digest hash_;
  digest key_{};
  crypto::random_source* random_;
  crypto::dh_key local_;
  std::optional<crypto::dh_key> ephemeral_;
  std::optional<static_key> remote_static_;
  std::optional<static_key> remote_ephemeral_;
};

}  // namespace vsf::noise
