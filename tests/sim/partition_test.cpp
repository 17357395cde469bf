#include "tests/sim/virtual_internet.hpp"

namespace vsf::sim {
namespace {

class partitioned : public virtual_internet {
 protected:
  /// Opens port 5 of every host, for those added until then.
  void open_all(std::size_t more) {
    hosts_ = {a_, b_};
    for (std::size_t i = 0; i < more; ++i) hosts_.push_back(net_->add_host(2 + i));
    for (const auto& h : hosts_) boxes_.push_back(open(h, 5));
  }
  /// Who hears whom, as "ab": a hears b's datagram.
  std::vector<std::vector<bool>> hearing() {
    std::vector<std::vector<bool>> out(hosts_.size(), std::vector<bool>(hosts_.size()));
    for (auto& box : boxes_) box->got.clear();
    for (auto& box : boxes_)
      for (const auto& h : hosts_) box->send(at(h, 5), text(10));
    run_for(2s);
    for (std::size_t i = 0; i < hosts_.size(); ++i)
      for (const auto& one : boxes_[i]->got)
        for (std::size_t k = 0; k < hosts_.size(); ++k)
          if (one.from == at(hosts_[k], 5)) out[k][i] = true;
    return out;
  }
  /// Expects [from][to] to be as `rule` says.
  void expect(const std::function<bool(std::size_t, std::size_t)>& rule) {
    const auto heard = hearing();
    for (std::size_t i = 0; i < hosts_.size(); ++i)
      for (std::size_t k = 0; k < hosts_.size(); ++k) EXPECT_EQ(heard[i][k], rule(i, k)) << i << " to " << k;
  }
  /// A connection whose arrived first bytes `got_` takes.
  void connect_and_read(std::size_t credits = 10'000) {
    connect();
    near_->start({.on_packet = [this](frame f) { back_.push_back(f.data()[0]); },
                  .on_writable = [this] { writable_ = true; },
                  .on_closed = [this](std::string why) { near_ended_ = why; }});
    far_->start({.on_packet =
                     [this](frame f) {
                       got_.push_back(f.data()[0]);
                       last_ = now_;
                     },
                 .on_writable = {},
                 .on_closed = [this](std::string why) { far_ended_ = why; }});
    near_->grant(credits);
    far_->grant(credits);
  }

  std::vector<std::shared_ptr<host>> hosts_;
  std::vector<std::shared_ptr<mailbox>> boxes_;
  std::vector<std::uint8_t> got_, back_;
  std::string near_ended_, far_ended_;
  bool writable_ = false;
  virtual_time last_{0};
};

TEST_F(partitioned, a_set_and_the_others_do_not_hear_each_other_until_it_heals) {
  make();
  open_all(3);
  const auto id = net_->partition({0, 3}, false);
  const auto inside = [](std::size_t i) { return i == 0 || i == 3; };
  expect([&](auto i, auto k) { return inside(i) == inside(k); });
  EXPECT_EQ(net_->counters().datagrams_partitioned, 12u);
  net_->heal(id);
  expect([](auto, auto) { return true; });
  EXPECT_EQ(net_->counters().datagrams_partitioned, 12u);
  expect_all_accounted_for();
  net_->heal(id);
  expect([](auto, auto) { return true; });
}

TEST_F(partitioned, one_way_the_others_do_not_hear_the_set) {
  make();
  open_all(2);
  net_->partition({1, 2}, true);
  const auto inside = [](std::size_t i) { return i == 1 || i == 2; };
  expect([&](auto i, auto k) { return !(inside(i) && !inside(k)); });
}

TEST_F(partitioned, several_stand_independently_of_each_other) {
  make();
  open_all(4);
  const auto one = net_->partition({0, 1, 2}, false);
  const auto two = net_->partition({2, 3}, false);
  const auto three = net_->partition({5}, true);
  const auto side = [](std::set<std::size_t> s, auto i, auto k) { return s.contains(i) == s.contains(k); };
  expect([&](auto i, auto k) { return side({0, 1, 2}, i, k) && side({2, 3}, i, k) && !(i == 5 && k != 5); });
  net_->heal(one);
  expect([&](auto i, auto k) { return side({2, 3}, i, k) && !(i == 5 && k != 5); });
  // The freed place is taken by the next, with another direction.
  const auto four = net_->partition({4}, true);
  net_->heal(three);
  expect([&](auto i, auto k) { return side({2, 3}, i, k) && !(i == 4 && k != 4); });
  net_->heal(two);
  net_->heal(four);
  expect([](auto, auto) { return true; });
}

TEST_F(partitioned, holds_for_hosts_that_come_later_and_has_a_bound) {
  make();
  net_->partition({2}, false);
  open_all(2);
  expect([](auto i, auto k) { return (i == 2) == (k == 2); });
  for (std::size_t i = 1; i < internet::max_partitions; ++i) net_->partition({3}, false);
  EXPECT_THROW(net_->partition({3}, false), std::length_error);
}

TEST_F(partitioned, swallows_what_is_on_its_way) {
  make();
  open_all(0);
  boxes_[0]->send(at(b_, 5), text(10));
  run_for(way() / 2);
  net_->partition({0}, false);
  run_for(2s);
  EXPECT_TRUE(boxes_[1]->got.empty());
  EXPECT_EQ(net_->counters().datagrams_partitioned, 1u);
}

TEST_F(partitioned, a_stream_stalls_and_goes_on_whole_with_tcp_s_next_try) {
  make();
  connect_and_read();
  const auto id = net_->partition({0}, false);
  const auto begin = now_;
  for (std::uint8_t i = 0; i < 100; ++i) EXPECT_TRUE(near_->send(text(500, i)));
  run_for(20s);
  EXPECT_TRUE(got_.empty());
  EXPECT_EQ(net_->counters().stream_packets_stalled, 100u);
  net_->heal(id);
  for (std::uint8_t i = 100; i < 200; ++i) EXPECT_TRUE(near_->send(text(500, i)));
  run_for(40s);
  ASSERT_EQ(got_.size(), 200u);
  for (std::uint8_t i = 0; i < 200; ++i) EXPECT_EQ(got_[i], i);
  // The timer had doubled: after 20 s of silence the next try comes by twice that.
  EXPECT_GT(last_ - begin, 20s);
  EXPECT_LT(last_ - begin, 42s);
  EXPECT_TRUE(near_ended_.empty() && far_ended_.empty());
  for (std::uint8_t i = 0; i < 10; ++i) near_->send(text(500, i));
  run_for(2s);
  EXPECT_EQ(got_.size(), 210u) << "afterwards as before";
  disconnect();
}

TEST_F(partitioned, a_stalled_stream_is_bounded_by_its_window) {
  make();
  connect_and_read();
  const auto id = net_->partition({1}, false);
  int taken = 0;
  while (taken < 1000 && near_->send(text(32 * 1024, static_cast<std::uint8_t>(taken)))) ++taken;
  EXPECT_EQ(taken, 8);
  run_for(60s);
  EXPECT_FALSE(writable_);
  net_->heal(id);
  run_for(120s);
  EXPECT_TRUE(writable_);
  EXPECT_EQ(got_.size(), 8u);
  disconnect();
}

TEST_F(partitioned, one_way_data_passes_but_its_acknowledgements_do_not) {
  make();
  connect_and_read();
  const auto id = net_->partition({1}, true);  // a no longer hears b
  int taken = 0;
  while (taken < 1000 && near_->send(text(32 * 1024))) ++taken;
  far_->send(text(10, 77));
  run_for(5s);
  EXPECT_EQ(got_.size(), 8u);
  EXPECT_TRUE(back_.empty());
  EXPECT_FALSE(near_->send(text(32 * 1024))) << "the window stays full";
  EXPECT_FALSE(writable_);
  net_->heal(id);
  run_for(30s);
  EXPECT_TRUE(writable_);
  EXPECT_EQ(back_, std::vector<std::uint8_t>{77});
  EXPECT_TRUE(near_->send(text(32 * 1024)));
  disconnect();
}

TEST_F(partitioned, another_partition_keeps_a_stream_stalled) {
  make();
  connect_and_read();
  const auto one = net_->partition({0}, false), two = net_->partition({1}, false);
  near_->send(text(10, 1));
  run_for(5s);
  net_->heal(one);
  run_for(30s);
  EXPECT_TRUE(got_.empty());
  net_->heal(two);
  run_for(60s);
  EXPECT_EQ(got_.size(), 1u);
  // One that comes back before TCP's next try.
  const auto three = net_->partition({0}, false);
  near_->send(text(10, 2));
  run_for(20s);
  net_->heal(three);
  const auto four = net_->partition({0}, false);
  run_for(100s);
  EXPECT_EQ(got_.size(), 1u);
  net_->heal(four);
  run_for(200s);
  EXPECT_EQ(got_.size(), 2u);
  disconnect();
}

TEST_F(partitioned, the_end_of_a_stream_stalls_too_and_comes_last) {
  make();
  connect_and_read();
  const auto id = net_->partition({0}, false);
  for (std::uint8_t i = 0; i < 3; ++i) near_->send(text(10, i));
  a_->close_sockets();
  run_for(10s);
  EXPECT_EQ(near_ended_, "the process ended");
  EXPECT_TRUE(far_ended_.empty());
  net_->heal(id);
  run_for(30s);
  EXPECT_EQ(got_, (std::vector<std::uint8_t>{0, 1, 2}));
  EXPECT_EQ(far_ended_, "closed by the other end");
  disconnect();
}

TEST_F(partitioned, one_end_that_gave_up_meanwhile_hears_nothing_after_healing) {
  make();
  connect_and_read();
  const auto id = net_->partition({0}, false);
  near_->send(text(10, 1));
  run_for(10s);
  far_->close();  // its keepalive went unanswered
  run_for(1s);
  EXPECT_EQ(far_ended_, "closed");
  EXPECT_TRUE(near_ended_.empty());
  net_->heal(id);
  run_for(60s);
  EXPECT_TRUE(got_.empty());
  EXPECT_EQ(near_ended_, "closed by the other end");
  disconnect();
}

TEST_F(partitioned, no_connection_is_made_across_it_in_either_direction) {
  make();
  const auto at_a = a_->listen(at(a_, 9), [](auto link) { link->close(); }).value();
  int accepted = 0;
  const auto at_b = b_->listen(at(b_, 9), [&](auto link) {
                        ++accepted;
                        link->close();
                      }).value();
  for (const bool one_way : {false, true}) {
    const auto id = net_->partition({0}, one_way);
    EXPECT_EQ(try_connect(a_, at(b_, 9)), "timed out");
    EXPECT_EQ(try_connect(b_, at(a_, 9)), "timed out");
    net_->heal(id);
  }
  EXPECT_EQ(accepted, 0);
  EXPECT_EQ(try_connect(a_, at(b_, 9)), "connected");
  EXPECT_EQ(accepted, 1);
}

}  // namespace
}  // namespace vsf::sim
