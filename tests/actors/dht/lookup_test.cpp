#include "actors/dht/lookup.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "tests/actors/dht/run_effects.hpp"
#include "tests/actors/dht/toy_values.hpp"

namespace vsf::dht::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr std::uint64_t unix_s = 1'800'000'000;

struct fixture {
  crypto::seeded_random random{1};
  std::shared_ptr<const toy_policy> policy = std::make_shared<const toy_policy>();
  node_id self = random_bytes<node_id>(random);
  id160 target = random_bytes<id160>(random);
  std::vector<known_peer> seeds(std::size_t count) {
    std::vector<known_peer> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back({random_contact(random), {}});
    std::sort(out.begin(), out.end(),
              [&](const auto& a, const auto& b) { return (a.who.id ^ target) < (b.who.id ^ target); });
    return out;
  }
  lookup make(lookup_goal goal, lookup_options options = {}) { return {goal, target, self, options, policy}; }
  bytes leaf(std::uint8_t publisher, std::uint64_t seq = 1, bool tombstone = false) {
    toy_value v;
    v.publisher.fill(publisher);
    v.seq = seq;
    v.tombstone = tombstone;
    return v.raw();
  }
  bytes shard(const std::vector<bytes>& leaves, std::uint64_t cursor = 0, std::uint32_t publishers = 0) {
    fb::ShadowIndexShardT out;
    for (const auto& l : leaves) {
      out.leaves.push_back(std::make_unique<fb::BlobT>());
      out.leaves.back()->data = l;
    }
    out.cursor = cursor;
    out.peers_approx = publishers;
    return to_bytes(record<fb::ShadowIndexShard>::pack(out).raw().view());
  }
};

peer_answer page(bytes shard) {
  peer_answer out;
  out.shard = std::move(shard);
  return out;
}

TEST(lookup, without_contacts_ends_at_once) {
  fixture f;
  auto l = f.make(lookup_goal::quorum);
  const auto effects = l.start(seconds(1), {});
  ASSERT_NE(result_of(effects), nullptr);
  EXPECT_EQ(result_of(effects)->asked, 0u);
  EXPECT_TRUE(l.done());
  EXPECT_EQ(l.next_deadline(), nanoseconds::max());
}

TEST(lookup, asks_the_nearest_first_and_a_few_at_a_time) {
  fixture f;
  auto l = f.make(lookup_goal::find);
  const auto seeds = f.seeds(20);
  const auto asks = asks_of(l.start(seconds(1), seeds));
  ASSERT_EQ(asks.size(), 4u);
  for (std::size_t i = 0; i < asks.size(); ++i) EXPECT_EQ(asks[i].who, seeds[i].who);
  EXPECT_EQ(l.next_deadline(), seconds(1) + rtt_estimate::first_rto);
  const auto next = asks_of(l.on_answer(seconds(1), unix_s, asks[0].ask, {}));
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].who, seeds[4].who);
}

TEST(lookup, a_lost_question_frees_its_place_and_is_asked_once_more) {
  fixture f;
  auto l = f.make(lookup_goal::find);
  auto seeds = f.seeds(20);
  seeds[0].rtt.sample(milliseconds(60));  // RTO 180 ms
  const auto asks = asks_of(l.start(seconds(1), seeds));
  EXPECT_EQ(l.next_deadline(), seconds(1) + milliseconds(180));
  const auto late = asks_of(l.on_time(seconds(1) + milliseconds(180)));
  ASSERT_EQ(late.size(), 2u);
  EXPECT_EQ(late[0].who, seeds[0].who);
  EXPECT_TRUE(late[0].retry);
  EXPECT_EQ(late[1].who, seeds[4].who);
  EXPECT_FALSE(late[1].retry);
  // The first answer may still come; the other is then ignored.
  peer_answer told;
  told.contacts.push_back(f.seeds(1)[0]);
  l.on_answer(seconds(1) + milliseconds(200), unix_s, asks[0].ask, told);
  EXPECT_TRUE(asks_of(l.on_answer(seconds(1) + milliseconds(210), unix_s, late[0].ask, {})).empty());
}

TEST(lookup, first_ends_with_the_first_leaf_of_somebody_else) {
  fixture f;
  auto l = f.make(lookup_goal::first);
  const auto asks = asks_of(l.start(seconds(1), f.seeds(8)));
  toy_value mine;
  mine.publisher = publisher_of(f.self);
  EXPECT_EQ(result_of(l.on_answer(seconds(2), unix_s, asks[0].ask, page(f.shard({mine.raw()})))), nullptr);
  EXPECT_EQ(result_of(l.on_answer(seconds(2), unix_s, asks[1].ask, page(f.shard({bytes(60, 1)})))), nullptr);
  const auto effects = l.on_answer(seconds(2), unix_s, asks[2].ask, page(f.shard({f.leaf(9)})));
  ASSERT_NE(result_of(effects), nullptr);
  EXPECT_EQ(result_of(effects)->leaves.size(), 2u);
}

TEST(lookup, quorum_merges_three_holders) {
  fixture f;
  auto l = f.make(lookup_goal::quorum);
  const auto asks = asks_of(l.start(seconds(1), f.seeds(8)));
  l.on_answer(seconds(2), unix_s, asks[0].ask, page(f.shard({f.leaf(1, 1), f.leaf(2, 5)})));
  l.on_answer(seconds(2), unix_s, asks[1].ask, page(f.shard({f.leaf(1, 3), f.leaf(3)})));
  EXPECT_FALSE(l.done());
  const auto effects =
      l.on_answer(seconds(2), unix_s, asks[2].ask, page(f.shard({f.leaf(2, 6, true), f.leaf(1, 2)})));
  const auto* result = result_of(effects);
  ASSERT_NE(result, nullptr);
  EXPECT_EQ(result->replicas, 3u);
  ASSERT_EQ(result->leaves.size(), 2u);  // the second publisher withdrew
  EXPECT_EQ(result->leaves[0], f.leaf(1, 3));
  EXPECT_EQ(result->leaves[1], f.leaf(3));
}

TEST(lookup, a_holder_that_shows_rubbish_is_no_replica) {
  fixture f;
  auto l = f.make(lookup_goal::quorum);
  const auto asks = asks_of(l.start(seconds(1), f.seeds(4)));
  lookup_effects effects;
  for (const auto& ask : asks) effects = l.on_answer(seconds(2), unix_s, ask.ask, page(bytes(50, 0x33)));
  ASSERT_NE(result_of(effects), nullptr);
  EXPECT_EQ(result_of(effects)->replicas, 0u);
}

TEST(lookup, cursors_without_end_are_followed_only_so_far) {
  fixture f;
  auto l = f.make(lookup_goal::quorum);
  auto open = asks_of(l.start(seconds(1), f.seeds(1)));
  std::size_t asked = open.size();
  std::uint64_t cursor = 1;
  while (!open.empty()) {
    auto effects =
        l.on_answer(seconds(2), unix_s, open.back().ask, page(f.shard({f.leaf(1)}, ++cursor, 1000)));
    open.pop_back();
    for (auto& ask : asks_of(effects)) {
      open.push_back(ask);
      ++asked;
    }
    ASSERT_LT(asked, 50u);
  }
  EXPECT_EQ(asked, 9u);
  EXPECT_TRUE(l.done());
}

/// Whatever is answered, told, lost or repeated, and in whatever order: a run ends once, in time, within its
/// bounds.
TEST(lookup, always_ends_once_and_in_time) {
  rc::check([](std::uint64_t seed, std::uint8_t kind) {
    fixture f;
    crypto::seeded_random random(seed);
    lookup_options options;
    options.max_known = 60;
    const auto goal = static_cast<lookup_goal>(kind % 4);
    auto l = f.make(goal, options);
    nanoseconds now = seconds(1);
    std::vector<ask_peer> open;
    std::map<node_id, int> times_asked;
    std::size_t finished = 0, searching = 0;
    const auto take = [&](const lookup_effects& effects) {
      for (const auto& ask : asks_of(effects)) {
        open.push_back(ask);
        ++times_asked[ask.who.id];
        ++searching;
      }
      if (const auto* r = result_of(effects)) {
        ++finished;
        RC_ASSERT(r->contacts.size() <= options.k);
        RC_ASSERT(r->leaves.size() <= options.max_leaves);
        RC_ASSERT(r->hints.size() <= options.max_hints);
        RC_ASSERT(r->elapsed <= options.deadline + seconds(1));
        for (std::size_t i = 1; i < r->contacts.size(); ++i)
          RC_ASSERT((r->contacts[i - 1].id ^ f.target) < (r->contacts[i].id ^ f.target));
      }
    };
    take(l.start(now, f.seeds(1 + random.below(20))));
    for (int step = 0; step < 3000 && !l.done(); ++step) {
      const auto what = random.below(10);
      if (open.empty() || what < 3) {
        now = std::max(now, std::min(l.next_deadline(), now + milliseconds(random.below(700))));
        if (l.next_deadline() <= now) take(l.on_time(now));
        continue;
      }
      const auto at = random.below(open.size());
      const auto ask = open[at];
      if (what < 9) open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));  // else: it is answered twice
      if (what == 3) {
        take(l.on_refused(now, ask.ask));
        continue;
      }
      peer_answer answer;
      answer.refused = random.below(10) == 0;
      for (std::uint64_t i = random.below(16); i > 0; --i)
        answer.contacts.push_back({random_contact(random), {}});
      if (random.below(4) != 0) answer.token = bytes(8, 1);
      if (random.below(3) == 0)
        answer.shard = f.shard({f.leaf(static_cast<std::uint8_t>(random.below(256)), random.below(5))},
                               random.u64(), 99);
      if (random.below(10) == 0) answer.shard = bytes(random.below(100), 7);
      answer.verdicts.assign(random.below(3), static_cast<fb::PutVerdict>(random.below(9)));
      take(l.on_answer(now, unix_s, ask.ask, answer));
    }
    while (!l.done()) take(l.on_time(l.next_deadline()));
    RC_ASSERT(finished == 1u);
    take(l.on_time(now + seconds(100)));
    RC_ASSERT(finished == 1u);
    RC_ASSERT(searching < 400u);
  });
}

}  // namespace
}  // namespace vsf::dht::tests
