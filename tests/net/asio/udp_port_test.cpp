#include "net/asio/udp_port.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "support.hpp"

namespace vsf::net {
namespace {

using namespace test;  // the test's own support, no library

struct received {
  endpoint from;
  frame payload;
};

struct udp_test : testing::Test {
  std::shared_ptr<datagram_port> open(const endpoint& at, std::size_t credits, datagram_handler handler) {
    auto opened = net->open_datagrams(at, credits, std::move(handler));
    if (!opened) throw std::runtime_error(opened.error().message);
    return *opened;
  }
  datagram_handler into_box() {
    return [this](const endpoint& from, frame payload) { box.put({from, std::move(payload)}); };
  }
  mailbox<received> box;
  std::shared_ptr<network> net = make_asio_network();
};

TEST_F(udp_test, echoes_many_datagrams_unchanged) {
  std::shared_ptr<datagram_port> server;
  std::mutex guard;
  server = open(loopback(), 1000, [&](const endpoint& from, frame payload) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(payload.data()) % 8, 0u);
    std::lock_guard lock(guard);
    server->send(from, std::move(payload));
    server->consumed(1);
  });
  std::shared_ptr<datagram_port> client;
  client = open(loopback(), 100000, into_box());
  const auto to = [&] {
    std::lock_guard lock(guard);
    return server->local();
  }();
  constexpr std::uint32_t rounds = 200, window = 25;
  std::uint32_t seen = 0;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    for (std::uint32_t i = 0; i < window; ++i)
      ASSERT_TRUE(
          client->send(to, pattern((round * window + i) % (max_datagram_size + 1), round * window + i)));
    for (std::uint32_t i = 0; i < window; ++i) {
      auto got = box.take();
      ASSERT_TRUE(got) << "round " << round << ", datagram " << i;
      EXPECT_EQ(got->from, to);
      EXPECT_TRUE(same(got->payload, pattern(seen % (max_datagram_size + 1), seen))) << "datagram " << seen;
      ++seen;
    }
  }
  EXPECT_EQ(client->counters().received, rounds * window);
  EXPECT_EQ(server->counters().sent, rounds * window);
  EXPECT_EQ(server->counters().received_bytes, client->counters().sent_bytes);
  server->close();
  client->close();
}

TEST_F(udp_test, drops_and_counts_without_credit_and_goes_on_after_consumed) {
  auto server = open(loopback(), 3, into_box());
  auto client = open(loopback(), 1, [](const endpoint&, const frame&) {});
  for (std::uint32_t i = 0; i < 10; ++i) ASSERT_TRUE(client->send(server->local(), pattern(10, i)));
  ASSERT_TRUE(reaches([&] { return server->counters().dropped_no_credit == 7; }));
  EXPECT_EQ(server->counters().received, 3u);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(same(box.take()->payload, pattern(10, i)));
  server->consumed(2);
  for (std::uint32_t i = 20; i < 25; ++i) ASSERT_TRUE(client->send(server->local(), pattern(10, i)));
  ASSERT_TRUE(reaches([&] { return server->counters().dropped_no_credit == 10; }));
  EXPECT_TRUE(same(box.take()->payload, pattern(10, 20)));
  EXPECT_TRUE(same(box.take()->payload, pattern(10, 21)));
  EXPECT_EQ(box.size(), 0u);
  server->consumed(1000);  // more than was taken makes no credit
  for (std::uint32_t i = 0; i < 8; ++i) client->send(server->local(), pattern(10, i));
  ASSERT_TRUE(reaches([&] { return server->counters().dropped_no_credit == 15; }));
  EXPECT_EQ(server->counters().received, 8u);
}

TEST_F(udp_test, oversize_is_dropped_and_counted_both_ways) {
  auto server = open(loopback(), 100, into_box());
  auto client = open(loopback(), 1, [](const endpoint&, const frame&) {});
  EXPECT_FALSE(client->send(server->local(), pattern(max_datagram_size + 1)));
  EXPECT_EQ(client->counters().dropped_oversize, 1u);
  raw_client raw(::socket(AF_INET, SOCK_DGRAM, 0));
  raw.connect_to(server->local());
  for (const std::size_t size : {max_datagram_size + 1, std::size_t{9000}, max_datagram_size})
    raw.write(pattern(size).view());
  auto got = box.take();
  ASSERT_TRUE(got);
  EXPECT_TRUE(same(got->payload, pattern(max_datagram_size)));
  EXPECT_EQ(server->counters().dropped_oversize, 2u);
  EXPECT_EQ(box.size(), 0u);
}

TEST_F(udp_test, an_empty_datagram_arrives) {
  auto server = open(loopback(), 100, into_box());
  EXPECT_TRUE(server->send(server->local(), {}));
  auto got = box.take();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload.size(), 0u);
}

TEST_F(udp_test, the_wildcard_addresses_reach_ipv4_and_ipv6) {
  auto any4 = open(*parse_endpoint("0.0.0.0:0"), 10, into_box());
  auto any6 = open(*parse_endpoint("[::]:0"), 10, into_box());
  auto only4 = open(loopback(), 10, into_box());
  auto only6 = open(*parse_endpoint("[::1]:0"), 10, into_box());
  EXPECT_EQ(to_string(any4->local()), "0.0.0.0:" + std::to_string(any4->local().port));
  EXPECT_EQ(to_string(any6->local()), "[::]:" + std::to_string(any6->local().port));

  const auto expect_way = [&](datagram_port& from, const endpoint& to, const endpoint& seen_from) {
    ASSERT_TRUE(from.send(to, pattern(5))) << to_string(to);
    auto got = box.take();
    ASSERT_TRUE(got) << to_string(to);
    EXPECT_EQ(to_string(got->from), to_string(seen_from));
  };
  expect_way(*only4, loopback(any4->local().port), only4->local());
  expect_way(*any4, only4->local(), loopback(any4->local().port));
  expect_way(*only4, loopback(any6->local().port), only4->local());
  expect_way(*any6, only4->local(), loopback(any6->local().port));
  auto one = *parse_endpoint("[::1]:1");
  one.port = any6->local().port;
  expect_way(*only6, one, only6->local());
  expect_way(*any6, only6->local(), one);

  EXPECT_FALSE(any4->send(only6->local(), pattern(5)));  // no IPv6 on an IPv4 socket
  EXPECT_EQ(any4->counters().send_errors, 1u);
}

TEST_F(udp_test, a_taken_port_is_refused_with_advice_and_free_right_after_close) {
  auto first = open(loopback(), 1, into_box());
  const auto at = first->local();
  auto second = net->open_datagrams(at, 1, into_box());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "cannot bind UDP " + to_string(at) +
                ": address already in use; stop the other program or set node.listen to "
                "another port");
  first->close();
  EXPECT_FALSE(first->send(at, pattern(3)));
  EXPECT_TRUE(net->open_datagrams(at, 1, into_box()));
  auto foreign = net->open_datagrams(*parse_endpoint("192.0.2.1:0"), 1, into_box());
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message.find("this machine has no such address; set node.listen to"),
            std::string::npos)
      << foreign.error().message;
}

TEST_F(udp_test, close_from_the_callback_ends_the_callbacks) {
  std::shared_ptr<datagram_port> server;
  std::mutex guard;
  std::atomic<int> calls = 0;
  {
    std::lock_guard lock(guard);
    server = open(loopback(), 100, [&](const endpoint&, const frame&) {
      ++calls;
      std::lock_guard inner(guard);
      server.reset();  // the last reference, within the port's own callback
    });
  }
  auto client = open(loopback(), 1, into_box());
  const auto to = [&] {
    std::lock_guard lock(guard);
    return server->local();
  }();
  for (int i = 0; i < 20; ++i) client->send(to, pattern(4));
  ASSERT_TRUE(reaches([&] { return calls > 0; }));
  // The port is free again once the callback that closed it is over.
  ASSERT_TRUE(reaches([&] { return net->open_datagrams(to, 1, into_box()).has_value(); }));
  EXPECT_EQ(calls, 1);
}

TEST_F(udp_test, no_callback_after_close) {
  for (int round = 0; round < 50; ++round) {
    auto alive = std::make_unique<std::atomic<int>>(0);
    auto server = open(loopback(), 1000000, [&](const endpoint&, const frame&) { ++*alive; });
    auto client = open(loopback(), 1, into_box());
    for (int i = 0; i < 100; ++i) client->send(server->local(), pattern(4));
    server->close();
    alive.reset();  // a later callback would write to freed memory
  }
}

// A kernel that is full at will.
std::atomic<bool> kernel_is_full = false;
std::atomic<int> refusal = EAGAIN;

ssize_t send_if_room(int fd, const void* data, std::size_t size, int flags, const sockaddr* to,
                     socklen_t length) {
  if (!kernel_is_full) return ::sendto(fd, data, size, flags, to, length);
  errno = refusal;
  return -1;
}
int send_many_if_room(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (!kernel_is_full) return ::sendmmsg(fd, messages, std::min(count, 7u), flags);
  errno = refusal;
  return -1;
}

TEST_F(udp_test, a_full_kernel_fills_the_queue_which_is_bounded_and_keeps_order) {
  io_runtime runtime;
  for (const int code : {EAGAIN, ENOBUFS}) {
    auto server = open(loopback(), 100000, into_box());
    auto sender = udp_port::open(runtime.core(), loopback(), 1, [](const endpoint&, const frame&) {},
                                 {&send_if_room, &send_many_if_room});
    ASSERT_TRUE(sender);
    refusal = code;
    kernel_is_full = true;
    std::size_t taken = 0;
    for (std::uint32_t i = 0; i < asio_limits::datagram_queue + 10; ++i)
      taken += (*sender)->send(server->local(), pattern(8, i)) ? 1u : 0u;
    EXPECT_EQ(taken, asio_limits::datagram_queue);
    EXPECT_EQ((*sender)->counters().dropped_queue_full, 10u);
    EXPECT_EQ((*sender)->counters().sent, 0u);
    kernel_is_full = false;
    for (std::uint32_t i = 0; i < 100; ++i) {
      auto got = box.take();
      ASSERT_TRUE(got) << i;
      ASSERT_TRUE(same(got->payload, pattern(8, i))) << i;
    }
    EXPECT_TRUE(reaches([&] { return (*sender)->counters().sent == taken; }));
    while (box.size() > 0) (void)box.take();
    server->close();
    while (box.size() > 0) (void)box.take();
    (*sender)->close();
  }
  runtime.stop();
}

TEST_F(udp_test, a_datagram_that_cannot_go_out_is_counted_and_the_rest_of_the_queue_goes) {
  io_runtime runtime;
  auto server = open(loopback(), 1000, into_box());
  auto sender = udp_port::open(runtime.core(), loopback(), 1, [](const endpoint&, const frame&) {},
                               {&send_if_room, &send_many_if_room});
  ASSERT_TRUE(sender);
  refusal = EAGAIN;
  kernel_is_full = true;
  EXPECT_TRUE((*sender)->send(server->local(), pattern(8, 1)));
  EXPECT_TRUE((*sender)->send(loopback(0), pattern(8, 2)));  // port 0: EINVAL
  EXPECT_TRUE((*sender)->send(server->local(), pattern(8, 3)));
  kernel_is_full = false;
  EXPECT_TRUE(same(box.take()->payload, pattern(8, 1)));
  EXPECT_TRUE(same(box.take()->payload, pattern(8, 3)));
  EXPECT_EQ((*sender)->counters().send_errors, 1u);
  EXPECT_FALSE((*sender)->send(loopback(0), pattern(8, 2)));
  EXPECT_EQ((*sender)->counters().send_errors, 2u);
  (*sender)->close();
}

}  // namespace
}  // namespace vsf::net
