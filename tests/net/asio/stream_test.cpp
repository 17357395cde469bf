#include <gtest/gtest.h>

#include <thread>

#include "support.hpp"

namespace vsf::net {
namespace {

using namespace test;  // the test's own support, no library

struct stream_test : testing::Test {
  /// A started link on this side of a raw client.
  std::shared_ptr<stream_link> accept_raw(std::optional<raw_client>& client) {
    client.emplace(server.listener->local());
    auto link = server.links.take();
    if (!link) throw std::runtime_error("not accepted");
    return *link;
  }
  std::shared_ptr<network> net = make_asio_network();
  listening server{*net};
  link_events events, far_events;
};

TEST_F(stream_test, packets_of_all_sizes_both_ways_in_order) {
  auto near = connect_now(*net, server.listener->local());
  ASSERT_TRUE(near) << near.error().message;
  auto far = *server.links.take();
  (*near)->start(events.handlers());
  far->start(far_events.handlers());
  EXPECT_EQ((*near)->remote(), server.listener->local());
  const std::vector<std::size_t> sizes{1,    2,    3,    255,  256,   1200,  8189,  8190,
                                       8191, 8192, 8193, 8194, 48000, 65534, 65535, 7};
  (*near)->grant(1000);
  far->grant(1000);
  for (std::uint32_t i = 0; i < 300; ++i) {
    const auto size = sizes[i % sizes.size()];
    while (!(*near)->send(pattern(size, i))) ASSERT_TRUE(events.writable.take());
    while (!far->send(pattern(size, i + 1000))) ASSERT_TRUE(far_events.writable.take());
  }
  for (std::uint32_t i = 0; i < 300; ++i) {
    auto there = far_events.packets.take();
    auto here = events.packets.take();
    ASSERT_TRUE(there && here) << i;
    ASSERT_TRUE(same(*there, pattern(sizes[i % sizes.size()], i))) << i;
    ASSERT_TRUE(same(*here, pattern(sizes[i % sizes.size()], i + 1000))) << i;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(there->data()) % 8, 0u);
  }
  EXPECT_EQ(net->streams().packets_in, 600u);
  EXPECT_TRUE(reaches([&] { return net->streams().packets_out == 600; }));
  EXPECT_EQ(net->streams().bytes_in, net->streams().bytes_out);
  EXPECT_EQ(net->streams().connected, 1u);
  EXPECT_EQ(net->streams().accepted, 1u);
}

TEST_F(stream_test, byte_by_byte_segments_make_whole_packets) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  link->grant(100);
  const int on = 1;
  setsockopt(client->fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
  bytes wire;
  for (const std::size_t size : {1u, 300u, 2u, 517u})
    for (const auto byte : on_wire(pattern(size, 9))) wire.push_back(byte);
  for (const auto byte : wire) client->write({&byte, 1});
  for (const std::size_t size : {1u, 300u, 2u, 517u}) {
    auto got = events.packets.take();
    ASSERT_TRUE(got);
    EXPECT_TRUE(same(*got, pattern(size, 9)));
  }
}

TEST_F(stream_test, cut_anywhere_in_two_segments) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  link->grant(100000);
  bytes wire;
  for (const std::size_t size : {5u, 1u, 8200u, 3u})
    for (const auto byte : on_wire(pattern(size, 3))) wire.push_back(byte);
  // Every place around a boundary, and a few within.
  for (const std::size_t cut :
       {1u, 2u, 3u, 6u, 7u, 8u, 9u, 10u, 11u, 12u, 100u, 8192u, 8210u, 8211u, 8212u, 8213u, 8214u}) {
    client->write(byte_view(wire).first(cut));
    // The first part has certainly been read before the second is sent.
    const auto before = net->streams().bytes_in.load();
    ASSERT_TRUE(reaches([&] { return net->streams().bytes_in % wire.size() == cut; }))
        << cut << ' ' << before;
    client->write(byte_view(wire).subspan(cut));
    for (const std::size_t size : {5u, 1u, 8200u, 3u}) {
      auto got = events.packets.take();
      ASSERT_TRUE(got) << cut;
      ASSERT_TRUE(same(*got, pattern(size, 3))) << cut;
    }
    ASSERT_TRUE(reaches([&] { return net->streams().bytes_in % wire.size() == 0; })) << cut;
  }
}

TEST_F(stream_test, what_is_sent_has_the_length_in_front) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  for (std::uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(link->send(pattern(1 + i * 100, i)));
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto want = on_wire(pattern(1 + i * 100, i));
    ASSERT_EQ(client->read(want.size()), want) << i;
  }
}

TEST_F(stream_test, reads_only_against_credits) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  bytes wire;
  for (std::uint32_t i = 0; i < 10; ++i)
    for (const auto byte : on_wire(pattern(50, i))) wire.push_back(byte);
  client->write(wire);
  EXPECT_FALSE(events.packets.take(std::chrono::milliseconds(50)));
  EXPECT_EQ(net->streams().bytes_in, 0u);
  std::uint32_t next = 0;
  for (const std::size_t credit : {1u, 3u, 2u, 4u}) {
    link->grant(credit);
    for (std::size_t i = 0; i < credit; ++i, ++next) {
      auto got = events.packets.take();
      ASSERT_TRUE(got) << next;
      EXPECT_TRUE(same(*got, pattern(50, next)));
    }
    EXPECT_FALSE(events.packets.take(std::chrono::milliseconds(20)));
  }
}

TEST_F(stream_test, a_length_of_zero_closes_with_a_reason) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  link->grant(10);
  const bytes wire{0, 1, 42, 0, 0, 0, 1, 43};
  client->write(wire);
  EXPECT_EQ(*events.closed.take(), "the peer sent a packet of length zero");
  EXPECT_EQ(events.packets.size(), 1u);  // what came before it
  EXPECT_EQ(net->streams().protocol_errors, 1u);
  EXPECT_FALSE(link->send(pattern(3)));
  link->close();
  link.reset();
  EXPECT_EQ(events.closed.size(), 0u);
}

TEST_F(stream_test, the_end_between_packets_within_a_length_and_within_a_packet) {
  const auto why_after = [&](const bytes& wire) {
    std::optional<raw_client> client;
    auto link = accept_raw(client);
    link_events seen;
    link->start(seen.handlers());
    link->grant(10);
    client->write(wire);
    client->end();
    auto why = seen.closed.take();
    return why.value_or("nothing");
  };
  EXPECT_EQ(why_after({0, 1, 42}), "closed by the peer");
  EXPECT_EQ(why_after({0, 1, 42, 0}), "the peer closed in the middle of a packet's length");
  EXPECT_EQ(why_after({0, 9, 42, 42}), "the peer closed in the middle of a packet (2 of 9 bytes)");
  EXPECT_EQ(net->streams().protocol_errors, 2u);
}

TEST_F(stream_test, an_empty_or_too_long_packet_is_a_bug_of_the_caller) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  EXPECT_THROW(link->send({}), std::length_error);
  EXPECT_THROW(link->send(pattern(max_packet_size + 1)), std::length_error);
}

TEST_F(stream_test, a_reader_that_grants_nothing_bounds_the_writer) {
  auto opened = connect_now(*net, server.listener->local());
  ASSERT_TRUE(opened);
  auto writer = *opened;
  auto reader = *server.links.take();
  writer->start(events.handlers());
  reader->start(far_events.handlers());
  // Fills both kernel buffers, then the queue; the test's end is the bound itself: it never waits for room.
  std::uint32_t taken = 0;
  for (auto refused_since = std::chrono::steady_clock::now();;) {
    if (writer->send(pattern(65535, taken))) {
      ++taken;
      refused_since = std::chrono::steady_clock::now();
      ASSERT_LT(taken, 4000u) << "256 MB taken without any reader";
    } else if (std::chrono::steady_clock::now() - refused_since > std::chrono::milliseconds(300)) {
      break;
    } else {
      (void)events.writable.take(std::chrono::milliseconds(50));
    }
  }
  const auto in_kernel = net->streams().bytes_out.load();
  EXPECT_LE(std::uint64_t{taken} * 65537 - in_kernel, asio_limits::stream_queue_bytes + 16 * 2 + 65537);
  EXPECT_GT(net->streams().queue_full, 0u);
  EXPECT_EQ(events.writable.size(), 0u);
  EXPECT_EQ(far_events.packets.size(), 0u);

  reader->grant(taken);
  ASSERT_TRUE(events.writable.take());
  for (std::uint32_t i = 0; i < taken; ++i) {
    auto got = far_events.packets.take();
    ASSERT_TRUE(got) << i;
    ASSERT_TRUE(same(*got, pattern(65535, i))) << i;
  }
  EXPECT_EQ(events.writable.size(), 0u) << "one refusal, one call";
}

TEST_F(stream_test, the_queue_is_bounded_in_packets_too) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  // The io thread is held, so nothing leaves the queue meanwhile.
  mailbox<int> held, go;
  net->resolve("127.0.0.1:1", [&](const auto&) {
    held.put(1);
    (void)go.take();
  });
  ASSERT_TRUE(held.take());
  std::size_t taken = 0;
  while (link->send(pattern(10))) ASSERT_LE(++taken, asio_limits::stream_queue_packets);
  EXPECT_EQ(taken, asio_limits::stream_queue_packets);
  go.put(1);
  EXPECT_TRUE(events.writable.take());
  EXPECT_EQ(client->read(taken * 12).size(), taken * 12);
  EXPECT_TRUE(link->send(pattern(10)));
}

TEST_F(stream_test, close_sends_what_is_queued) {
  for (int round = 0; round < 20; ++round) {
    std::optional<raw_client> client;
    auto link = accept_raw(client);
    link_events seen;
    link->start(seen.handlers());
    client->write(pattern(100).view());  // unread bytes of the peer must not turn the close into a reset
    std::size_t wire = 0;
    for (std::uint32_t i = 0; i < 12; ++i) {
      ASSERT_TRUE(link->send(pattern(65535, i)));
      wire += 65537;
    }
    link->close();
    EXPECT_FALSE(link->send(pattern(1)));
    EXPECT_EQ(client->read(wire + 1).size(), wire);
    client->end();
    EXPECT_EQ(seen.closed.take().value_or("nothing"), "closed by this node");
    link->close();
    EXPECT_EQ(seen.closed.size(), 0u);
  }
}

TEST_F(stream_test, close_waits_a_second_at_most) {
  std::optional<raw_client> client;
  auto link = accept_raw(client);
  link->start(events.handlers());
  while (link->send(pattern(65535)) || events.writable.take(std::chrono::milliseconds(200))) {
  }
  const auto began = std::chrono::steady_clock::now();
  link->close();
  EXPECT_EQ(events.closed.take().value_or("nothing"), "closed by this node; not all was sent");
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::milliseconds(900));
  EXPECT_LT(took, std::chrono::seconds(8));
}

TEST_F(stream_test, both_sides_closing_at_once_end_at_once) {
  auto near = *connect_now(*net, server.listener->local());
  auto far = *server.links.take();
  near->start(events.handlers());
  far->start(far_events.handlers());
  near->send(pattern(1000));
  far->send(pattern(1000));
  const auto began = std::chrono::steady_clock::now();
  near->close();
  far->close();
  EXPECT_TRUE(events.closed.take());
  EXPECT_TRUE(far_events.closed.take());
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(900));
}

TEST_F(stream_test, a_dropped_link_closes_without_callbacks) {
  for (int round = 0; round < 50; ++round) {
    std::optional<raw_client> client;
    auto link = accept_raw(client);
    auto seen = std::make_unique<link_events>();
    link->start(seen->handlers());
    link->grant(1000);
    bytes wire;
    for (std::uint32_t i = 0; i < 100; ++i)
      for (const auto byte : on_wire(pattern(50, i))) wire.push_back(byte);
    client->write(wire);
    ASSERT_TRUE(link->send(pattern(20)));
    link.reset();
    seen.reset();  // a later callback would write to freed memory
    EXPECT_EQ(client->read(100).size(), 22u) << "flushed, then closed";
  }
}

TEST_F(stream_test, a_link_may_be_closed_or_dropped_in_its_own_callback) {
  for (const bool drop : {false, true}) {
    std::optional<raw_client> client;
    struct owner {
      std::shared_ptr<stream_link> link;
      mailbox<int> packets;
      mailbox<std::string> closed;
    };
    auto mine = std::make_shared<owner>();
    mine->link = accept_raw(client);
    auto link = mine->link.get();
    // The handlers hold the owner, and it the link: the cycle ends with the link.
    link->start({[mine, drop](const frame&) {
                   if (drop)
                     mine->link.reset();
                   else
                     mine->link->close();
                   mine->packets.put(1);
                 },
                 nullptr, [mine](std::string why) { mine->closed.put(std::move(why)); }});
    link->grant(10);
    client->write(bytes{0, 1, 7, 0, 1, 8, 0, 1, 9});
    ASSERT_TRUE(mine->packets.take());
    EXPECT_EQ(client->read(1).size(), 0u);
    client->end();
    if (!drop) {
      EXPECT_TRUE(mine->closed.take());
    }
    EXPECT_EQ(mine->packets.size(), 0u);
    std::weak_ptr<owner> gone = mine;
    mine.reset();
    EXPECT_TRUE(reaches([&] { return gone.expired(); })) << "drop " << drop;
  }
}

}  // namespace
}  // namespace vsf::net
