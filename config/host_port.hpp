#pragma once

#include <optional>
#include <string_view>

#include "config/settings.hpp"

namespace vsf::config {

/// "name:port", "1.2.3.4:port" or "[ipv6]:port" with a port of 1 to 65535; names as in RFC 1123, an IPv6
/// address is kept without its brackets. Anything else is nullopt.
std::optional<host_port> parse_host_port(std::string_view text);
std::string to_string(const host_port& x);

}  // namespace vsf::config
