#include "messages/types.hpp"

#include <arpa/inet.h>

#include <bit>
#include <charconv>

namespace vsf {

namespace {

constexpr std::array<std::uint8_t, 12> v4_mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::string_view hex_digits = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

id160 operator^(const id160& a, const id160& b) {
  id160 out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(a[i] ^ b[i]);
  return out;
}

int leading_zeros(const id160& x) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] != 0) return static_cast<int>(i) * 8 + std::countl_zero(x[i]);
  return 160;
}

std::string to_hex(byte_view raw) {
  std::string out;
  out.reserve(raw.size() * 2);
  for (auto b : raw) {
    out.push_back(hex_digits[b >> 4]);
    out.push_back(hex_digits[b & 15]);
  }
  return out;
}

std::optional<bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return out;
}

std::optional<mbid> parse_mbid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash) digits.push_back(text[i]);
  }
  return fixed_from_hex<mbid>(digits);
}

std::string to_string(const mbid& x) {
  auto out = to_hex(x);
  for (std::size_t at : {8u, 13u, 18u, 23u}) out.insert(at, 1, '-');
  return out;
}

bool endpoint::is_v4() const {
  return std::memcmp(ip.data(), v4_mapped_prefix.data(), v4_mapped_prefix.size()) == 0;
}

endpoint endpoint::v4(std::uint32_t address_host_order, std::uint16_t port) {
  endpoint out;
  std::memcpy(out.ip.data(), v4_mapped_prefix.data(), v4_mapped_prefix.size());
  for (std::size_t i = 0; i < 4; ++i)
    out.ip[12 + i] = static_cast<std::uint8_t>(address_host_order >> (24 - 8 * i));
  out.port = port;
  return out;
}

std::optional<endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (ec != std::errc{} || end != port_text.data() + port_text.size() || port_text.empty())
    return std::nullopt;
  std::string host(text.substr(0, colon));
  endpoint out;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (inet_pton(AF_INET6, host.c_str(), out.ip.data()) != 1) return std::nullopt;
    out.port = port;
    return out;
  }
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) != 1) return std::nullopt;
  return endpoint::v4(ntohl(v4.s_addr), port);
}

std::string to_string(const endpoint& x) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (x.is_v4()) {
    inet_ntop(AF_INET, x.ip.data() + 12, text.data(), text.size());
    return std::string(text.data()) + ':' + std::to_string(x.port);
  }
  inet_ntop(AF_INET6, x.ip.data(), text.data(), text.size());
  return '[' + std::string(text.data()) + "]:" + std::to_string(x.port);
}

address_scope scope_of(const endpoint& x) {
  const auto& ip = x.ip;
  if (x.is_v4()) {
    if (ip[12] == 127) return address_scope::loopback;
    const bool is_private =
        ip[12] == 10 || (ip[12] == 172 && (ip[13] & 0xF0) == 16) || (ip[12] == 192 && ip[13] == 168);
    const bool carrier_grade = ip[12] == 100 && (ip[13] & 0xC0) == 64;
    const bool link_local = ip[12] == 169 && ip[13] == 254;
    return is_private || carrier_grade || link_local ? address_scope::local : address_scope::global;
  }
  bool zero = true;
  for (std::size_t i = 0; i < 15; ++i) zero = zero && ip[i] == 0;
  if (zero && ip[15] == 1) return address_scope::loopback;
  const bool unique_local = (ip[0] & 0xFE) == 0xFC;
  const bool link_local = ip[0] == 0xFE && (ip[1] & 0xC0) == 0x80;
  return unique_local || link_local ? address_scope::local : address_scope::global;
}

}  // namespace vsf
