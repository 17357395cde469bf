#pragma once

#include <string>
#include <vector>

#include "net/port_mapping/router.hpp"

namespace vsf::net {

/// A small HTTP question to a router.
struct fetch_request {
  std::string url;  // http:// alone is taken
  std::vector<std::string> headers{};
  std::string body{};  // not empty: it is posted
  std::string bind{};  // as network.bind
  std::chrono::milliseconds most{5000};
};
struct fetch_answer {
  long status = 0;
  std::string body;
  endpoint local;  // this machine's address on the way there, port 0
};

inline constexpr std::size_t max_fetch_bytes = 128 * 1024;

/// Follows no redirects, uses no proxy, reads at most max_fetch_bytes. The error says what went wrong,
/// without the address.
result<fetch_answer> fetch(const fetch_request& what, const round_watch& watch);

}  // namespace vsf::net
