#include "sim/internet.hpp"

#include <gtest/gtest.h>

namespace vsf::sim {
namespace {

using namespace std::chrono_literals;

/// Two hosts and a clock that jumps from event to event.
class virtual_internet : public ::testing::Test {
 protected:
  void make(internet_options options = {}) {
    net_ = std::make_shared<internet>(
        events_, trace_, [this] { return now_; }, options);
    a_ = net_->add_host(0);
    b_ = net_->add_host(1);
  }
  void run_until(virtual_time end) {
    while (events_.next_time() && *events_.next_time() <= end) {
      now_ = *events_.next_time();
      events_.pop()();
    }
    now_ = end;
  }
  endpoint at(const std::shared_ptr<host>& h, std::uint16_t port) {
    auto out = h->address();
    out.port = port;
    return out;
  }
  frame text(std::size_t size, std::uint8_t fill = 7) {
    auto out = frame::allocate(size);
    std::fill(out.mutable_view().begin(), out.mutable_view().end(), fill);
    return out;
  }
  /// A connection from a to b's port 9.
  void connect() {
    listener_ = b_->listen(at(b_, 9), [this](auto link) { far_ = std::move(link); }).value();
    a_->connect(at(b_, 9), 10s, [this](auto link) { near_ = link.value(); });
    run_until(now_ + 5s);
    ASSERT_TRUE(near_ && far_);
  }

  /// The two ends of an open connection hold each other: a test ends its own, while what its handlers name is
  /// there.
  void disconnect() {
    if (near_) near_->close();
    if (far_) far_->close();
    near_ = far_ = nullptr;
    listener_ = nullptr;
    run_until(now_ + 60s);
  }

  event_queue events_;
  trace trace_;
  virtual_time now_{0};
  std::shared_ptr<internet> net_;
  std::shared_ptr<host> a_, b_;
  std::shared_ptr<net::stream_listener> listener_;
  std::shared_ptr<net::stream_link> near_, far_;
};

TEST_F(virtual_internet, delivers_a_datagram_after_the_way_there) {
  make();
  std::vector<std::pair<virtual_time, std::size_t>> got;
  const auto to = b_->open_datagrams(at(b_, 5), 10, [&](const endpoint& from, frame f) {
    EXPECT_EQ(from, at(a_, 6));
    got.emplace_back(now_, f.size());
  });
  const auto from = a_->open_datagrams(at(a_, 6), 10, {}).value();
  EXPECT_TRUE(from->send(at(b_, 5), text(100)));
  const auto base =
      std::chrono::microseconds(latency::base_us(latency::place_of(1, 0), latency::place_of(1, 1)));
  run_until(1s);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_GE(got[0].first, base);
  EXPECT_LE(got[0].first, base + 21ms);
}

TEST_F(virtual_internet, loses_as_many_as_it_is_told) {
  make({.loss_per_million = 250'000});
  std::size_t got = 0;
  const auto to = b_->open_datagrams(at(b_, 5), 100'000, [&](const endpoint&, frame) { ++got; });
  const auto from = a_->open_datagrams(at(a_, 6), 10, {}).value();
  for (int i = 0; i < 4000; ++i) from->send(at(b_, 5), text(10));
  run_until(5s);
  EXPECT_NEAR(static_cast<double>(got), 3000, 150);
  EXPECT_EQ(net_->counters().datagrams_lost, 4000 - got);
}

TEST_F(virtual_internet, drops_and_counts_what_has_no_credit) {
  make();
  std::size_t got = 0;
  const auto to = b_->open_datagrams(at(b_, 5), 3, [&](const endpoint&, frame) { ++got; }).value();
  const auto from = a_->open_datagrams(at(a_, 6), 10, {}).value();
  for (int i = 0; i < 5; ++i) from->send(at(b_, 5), text(10));
  run_until(1s);
  EXPECT_EQ(got, 3u);
  EXPECT_EQ(to->counters().dropped_no_credit, 2u);
  to->consumed(1);
  from->send(at(b_, 5), text(10));
  run_until(2s);
  EXPECT_EQ(got, 4u);
}

TEST_F(virtual_internet, keeps_the_order_of_a_stream_and_waits_for_credits) {
  make({.loss_per_million = 100'000});
  connect();
  std::vector<std::uint8_t> got;
  near_->start({});
  far_->start(
      {.on_packet = [&](frame f) { got.push_back(f.data()[0]); }, .on_writable = {}, .on_closed = {}});
  for (std::uint8_t i = 0; i < 100; ++i) EXPECT_TRUE(near_->send(text(50, i)));
  run_until(now_ + 30s);
  EXPECT_TRUE(got.empty());
  far_->grant(40);
  run_until(now_ + 1s);
  EXPECT_EQ(got.size(), 40u);
  far_->grant(100);
  run_until(now_ + 1s);
  ASSERT_EQ(got.size(), 100u);
  for (std::uint8_t i = 0; i < 100; ++i) EXPECT_EQ(got[i], i);
  disconnect();
}

TEST_F(virtual_internet, bounds_what_a_slow_reader_keeps_waiting) {
  make();
  connect();
  bool writable = false;
  near_->start({.on_packet = {}, .on_writable = [&] { writable = true; }, .on_closed = {}});
  far_->start({.on_packet = [](frame) {}, .on_writable = {}, .on_closed = {}});
  int taken = 0;
  while (taken < 1000 && near_->send(text(48 * 1024))) ++taken;
  EXPECT_LE(taken, 6);
  run_until(now_ + 1s);
  EXPECT_FALSE(writable);
  far_->grant(100);
  run_until(now_ + 1s);
  EXPECT_TRUE(writable);
  disconnect();
}

TEST_F(virtual_internet, tells_the_end_of_a_process_after_what_it_sent_and_nothing_of_a_power_cut) {
  make();
  connect();
  std::string ended;
  std::size_t got = 0;
  near_->start({.on_packet = [&](frame) { ++got; },
                .on_writable = {},
                .on_closed = [&](std::string why) { ended = why; }});
  far_->start({});
  for (int i = 0; i < 3; ++i) far_->send(text(10));
  b_->close_sockets();
  run_until(now_ + 1s);
  EXPECT_TRUE(ended.empty());  // three packets are still to be read
  near_->grant(10);
  run_until(now_ + 1s);
  EXPECT_EQ(got, 3u);
  EXPECT_EQ(ended, "closed by the other end");

  far_ = near_ = nullptr;
  connect();
  ended.clear();
  near_->start({.on_packet = {}, .on_writable = {}, .on_closed = [&](std::string why) { ended = why; }});
  near_->grant(1);
  b_->cut();
  run_until(now_ + 60s);
  EXPECT_TRUE(ended.empty());
  disconnect();
}

TEST_F(virtual_internet, refuses_or_times_out_a_connection) {
  make();
  std::vector<std::string> problems;
  const auto note = [&](result<std::shared_ptr<net::stream_link>> link) {
    problems.push_back(link.error().message);
  };
  a_->connect(at(b_, 9), 2s, note);
  run_until(3s);
  b_->cut();
  a_->connect(at(b_, 9), 2s, note);
  run_until(4s);
  ASSERT_EQ(problems.size(), 1u);
  run_until(6s);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_NE(problems[0].find("refused"), std::string::npos);
  EXPECT_NE(problems[1].find("timed out"), std::string::npos);
}

TEST_F(virtual_internet, an_uplink_sends_one_byte_after_another) {
  make({.uplink_bytes_per_s = 100'000});
  connect();
  virtual_time last{0};
  near_->start({});
  far_->start({.on_packet = [&](frame) { last = now_; }, .on_writable = {}, .on_closed = {}});
  far_->grant(100);
  const auto begin = now_;
  for (int i = 0; i < 20; ++i) near_->send(text(10'000));
  run_until(now_ + 60s);
  EXPECT_GE(last - begin, 2s);
  EXPECT_LE(last - begin, 2500ms);
  disconnect();
}

}  // namespace
}  // namespace vsf::sim
