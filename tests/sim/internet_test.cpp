#include <set>

#include "net/crypto/crypto.hpp"
#include "tests/sim/virtual_internet.hpp"

namespace vsf::sim {
namespace {

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
  make({.loss = 0.25});
  const auto to = open(b_, 5), from = open(a_, 6);
  for (int i = 0; i < 4000; ++i) from->send(at(b_, 5), text(10));
  run_until(5s);
  EXPECT_NEAR(static_cast<double>(to->got.size()), 3000, 150);
  EXPECT_EQ(net_->counters().datagrams_lost, 4000 - to->got.size());
  net_->set_conditions({.loss = 1});
  for (int i = 0; i < 100; ++i) from->send(at(b_, 5), text(10));
  run_until(10s);
  EXPECT_EQ(net_->counters().datagrams_lost, 4100 - to->got.size());
  expect_all_accounted_for();
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
  make({.loss = 0.1});
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

TEST_F(virtual_internet, one_whose_answer_comes_too_late_has_given_up) {
  make();
  listener_ = b_->listen(at(b_, 9), [this](auto link) { far_ = std::move(link); }).value();
  const auto round_trip_ms = std::chrono::duration_cast<std::chrono::milliseconds>(2 * way());
  EXPECT_EQ(try_connect(a_, at(b_, 9), round_trip_ms - 1ms), "timed out");
  EXPECT_FALSE(far_);
  EXPECT_EQ(try_connect(a_, at(b_, 9), round_trip_ms + 50ms), "connected");
  EXPECT_TRUE(far_);
  disconnect();
}

TEST_F(virtual_internet, ephemeral_ports_begin_anew_after_the_last) {
  make();
  std::set<std::uint16_t> numbers;
  const auto kept = a_->open_datagrams({}, 1, {}).value();
  for (int i = 0; i < 40'000; ++i) {
    const auto port = a_->open_datagrams({}, 1, {}).value();
    EXPECT_GE(port->local().port, 49152);
    EXPECT_NE(port->local().port, kept->local().port);
    numbers.insert(port->local().port);
    port->close();
  }
  EXPECT_EQ(numbers.size(), 65536u - 49152u - 1u);
}

TEST_F(virtual_internet, an_ipv6_host_has_a_global_address_and_a_48_of_its_own) {
  make();
  std::set<std::array<std::uint8_t, 6>> nets;
  std::vector<std::shared_ptr<host>> hosts;
  for (std::uint64_t i = 2; i < 1000; ++i) hosts.push_back(net_->add_host(i, {.ipv6 = true}));
  hosts.push_back(net_->add_host(70'000, {.nat = nat_type::symmetric, .ipv6 = true}));
  for (const auto& h : hosts) {
    EXPECT_FALSE(h->address().is_v4());
    EXPECT_TRUE(h->ipv6() && h->reachable());
    EXPECT_EQ(scope_of(h->address()), address_scope::global);
    EXPECT_EQ(to_string(h->address()).substr(0, 8), "[2001:48");
    std::array<std::uint8_t, 6> prefix{};
    std::copy_n(h->address().ip.begin(), 6, prefix.begin());
    nets.insert(prefix);
  }
  EXPECT_EQ(nets.size(), hosts.size());
}

TEST_F(virtual_internet, the_two_address_families_have_no_way_to_each_other) {
  make({}, {}, {.ipv6 = true});
  const auto c = net_->add_host(2, {.ipv6 = true});
  const auto four = open(a_, 5), six = open(b_, 5), other_six = open(c, 5);
  EXPECT_FALSE(four->send(at(b_, 5), text(10)));
  EXPECT_FALSE(six->send(at(a_, 5), text(10)));
  EXPECT_TRUE(six->send(at(c, 5), text(10)));
  run_for(1s);
  EXPECT_TRUE(four->got.empty() && six->got.empty());
  ASSERT_EQ(other_six->got.size(), 1u);
  EXPECT_EQ(other_six->got[0].from, at(b_, 5));
  EXPECT_EQ(net_->counters().datagrams_no_route, 2u);
  EXPECT_EQ(four->port->counters().send_errors, 1u);
  expect_all_accounted_for();
  const auto listener = b_->listen(at(b_, 9), [](auto link) { link->close(); }).value();
  EXPECT_EQ(try_connect(a_, at(b_, 9)), "no route to host");
  EXPECT_EQ(try_connect(c, at(b_, 9)), "connected");
}

/// Seals packets, sends them over a corrupting network and opens what arrives, as both sides' sessions do.
TEST_F(virtual_internet, a_receiver_s_aead_notices_every_flipped_bit_of_a_stream) {
  make({.corrupt = 0.2});
  connect();
  const digest key{1, 2, 3};
  crypto::aead sealer(key), opener(key);
  std::uint64_t arrived = 0, refused = 0;
  near_->start({});
  far_->start({.on_packet =
                   [&](frame f) {
                     EXPECT_EQ(f.size(), 300u);
                     if (!opener.open(arrived++, {}, f.mutable_view())) ++refused;
                   },
               .on_writable = {},
               .on_closed = {}});
  far_->grant(10'000);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    auto packet = text(300);
    sealer.seal(i, {}, packet.mutable_view());
    EXPECT_TRUE(near_->send(packet));
    if (i % 100 == 99) run_for(1s);
  }
  run_for(10s);
  EXPECT_EQ(arrived, 2000u);
  EXPECT_NEAR(static_cast<double>(refused), 400, 60);
  EXPECT_EQ(refused, net_->counters().stream_packets_corrupted);
  disconnect();
}

/// A mix of everything for a while, twice: nothing gets lost without a counter, and the same seed gives the
/// same run.
TEST_F(virtual_internet, accounts_for_every_datagram_and_repeats_itself) {
  const auto run = [this] {
    now_ = 0s;
    trace_ = {};
    make({.loss = 0.05, .duplicate = 0.05, .reorder = 0.1, .corrupt = 0.05}, {.uplink_bytes_per_s = 8'000},
         {.downlink_bytes_per_s = 3'000, .nat = nat_type::port_restricted});
    const auto c = net_->add_host(2, {.nat = nat_type::symmetric});
    const auto d = net_->add_host(3, {.ipv6 = true});
    crypto::seeded_random random(5);
    const std::vector<std::shared_ptr<host>> hosts{a_, b_, c, d};
    std::vector<std::shared_ptr<mailbox>> boxes;
    for (const auto& h : hosts) boxes.push_back(open(h, 5, 900));
    std::uint64_t wall = 0, seen = 0;
    for (int i = 0; i < 20'000; ++i) {
      if (i % 4000 == 1000) wall = net_->partition({0, 2}, random.below(2) == 0);
      if (i % 4000 == 3000) net_->heal(wall);
      boxes[random.below(4)]->send(at(hosts[random.below(4)], random.below(20) == 0 ? 6 : 5),
                                   text(random.below(1200), static_cast<std::uint8_t>(i)));
      run_for(std::chrono::milliseconds(random.below(10)));
    }
    run_for(100s);
    expect_all_accounted_for();
    const auto& n = net_->counters();
    for (const auto counted : {n.datagrams_delivered, n.datagrams_lost, n.datagrams_to_nobody,
                               n.datagrams_no_route, n.datagrams_partitioned, n.datagrams_nat_filtered,
                               n.datagrams_uplink_full, n.datagrams_downlink_full, n.datagrams_no_credit,
                               n.datagrams_duplicated, n.datagrams_reordered, n.datagrams_corrupted})
      EXPECT_GT(counted, 10u);
    for (const auto& box : boxes)
      for (const auto& one : box->got) seen += static_cast<std::uint64_t>(one.when.count());
    return std::pair(trace_.value(), seen);
  };
  const auto first = run();
  EXPECT_EQ(first, run());
}

}  // namespace
}  // namespace vsf::sim
