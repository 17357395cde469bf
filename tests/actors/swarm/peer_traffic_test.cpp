#include <gtest/gtest.h>

#include "actors/swarm/peer_traffic.hpp"
#include "net/crypto/random.hpp"

namespace vsf::swarm {

namespace {

node_id peer(std::uint32_t n) {
  node_id out{};
  for (int i = 0; i < 4; ++i) out[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
  return out;
}

TEST(peer_traffic_test, CountsBothWaysAndSortsByBytes) {
  peer_traffic traffic;
  traffic.add(peer(1), 10, 0);
  traffic.add(peer(2), 0, 100);
  traffic.add(peer(1), 5, 7);
  traffic.add(peer(3), 0, 0);
  const auto rows = traffic.report();
  ASSERT_EQ(rows.size(), 2U) << "who had nothing is no row";
  EXPECT_EQ(from_fb<node_id>(*rows[0]->node), peer(2));
  EXPECT_EQ(rows[0]->bytes_down, 100U);
  EXPECT_EQ(from_fb<node_id>(*rows[1]->node), peer(1));
  EXPECT_EQ(rows[1]->bytes_up, 15U);
  EXPECT_EQ(rows[1]->bytes_down, 7U);
  EXPECT_EQ(traffic.total().up, 15U);
  EXPECT_EQ(traffic.total().down, 107U);
}

TEST(peer_traffic_test, IsBoundAndLosesNoByte) {
  constexpr std::size_t rows = 16;
  peer_traffic traffic(rows);
  crypto::seeded_random random(3);
  std::uint64_t up = 0, down = 0;
  // 10 peers that matter among 5,000 that hardly do.
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    const bool big = i % 10 == 0;
    const auto who =
        big ? peer(1 + i / 10 % 10) : peer(1000 + static_cast<std::uint32_t>(random.below(5000)));
    const auto n = big ? 100'000 + random.below(1000) : 1 + random.below(1000);
    traffic.add(who, n, n / 3);
    up += n;
    down += n / 3;
    ASSERT_LE(traffic.peers(), 2 * rows);
  }
  const auto report = traffic.report();
  ASSERT_EQ(report.size(), rows + 1);
  std::uint64_t shown_up = 0, shown_down = 0;
  for (const auto& row : report) {
    shown_up += row->bytes_up;
    shown_down += row->bytes_down;
  }
  EXPECT_EQ(shown_up, up);
  EXPECT_EQ(shown_down, down);
  EXPECT_EQ(traffic.total().up, up);
  EXPECT_GT(traffic.folded(), 1000U);
  for (std::size_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(report[i]->node);
    const auto who = from_fb<node_id>(*report[i]->node);
    EXPECT_TRUE(who >= peer(1) && who <= peer(10)) << "the ten with most bytes were never put together";
    EXPECT_GE(report[i]->bytes_up, 500U * 100'000) << "and none of their bytes went elsewhere";
  }
  EXPECT_FALSE(report.back()->node) << "all others";
}

}  // namespace

}  // namespace vsf::swarm
