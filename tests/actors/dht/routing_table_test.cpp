#include "actors/dht/routing_table.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "actors/dht/rate_limiter.hpp"
#include "actors/dht/write_tokens.hpp"
#include "tests/actors/dht/toy_values.hpp"

namespace vsf::dht::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

table_row row_of(const contact& who, nanoseconds at = seconds(1)) {
  table_row row;
  row.who = who;
  row.last_answer = at;
  return row;
}

TEST(routing_table, a_row_is_small) { EXPECT_LE(sizeof(table_row), 160u); }

TEST(routing_table, hearing_of_somebody_makes_no_row) {
  crypto::seeded_random random(1);
  routing_table table(random_bytes<node_id>(random));
  const auto who = random_contact(random);
  EXPECT_EQ(table.heard(who), heard_verdict::verify);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_TRUE(table.answered(row_of(who)));
  EXPECT_EQ(table.heard(who), heard_verdict::known);
  EXPECT_EQ(table.size(), 1u);
}

TEST(routing_table, refuses_itself_and_nonsense) {
  crypto::seeded_random random(2);
  auto who = random_contact(random);
  routing_table table(who.id);
  EXPECT_EQ(table.heard(who), heard_verdict::refused);
  EXPECT_FALSE(table.answered(row_of(who)));
  auto other = random_contact(random);
  other.address.port = 0;
  EXPECT_EQ(table.heard(other), heard_verdict::refused);
  EXPECT_FALSE(table.answered(row_of(other)));
  other.address = endpoint::v4(0xE0000001, 5);  // multicast
  EXPECT_FALSE(table.answered(row_of(other)));
}

/// Any sequence of answers and failures keeps the bounds, and closest() is what sorting everything would
/// give.
TEST(routing_table, keeps_its_bounds_and_finds_the_closest) {
  rc::check([](std::uint64_t seed, const std::vector<std::uint8_t>& steps) {
    crypto::seeded_random random(seed);
    const auto self = random_bytes<node_id>(random);
    routing_table table(self);
    std::vector<contact> met;
    nanoseconds now = seconds(1);
    for (const auto step : steps) {
      for (int i = 0; i < 8; ++i) {
        now += milliseconds(1);
        if (step % 4 == 0 && !met.empty()) {
          table.failed(met[random.below(met.size())].id, now);
        } else {
          auto who = random_contact(random);
          if (step % 4 == 1) std::copy_n(self.begin(), 3, who.id.begin());             // near
          if (step % 4 == 2) who.address = endpoint::v4(0x30000000 + step * 256u, 1);  // crowded /24
          met.push_back(who);
          table.answered(row_of(who, now));
        }
      }
    }
    std::map<address_group, std::size_t> groups;
    std::map<int, std::size_t> buckets;
    std::vector<node_id> all;
    table.for_each([&](const table_row& row) {
      ++groups[group_of(row.who.address)];
      ++buckets[leading_zeros(self ^ row.who.id)];
      all.push_back(row.who.id);
    });
    RC_ASSERT(all.size() == table.size());
    for (const auto& [group, count] : groups) RC_ASSERT(count <= 3u);
    for (const auto& [index, count] : buckets) RC_ASSERT(count <= 16u);
    for (int i = 0; i < 5; ++i) {
      auto target = random_bytes<id160>(random);
      if (i == 0) target = self;
      if (i == 1 && !all.empty()) target = all[random.below(all.size())];
      std::sort(all.begin(), all.end(),
                [&](const auto& a, const auto& b) { return (a ^ target) < (b ^ target); });
      const auto got = table.closest(target, 16);
      RC_ASSERT(got.size() == std::min<std::size_t>(16, all.size()));
      for (std::size_t k = 0; k < got.size(); ++k) RC_ASSERT(got[k]->who.id == all[k]);
    }
  });
}

TEST(routing_table, a_full_bucket_keeps_its_rows_and_remembers_candidates) {
  crypto::seeded_random random(3);
  node_id self{};
  routing_table table(self);
  std::vector<contact> far;
  while (far.size() < 30) {
    auto c = random_contact(random);
    c.id[0] |= 0x80;
    far.push_back(c);
  }
  for (std::size_t i = 0; i < 16; ++i) ASSERT_TRUE(table.answered(row_of(far[i])));
  for (std::size_t i = 16; i < 30; ++i) EXPECT_EQ(table.heard(far[i]), heard_verdict::cached);
  EXPECT_EQ(table.candidates(100).size(), 8u);
  EXPECT_EQ(table.size(), 16u);

  // Somebody else answers later, so it is the row that is dead and not our line.
  table.answered(row_of(far[1], seconds(5)));
  EXPECT_FALSE(table.failed(far[0].id, seconds(6)).has_value());
  const auto next = table.failed(far[0].id, seconds(7));
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->id, far[29].id);
  EXPECT_EQ(table.find(far[0].id), nullptr);
  EXPECT_EQ(table.size(), 15u);
}

TEST(routing_table, nobody_is_evicted_while_nobody_answers) {
  crypto::seeded_random random(4);
  routing_table table(random_bytes<node_id>(random));
  std::vector<contact> met;
  for (int i = 0; i < 10; ++i) {
    met.push_back(random_contact(random));
    table.answered(row_of(met.back()));
  }
  for (int round = 0; round < 10; ++round)
    for (const auto& c : met) table.failed(c.id, seconds(10 + round));
  EXPECT_EQ(table.size(), 10u);
}

TEST(routing_table, narrower_addresses_stay_where_they_mean_something) {
  crypto::seeded_random random(5);
  routing_table table(random_bytes<node_id>(random));
  auto loopback = random_contact(random), home = random_contact(random), global = random_contact(random);
  loopback.address = endpoint::v4(0x7F000001, 1);
  home.address = endpoint::v4(0xC0A80101, 1);
  for (const auto& c : {loopback, home, global}) ASSERT_TRUE(table.answered(row_of(c)));
  const auto told = [&](const endpoint& asker) {
    return table.closest(random_bytes<id160>(random), 16, asker).size();
  };
  EXPECT_EQ(told(endpoint::v4(0x08080808, 1)), 1u);
  EXPECT_EQ(told(endpoint::v4(0x0A000001, 1)), 2u);
  EXPECT_EQ(told(endpoint::v4(0x7F000001, 9)), 3u);
}

TEST(routing_table, many_share_one_address_below_global_scope) {
  crypto::seeded_random random(6);
  routing_table table(random_bytes<node_id>(random));
  for (std::uint16_t i = 1; i <= 12; ++i) {
    auto c = random_contact(random);
    c.address = endpoint::v4(0x7F000001, i);
    EXPECT_TRUE(table.answered(row_of(c)));
  }
  EXPECT_EQ(table.size(), 12u);
}

TEST(routing_table, refresh_targets_fall_into_stale_buckets) {
  crypto::seeded_random random(7);
  const auto self = random_bytes<node_id>(random);
  routing_table table(self);
  for (int i = 0; i < 200; ++i) table.answered(row_of(random_contact(random)));
  std::set<int> seen;
  while (const auto target = table.refresh_target(seconds(0), random)) {
    EXPECT_TRUE(seen.insert(leading_zeros(self ^ *target)).second);
    table.looked_up(*target, seconds(1));
  }
  EXPECT_GE(seen.size(), 4u);
}

TEST(rtt_estimate, follows_rfc_6298_within_its_bounds) {
  rtt_estimate e;
  EXPECT_EQ(e.rto(milliseconds(400)), milliseconds(400));
  EXPECT_EQ(e.rto(milliseconds(5)), rtt_estimate::min_rto);
  e.sample(milliseconds(100));
  EXPECT_EQ(e.rto({}), milliseconds(300));  // 100 + 4 * 50
  for (int i = 0; i < 100; ++i) e.sample(milliseconds(100));
  EXPECT_EQ(e.rto({}), rtt_estimate::min_rto);
  for (int i = 0; i < 100; ++i) e.sample(seconds(5));
  EXPECT_EQ(e.rto({}), rtt_estimate::max_rto);
}

TEST(rate_limiter, gives_a_source_its_rate_and_stays_bounded) {
  rate_limiter limiter({5, 2}, 10);
  const auto source = endpoint::v4(0x30000001, 1);
  int allowed = 0;
  for (int i = 0; i < 20; ++i) allowed += limiter.allow(source, seconds(1)) ? 1 : 0;
  EXPECT_EQ(allowed, 5);
  allowed = 0;
  for (int i = 0; i < 20; ++i) allowed += limiter.allow(source, seconds(3)) ? 1 : 0;
  EXPECT_EQ(allowed, 4);
  EXPECT_FALSE(limiter.allow(endpoint::v4(0x30000077, 9), seconds(3)));  // the same /24
  for (std::uint32_t i = 1; i <= 100; ++i) limiter.allow(endpoint::v4(0x31000000 + i * 256, 1), seconds(3));
  EXPECT_EQ(limiter.sources(), 10u);
  EXPECT_FALSE(limiter.allow(endpoint::v4(0x41000000, 1), seconds(3)));
  EXPECT_TRUE(limiter.allow(endpoint::v4(0x41000000, 1), seconds(60)));
}

TEST(write_tokens, last_between_one_and_two_periods_for_one_address) {
  crypto::seeded_random random(8);
  write_tokens tokens(random);
  const auto who = endpoint::v4(0x30000001, 1), other = endpoint::v4(0x30000001, 2);
  nanoseconds now = seconds(100);
  const auto token = tokens.make(now, who);
  EXPECT_TRUE(tokens.check(now, who, token));
  EXPECT_FALSE(tokens.check(now, other, token));
  EXPECT_FALSE(tokens.check(now, who, byte_view(token).first(7)));
  EXPECT_FALSE(tokens.check(now, who, {}));
  EXPECT_TRUE(tokens.check(now + write_tokens::period + seconds(1), who, token));
  EXPECT_FALSE(tokens.check(now + 2 * write_tokens::period + seconds(2), who, token));
}

}  // namespace
}  // namespace vsf::dht::tests
