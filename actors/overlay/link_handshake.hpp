#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/identity/certificate.hpp"
#include "net/noise/handshake.hpp"

namespace vsf::overlay {

/// The dialler's first packet begins with these and the pattern's byte; the last letter is the version.
inline constexpr std::string_view handshake_magic = "VSO1";
enum class pattern_byte : std::uint8_t { xx = 1, ik = 2 };
inline constexpr std::size_t preamble_size = 5;
/// No handshake message of ours is longer; a longer one ends the link.
inline constexpr std::size_t max_handshake_packet = 1024;

/// What a node shows of itself in handshakes; made once.
struct local_side {
  crypto::dh_key dh;
  vsf::node_id id;
  identity::network_parameters network;
  bytes certificate;
  static std::shared_ptr<const local_side> of(const identity::identity& who);
};

/// Whom a dialler means. With a static key the handshake is IK, otherwise XX.
struct expected_peer {
  vsf::node_id id;
  std::optional<static_key> key;
};

/// Opens a link: who is on the other side, and the keys of both directions. Noise XX or IK over packets; the
/// prologue is "vsf-overlay-v1" 0x00, the pattern's byte and the network's string, so that nodes of different
/// networks can't complete it. Payloads carry a Certificate (XX: messages 2 and 3, IK: both), which must hold
/// for the static key that the handshake proves. Any error is final.
class link_handshake {
 public:
  static link_handshake dial(std::shared_ptr<const local_side> self, expected_peer whom,
                             crypto::random_source& random);
  static link_handshake accept(std::shared_ptr<const local_side> self, crypto::random_source& random);

  /// The dialler's first packet; once, before anything else.
  result<frame> first();
  /// Takes the other's packet. The frame, if not empty, is to be sent.
  result<frame> on_packet(byte_view packet);
  /// Both directions' keys are there and the peer is known. An acceptor of IK still can't tell a replayed
  /// first message from a live dialler: the first authentic frame proves it.
  bool finished() const { return noise_ && noise_->finished(); }
  /// Only when finished().
  const identity::certified& peer() const { return *peer_; }
  noise::split_keys split() const { return noise_->split(); }
  pattern_byte pattern() const { return pattern_; }

 private:
  link_handshake(std::shared_ptr<const local_side> self, std::optional<expected_peer> whom,
                 crypto::random_source& random);
  bytes prologue() const;
  result<void> take_preamble(byte_view& packet);
  result<void> take_certificate(byte_view payload);
  bool sends_certificate() const;
  result<frame> write();

  std::shared_ptr<const local_side> self_;
  std::optional<expected_peer> expected_;  // absent: the accepting side
  crypto::random_source* random_;
  pattern_byte pattern_ = pattern_byte::xx;
  int messages_ = 0;  // written and read so far
  std::optional<noise::handshake> noise_;
  std::optional<identity::certified> peer_;
};

}  // namespace vsf::overlay
