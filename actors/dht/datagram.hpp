#pragma once

#include <array>
#include <variant>

#include "actors/identity/identity.hpp"
#include "messages/frame.hpp"
#include "messages/types.hpp"

/// The outermost layer of what DHT nodes send each other: docs/protocol.md, "Datagrams". Integers are
/// little-endian.
namespace vsf::dht {

inline constexpr std::size_t datagram_limit = 1200;
inline constexpr std::uint8_t datagram_version = 1;

enum class datagram_type : std::uint8_t {
  handshake_1 = 1,
  handshake_2 = 2,
  transport = 3,
  who_are_you = 4,
  i_am = 5,
  unknown_session = 6
};

/// Why a datagram went no further. Each is a counter of the report, under its name.
enum class drop_reason : std::uint8_t {
  truncated,
  oversize,
  bad_magic,
  bad_version,
  bad_type,
  bad_size,  // a padded type of another length
  wrong_network,
  bad_mac,
  replay,
  clock_off,  // a handshake from too long ago or from the future
  bad_certificate,
  unknown_session,
  expired_session,
  malformed,         // authentic, but no well-formed message
  unproven_address,  // from where the peer has not yet shown to be
  unexpected,        // nobody asked for it
  rate_limited,
  own,  // our own certificate came back
  busy  // a queue was full
};
inline constexpr std::size_t drop_reason_count = 19;
const char* to_string(drop_reason x);

using network_tag = std::array<std::uint8_t, 4>;
/// Tells networks apart at the first look; the handshake's prologue is what keeps them apart.
network_tag tag_of(const identity::network_parameters& network);
/// What both sides of a handshake must agree on beforehand.
bytes prologue_of(const identity::network_parameters& network);

using cookie = std::array<std::uint8_t, 16>;

/// Views into the datagram they were parsed from.
struct handshake_1_view {
  byte_view noise;
};
struct handshake_2_view {
  std::uint32_t receiver = 0;
  byte_view noise;
};
struct transport_view {
  std::uint32_t receiver = 0;
  std::uint64_t counter = 0;
  byte_view header;  // authenticated with the text
  byte_view sealed;
};
struct who_are_you_view {
  vsf::dht::cookie cookie;
};
struct i_am_view {
  vsf::dht::cookie cookie;
  byte_view certificate;
};
struct unknown_session_view {
  std::uint32_t session = 0;  // the id that the receiver of this wrote to
  std::uint64_t counter = 0;
};
using datagram_view = std::variant<drop_reason, handshake_1_view, handshake_2_view, transport_view,
                                   who_are_you_view, i_am_view, unknown_session_view>;

/// Reads any bytes.
datagram_view parse_datagram(byte_view raw, const network_tag& network);

inline constexpr std::size_t handshake_1_header = 8;
inline constexpr std::size_t handshake_2_header = 8;
inline constexpr std::size_t transport_header = 16;

frame make_handshake_1(const network_tag& network, byte_view noise);
frame make_handshake_2(std::uint32_t receiver, byte_view noise);
/// Header and room for `text` bytes and the tag.
frame make_transport(std::uint32_t receiver, std::uint64_t counter, byte_view text);
frame make_who_are_you(const network_tag& network, const cookie& c);
frame make_i_am(const network_tag& network, const cookie& c, byte_view certificate);
frame make_unknown_session(std::uint32_t session, std::uint64_t counter);

/// What is inside the encrypted payload of a handshake message.
struct handshake_payload {
  std::uint32_t sender = 0;   // session id to write to
  std::uint64_t time_ms = 0;  // unix, message 1 only
  byte_view certificate, message;
};
bytes write_payload(bool first, const handshake_payload& what, std::size_t padded_size);
std::optional<handshake_payload> read_payload(bool first, byte_view raw);

}  // namespace vsf::dht
