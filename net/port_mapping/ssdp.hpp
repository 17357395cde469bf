#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "net/port_mapping/router.hpp"

namespace vsf::net {

/// Looks for UPnP routers by SSDP (UPnP Device Architecture 1.1, 1.3): one question, and then its answers one
/// after the other.
class ssdp_search {
 public:
  static constexpr std::size_t max_answers = 64;  // of all that come
  static constexpr std::size_t max_answer_size = 2048;

  explicit ssdp_search(const mapping_options& options);
  ~ssdp_search();
  ssdp_search(const ssdp_search&) = delete;
  ssdp_search& operator=(const ssdp_search&) = delete;

  result<void> ask();
  /// The next description's address, each once; nullopt: none came in time.
  std::optional<std::string> next(const round_watch& watch);

 private:
  endpoint where_;
  std::chrono::steady_clock::time_point until_;
  std::chrono::milliseconds search_time_;
  int socket_ = -1;
  std::size_t answers_ = 0;
  std::set<std::string> seen_;
};

/// The LOCATION of an answer, if it is one and the description lies at the address it came from: else anybody
/// could have this machine fetch anything.
std::optional<std::string> location_of(std::string_view answer, const endpoint& from);
/// Host and port of an http:// address whose host is an IP address; nullopt otherwise. Without a port: 80.
std::optional<endpoint> http_host(std::string_view url);

}  // namespace vsf::net
