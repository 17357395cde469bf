#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "support.hpp"

namespace vsf::net {
namespace {

using namespace test;  // the test's own support, no library

struct raw_stream_test : testing::Test {
  std::shared_ptr<stream_link> accept_raw(std::optional<raw_client>& client) {
    client.emplace(server.listener->local());
    auto link = server.links.take();
    if (!link) throw std::runtime_error("not accepted");
    return *link;
  }
  std::shared_ptr<stream_link> connect_raw(const endpoint& to) {
    return connect_now(*net, to, patience, stream_framing::raw).value();
  }
  /// The next `size` bytes; each chunk's credit is given back.
  static bytes gather(link_events& from, stream_link& link, std::size_t size) {
    bytes out;
    while (out.size() < size) {
      auto chunk = from.packets.take();
      if (!chunk) break;
      EXPECT_GE(chunk->size(), 1u);
      EXPECT_LE(chunk->size(), max_raw_chunk);
      out.insert(out.end(), chunk->view().begin(), chunk->view().end());
      link.grant(1);
    }
    return out;
  }
  std::shared_ptr<network> net = make_asio_network();
  listening server{*net, stream_framing::raw};
  link_events events, far_events;
};

TEST_F(raw_stream_test, bytes_both_ways_in_order) {
  auto near = connect_raw(server.listener->local());
  auto far = *server.links.take();
  near->start(events.handlers());
  far->start(far_events.handlers());
  near->grant(2);
  far->grant(2);
  bytes there, here;
  const auto send = [](stream_link& link, link_events& seen, bytes& all, std::size_t size,
                       std::uint32_t seed) {
    const auto part = pattern(size, seed);
    all.insert(all.end(), part.view().begin(), part.view().end());
    while (!link.send(part)) ASSERT_TRUE(seen.writable.take());
  };
  std::size_t got_there = 0;
  for (std::uint32_t i = 0; i < 60; ++i) {
    for (const std::size_t size : {1u, 2u, 255u, 8191u, 8193u, 65536u, 262144u}) {
      send(*near, events, there, size, i);
      send(*far, far_events, here, size % 5000 + 1, i + 1000);
    }
    const auto part = gather(far_events, *far, there.size() - got_there);
    ASSERT_TRUE(std::equal(part.begin(), part.end(), there.begin() + static_cast<std::ptrdiff_t>(got_there)))
        << i;
    got_there += part.size();
  }
  EXPECT_EQ(got_there, there.size());
  EXPECT_EQ(gather(events, *near, here.size()), here);
  EXPECT_TRUE(reaches([&] { return net->streams().bytes_out == there.size() + here.size(); }));
  EXPECT_EQ(net->streams().bytes_in, there.size() + here.size());
  EXPECT_TRUE(reaches([&] { return net->streams().packets_out == 2 * 7 * 60; }));
  EXPECT_EQ(net->streams().protocol_errors, 0u);
}

TEST_F(raw_stream_test, nothing_is_added_and_nothing_is_waited_for) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  link->grant(10);
  client->write(bytes{0, 0});  // of packets, a length of zero
  EXPECT_EQ(gather(events, *link, 2), (bytes{0, 0}));
  ASSERT_TRUE(link->send(frame::copy_of(bytes{1, 2, 3})));
  EXPECT_EQ(client->read(3), (bytes{1, 2, 3}));
}

TEST_F(raw_stream_test, reads_only_against_credits_one_a_chunk) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  const auto sent = pattern(150'000);
  client->write(sent.view());
  EXPECT_FALSE(events.packets.take(std::chrono::milliseconds(50)));
  EXPECT_EQ(net->streams().bytes_in, 0u);
  std::size_t got = 0, chunks = 0;
  while (got < sent.size()) {
    link->grant(1);
    auto chunk = events.packets.take();
    ASSERT_TRUE(chunk);
    ASSERT_TRUE(std::equal(chunk->view().begin(), chunk->view().end(), sent.data() + got));
    got += chunk->size();
    ++chunks;
    EXPECT_FALSE(events.packets.take(std::chrono::milliseconds(20)));
  }
  EXPECT_GE(chunks, 3u);
  EXPECT_EQ(net->streams().packets_in, chunks);
}

TEST_F(raw_stream_test, a_half_closed_end_counts_as_closed_after_what_came_before) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  const auto sent = pattern(200'000);
  client->write(sent.view());
  ::shutdown(client->fd(), SHUT_WR);
  link->grant(1);
  const auto got = gather(events, *link, sent.size());
  EXPECT_TRUE(std::equal(got.begin(), got.end(), sent.view().begin(), sent.view().end()));
  EXPECT_EQ(events.closed.take().value_or("nothing"), "closed by the peer");
  EXPECT_FALSE(link->send(pattern(3)));
  EXPECT_EQ(client->read(1).size(), 0u);
  EXPECT_EQ(net->streams().protocol_errors, 0u);
}

TEST_F(raw_stream_test, a_reset_closes_with_a_reason) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  link->grant(10);
  const linger at_once{1, 0};
  setsockopt(client->fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client->end();
  EXPECT_NE(events.closed.take().value_or("nothing").find("reading failed"), std::string::npos);
}

TEST_F(raw_stream_test, close_sends_what_is_queued) {
  for (int round = 0; round < 20; ++round) {
    std::optional<raw_client> client;
    auto link = accept_raw(client);
    link_events seen;
    link->start(seen.handlers());
    client->write(pattern(100).view());  // unread bytes of the peer must not turn the close into a reset
    bytes all;
    for (std::uint32_t i = 0; i < 3; ++i) {
      const auto part = pattern(max_raw_send, i);
      all.insert(all.end(), part.view().begin(), part.view().end());
      ASSERT_TRUE(link->send(part));
    }
    link->close();
    EXPECT_FALSE(link->send(pattern(1)));
    EXPECT_EQ(client->read(all.size() + 1), all);
    client->end();
    EXPECT_EQ(seen.closed.take().value_or("nothing"), "closed by this node");
  }
}

TEST_F(raw_stream_test, a_reader_that_grants_nothing_bounds_the_writer) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  std::size_t taken = 0;
  while (link->send(pattern(max_raw_send)) || events.writable.take(std::chrono::milliseconds(300)))
    ASSERT_LT(taken += max_raw_send, 256u << 20);
  EXPECT_GT(net->streams().queue_full, 0u);
  const auto on_its_way = net->streams().bytes_out.load() + asio_limits::stream_queue_bytes;
  EXPECT_LE(client->read(2u << 20).size(), on_its_way);
  EXPECT_TRUE(events.writable.take());
}

TEST_F(raw_stream_test, what_is_sent_at_once_is_bounded) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  EXPECT_THROW(link->send({}), std::length_error);
  EXPECT_THROW(link->send(pattern(max_raw_send + 1)), std::length_error);
  EXPECT_TRUE(link->send(pattern(max_raw_send)));
}

TEST_F(raw_stream_test, a_dropped_link_closes_without_callbacks) {
  for (int round = 0; round < 50; ++round) {
    std::optional<raw_client> client;
    auto link = accept_raw(client);
    auto seen = std::make_unique<link_events>();
    link->start(seen->handlers());
    link->grant(1000);
    client->write(pattern(5000).view());
    ASSERT_TRUE(link->send(pattern(20)));
    link.reset();
    seen.reset();  // a later callback would write to freed memory
    EXPECT_EQ(client->read(100).size(), 20u) << "flushed, then closed";
  }
}

TEST_F(raw_stream_test, may_be_closed_or_dropped_in_its_own_callback) {
  for (const bool drop : {false, true}) {
    std::optional<raw_client> client;
    struct owner {
      std::shared_ptr<stream_link> link;
      mailbox<int> chunks;
    };
    auto mine = std::make_shared<owner>();
    mine->link = accept_raw(client);
    auto* link = mine->link.get();
    link->start({[mine, drop](const frame&) {
                   if (drop)
                     mine->link.reset();
                   else
                     mine->link->close();
                   mine->chunks.put(1);
                 },
                 nullptr, nullptr});
    link->grant(10);
    client->write(bytes{1});
    ASSERT_TRUE(mine->chunks.take());
    EXPECT_EQ(client->read(1).size(), 0u);
    client->end();
    std::weak_ptr<owner> gone = mine;
    mine.reset();
    EXPECT_TRUE(reaches([&] { return gone.expired(); })) << "drop " << drop;
  }
}

TEST_F(raw_stream_test, speaks_ipv6_too) {
  const auto six = parse_endpoint("[::1]:0");
  std::optional<listening> at_six;
  try {
    at_six.emplace(*net, stream_framing::raw, *six);
  } catch (const std::runtime_error& why) {
    GTEST_SKIP() << why.what();
  }
  auto near = connect_raw(at_six->listener->local());
  auto far = *at_six->links.take();
  far->start(far_events.handlers());
  far->grant(1);
  ASSERT_TRUE(near->send(pattern(7)));
  EXPECT_EQ(gather(far_events, *far, 7).size(), 7u);
}

/// Links that wait for bytes hold no large buffer, however many they are.
TEST(raw_stream_buffers, more_links_than_buffers_all_go_on) {
  auto net = make_asio_network();
  listening server{*net, stream_framing::raw};
  constexpr std::size_t links = asio_limits::receive_buffers + 50;
  std::vector<std::unique_ptr<raw_client>> clients;
  std::vector<std::shared_ptr<stream_link>> held;
  std::atomic<std::size_t> received{0};
  for (std::size_t i = 0; i < links; ++i) {
    clients.push_back(std::make_unique<raw_client>(server.listener->local()));
    auto link = *server.links.take();
    link->start({[&received](const frame& chunk) { received += chunk.size(); }, nullptr, nullptr});
    link->grant(100);
    held.push_back(std::move(link));
  }
  for (auto& client : clients) client->write(bytes{1, 2, 3});
  EXPECT_TRUE(reaches([&] { return received == 3 * links; })) << received;
  EXPECT_EQ(net->streams().buffer_waits, 0u);
  held.clear();
}

}  // namespace
}  // namespace vsf::net
