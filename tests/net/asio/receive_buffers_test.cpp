#include "net/asio/receive_buffers.hpp"

#include <gtest/gtest.h>

#include "net/asio/io_core.hpp"
#include "net/asio/io_runtime.hpp"
#include "tests/net/asio/support.hpp"

namespace vsf::net::test {
namespace {

constexpr std::size_t large = 48 * 1024;

TEST(receive_buffers_test, one_for_each_link_beyond_the_bound_then_it_waits) {
  const auto buffers = std::make_shared<receive_buffers>(2);
  const auto first = receive_buffers::open_account(), second = receive_buffers::open_account();
  int woken = 0;
  const auto again = [&] { ++woken; };
  auto a = buffers->take(large, first, again), b = buffers->take(large, first, again);
  EXPECT_EQ(a.size(), large);
  EXPECT_EQ(buffers->in_use(), 2U);
  EXPECT_TRUE(buffers->take(large, first, again).empty());
  EXPECT_FALSE(buffers->take(100, first, again).empty()) << "small packets are not counted";
  auto c = buffers->take(large, second, again);
  EXPECT_FALSE(c.empty()) << "it holds none";
  EXPECT_TRUE(buffers->take(large, second, again).empty());
  EXPECT_EQ(woken, 0);
  const auto part = c.slice(16, 100);
  c = {};
  EXPECT_EQ(woken, 0) << "a slice keeps the whole packet";
  a = {};
  EXPECT_EQ(buffers->in_use(), 2U);
  b = {};
  EXPECT_EQ(woken, 2) << "both are told, once";
  EXPECT_FALSE(buffers->take(large, first, again).empty());
}

TEST(receive_buffers_test, who_has_given_back_all_is_told_although_others_hold_theirs) {
  const auto buffers = std::make_shared<receive_buffers>(1);
  const auto slow = receive_buffers::open_account(), quick = receive_buffers::open_account();
  const auto held = buffers->take(large, slow, [] {});
  const auto held_too = buffers->take(large, receive_buffers::open_account(), [] {});
  auto mine = buffers->take(large, quick, [] {});
  int woken = 0;
  EXPECT_TRUE(buffers->take(large, quick, [&] { ++woken; }).empty());
  mine = {};
  EXPECT_EQ(woken, 1);
  EXPECT_FALSE(buffers->take(large, quick, [] {}).empty());
}

TEST(receive_buffers_test, who_is_gone_is_not_told) {
  const auto buffers = std::make_shared<receive_buffers>(1);
  const auto account = receive_buffers::open_account();
  auto held = buffers->take(large, account, [] {});
  EXPECT_TRUE(buffers->take(large, account, [] { ADD_FAILURE(); }).empty());
  buffers->forget(account);
  held = {};
}

/// Links that were granted more than all buffers of their node: everything arrives, in order, and never more
/// is held than the bound and one for each link.
TEST(receive_buffers_test, links_share_them_and_none_stands_still) {
  constexpr std::size_t bound = 4, links = 3, packets = 60;
  const auto runtime = std::make_shared<io_runtime>(bound);
  const auto network = make_asio_network(runtime);
  mailbox<std::shared_ptr<stream_link>> accepted;
  const auto listener =
      *network->listen(endpoint::v4(0x7F000001, 0), [&](auto link) { accepted.put(std::move(link)); });
  std::vector<std::shared_ptr<stream_link>> writers, readers;
  std::vector<std::unique_ptr<mailbox<frame>>> arrived;
  std::vector<std::unique_ptr<mailbox<int>>> room;
  for (std::size_t i = 0; i < links; ++i) {
    mailbox<std::shared_ptr<stream_link>> connected;
    network->connect(listener->local(), patience, [&](auto link) { connected.put(*link); });
    writers.push_back(*connected.take());
    readers.push_back(*accepted.take());
    arrived.push_back(std::make_unique<mailbox<frame>>());
    room.push_back(std::make_unique<mailbox<int>>());
    writers[i]->start({[](frame) {}, [to = room[i].get()] { to->put(1); }, [](std::string) {}});
    readers[i]->start(
        {[to = arrived[i].get()](frame packet) { to->put(std::move(packet)); }, [] {}, [](std::string) {}});
    readers[i]->grant(packets);
  }
  std::vector<std::size_t> sent(links);
  const auto send_all = [&](std::size_t i) {
    while (sent[i] < packets) {
      auto packet = frame::allocate(large);
      packet.mutable_data()[0] = static_cast<std::uint8_t>(sent[i]);
      if (!writers[i]->send(std::move(packet))) return;
      ++sent[i];
    }
  };
  for (std::size_t taken = 0; taken < packets; ++taken)
    for (std::size_t i = 0; i < links; ++i) {
      send_all(i);
      EXPECT_LE(runtime->core()->buffers->in_use(), bound + links);
      const auto packet = arrived[i]->take();
      ASSERT_TRUE(packet) << "link " << i << " stands still at " << taken;
      EXPECT_EQ(packet->data()[0], taken);
    }
  EXPECT_GT(network->streams().buffer_waits, 0U);
}

}  // namespace
}  // namespace vsf::net::test
