#include "sim/link_faults.hpp"

#include <rapidcheck.h>

#include <bit>

#include "tests/sim/virtual_internet.hpp"

namespace vsf::sim {
namespace {

/// Counts how many words were asked for.
class counting_random final : public crypto::random_source {
 public:
  explicit counting_random(std::uint64_t seed) : inner_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    bytes += out.size();
    inner_.fill(out);
  }
  std::size_t bytes = 0;

 private:
  crypto::seeded_random inner_;
};

double share() { return *rc::gen::inRange(0, 1001) / 1000.0; }

TEST(link_faults, draws_as_many_words_whatever_happens) {
  EXPECT_TRUE(rc::check("words", [](std::uint64_t seed) {
    link_faults quiet, faults;
    faults.set({.loss = share(),
                .duplicate = share(),
                .reorder = share(),
                .reorder_ms = static_cast<double>(*rc::gen::inRange(0, 5000)),
                .corrupt = share()});
    counting_random one(seed), two(seed);
    for (std::size_t i = 1; i <= 20; ++i) {
      const auto size = *rc::gen::inRange<std::size_t>(0, 1201);
      const auto a = quiet.draw(one, 500);
      const auto b = faults.draw(two, size);
      RC_ASSERT(a.delay_word == b.delay_word && a.copy_delay_word == b.copy_delay_word);
      RC_ASSERT(two.bytes == i * link_faults::words_per_packet * 8 && one.bytes == two.bytes);
      RC_ASSERT(!a.lost && !a.duplicated && !a.flipped && a.held_back == 0s);
      RC_ASSERT(!b.flipped || *b.flipped < size * 8);
      RC_ASSERT(b.held_back >= 0s && b.held_back <= 5s);
    }
  }));
}

TEST(link_faults, happen_as_often_as_told) {
  link_faults faults;
  faults.set({.loss = 0.1, .duplicate = 0.02, .reorder = 0.3, .reorder_ms = 100, .corrupt = 0.05});
  crypto::seeded_random random(3);
  double lost = 0, twice = 0, late = 0, flipped = 0, late_ms = 0, longest_ms = 0;
  constexpr int packets = 20'000;
  for (int i = 0; i < packets; ++i) {
    const auto fate = faults.draw(random, 100);
    const auto ms = static_cast<double>(fate.held_back.count()) / 1e6;
    lost += fate.lost;
    twice += fate.duplicated;
    late += ms > 0;
    flipped += fate.flipped.has_value();
    late_ms += ms;
    longest_ms = std::max(longest_ms, ms);
  }
  EXPECT_NEAR(lost / packets, 0.1, 0.01);
  EXPECT_NEAR(twice / packets, 0.02, 0.005);
  EXPECT_NEAR(late / packets, 0.3, 0.015);
  EXPECT_NEAR(flipped / packets, 0.05, 0.008);
  EXPECT_NEAR(late_ms / late, 50, 2);
  EXPECT_GT(longest_ms, 99);
  EXPECT_LE(longest_ms, 100);
}

TEST(access_link, sends_one_byte_after_another_and_bounds_what_waits) {
  EXPECT_TRUE(rc::check("queue", [](std::uint64_t seed) {
    crypto::seeded_random random(seed);
    const auto rate = 2'000 + random.below(1'000'000);
    access_link link(rate);
    virtual_time now{0}, last_datagram{0}, last_stream{0};
    std::uint64_t through = 0;
    for (int i = 0; i < 500; ++i) {
      now += std::chrono::microseconds(random.below(5000));
      const auto size = 1 + random.below(1200);
      if (random.below(2) == 0) {
        const auto leaves = link.datagram(now, size);
        if (!leaves) continue;
        RC_ASSERT(*leaves > last_datagram && *leaves > now);
        const virtual_time own(size * 1'000'000'000 / rate);
        RC_ASSERT(*leaves - now <= access_link::queue + own);
        last_datagram = *leaves;
      } else {
        const auto leaves = link.stream(now, size);
        RC_ASSERT(leaves > last_stream && leaves > now);
        last_stream = leaves;
      }
      through += size;
    }
    // All of it together can't have been faster than the line; each packet rounds down by a nanosecond.
    const auto needs = virtual_time(through * 1'000'000'000 / rate) - 500ns;
    RC_ASSERT(std::max(link.stream(now, 1), last_datagram) >= needs);
  }));
}

TEST(access_link, streams_leave_datagrams_half_of_the_queue) {
  access_link link(100'000);
  EXPECT_EQ(link.stream(0s, 1'000'000), 10s);
  const auto first = link.datagram(0s, 1000);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, 510ms);
  int taken = 1;
  while (link.datagram(0s, 1000)) ++taken;
  EXPECT_EQ(taken, 51) << "until what waits is worth more than a second";
}

TEST(next_retransmission, is_the_first_of_tcp_s_doubling_tries_after_now) {
  EXPECT_EQ(next_retransmission(10s, 1s, 10s), 11s);
  EXPECT_EQ(next_retransmission(10s, 1s, 12s), 13s);
  EXPECT_EQ(next_retransmission(10s, 1s, 13s), 17s);
  EXPECT_EQ(next_retransmission(10s, 1s, 70s), 73s);
  // 1 + 2 + ... + 64 = 127 s after the loss, from then on every 120.
  EXPECT_EQ(next_retransmission(0s, 1s, 1000s), 127s + 8 * 120s);
}

TEST_F(virtual_internet, a_duplicated_datagram_comes_twice_and_whole) {
  make({.duplicate = 0.5});
  const auto to = open(b_, 5), from = open(a_, 6);
  for (int i = 0; i < 1000; ++i) from->send(at(b_, 5), text(10, static_cast<std::uint8_t>(i)));
  run_for(1s);
  EXPECT_NEAR(static_cast<double>(to->got.size()), 1500, 60);
  EXPECT_EQ(to->got.size(), 1000 + net_->counters().datagrams_duplicated);
  to->got[0].payload.mutable_data()[0] ^= 1;  // decrypting one in place must not touch its copy
  for (std::size_t i = 1; i < to->got.size(); ++i)
    EXPECT_NE(to->got[0].payload.data(), to->got[i].payload.data());
  expect_all_accounted_for();
}

TEST_F(virtual_internet, a_reordered_datagram_is_overtaken_within_its_bound) {
  make({.reorder = 0.2, .reorder_ms = 300});
  const auto to = open(b_, 5), from = open(a_, 6);
  for (int i = 0; i < 200; ++i) {
    from->send(at(b_, 5), text(10, static_cast<std::uint8_t>(i)));
    run_for(25ms);
  }
  run_for(1s);
  ASSERT_EQ(to->got.size(), 200u);
  int overtaken = 0;
  for (std::size_t i = 1; i < 200; ++i)
    overtaken += to->got[i].payload.data()[0] < to->got[i - 1].payload.data()[0];
  EXPECT_GE(overtaken, 15);
  for (const auto& one : to->got) {
    const auto sent = one.payload.data()[0] * 25ms;
    EXPECT_GE(one.when - sent, way());
    EXPECT_LE(one.when - sent, way() + 21ms + 300ms);
  }
}

TEST_F(virtual_internet, a_corrupted_datagram_differs_in_one_bit) {
  make({.corrupt = 0.3});
  const auto to = open(b_, 5), from = open(a_, 6);
  for (int i = 0; i < 1000; ++i) from->send(at(b_, 5), text(40, 0));
  run_for(1s);
  ASSERT_EQ(to->got.size(), 1000u);
  std::uint64_t flipped = 0;
  std::array<int, 320> where{};
  for (const auto& one : to->got) {
    int bits = 0;
    for (std::size_t i = 0; i < 40; ++i) {
      const auto byte = one.payload.data()[i];
      bits += std::popcount(byte);
      if (byte != 0) ++where[i * 8 + static_cast<std::size_t>(std::countr_zero(byte))];
    }
    EXPECT_LE(bits, 1);
    flipped += static_cast<std::uint64_t>(bits);
  }
  EXPECT_NEAR(static_cast<double>(flipped), 300, 45);
  EXPECT_EQ(flipped, net_->counters().datagrams_corrupted);
  EXPECT_GT(std::count_if(where.begin(), where.end(), [](int n) { return n != 0; }), 150);
}

TEST_F(virtual_internet, one_loss_does_not_shift_the_delays_of_the_others) {
  std::map<std::uint8_t, virtual_time> calm, stormy;
  for (const bool storm : {false, true}) {
    now_ = 0s;
    make({.loss = storm ? 0.3 : 0, .duplicate = storm ? 0.3 : 0});
    const auto to = open(b_, 5), from = open(a_, 6);
    for (int i = 0; i < 250; ++i) from->send(at(b_, 5), text(10, static_cast<std::uint8_t>(i)));
    run_for(1s);
    for (const auto& one : to->got) {
      auto& when = (storm ? stormy : calm)[one.payload.data()[0]];
      // Of a pair one of the two is the original; for it the calm run's time must be among them.
      if (!storm || when == 0s || one.when == calm[one.payload.data()[0]]) when = one.when;
    }
  }
  EXPECT_EQ(calm.size(), 250u);
  EXPECT_NEAR(static_cast<double>(stormy.size()), 175, 25);
  for (const auto& [what, when] : stormy) EXPECT_EQ(when, calm[what]);
}

TEST_F(virtual_internet, an_uplink_sends_one_byte_after_another) {
  make({}, {.uplink_bytes_per_s = 100'000});
  connect();
  virtual_time last{0};
  near_->start({});
  far_->start({.on_packet = [&](frame) { last = now_; }, .on_writable = {}, .on_closed = {}});
  far_->grant(100);
  const auto begin = now_;
  for (int i = 0; i < 20; ++i) near_->send(text(10'000));
  run_for(60s);
  EXPECT_GE(last - begin, 2s);
  EXPECT_LE(last - begin, 2500ms);
  disconnect();
}

TEST_F(virtual_internet, a_downlink_takes_one_byte_after_another_from_all_senders) {
  make({}, {}, {.downlink_bytes_per_s = 100'000});
  connect();
  std::vector<std::uint8_t> got;
  virtual_time last{0};
  near_->start({});
  far_->start({.on_packet =
                   [&](frame f) {
                     last = now_;
                     got.push_back(f.data()[0]);
                   },
               .on_writable = {},
               .on_closed = {}});
  far_->grant(100);
  const auto begin = now_;
  for (std::uint8_t i = 0; i < 20; ++i) EXPECT_TRUE(near_->send(text(10'000, i)));
  near_->close();
  run_for(60s);
  EXPECT_GE(last - begin, 2s);
  EXPECT_LE(last - begin, 2500ms);
  ASSERT_EQ(got.size(), 20u) << "the end comes after what was before it";
  EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
  disconnect();
}

TEST_F(virtual_internet, full_queues_drop_datagrams_and_count_them) {
  make({}, {.uplink_bytes_per_s = 10'000}, {});
  const auto c = net_->add_host(2, {.downlink_bytes_per_s = 5'000});
  const auto from = open(a_, 6), wide = open(b_, 5), narrow = open(c, 5);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(from->send(at(b_, 5), text(1000)));
  run_for(10s);
  EXPECT_EQ(wide->got.size(), 11u) << "one second's worth and the one that goes over it";
  EXPECT_EQ(net_->counters().datagrams_uplink_full, 89u);
  EXPECT_GE(wide->got.back().when, 1100ms + way());
  EXPECT_LE(wide->got.back().when, 1121ms + way());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(wide->send(at(c, 5), text(1000)));
  run_for(10s);
  EXPECT_EQ(narrow->got.size(), 6u);
  EXPECT_EQ(net_->counters().datagrams_downlink_full, 94u);
  expect_all_accounted_for();
}

TEST_F(virtual_internet, an_uplink_can_be_slowed_down_and_freed) {
  make();
  const auto to = open(b_, 5), from = open(a_, 6);
  const auto takes = [&] {
    to->got.clear();
    const auto begin = now_;
    from->send(at(b_, 5), text(1000));
    run_for(5s);
    return to->got.at(0).when - begin - way();
  };
  EXPECT_LT(takes(), 21ms);
  a_->set_uplink(1000);
  const auto slow = takes();
  EXPECT_GE(slow, 1s);
  EXPECT_LT(slow, 1021ms);
  a_->set_uplink(0);
  EXPECT_LT(takes(), 21ms);
}

}  // namespace
}  // namespace vsf::sim
