#include "gateway/access.hpp"

#include <gtest/gtest.h>

namespace {

using namespace vsf;
using namespace vsf::gateway;

const endpoint loopback = endpoint::v4(0x7F000001, 40'000);
const endpoint neighbour = endpoint::v4(0xC0A80105, 40'000);
const std::string key = "correct horse battery staple";

access_policy open_policy() { return {"", endpoint::v4(0x7F000001, 5030)}; }
access_policy keyed_policy() { return {key, endpoint::v4(0, 5030)}; }

request from(const endpoint& peer, std::map<std::string, std::string> headers = {}) {
  headers.emplace("host", "127.0.0.1:5030");
  return {"GET", "/api/v1/status", {}, std::move(headers), "", peer};
}

/// 0: let in.
unsigned status_of(const request& asked, const access_policy& policy) {
  const auto no = refuse(asked, policy);
  return no ? no->status : 0;
}

TEST(access, loopback_needs_no_key_while_none_is_set) {
  EXPECT_EQ(status_of(from(loopback), open_policy()), 0u);
}

TEST(access, ipv6_loopback_is_loopback) {
  const auto peer = *parse_endpoint("[::1]:9");
  EXPECT_EQ(status_of(from(peer, {{"host", "[::1]:5030"}}), open_policy()), 0u);
}

TEST(access, others_are_refused_while_no_key_is_set) {
  const auto no = refuse(from(neighbour), open_policy());
  ASSERT_TRUE(no);
  EXPECT_EQ(no->status, 401u);
  EXPECT_NE(no->body.find("gateway.api_key"), std::string::npos);
  // An empty key is no key.
  EXPECT_EQ(status_of(from(neighbour, {{"x-api-key", ""}}), open_policy()), 401u);
  EXPECT_EQ(status_of(from(neighbour, {{"authorization", "Bearer "}}), open_policy()), 401u);
}

TEST(access, once_a_key_is_set_everybody_needs_it) {
  for (const auto& peer : {loopback, neighbour}) {
    EXPECT_EQ(status_of(from(peer), keyed_policy()), 401u);
    EXPECT_EQ(status_of(from(peer, {{"x-api-key", "wrong"}}), keyed_policy()), 401u);
    EXPECT_EQ(status_of(from(peer, {{"x-api-key", key}}), keyed_policy()), 0u);
    EXPECT_EQ(status_of(from(peer, {{"authorization", "Bearer " + key}}), keyed_policy()), 0u);
    EXPECT_EQ(status_of(from(peer, {{"authorization", "Basic " + key}}), keyed_policy()), 401u);
  }
}

TEST(access, a_missing_key_is_asked_for) {
  const auto no = refuse(from(loopback), keyed_policy());
  ASSERT_TRUE(no);
  const std::pair<std::string, std::string> asks{"WWW-Authenticate", "Bearer"};
  EXPECT_EQ(std::count(no->headers.begin(), no->headers.end(), asks), 1);
  EXPECT_EQ(no->body.find(key), std::string::npos);
}

TEST(access, health_needs_no_key) {
  auto asked = from(neighbour);
  asked.path = "/health";
  EXPECT_EQ(status_of(asked, keyed_policy()), 0u);
  EXPECT_EQ(status_of(asked, open_policy()), 0u);
  asked.path = "/health/";
  EXPECT_EQ(status_of(asked, keyed_policy()), 401u);
}

TEST(access, a_proxy_takes_the_trust_in_loopback_away) {
  for (const auto* name : {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}) {
    EXPECT_EQ(status_of(from(loopback, {{name, "x"}}), open_policy()), 401u) << name;
    EXPECT_EQ(status_of(from(loopback, {{name, "x"}, {"x-api-key", key}}), keyed_policy()), 0u) << name;
  }
}

TEST(access, a_name_that_dns_may_point_anywhere_is_not_answered) {
  for (const auto* host :
       {"evil.example:5030", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:5030", "",
        "127.0.0.1@evil.example", "[::1].evil.example:5030", ":5030"})
    EXPECT_EQ(status_of(from(loopback, {{"host", host}}), open_policy()), 421u) << host;
  for (const auto* host : {"localhost", "localhost:5030", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:5030",
                           "192.168.1.7:5030", "[2001:db8::1]:5030"})
    EXPECT_EQ(status_of(from(loopback, {{"host", host}}), open_policy()), 0u) << host;
}

TEST(access, with_the_right_key_any_name_will_do) {
  EXPECT_EQ(status_of(from(neighbour, {{"host", "nas.home.example"}, {"x-api-key", key}}), keyed_policy()),
            0u);
  EXPECT_EQ(status_of(from(neighbour, {{"host", "nas.home.example"}, {"x-api-key", "no"}}), keyed_policy()),
            421u);
}

TEST(access, pages_of_other_origins_are_not_answered) {
  const auto with_origin = [](const std::string& origin) { return from(loopback, {{"origin", origin}}); };
  EXPECT_EQ(status_of(with_origin("http://127.0.0.1:5030"), open_policy()), 0u);
  for (const auto* origin : {"http://evil.example", "null", "http://127.0.0.1:5031", "http://127.0.0.1",
                             "127.0.0.1:5030", "http://127.0.0.1:5030.evil.example"})
    EXPECT_EQ(status_of(with_origin(origin), open_policy()), 403u) << origin;
  // Not even with the key: a browser may send it for somebody else's page.
  EXPECT_EQ(
      status_of(from(loopback, {{"origin", "http://evil.example"}, {"x-api-key", key}}), keyed_policy()),
      403u);
}

TEST(access, only_a_websocket_may_bring_the_key_in_its_address) {
  auto asked = from(neighbour);
  asked.query["api_key"] = key;
  EXPECT_EQ(status_of(asked, keyed_policy()), 401u);
  asked.headers["upgrade"] = "websocket";
  EXPECT_EQ(status_of(asked, keyed_policy()), 0u);
  asked.query["api_key"] = "wrong";
  EXPECT_EQ(status_of(asked, keyed_policy()), 401u);
}

}  // namespace
