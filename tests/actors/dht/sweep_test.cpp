// Sweeps: by hand, and over a network that loses datagrams and whose nodes are partly dead.
#include "actors/dht/sweep.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdio>

#include "actors/dht/session.hpp"
#include "actors/dht/wire_messages.hpp"
#include "tests/actors/dht/lookup_world.hpp"
#include "tests/actors/dht/run_effects.hpp"

namespace vsf::dht::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct by_hand {
  crypto::seeded_random random{1};
  node_id self = random_bytes<node_id>(random);

  std::vector<sweep_item> items(std::size_t count, std::size_t padding = 348, bool held = false) {
    std::vector<sweep_item> out;
    for (std::size_t i = 0; i < count; ++i) {
      toy_value v;
      v.publisher = publisher_of(self);
      v.seq = i;
      v.padding = padding;
      out.push_back({random_bytes<dht_key>(random), v.raw(), held, {}});
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return out;
  }
  std::vector<known_peer> seeds(std::size_t count) {
    std::vector<known_peer> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back({random_contact(random), {}});
    return out;
  }
  sweep make(std::vector<sweep_item> items) {
    return {std::move(items), self, {}, std::make_shared<const toy_policy>(), epoch_ms / 1000};
  }
  static peer_answer with_token() {
    peer_answer out;
    out.token = bytes(8, 1);
    return out;
  }
  /// Answers what is asked until the sweep ends.
  lookup_result run(sweep& s, const std::vector<known_peer>& who,
                    const std::function<peer_answer(const ask_peer&)>& answer) {
    std::vector<ask_peer> open = asks_of(s.start(seconds(1), who));
    for (std::size_t i = 0; i < open.size(); ++i) {
      const auto ask = open[i];
      const auto effects = s.on_answer(seconds(2), epoch_ms / 1000, ask.ask, answer(ask));
      for (const auto& next : asks_of(effects)) open.push_back(next);
      if (const auto* result = result_of(effects)) return *result;
    }
    ADD_FAILURE() << "the sweep never ended";
    return {};
  }
};

peer_answer stored(const ask_peer& ask, fb::PutVerdict verdict = fb::PutVerdict::stored) {
  peer_answer out;
  out.verdicts.assign(ask.what.which.size(), verdict);
  return out;
}

TEST(sweep, without_contacts_nobody_holds_anything_but_oneself) {
  by_hand f;
  auto s = f.make(f.items(3));
  const auto effects = s.start(seconds(1), {});
  const auto* result = result_of(effects);
  ASSERT_NE(result, nullptr);
  ASSERT_EQ(result->outcomes.size(), 3u);
  for (const auto& outcome : result->outcomes) {
    EXPECT_TRUE(outcome.stored_at.empty());
    EXPECT_TRUE(outcome.ours);
  }
  EXPECT_EQ(result->asked, 0u);
  EXPECT_TRUE(s.done());
}

TEST(sweep, asks_each_node_once_and_packs_what_it_gets) {
  by_hand f;
  auto s = f.make(f.items(5));
  std::map<question_kind, std::size_t> asked;
  const auto result = f.run(s, f.seeds(3), [&](const ask_peer& ask) {
    ++asked[ask.what.kind];
    if (ask.what.kind != question_kind::store) return by_hand::with_token();
    EXPECT_EQ(ask.what.token, bytes(8, 1));
    return stored(ask);
  });
  EXPECT_EQ(asked[question_kind::get], 3u);
  EXPECT_EQ(asked[question_kind::store], 9u);  // 5 values of 400 bytes are 3 datagrams
  EXPECT_EQ(result.written, 9u);
  EXPECT_EQ(result.asked, 12u);
  for (const auto& outcome : result.outcomes) EXPECT_EQ(outcome.stored_at.size(), 3u);
}

TEST(sweep, never_stores_more_values_at_once_than_a_holder_takes) {
  by_hand f;
  auto s = f.make(f.items(40, 0));
  std::size_t most = 0;
  f.run(s, f.seeds(2), [&](const ask_peer& ask) {
    if (ask.what.kind != question_kind::store) return by_hand::with_token();
    most = std::max(most, ask.what.which.size());
    return stored(ask);
  });
  EXPECT_GT(most, 8u);
  EXPECT_LE(most, max_stored_values);
}

TEST(sweep, offers_by_hash_what_is_held_and_sends_only_what_is_missing) {
  by_hand f;
  const auto items = f.items(5, 348, true);
  auto s = f.make(items);
  std::map<question_kind, std::size_t> asked;
  std::vector<std::uint16_t> sent;
  const auto result = f.run(s, f.seeds(3), [&](const ask_peer& ask) {
    ++asked[ask.what.kind];
    if (ask.what.kind == question_kind::store) {
      sent.insert(sent.end(), ask.what.which.begin(), ask.what.which.end());
      return stored(ask);
    }
    auto answer = by_hand::with_token();
    for (const auto index : ask.what.which) answer.held.push_back(index != 2);
    return answer;
  });
  EXPECT_EQ(asked[question_kind::renew], 3u);
  EXPECT_EQ(asked[question_kind::get], 0u);
  EXPECT_EQ(sent, (std::vector<std::uint16_t>{2, 2, 2}));
  EXPECT_EQ(result.written, 6u);
  for (const auto& outcome : result.outcomes) EXPECT_EQ(outcome.stored_at.size(), 3u);
}

TEST(sweep, counts_who_refuses_and_who_gave_no_token) {
  by_hand f;
  auto s = f.make(f.items(1));
  std::size_t gets = 0;
  node_id refuses{};
  const auto result = f.run(s, f.seeds(3), [&](const ask_peer& ask) {
    if (ask.what.kind == question_kind::get) return ++gets == 1 ? peer_answer{} : by_hand::with_token();
    if (refuses.is_zero()) refuses = ask.who.id;
    return stored(ask, ask.who.id == refuses ? fb::PutVerdict::full : fb::PutVerdict::stored);
  });
  EXPECT_EQ(result.outcomes[0].stored_at.size(), 1u);
  EXPECT_EQ(result.outcomes[0].refused, 1u);
  EXPECT_EQ(result.outcomes[0].unanswered, 0u);
}

TEST(sweep, a_holder_that_falls_silent_is_asked_again_and_then_given_up) {
  by_hand f;
  auto s = f.make(f.items(4));
  const auto asks = asks_of(s.start(seconds(1), f.seeds(1)));
  ASSERT_EQ(asks.size(), 1u);
  const auto stores = asks_of(s.on_answer(seconds(1), epoch_ms / 1000, asks[0].ask, by_hand::with_token()));
  ASSERT_EQ(stores.size(), 2u);
  lookup_effects effects;
  std::size_t retries = 0;
  while (!s.done()) {
    effects = s.on_time(s.next_deadline());
    for (const auto& ask : asks_of(effects)) retries += ask.retry ? 1 : 0;
  }
  EXPECT_EQ(retries, 4u);
  for (const auto& outcome : result_of(effects)->outcomes) {
    EXPECT_TRUE(outcome.stored_at.empty());
    EXPECT_EQ(outcome.unanswered, 1u);
  }
}

toy_value value_number(const member& by, std::size_t n) {
  auto out = value_by(by);
  out.seq = n + 1;
  out.padding = 330;
  return out;
}

std::vector<sweep_item> library_of(small_world& world, const member& publisher, std::size_t count) {
  std::vector<sweep_item> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back({random_bytes<dht_key>(world.random), value_number(publisher, i).raw(), false, {}});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return out;
}

std::vector<sweep_outcome> sweep_all(small_world& world, member& publisher,
                                     const std::vector<sweep_item>& library) {
  std::vector<sweep_outcome> out;
  for (std::size_t i = 0; i < library.size(); i += 64) {
    const auto end = std::min(library.size(), i + 64);
    auto result = world.sweep_of(publisher, {library.begin() + static_cast<std::ptrdiff_t>(i),
                                             library.begin() + static_cast<std::ptrdiff_t>(end)});
    for (auto& outcome : result.outcomes) out.push_back(std::move(outcome));
  }
  return out;
}

/// Of the 16 nodes nearest to each key, how many per mille hold it.
std::size_t placed_per_mille(const small_world& world, const member& publisher,
                             const std::vector<sweep_outcome>& outcomes) {
  std::size_t right = 0, wanted = 0;
  for (const auto& outcome : outcomes)
    for (const auto* m : world.closest_live(outcome.key, 16)) {
      if (m->who.id == publisher.who.id) continue;
      ++wanted;
      right += std::count(outcome.stored_at.begin(), outcome.stored_at.end(), m->who.id) != 0 ? 1u : 0u;
    }
  return right * 1000 / wanted;
}

TEST(sweep_network, finds_the_nearest_of_every_key) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    small_world world(300, seed, 0, 0);
    auto& publisher = world.live();
    const auto library = library_of(world, publisher, 220);
    const auto outcomes = sweep_all(world, publisher, library);
    EXPECT_GE(placed_per_mille(world, publisher, outcomes), 985u) << "seed=" << seed;
    EXPECT_LE(world.largest_question, transport_budget);
  }
}

TEST(sweep_network, costs_nodes_and_not_keys_times_holders) {
  small_world world(300, 4, 0, 0);
  auto& publisher = world.live();
  auto library = library_of(world, publisher, 220);
  sweep_all(world, publisher, library);
  const auto stores = world.asked[question_kind::store];
  const auto reads = world.asked[question_kind::get];
  std::printf("220 keys, 300 nodes: %zu reads, %zu stores\n", reads, stores);
  EXPECT_LT(reads, 2u * 300);
  EXPECT_LT(stores, 220u * 16 * 6 / 10);  // two or more values each
  for (auto& item : library) item.held = true;
  world.asked.clear();
  const auto again = sweep_all(world, publisher, library);
  std::printf("renewed: %zu reads, %zu renewals, %zu stores\n", world.asked[question_kind::get],
              world.asked[question_kind::renew], world.asked[question_kind::store]);
  EXPECT_LT(world.asked[question_kind::renew], 2u * 300);
  EXPECT_LT(world.asked[question_kind::store], 220u * 16 / 50);
  EXPECT_GE(placed_per_mille(world, publisher, again), 985u);
}

TEST(sweep_network, places_most_despite_loss_and_dead_nodes) {
  small_world world(200, 5, 20, 20);
  auto& publisher = world.live();
  const auto library = library_of(world, publisher, 120);
  const auto outcomes = sweep_all(world, publisher, library);
  std::size_t complete = 0;
  for (const auto& outcome : outcomes) {
    EXPECT_GE(outcome.stored_at.size(), 12u);
    complete += outcome.stored_at.size() >= 15 ? 1u : 0u;
  }
  EXPECT_GE(complete * 100, outcomes.size() * 95);
  EXPECT_GE(placed_per_mille(world, publisher, outcomes), 950u);
}

/// Whatever is answered, told, lost or repeated, and in whatever order: a sweep ends once, in time, with one
/// outcome for each item and nobody counted twice.
TEST(sweep, always_ends_once_and_in_time) {
  rc::check([](std::uint64_t seed, std::uint8_t count) {
    by_hand f;
    crypto::seeded_random random(seed);
    auto items = f.items(1 + count % 20, 100);
    for (auto& item : items) item.held = random.below(2) == 0;
    const auto keys = items.size();
    auto s = f.make(std::move(items));
    nanoseconds now = seconds(1);
    std::vector<ask_peer> open;
    std::optional<lookup_result> result;
    const auto take = [&](const lookup_effects& effects) {
      for (const auto& ask : asks_of(effects)) open.push_back(ask);
      if (const auto* over = result_of(effects)) {
        RC_ASSERT(!result);
        result = *over;
      }
    };
    take(s.start(now, f.seeds(random.below(30))));
    for (int step = 0; step < 5000 && !s.done(); ++step) {
      if (open.empty() || random.below(4) == 0) {
        now = std::max(now, s.next_deadline());
        take(s.on_time(now));
        continue;
      }
      const auto at = random.below(open.size());
      const auto ask = open[at];
      if (random.below(5) != 0) open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      if (random.below(8) == 0) {
        take(s.on_refused(now, ask.ask));
        continue;
      }
      peer_answer answer;
      answer.refused = random.below(10) == 0;
      if (random.below(5) != 0) answer.token = bytes(8, 1);
      for (std::size_t i = 0; i < random.below(4); ++i)
        answer.contacts.push_back({random_contact(f.random), {}});
      for (std::size_t i = 0; i < random.below(ask.what.which.size() + 3); ++i) {
        answer.held.push_back(random.below(2) == 0);
        answer.verdicts.push_back(static_cast<fb::PutVerdict>(random.below(9)));
      }
      take(s.on_answer(now, epoch_ms / 1000, ask.ask, answer));
    }
    while (!s.done()) {
      now = std::max(now, s.next_deadline());
      take(s.on_time(now));
    }
    RC_ASSERT(result.has_value());
    RC_ASSERT(now <= seconds(1) + sweep::deadline);
    RC_ASSERT(result->outcomes.size() == keys);
    for (const auto& outcome : result->outcomes) {
      std::set<node_id> holders(outcome.stored_at.begin(), outcome.stored_at.end());
      RC_ASSERT(holders.size() == outcome.stored_at.size());
      RC_ASSERT(holders.size() + outcome.refused + outcome.unanswered <= 16u);
    }
    RC_ASSERT(s.next_deadline() == nanoseconds::max());
  });
}

}  // namespace
}  // namespace vsf::dht::tests
