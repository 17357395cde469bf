// Lookups of many nodes over a network that loses datagrams and whose nodes are partly dead: no actors, no
// cryptography.
#include <gtest/gtest.h>

#include <cstdio>
#include "tests/actors/dht/lookup_world.hpp"

namespace vsf::dht::tests {
namespace {

using std::chrono::milliseconds;

/// The figure asked for: 2% of datagrams lost, a fifth of the nodes dead.
TEST(lookup_network, finds_what_was_put_despite_loss_and_dead_nodes) {
  constexpr int keys = 150, reads = 8;
  int asked = 0, found = 0, firsts = 0, complete_puts = 0;
  double messages = 0, timeouts = 0;
  std::vector<std::int64_t> quorum_ms;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    small_world world(200, seed, 20, 20);
    for (int i = 0; i < keys; ++i) {
      const auto key = random_bytes<dht_key>(world.random);
      auto& publisher = world.live();
      const auto holders = world.put(publisher, key, value_by(publisher).raw());
      complete_puts += holders >= 15 ? 1 : 0;
      EXPECT_GE(holders, 12u) << "seed=" << seed;
      for (int r = 0; r < reads; ++r) {
        auto& reader = world.live();
        if (&reader == &publisher) continue;
        const auto got = world.run(reader, r % 2 == 0 ? lookup_goal::quorum : lookup_goal::first, key);
        ++asked;
        const bool ok = got.leaves.size() == 1 && got.leaves[0] == value_by(publisher).raw();
        found += ok ? 1 : 0;
        if (r % 2 != 0) {
          ++firsts;
          continue;
        }
        EXPECT_GE(got.replicas, 3u) << "seed=" << seed;
        messages += got.asked;
        timeouts += got.timeouts;
        quorum_ms.push_back(got.elapsed / milliseconds(1));
      }
    }
  }
  std::sort(quorum_ms.begin(), quorum_ms.end());
  std::printf(
      "resolve success %d of %d; puts with >= 15 of 16 holders %d of %d; quorum: %.1f questions, %.2f "
      "timeouts, "
      "p50 %lld ms, p95 %lld ms\n",
      found, asked, complete_puts, 3 * keys, messages / (asked - firsts), timeouts / (asked - firsts),
      static_cast<long long>(quorum_ms[quorum_ms.size() / 2]),
      static_cast<long long>(quorum_ms[quorum_ms.size() * 95 / 100]));
  RecordProperty("found", found);
  RecordProperty("asked", asked);
  EXPECT_GE(found * 1000, asked * 999);
  EXPECT_GE(complete_puts * 100, 3 * keys * 95);
}

TEST(lookup_network, a_single_holder_is_found_despite_loss) {
  // Two nodes: nobody else can make up for a lost datagram.
  int found = 0;
  constexpr int runs = 5000;
  small_world world(2, 9, 20, 0);
  auto& holder = *world.members[1];
  const auto key = random_bytes<dht_key>(world.random);
  std::vector<storage_effect> effects;
  holder.storage->put(epoch_ms, key, value_by(holder).raw(), holder.who.address, effects);
  for (int i = 0; i < runs; ++i)
    found += world.run(*world.members[0], lookup_goal::quorum, key).leaves.size() == 1 ? 1 : 0;
  std::printf("single holder found in %d of %d\n", found, runs);
  EXPECT_GE(found * 1000, runs * 999);
}

TEST(lookup_network, an_exact_id_gives_its_contact_first) {
  small_world world(200, 4, 20, 20);
  int found = 0, asked = 0;
  for (const auto& m : world.members) {
    if (m->dead) continue;
    auto& source = world.live();
    if (&source == m.get()) continue;
    auto target = m->who.id;
    if (asked % 2 == 0) std::fill(target.begin() + 8, target.end(), std::uint8_t{0});  // a hint
    const auto got = world.run(source, lookup_goal::find, target);
    ++asked;
    found += !got.contacts.empty() && got.contacts[0] == m->who ? 1 : 0;
  }
  std::printf("exact finds %d of %d\n", found, asked);
  EXPECT_EQ(found, asked);
}

TEST(lookup_network, a_find_gives_the_k_closest_that_live) {
  small_world world(200, 5, 0, 0);
  for (int i = 0; i < 30; ++i) {
    auto& source = world.live();
    const auto target = random_bytes<id160>(world.random);
    const auto got = world.run(source, lookup_goal::find, target);
    std::vector<node_id> expected, had;
    for (const auto* m : world.closest_live(target, 17))
      if (m->who.id != source.who.id && expected.size() < 16) expected.push_back(m->who.id);
    for (const auto& c : got.contacts) had.push_back(c.id);
    EXPECT_TRUE(had == expected);
  }
}

TEST(lookup_network, pages_of_many_publishers_are_followed) {
  small_world world(40, 6, 0, 0);
  const auto key = random_bytes<dht_key>(world.random);
  for (int i = 0; i < 24; ++i) {
    auto& publisher = *world.members[static_cast<std::size_t>(i)];
    auto v = value_by(publisher);
    v.padding = 250;
    EXPECT_GE(world.put(publisher, key, v.raw()), 15u);
  }
  const auto got = world.run(*world.members[30], lookup_goal::quorum, key);
  EXPECT_GE(got.leaves.size() + got.hints.size(), 24u);
  EXPECT_GE(got.leaves.size(), 20u);
}

TEST(lookup_network, the_last_writer_wins_everywhere) {
  small_world world(60, 7, 0, 0);
  const auto key = random_bytes<dht_key>(world.random);
  auto& publisher = *world.members[0];
  ASSERT_GE(world.put(publisher, key, value_by(publisher, 5).raw()), 15u);
  EXPECT_EQ(world.put(publisher, key, value_by(publisher, 4).raw()), 0u);
  ASSERT_GE(world.put(publisher, key, value_by(publisher, 6).raw()), 15u);
  const auto got = world.run(*world.members[1], lookup_goal::quorum, key);
  ASSERT_EQ(got.leaves.size(), 1u);
  EXPECT_EQ(got.leaves[0], value_by(publisher, 6).raw());
}

TEST(lookup_network, ends_in_time_when_nobody_answers) {
  small_world world(50, 8, 1000, 0);
  const auto began = world.now;
  const auto got = world.run(*world.members[0], lookup_goal::quorum, random_bytes<dht_key>(world.random));
  EXPECT_TRUE(got.leaves.empty());
  EXPECT_TRUE(got.contacts.empty());
  EXPECT_LT(world.now - began, std::chrono::seconds(10));
}

}  // namespace
}  // namespace vsf::dht::tests
