#include <dirent.h>
#include <gtest/gtest.h>

#include <thread>

#include "net/asio/io_core.hpp"
#include "support.hpp"

namespace vsf::net {
namespace {

using namespace test;  // the test's own support, no library

std::size_t open_descriptors() {
  std::size_t count = 0;
  auto* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

TEST(stop_test, destruction_with_everything_in_flight) {
  std::size_t before = 0;
  const auto large = pattern(65535);
  for (int round = 0; round < 100; ++round) {
    if (round == 1) before = open_descriptors();
    std::atomic<int> answers = 0, closed = 0;
    auto net = make_asio_network();
    std::shared_ptr<datagram_port> udp;
    udp = *net->open_datagrams(loopback(), 1000000, [](const endpoint&, const frame&) {});
    auto server = std::make_unique<listening>(*net);
    auto near = *connect_now(*net, server->listener->local());
    auto far = *server->links.take();
    const auto on_closed = [&](const std::string&) { ++closed; };
    near->start({[](const frame&) {}, [] {}, on_closed});
    far->start({[](const frame&) {}, [] {}, on_closed});
    if (round % 2 == 0) far->grant(1000);
    while (near->send(large)) {
    }
    for (int i = 0; i < 50; ++i) udp->send(udp->local(), pattern(100));
    net->connect(server->listener->local(), patience, [&](const auto&) { ++answers; });
    net->connect(endpoint::v4(0x7F0000FE, 9), patience, [&](const auto&) { ++answers; });
    net->resolve("localhost:80", [&](const auto&) { ++answers; });
    if (round % 3 == 0) far->close();
    if (round % 5 == 0) near.reset();
    std::thread concurrent([&] {
      for (int i = 0; i < 200; ++i) {
        udp->send(udp->local(), pattern(100));
        far->send(pattern(1000));
        far->grant(1);
      }
    });
    net.reset();
    EXPECT_EQ(answers, 3) << "round " << round;
    EXPECT_EQ(closed, near ? 2 : 1) << "round " << round;
    concurrent.join();
    EXPECT_FALSE(udp->send(udp->local(), pattern(10)));
    EXPECT_FALSE(far->send(pattern(10)));
    far->close();
    udp->close();
    // What outlives the network goes in any order.
    if (round % 2 == 0) server.reset();
    if (round % 4 < 2) {
      far.reset();
      udp.reset();
    } else {
      udp.reset();
      far.reset();
    }
  }
  EXPECT_EQ(open_descriptors(), before) << "descriptors leak";
}

TEST(stop_test, a_stopped_runtime_refuses_with_an_error) {
  auto runtime = std::make_shared<io_runtime>();
  auto net = make_asio_network(runtime);
  runtime->stop();
  runtime->stop();
  auto udp = net->open_datagrams(loopback(), 1, [](const auto&, const auto&) {});
  ASSERT_FALSE(udp);
  EXPECT_NE(udp.error().message.find("the network is stopped"), std::string::npos) << udp.error().message;
  EXPECT_FALSE(net->listen(loopback(), [](const auto&) {}));
  auto connected = connect_now(*net, loopback(1));
  ASSERT_FALSE(connected);
  EXPECT_NE(connected.error().message.find("the network is stopped"), std::string::npos);
  mailbox<int> failed;
  net->resolve("127.0.0.1:1", [&](const auto& outcome) { failed.put(outcome ? 0 : 1); });
  EXPECT_EQ(failed.take(), 1);
}

TEST(stop_test, the_last_owner_may_be_a_callback_on_the_io_thread) {
  for (int round = 0; round < 20; ++round) {
    auto runtime = std::make_shared<io_runtime>();
    std::weak_ptr<io_core> core = runtime->core();
    auto net = make_asio_network(std::move(runtime));
    auto* raw = net.get();
    mailbox<int> taken, dropped;
    raw->resolve("127.0.0.1:1", [&, net = std::move(net)](const auto&) mutable {
      net.reset();
      dropped.put(1);
    });
    ASSERT_TRUE(dropped.take());
    EXPECT_TRUE(reaches([&] { return core.expired(); })) << "the context or its thread lives on";
  }
}

TEST(stop_test, objects_and_context_are_freed_when_the_owners_are_gone) {
  std::weak_ptr<io_core> core;
  std::weak_ptr<int> captured;
  {
    auto runtime = std::make_shared<io_runtime>();
    core = runtime->core();
    auto net = make_asio_network(runtime);
    listening server(*net);
    auto near = *connect_now(*net, server.listener->local());
    auto far = *server.links.take();
    auto token = std::make_shared<int>(1);
    captured = token;
    // Each handler holds its own link: the cycle must end with the stop.
    near->start({[token, near](const frame&) {}, [] {}, [token, near](const std::string&) {}});
    far->start({[token, far](const frame&) {}, [] {}, nullptr});
    auto holder = std::make_shared<std::shared_ptr<datagram_port>>();
    auto udp = *net->open_datagrams(loopback(), 5, [token, holder](const auto&, const auto&) {});
    *holder = udp;
    near->grant(5);
    runtime->stop();
  }
  EXPECT_TRUE(captured.expired());
  EXPECT_TRUE(core.expired());
}

TEST(stop_test, what_was_sent_just_before_the_stop_leaves) {
  auto receiver = make_asio_network();
  listening server(*receiver);
  for (int round = 0; round < 30; ++round) {
    auto sender = make_asio_network();
    auto near = *connect_now(*sender, server.listener->local());
    link_events events, far_events;
    near->start(events.handlers());
    auto far = *server.links.take();
    far->start(far_events.handlers());
    far->grant(100);
    for (std::uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(near->send(pattern(1000, i)));
    near->close();
    sender.reset();
    for (std::uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(far_events.packets.take()) << i;
    EXPECT_TRUE(far_events.closed.take());
  }
}

}  // namespace
}  // namespace vsf::net
