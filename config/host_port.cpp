#include "config/host_port.hpp"

#include <algorithm>
#include <charconv>

namespace vsf::config {

namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  bool numeric = true;
  std::size_t label = 0;
  char before = '.';
  for (const char c : name) {
    if (c == '.') {
      if (label == 0 || before == '-') return false;
      label = 0;
    } else {
      if (!is_letter_or_digit(c) && (c != '-' || label == 0)) return false;
      if (++label > 63) return false;
      numeric = numeric && c >= '0' && c <= '9';
    }
    before = c;
  }
  // Digits and dots alone would be an IPv4 address, and it did not parse as one.
  return before != '-' && before != '.' && !numeric;
}

}  // namespace

std::optional<host_port> parse_host_port(std::string_view text) {
  if (const auto literal = parse_endpoint(text)) {
    if (literal->port == 0) return std::nullopt;
    auto host = text.substr(0, text.rfind(':'));
    if (host.front() == '[') host = host.substr(1, host.size() - 2);
    return host_port{std::string(host), literal->port};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (port_text.empty() || ec != std::errc{} || end != port_text.data() + port_text.size() || port == 0)
    return std::nullopt;
  const auto host = text.substr(0, colon);
  if (!is_host_name(host)) return std::nullopt;
  return host_port{std::string(host), port};
}

std::string to_string(const host_port& x) {
  const bool v6 = x.host.find(':') != std::string::npos;
  return (v6 ? '[' + x.host + ']' : x.host) + ':' + std::to_string(x.port);
}

}  // namespace vsf::config
