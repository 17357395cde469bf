#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

#include "support.hpp"

namespace vsf::net {
namespace {

using namespace test;  // the test's own support, no library

TEST(listener_test, bind_errors_name_the_address_and_the_port_is_free_after_close) {
  auto net = make_asio_network();
  listening first(*net);
  const auto at = first.listener->local();
  auto second = net->listen(at, [](const auto&) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "cannot bind TCP " + to_string(at) +
                ": address already in use; stop the other program or set node.listen to "
                "another port");
  first.listener->close();
  EXPECT_TRUE(net->listen(at, [](const auto&) {}));
}

TEST(listener_test, the_ipv6_wildcard_takes_ipv4_callers_with_their_ipv4_address) {
  auto net = make_asio_network();
  mailbox<std::shared_ptr<stream_link>> links;
  auto opened = net->listen(*parse_endpoint("[::]:0"), [&](auto link) { links.put(std::move(link)); });
  ASSERT_TRUE(opened) << opened.error().message;
  auto four = connect_now(*net, loopback((*opened)->local().port));
  ASSERT_TRUE(four) << four.error().message;
  auto accepted = *links.take();
  EXPECT_TRUE(accepted->remote().is_v4()) << to_string(accepted->remote());
  auto one = *parse_endpoint("[::1]:1");
  one.port = (*opened)->local().port;
  auto six = connect_now(*net, one);
  ASSERT_TRUE(six) << six.error().message;
  accepted = *links.take();
  EXPECT_FALSE(accepted->remote().is_v4()) << to_string(accepted->remote());
}

TEST(listener_test, half_started_links_are_bounded) {
  auto net = make_asio_network();
  listening server(*net);
  std::vector<std::unique_ptr<raw_client>> clients;
  for (std::size_t i = 0; i < asio_limits::half_started_links + 5; ++i)
    clients.push_back(std::make_unique<raw_client>(server.listener->local()));
  ASSERT_TRUE(reaches([&] { return net->streams().refused == 5; }));
  EXPECT_EQ(net->streams().accepted, asio_limits::half_started_links);
  EXPECT_EQ(clients.back()->read(1).size(), 0u) << "closed at once";
  // Starting one and dropping another makes room for two.
  link_events events;
  auto started = *server.links.take();
  started->start(events.handlers());
  server.links.take()->reset();
  settle(*net);
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<raw_client>(server.listener->local()));
  ASSERT_TRUE(reaches([&] { return net->streams().refused == 6; }));
  EXPECT_EQ(net->streams().accepted, asio_limits::half_started_links + 2);
}

TEST(listener_test, out_of_descriptors_pauses_counts_and_recovers) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer opens a pipe to look at an object's type; without descriptors it takes that "
                  "for an error";
#endif
  auto net = make_asio_network();
  listening server(*net);
  raw_client warm(server.listener->local());
  ASSERT_TRUE(server.links.take());
  raw_client waiting(::socket(AF_INET, SOCK_STREAM, 0));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  auto few = before;
  few.rlim_cur = std::min<rlim_t>(before.rlim_cur, 256);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<int> held;
  for (int fd = 0; (fd = dup(0)) >= 0;) held.push_back(fd);
  waiting.connect_to(server.listener->local());
  const bool counted = reaches([&] { return net->streams().accept_errors >= 2; });
  const auto errors = net->streams().accept_errors.load();
  for (const int fd : held) close(fd);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(counted);
  EXPECT_LT(errors, 10u) << "it spins";
  EXPECT_TRUE(server.links.take()) << "accepted after the pause";
}

}  // namespace
}  // namespace vsf::net
