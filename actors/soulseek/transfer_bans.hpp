#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "messages/types.hpp"

namespace vsf::soulseek {

/// An IP network: "10.0.0.0/8", "192.0.2.7", "2001:db8::/32". IPv4 is kept v4-mapped.
struct network {
  std::array<std::uint8_t, 16> address{};
  std::uint8_t bits = 128;

  bool contains(const std::array<std::uint8_t, 16>& ip) const;
  auto operator<=>(const network&) const = default;
};
result<network> parse_network(std::string_view text);

/// Users who get nothing, by name and by address. At most max_entries of each.
class transfer_bans {
 public:
  static constexpr std::size_t max_entries = 10'000;

  /// Fails beyond the bound, or when it is no user name.
  result<void> add_user(std::string_view user);
  result<void> add_network(std::string_view cidr);
  void remove_user(std::string_view user) { users_.erase(std::string(user)); }
  void remove_network(const network& which) { networks_.erase(which); }
  /// Names are compared byte by byte, as the server does.
  bool bans(std::string_view user, const std::optional<endpoint>& address) const;
  std::size_t size() const { return users_.size() + networks_.size(); }

 private:
  std::set<std::string, std::less<>> users_;
  std::set<network> networks_;
};

}  // namespace vsf::soulseek
