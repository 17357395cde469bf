#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/swarm/upload_slots.hpp"
#include "net/crypto/random.hpp"

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

node_id peer(std::uint8_t n) {
  node_id out{};
  out[0] = n;
  return out;
}

upload_slots with(std::size_t slots) {
  upload_slots::options how;
  how.slots = slots;
  return upload_slots(how);
}

TEST(upload_slots_test, AreAsManyAsThereAre) {
  auto slots = with(2);
  EXPECT_TRUE(slots.ask(0s, peer(1)).granted);
  EXPECT_TRUE(slots.ask(0s, peer(2)).granted);
  EXPECT_FALSE(slots.ask(0s, peer(3)).granted);
  EXPECT_TRUE(slots.ask(1s, peer(1)).granted) << "who has one may open more";
  slots.drop(peer(2));
  EXPECT_TRUE(slots.ask(2s, peer(3)).granted);
  EXPECT_EQ(slots.held(), 2U);
}

TEST(upload_slots_test, StayForALittleWhileBetweenRoots) {
  auto slots = with(1);
  slots.ask(0s, peer(1));
  slots.rest(10s, peer(1));
  EXPECT_FALSE(slots.ask(14s, peer(2)).granted);
  EXPECT_TRUE(slots.ask(14s, peer(1)).granted) << "its next root";
  slots.rest(20s, peer(1));
  const auto later = slots.ask(25s, peer(2));
  EXPECT_TRUE(later.granted);
  EXPECT_EQ(later.evicted, std::vector{peer(1)});
  EXPECT_EQ(slots.evicted(), 0U) << "nothing of its was open";
}

TEST(upload_slots_test, IdleHolderMakesRoom) {
  auto slots = with(2);
  slots.ask(0s, peer(1));
  slots.ask(0s, peer(2));
  slots.use(20s, peer(2));
  EXPECT_FALSE(slots.ask(29s, peer(3)).granted);
  const auto granted = slots.ask(31s, peer(3));
  EXPECT_TRUE(granted.granted);
  EXPECT_EQ(granted.evicted, std::vector{peer(1)});
  EXPECT_EQ(slots.evicted(), 1U);
}

TEST(upload_slots_test, WhoWasRefusedLongestIsNext) {
  auto slots = with(1);
  slots.ask(0s, peer(1));
  EXPECT_FALSE(slots.ask(1s, peer(2)).granted);
  EXPECT_FALSE(slots.ask(2s, peer(3)).granted);
  slots.drop(peer(1));
  EXPECT_FALSE(slots.ask(4s, peer(4)).granted) << "newcomer";
  EXPECT_FALSE(slots.ask(5s, peer(3)).granted) << "2 is expected back";
  EXPECT_TRUE(slots.ask(6s, peer(2)).granted);
}

TEST(upload_slots_test, WhoDoesNotComeBackBlocksNobodyAndKeepsItsPlaceForLater) {
  auto slots = with(1);
  slots.ask(0s, peer(1));
  slots.ask(1s, peer(2));
  slots.ask(2s, peer(3));
  slots.drop(peer(1));
  EXPECT_FALSE(slots.ask(10s, peer(3)).granted);
  EXPECT_TRUE(slots.ask(12s, peer(3)).granted) << "2 asked once, 10 s ago";
  EXPECT_FALSE(slots.ask(13s, peer(4)).granted);
  EXPECT_FALSE(slots.ask(20s, peer(2)).granted);
  slots.drop(peer(3));
  EXPECT_FALSE(slots.ask(21s, peer(4)).granted) << "2 was there before it";
  EXPECT_TRUE(slots.ask(40s, peer(2)).granted) << "expected for three times the 19 s it took";
}

TEST(upload_slots_test, NobodyKeepsOneForeverWhileOthersWait) {
  auto slots = with(2);
  slots.ask(0s, peer(1));
  slots.ask(60s, peer(2));
  for (auto at = 0s; at <= 200s; at += 1s) {
    slots.use(at, peer(1));
    slots.use(at, peer(2));
  }
  const auto granted = slots.ask(125s, peer(3));
  EXPECT_TRUE(granted.granted);
  EXPECT_EQ(granted.evicted, std::vector{peer(1)});
  EXPECT_FALSE(slots.ask(126s, peer(1)).granted) << "back to the end of the queue";
}

TEST(upload_slots_test, FewerTakeEffectAtOnce) {
  auto slots = with(3);
  for (std::uint8_t n = 1; n <= 3; ++n) slots.ask(nanoseconds(n), peer(n));
  slots.rest(1s, peer(2));
  EXPECT_EQ(slots.set_slots(7s, 2), std::vector{peer(2)}) << "who has nothing open first";
  EXPECT_EQ(slots.set_slots(7s, 0), std::vector{peer(1)}) << "then who had it longest; one stays";
  EXPECT_FALSE(slots.ask(8s, peer(4)).granted);
  EXPECT_TRUE(slots.set_slots(8s, 2).empty());
  EXPECT_TRUE(slots.ask(8s, peer(4)).granted);
}

TEST(upload_slots_test, MemoryIsBoundAndACrowdPushesNobodyOut) {
  upload_slots::options how;
  how.slots = 1;
  how.max_waiting = 3;
  upload_slots slots(how);
  slots.ask(0s, peer(1));
  for (std::uint8_t n = 2; n <= 200; ++n) EXPECT_FALSE(slots.ask(1s, peer(n)).granted);
  EXPECT_EQ(slots.waiting(), 3U);
  EXPECT_EQ(slots.forgotten(), 196U);
  slots.drop(peer(1));
  EXPECT_FALSE(slots.ask(3s, peer(100)).granted);
  EXPECT_TRUE(slots.ask(3s, peer(2)).granted);
}

/// Peers that would download for ever, coming back with the pauses of our own downloader: all get their
/// turns.
RC_GTEST_PROP(upload_slots_test, NobodyStarves, ()) {
  crypto::seeded_random random(*rc::gen::arbitrary<std::uint64_t>());
  const auto count = 2 + random.below(18);
  const auto how_many = 1 + random.below(4);
  auto slots = with(how_many);
  struct asker {
    nanoseconds next{0}, waits_since{0};
    unsigned failures = 0;
    bool impatient = false;
  };
  std::map<node_id, asker> all;
  for (std::uint8_t n = 1; n <= count; ++n)
    all[peer(n)] = {
        nanoseconds(std::chrono::milliseconds(random.below(60'000))), {}, 0, random.below(2) == 0};
  for (auto& [who, a] : all) a.waits_since = a.next;
  // Within a turn and the longest pause, those who waited longest have all slots.
  const auto bound = (120s + 62s) * static_cast<std::int64_t>(count / how_many + 1);
  for (nanoseconds now{0}; now < 3600s; now += 500ms) {
    for (auto& [who, a] : all) {
      if (slots.holds(who)) {
        slots.use(now, who);
        continue;
      }
      RC_ASSERT(now - a.waits_since <= bound);
      if (now < a.next) continue;
      const auto answer = slots.ask(now, who);
      RC_ASSERT(slots.held() <= how_many);
      for (const auto& evicted : answer.evicted) all[evicted] = {now + 2s, now, 0, all[evicted].impatient};
      a.failures = answer.granted ? 0 : a.failures + 1;
      const auto pause = std::min<nanoseconds>(60s, 1s * (std::int64_t{1} << std::min(a.failures, 10U)));
      a.next = now + (a.impatient ? nanoseconds(500ms) : pause);
    }
  }
}

}  // namespace

}  // namespace vsf::swarm
