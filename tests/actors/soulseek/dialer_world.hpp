#pragma once

#include <gtest/gtest.h>

#include "actors/soulseek/peer_dialer.hpp"

namespace vsf::soulseek {

using namespace std::chrono_literals;
inline constexpr auto P = connection_type::peer;
inline constexpr auto F = connection_type::file;
inline constexpr auto D = connection_type::distributed;
inline constexpr std::uint32_t bob_ip = 0x05060708;

inline bytes body(const bytes& framed) { return bytes(framed.begin() + 4, framed.end()); }
inline shared_bytes text(const char* x) { return share(bytes(x, x + std::char_traits<char>::length(x))); }

template <class T>
std::vector<T> all(const dialer_effects& effects) {
  std::vector<T> found;
  for (const auto& e : effects)
    if (const auto* x = std::get_if<T>(&e)) found.push_back(*x);
  return found;
}
/// What was said to the server, as it reads it.
template <class T>
std::vector<T> told(const dialer_effects& effects) {
  std::vector<T> found;
  for (const auto& e : all<tell_server>(effects)) {
    const auto message = decode_to_server(body(e.message));
    if (const auto* x = std::get_if<T>(&message.value())) found.push_back(*x);
  }
  return found;
}

/// A dialer that is online as ann, and what it wanted done.
class soulseek_dialer : public testing::Test {
 protected:
  void SetUp() override { it.on_online("ann", now, out); }
  template <class T>
  std::vector<T> take() {
    auto found = all<T>(out);
    out.clear();
    return found;
  }
  void address(const char* user = "bob", std::uint32_t ip = bob_ip, std::uint32_t port = 2234) {
    it.on_peer_address({user, ip, port, std::nullopt}, now, out);
  }
  /// A dial to bob that was connected directly.
  link_id direct(connection_type type = P, ticket_id ticket = 1) {
    it.request(ticket, "bob", type, now, out);
    address();
    const auto link = all<connect_peer>(out).back().link;
    EXPECT_TRUE(it.on_connected(link, now, out));
    return link;
  }
  link_id accepted(const bytes& framed, std::uint32_t ip = bob_ip) {
    const auto link = it.on_accepted(endpoint::v4(ip, 40000), now, out);
    EXPECT_TRUE(link);
    it.on_init(*link, body(framed), now, out);
    return *link;
  }
  void alarm(nanoseconds later) {
    now += later;
    it.on_alarm(now, out);
  }

  crypto::seeded_random random{3};
  peer_dialer it{dialer_options{}, random};
  dialer_effects out;
  nanoseconds now = 1h;
};

}  // namespace vsf::soulseek
