#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support.hpp"

namespace vsf::net {
namespace {

using namespace test;  // the test's own support, no library

struct connect_test : testing::Test {
  result<std::vector<endpoint>> resolve_now(const std::string& what) {
    mailbox<result<std::vector<endpoint>>> done;
    net->resolve(what, [&](result<std::vector<endpoint>> outcome) { done.put(std::move(outcome)); });
    auto outcome = done.take();
    return outcome ? *outcome : fail("resolve() never answered");
  }
  std::shared_ptr<network> net = make_asio_network();
};

TEST_F(connect_test, refused) {
  endpoint to;
  {
    listening gone(*net);
    to = gone.listener->local();
  }
  auto outcome = connect_now(*net, to);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            "cannot connect to TCP " + to_string(to) +
                ": connection refused; check that the node runs there and that its port is "
                "right");
  EXPECT_EQ(net->streams().connect_failed, 1u);
}

TEST_F(connect_test, times_out) {
  // A listener whose backlog is full and is never accepted from: the kernel leaves further callers without an
  // answer.
  raw_client silent(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(silent.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(silent.fd(), 0), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(silent.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto to = loopback(ntohs(address.sin_port));
  std::vector<std::shared_ptr<stream_link>> fill;
  auto outcome = connect_now(*net, to, std::chrono::milliseconds(150));
  for (int i = 0; i < 10 && outcome; ++i) {
    fill.push_back(*outcome);
    outcome = connect_now(*net, to, std::chrono::milliseconds(150));
  }
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            "cannot connect to TCP " + to_string(to) +
                ": no answer within 150 ms; check that it is reachable (firewall, port "
                "forwarding)");
}

TEST_F(connect_test, port_zero_is_an_error) {
  auto outcome = connect_now(*net, loopback(0));
  ASSERT_FALSE(outcome);
  EXPECT_NE(
      outcome.error().message.find("cannot connect to TCP 127.0.0.1:0: invalid argument; check the address"),
      std::string::npos)
      << outcome.error().message;
}

TEST_F(connect_test, pending_connects_are_bounded) {
  listening server(*net);
  // Held, so that all of them are pending together.
  mailbox<int> held, go;
  net->resolve("127.0.0.1:1", [&](const auto&) {
    held.put(1);
    (void)go.take();
  });
  ASSERT_TRUE(held.take());
  mailbox<result<std::shared_ptr<stream_link>>> done;
  const auto all = asio_limits::pending_connects + 20;
  for (std::size_t i = 0; i < all; ++i)
    net->connect(server.listener->local(), patience, [&](auto outcome) { done.put(std::move(outcome)); });
  go.put(1);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < all; ++i) {
    auto outcome = done.take();
    ASSERT_TRUE(outcome) << i;
    if (*outcome) continue;
    ++refused;
    EXPECT_NE(outcome->error().message.find("too many connections are being made at once"), std::string::npos)
        << outcome->error().message;
  }
  EXPECT_EQ(refused, 20u);
  EXPECT_TRUE(connect_now(*net, server.listener->local()));
}

TEST_F(connect_test, resolves_addresses_and_names) {
  auto four = resolve_now("127.0.0.1:50315");
  ASSERT_TRUE(four);
  EXPECT_EQ(*four, std::vector<endpoint>{loopback(50315)});
  auto six = resolve_now("[::1]:50315");
  ASSERT_TRUE(six);
  EXPECT_EQ(to_string(six->at(0)), "[::1]:50315");
  auto name = resolve_now("localhost:7");
  ASSERT_TRUE(name) << name.error().message;
  ASSERT_FALSE(name->empty());
  for (const auto& address : *name) {
    EXPECT_EQ(scope_of(address), address_scope::loopback) << to_string(address);
    EXPECT_EQ(address.port, 7);
  }
}

TEST_F(connect_test, resolve_failures_name_what_was_asked_and_what_to_do) {
  // A label beyond 63 characters fails in the resolver without any datagram leaving the machine.
  const auto impossible = std::string(64, 'x') + ".invalid:50315";
  auto outcome = resolve_now(impossible);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message.find("cannot resolve " + impossible + ": "), 0u)
      << outcome.error().message;
  EXPECT_NE(outcome.error().message.find("; check the name and the DNS settings"), std::string::npos)
      << outcome.error().message;
  for (const std::string bad : {"localhost", "localhost:", "localhost:0", "localhost:70000", "localhost:1x",
                                ":5", "", "[::1:5", "a b:5", "::1:5"}) {
    auto refused = resolve_now(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().message.find("cannot resolve " + bad + ": "), 0u) << refused.error().message;
  }
  EXPECT_FALSE(resolve_now(std::string(100000, 'y') + ":5"));
  EXPECT_EQ(net->streams().resolve_failed, 12u);
}

TEST_F(connect_test, pending_resolves_are_bounded) {
  mailbox<int> held, go;
  net->resolve("127.0.0.1:1", [&](const auto&) {
    held.put(1);
    (void)go.take();
  });
  ASSERT_TRUE(held.take());
  mailbox<result<std::vector<endpoint>>> done;
  const auto all = asio_limits::pending_resolves + 8;
  for (std::size_t i = 0; i < all; ++i)
    net->resolve("localhost:1", [&](auto outcome) { done.put(std::move(outcome)); });
  go.put(1);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < all; ++i) {
    auto outcome = done.take();
    ASSERT_TRUE(outcome) << i;
    if (*outcome) continue;
    ++refused;
    EXPECT_NE(outcome->error().message.find("too many names"), std::string::npos) << outcome->error().message;
  }
  EXPECT_GE(refused, 1u);
  EXPECT_LE(refused, 8u);
}

}  // namespace
}  // namespace vsf::net
