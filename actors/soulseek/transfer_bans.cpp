#include "actors/soulseek/transfer_bans.hpp"

#include <algorithm>

#include "actors/soulseek/transfer_types.hpp"

namespace vsf::soulseek {

bool network::contains(const std::array<std::uint8_t, 16>& ip) const {
  for (std::size_t i = 0; i < address.size(); ++i) {
    const auto begins = i * 8;
    if (begins >= bits) return true;
    const auto here = std::min<std::size_t>(bits - begins, 8);
    const auto mask = static_cast<std::uint8_t>(0xFF00U >> here);
    if (((address[i] ^ ip[i]) & mask) != 0) return false;
  }
  return true;
}

result<network> parse_network(std::string_view text) {
  const auto wrong = [&] {
    return fail("\"" + shown_reason(text.substr(0, 60)) +
                "\" is no network: write it as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32.");
  };
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  const auto parsed =
      parse_endpoint((address.find(':') == std::string::npos ? address : '[' + address + ']') + ":1");
  if (!parsed) return wrong();
  const std::size_t width = parsed->is_v4() ? 32 : 128;
  std::size_t bits = width;
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    if (digits.empty() || digits.size() > 3 ||
        digits.find_first_not_of("0123456789") != std::string_view::npos)
      return wrong();
    bits = 0;
    for (const char c : digits) bits = bits * 10 + static_cast<std::size_t>(c - '0');
    if (bits > width) return wrong();
  }
  network out{parsed->ip, static_cast<std::uint8_t>(128 - width + bits)};
  for (std::size_t i = out.bits; i < 128; ++i)  // one way to write each
    out.address[i / 8] = static_cast<std::uint8_t>(out.address[i / 8] & ~(0x80U >> (i % 8)));
  return out;
}

result<void> transfer_bans::add_user(std::string_view user) {
  if (user.empty() || user.size() > max_user_bytes)
    return fail("A user name has 1 to " + std::to_string(max_user_bytes) + " bytes.");
  if (users_.size() >= max_entries && users_.find(user) == users_.end())
    return fail("There are " + std::to_string(max_entries) + " banned users already: remove some first.");
  users_.emplace(user);
  return {};
}

result<void> transfer_bans::add_network(std::string_view cidr) {
  const auto parsed = parse_network(cidr);
  if (!parsed) return tl::unexpected(parsed.error());
  if (networks_.size() >= max_entries && networks_.count(*parsed) == 0)
    return fail("There are " + std::to_string(max_entries) + " banned networks already: remove some first.");
  networks_.insert(*parsed);
  return {};
}

bool transfer_bans::bans(std::string_view user, const std::optional<endpoint>& address) const {
  if (users_.find(user) != users_.end()) return true;
  return address && std::any_of(networks_.begin(), networks_.end(),
                                [&](const network& n) { return n.contains(address->ip); });
}

}  // namespace vsf::soulseek
