#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace vsf {

using byte_view = std::span<const std::uint8_t>;
using bytes = std::vector<std::uint8_t>;

/// An error a person may meet: what happened, to what, and what to do about it.
struct error {
  std::string message;
};

template <class T>
using result = tl::expected<T, error>;

inline tl::unexpected<error> fail(std::string message) {
  return tl::unexpected<error>(error{std::move(message)});
}

/// N bytes that mean one kind of thing; two kinds never mix. Ordered as big-endian numbers.
template <std::size_t N, class Tag>
struct fixed_bytes : std::array<std::uint8_t, N> {
  static constexpr std::size_t length = N;

  byte_view view() const { return {this->data(), N}; }
  bool is_zero() const {
    for (auto b : *this)
      if (b != 0) return false;
    return true;
  }
  /// Takes exactly N bytes; nothing else has this type.
  static std::optional<fixed_bytes> from(byte_view raw) {
    if (raw.size() != N) return std::nullopt;
    fixed_bytes out;
    std::memcpy(out.data(), raw.data(), N);
    return out;
  }
};

/// A place in the 160-bit Kademlia space: a node's id or a key (SHA-1).
using id160 = fixed_bytes<20, struct id160_tag>;
using node_id = id160;
using dht_key = id160;
using mbid = fixed_bytes<16, struct mbid_tag>;
/// SHA-256, also a hash-tree node.
using digest = fixed_bytes<32, struct digest_tag>;
/// Ed25519 public key: who signs.
using public_key = fixed_bytes<32, struct public_key_tag>;
/// X25519 public key: whom one encrypts to.
using static_key = fixed_bytes<32, struct static_key_tag>;
using signature = fixed_bytes<64, struct signature_tag>;

id160 operator^(const id160& a, const id160& b);
/// Number of leading zero bits, 160 for zero.
int leading_zeros(const id160& x);

std::string to_hex(byte_view raw);
std::optional<bytes> from_hex(std::string_view text);
template <std::size_t N, class Tag>
std::string to_hex(const fixed_bytes<N, Tag>& x) {
  return to_hex(x.view());
}
template <class Fixed>
std::optional<Fixed> fixed_from_hex(std::string_view text) {
  auto raw = from_hex(text);
  return raw ? Fixed::from(*raw) : std::nullopt;
}

/// "8-4-4-4-12" in either case; anything else is refused.
std::optional<mbid> parse_mbid(std::string_view text);
/// Lower case with dashes, the form that DHT keys are made of.
std::string to_string(const mbid& x);

/// An IP address (IPv4 is kept v4-mapped) and a port, both as used by UDP and TCP of one node.
struct endpoint {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;

  auto operator<=>(const endpoint&) const = default;
  bool is_v4() const;
  static endpoint v4(std::uint32_t address_host_order, std::uint16_t port);
};

/// "1.2.3.4:50315", "[::1]:50315"; names are not resolved here.
std::optional<endpoint> parse_endpoint(std::string_view text);
std::string to_string(const endpoint& x);

/// How far an address reaches. Loopback, private and link-local contacts are never handed to global ones
/// (DESIGN 7).
enum class address_scope : std::uint8_t { loopback, local, global };
address_scope scope_of(const endpoint& x);

/// A node as told from node to node.
struct contact {
  node_id id;
  static_key key;
  endpoint address;

  bool operator==(const contact&) const = default;
};

}  // namespace vsf
