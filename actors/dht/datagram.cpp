#include "actors/dht/datagram.hpp"

#include <algorithm>

#include "net/crypto/crypto.hpp"

namespace vsf::dht {
namespace {

constexpr std::size_t header_size = 4;
constexpr std::size_t cookie_end = 8 + 16;

template <class T>
T read_le(byte_view raw, std::size_t at) {
  T out = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) out = static_cast<T>(out << 8 | raw[at + i]);
  return out;
}

template <class T>
void write_le(std::span<std::uint8_t> raw, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    raw[at + i] = static_cast<std::uint8_t>(value & 0xFF);
    value = static_cast<T>(value >> 8);
  }
}

template <class T>
void append_le(bytes& out, T value) {
  out.resize(out.size() + sizeof(T));
  write_le<T>(out, out.size() - sizeof(T), value);
}

frame start(datagram_type type, std::size_t size) {
  auto out = frame::allocate(size);
  auto* data = out.mutable_data();
  std::fill_n(data, size, std::uint8_t{0});
  data[0] = 'V';
  data[1] = 'S';
  data[2] = datagram_version;
  data[3] = static_cast<std::uint8_t>(type);
  return out;
}

void put(frame& out, std::size_t at, byte_view what) {
  std::copy(what.begin(), what.end(), out.mutable_data() + at);
}

/// Smallest and largest size of a type; equal for padded ones.
struct size_range {
  std::size_t least, most;
};
size_range sizes_of(datagram_type type) {
  switch (type) {
    case datagram_type::handshake_1:
    case datagram_type::who_are_you:
      return {datagram_limit, datagram_limit};
    case datagram_type::handshake_2:
      return {handshake_2_header + 32 + crypto::tag_size, datagram_limit};
    case datagram_type::transport:
      return {transport_header + crypto::tag_size, datagram_limit};
    case datagram_type::i_am:
      return {cookie_end + 8, datagram_limit};
    case datagram_type::unknown_session:
      return {16, 16};
  }
  return {datagram_limit, 0};
}

}  // namespace

const char* to_string(drop_reason x) {
  static constexpr std::array<const char*, drop_reason_count> names{"truncated",
                                                                    "oversize",
                                                                    "bad_magic",
                                                                    "bad_version",
                                                                    "bad_type",
                                                                    "bad_size",
                                                                    "wrong_network",
                                                                    "bad_mac",
                                                                    "replay",
                                                                    "clock_off",
                                                                    "bad_certificate",
                                                                    "unknown_session",
                                                                    "expired_session",
                                                                    "malformed",
                                                                    "unproven_address",
                                                                    "unexpected",
                                                                    "rate_limited",
                                                                    "own",
                                                                    "busy"};
  return names[static_cast<std::size_t>(x)];
}

network_tag tag_of(const identity::network_parameters& network) {
  const auto hash =
      crypto::blake2b256({crypto::as_bytes("vsf-dht-network-v1"), crypto::as_bytes(network.name)});
  network_tag out;
  std::copy_n(hash.begin(), out.size(), out.begin());
  return out;
}

bytes prologue_of(const identity::network_parameters& network) {
  const std::string text = "vsf-dht-v1 " + network.name;
  return {text.begin(), text.end()};
}

datagram_view parse_datagram(byte_view raw, const network_tag& network) {
  if (raw.size() < header_size) return drop_reason::truncated;
  if (raw.size() > datagram_limit) return drop_reason::oversize;
  if (raw[0] != 'V' || raw[1] != 'S') return drop_reason::bad_magic;
  if (raw[2] != datagram_version) return drop_reason::bad_version;
  if (raw[3] < 1 || raw[3] > 6) return drop_reason::bad_type;
  const auto type = static_cast<datagram_type>(raw[3]);
  const auto [least, most] = sizes_of(type);
  if (raw.size() < least) return least == most ? drop_reason::bad_size : drop_reason::truncated;
  if (raw.size() > most) return drop_reason::bad_size;
  const auto is_alien = [&] { return !std::equal(network.begin(), network.end(), raw.begin() + 4); };
  const auto read_cookie = [&] {
    cookie out;
    std::copy_n(raw.begin() + 8, out.size(), out.begin());
    return out;
  };
  switch (type) {
    case datagram_type::handshake_1:
      if (is_alien()) return drop_reason::wrong_network;
      return handshake_1_view{raw.subspan(handshake_1_header)};
    case datagram_type::handshake_2:
      return handshake_2_view{read_le<std::uint32_t>(raw, 4), raw.subspan(handshake_2_header)};
    case datagram_type::transport:
      return transport_view{read_le<std::uint32_t>(raw, 4), read_le<std::uint64_t>(raw, 8),
                            raw.first(transport_header), raw.subspan(transport_header)};
    case datagram_type::who_are_you:
      if (is_alien()) return drop_reason::wrong_network;
      return who_are_you_view{read_cookie()};
    case datagram_type::i_am:
      if (is_alien()) return drop_reason::wrong_network;
      return i_am_view{read_cookie(), raw.subspan(cookie_end)};
    case datagram_type::unknown_session:
      return unknown_session_view{read_le<std::uint32_t>(raw, 4), read_le<std::uint64_t>(raw, 8)};
  }
  return drop_reason::bad_type;
}

frame make_handshake_1(const network_tag& network, byte_view noise) {
  auto out = start(datagram_type::handshake_1, handshake_1_header + noise.size());
  put(out, 4, network);
  put(out, handshake_1_header, noise);
  return out;
}

frame make_handshake_2(std::uint32_t receiver, byte_view noise) {
  auto out = start(datagram_type::handshake_2, handshake_2_header + noise.size());
  write_le(out.mutable_view(), 4, receiver);
  put(out, handshake_2_header, noise);
  return out;
}

frame make_transport(std::uint32_t receiver, std::uint64_t counter, byte_view text) {
  auto out = start(datagram_type::transport, transport_header + text.size() + crypto::tag_size);
  write_le(out.mutable_view(), 4, receiver);
  write_le(out.mutable_view(), 8, counter);
  put(out, transport_header, text);
  return out;
}

frame make_who_are_you(const network_tag& network, const cookie& c) {
  auto out = start(datagram_type::who_are_you, datagram_limit);
  put(out, 4, network);
  put(out, 8, c);
  return out;
}

frame make_i_am(const network_tag& network, const cookie& c, byte_view certificate) {
  auto out = start(datagram_type::i_am, cookie_end + certificate.size());
  put(out, 4, network);
  put(out, 8, c);
  put(out, cookie_end, certificate);
  return out;
}

frame make_unknown_session(std::uint32_t session, std::uint64_t counter) {
  auto out = start(datagram_type::unknown_session, 16);
  write_le(out.mutable_view(), 4, session);
  write_le(out.mutable_view(), 8, counter);
  return out;
}

bytes write_payload(bool first, const handshake_payload& what, std::size_t padded_size) {
  bytes out;
  append_le(out, what.sender);
  if (first) append_le(out, what.time_ms);
  append_le(out, static_cast<std::uint16_t>(what.certificate.size()));
  out.insert(out.end(), what.certificate.begin(), what.certificate.end());
  append_le(out, static_cast<std::uint16_t>(what.message.size()));
  out.insert(out.end(), what.message.begin(), what.message.end());
  if (out.size() < padded_size) out.resize(padded_size);
  return out;
}

std::optional<handshake_payload> read_payload(bool first, byte_view raw) {
  handshake_payload out;
  const auto take = [&](std::size_t count) -> std::optional<byte_view> {
    if (raw.size() < count) return std::nullopt;
    const auto part = raw.first(count);
    raw = raw.subspan(count);
    return part;
  };
  const auto take_run = [&]() -> std::optional<byte_view> {
    const auto length = take(2);
    return length ? take(read_le<std::uint16_t>(*length, 0)) : std::nullopt;
  };
  const auto sender = take(4);
  if (!sender) return std::nullopt;
  out.sender = read_le<std::uint32_t>(*sender, 0);
  if (first) {
    const auto time = take(8);
    if (!time) return std::nullopt;
    out.time_ms = read_le<std::uint64_t>(*time, 0);
  }
  const auto certificate = take_run();
  if (!certificate) return std::nullopt;
  const auto message = take_run();
  if (!message) return std::nullopt;
  out.certificate = *certificate;
  out.message = *message;
  return out;
}

}  // namespace vsf::dht
