#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/swarm/transfer_plan.hpp"
#include "net/crypto/random.hpp"

namespace vsf::swarm {

namespace {

TEST(bitmap_test, KeepsBitsAndCount) {
  bitmap b(19);
  b.set(0);
  b.set(18);
  b.set(18);
  b.set(19);
  EXPECT_EQ(b.set_count(), 2U);
  EXPECT_EQ(b.raw(), (bytes{1, 0, 4}));
  EXPECT_EQ(bitmap::from_bytes(b.raw(), 19), b);
  EXPECT_EQ(bitmap::from_bytes(bytes{1, 0}, 19).set_count(), 0U) << "of another file";
  EXPECT_EQ(bitmap::from_bytes(bytes{0xFF, 0xFF, 0xFF}, 19).set_count(), 19U) << "nothing beyond the end";
}

TEST(transfer_plan_test, AsksForHashesFirst) {
  transfer_plan p(piece_size + 1);
  p.add_source(1);
  EXPECT_FALSE(p.next_data(1, 64));
  EXPECT_EQ(p.next_proof(1, 5), 0U);
  EXPECT_EQ(p.next_proof(1, 5), 1U);
  EXPECT_FALSE(p.next_proof(1, 5));
  EXPECT_FALSE(p.next_data(1, 64)) << "asked is not proven";
  EXPECT_TRUE(p.proof_arrived(1, 1));
  EXPECT_FALSE(p.proof_arrived(1, 1));
  EXPECT_FALSE(p.next_data(1, 64));
  p.proof_checked(1, true);
  const auto r = p.next_data(1, 64);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->first_leaf, 64U);
  EXPECT_EQ(r->count, 1U);
}

TEST(transfer_plan_test, LostSourceGivesBackRuns) {
  transfer_plan p(piece_size);
  p.add_source(1);
  p.next_proof(1, 5);
  p.proof_arrived(1, 0);
  p.proof_checked(0, true);
  const auto r = *p.next_data(1, 10);
  EXPECT_EQ(p.data_arrived(1, r.id, 3, 3).wanted, 0b111U);
  EXPECT_EQ(p.outstanding(1), 7U);
  p.drop_source(1);
  EXPECT_EQ(p.outstanding(1), 0U);
  p.add_source(2);
  const auto a = *p.next_data(2, 64), b = *p.next_data(2, 64);
  EXPECT_EQ(a.first_leaf, 0U);
  EXPECT_EQ(a.count, 3U) << "4 to 6 are being checked";
  EXPECT_EQ(b.first_leaf, 6U);
  EXPECT_EQ(b.count, 58U);
  p.leaf_checked(3, true);
  p.leaf_checked(4, false);
  EXPECT_EQ(p.next_data(2, 64)->first_leaf, 4U) << "the wrong one only";
}

TEST(transfer_plan_test, OnlyWhatWasAskedIsTaken) {
  transfer_plan p(piece_size);
  p.add_source(1);
  p.add_source(2);
  p.next_proof(1, 5);
  p.proof_arrived(1, 0);
  p.proof_checked(0, true);
  const auto r = *p.next_data(1, 10);
  EXPECT_EQ(p.data_arrived(2, r.id, 0, 3).wanted, 0U) << "not by that source";
  EXPECT_EQ(p.data_arrived(1, r.id + 1, 0, 3).wanted, 0U);
  EXPECT_EQ(p.data_arrived(1, r.id, 8, 3).wanted, 0U) << "beyond the request";
  EXPECT_EQ(p.data_arrived(1, r.id, 0xFFFFFFFF, 3).wanted, 0U);
  EXPECT_EQ(p.data_arrived(1, r.id, 0, 3).wanted, 0b111U);
  EXPECT_EQ(p.data_arrived(1, r.id, 0, 3).wanted, 0U) << "late duplicate";
  EXPECT_EQ(p.data_arrived(1, r.id, 2, 3).wanted, 0b110U);
  EXPECT_EQ(p.outstanding(1), 5U);
  EXPECT_EQ(p.checking(), 5U);
}

TEST(transfer_plan_test, RestoresWhatWasHad) {
  bitmap had(130);
  for (std::uint32_t i = 0; i < 100; ++i) had.set(i);
  transfer_plan p(129 * std::uint64_t{leaf_size} + 5);
  p.restore(had, {1});
  EXPECT_EQ(p.bytes_had(), 100 * std::uint64_t{leaf_size});
  p.add_source(1);
  EXPECT_EQ(p.next_proof(1, 5), 2U) << "0 is had, 1 is proven";
  EXPECT_EQ(p.next_data(1, 64)->first_leaf, 100U);
}

bitmap bits(const std::vector<std::uint32_t>& set, std::uint32_t size) {
  bitmap out(size);
  for (const auto i : set) out.set(i);
  return out;
}

TEST(transfer_plan_test, RarestPieceFirst) {
  transfer_plan p(4 * piece_size, {3, 2});
  p.add_source(1);
  p.add_source(2, bits({0, 1, 3}, 4));
  p.add_source(3, bits({0, 3}, 4));
  EXPECT_EQ(p.next_proof(1, 9), 2U) << "only the whole source has it";
  EXPECT_EQ(p.next_proof(1, 9), 1U);
  const auto third = p.next_proof(1, 9), last = p.next_proof(3, 9);
  EXPECT_EQ((std::set{*third, *last}), (std::set<std::uint32_t>{0, 3}));
  p.source_got(3, 2);
  p.drop_source(1);
  EXPECT_EQ(p.next_proof(3, 9), 2U);
  EXPECT_FALSE(p.next_proof(2, 9) == 2U) << "it doesn't have it";
}

TEST(transfer_plan_test, WholeSourcesAreAskedByNumber) {
  transfer_plan p(4 * piece_size, {4, 6});
  p.add_source(1);
  for (const std::uint32_t piece : {2U, 3U, 0U, 1U}) EXPECT_EQ(p.next_proof(1, 9), piece);
}

TEST(transfer_plan_test, WithPartsEveryDownloaderHasItsOwnOrder) {
  std::set<std::vector<std::uint32_t>> orders;
  for (std::uint64_t order = 0; order < 10; ++order) {
    transfer_plan p(6 * piece_size, {9, 6 * order});
    p.add_source(1, bits({0, 1, 2, 3, 4, 5}, 6));
    std::vector<std::uint32_t> asked;
    while (const auto piece = p.next_proof(1, 9)) asked.push_back(*piece);
    orders.insert(asked);
    std::sort(asked.begin(), asked.end());
    EXPECT_EQ(asked, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5}));
  }
  EXPECT_GE(orders.size(), 8U);
}

TEST(transfer_plan_test, ABegunPieceIsFinishedEvenIfOthersGetIt) {
  transfer_plan p(3 * piece_size, {3, 1});
  p.add_source(1);
  p.add_source(2, bits({}, 3));
  const auto first = *p.next_proof(1, 9);
  const auto second = *p.next_proof(1, 9);
  for (const auto piece : {first, second}) {
    p.proof_arrived(1, piece);
    p.proof_checked(piece, true);
  }
  const auto begun = p.next_data(1, 10)->first_leaf / piece_leaves;
  p.source_got(2, begun);
  EXPECT_EQ(p.next_data(1, 10)->first_leaf / piece_leaves, begun);
}

TEST(transfer_plan_test, OnePartlyUsefulSourceIsNotHeldUpByWhatOthersHaveInStock) {
  transfer_plan p(8 * piece_size, {3, 0});
  p.add_source(1);
  p.add_source(2, bits({7}, 8));
  for (int i = 0; i < 3; ++i) {
    const auto piece = *p.next_proof(1, 3);
    EXPECT_NE(piece, 7U);
    p.proof_arrived(1, piece);
    p.proof_checked(piece, true);
  }
  EXPECT_FALSE(p.next_proof(1, 3)) << "three are in stock";
  EXPECT_TRUE(p.can_give(2));
  EXPECT_EQ(p.next_proof(2, 3), 7U);
  p.drop_source(2);
  EXPECT_FALSE(p.can_give(2));
}

TEST(transfer_plan_test, WhatASlowSourceOwesIsTakenOver) {
  transfer_plan p(piece_size);
  p.add_source(1);
  p.add_source(2);
  p.next_proof(1, 5);
  EXPECT_EQ(p.steal_proof(2, 1), 0U);
  EXPECT_FALSE(p.steal_proof(2, 1)) << "it is asked already";
  EXPECT_TRUE(p.proof_arrived(2, 0));
  EXPECT_FALSE(p.proof_arrived(1, 0)) << "the other was faster";
  p.proof_checked(0, true);
  const auto first = *p.next_data(1, 40), second = *p.next_data(1, 24);
  EXPECT_FALSE(p.next_data(2, 64));
  EXPECT_EQ(p.data_arrived(1, first.id, 0, 3).wanted, 0b111U);
  const auto stolen = *p.steal_data(2, 1, 64);
  EXPECT_EQ(stolen.first_leaf, 40U) << "what it was asked for last";
  EXPECT_EQ(stolen.count, 24U);
  const auto more = *p.steal_data(2, 1, 10);
  EXPECT_EQ(more.first_leaf, 30U) << "and of that the end";
  EXPECT_EQ(more.count, 10U);
  for (std::uint32_t at = 40; at < 61; at += 3)
    EXPECT_TRUE(p.data_arrived(2, stolen.id, at, 3).obsolete.empty());
  const auto last = p.data_arrived(2, stolen.id, 61, 3);
  EXPECT_EQ(last.wanted, 0b111U);
  ASSERT_EQ(last.obsolete.size(), 1U);
  EXPECT_EQ(last.obsolete[0].source, 1U);
  EXPECT_EQ(last.obsolete[0].request, second.id);
  EXPECT_EQ(p.outstanding(1), 37U);
  EXPECT_EQ(p.data_arrived(1, second.id, 40, 3).wanted, 0U) << "it was on its way";
}

TEST(transfer_plan_test, AWrongStolenLeafIsStillOwedByTheOther) {
  transfer_plan p(piece_size);
  p.add_source(1);
  p.add_source(2);
  p.next_proof(1, 5);
  p.proof_arrived(1, 0);
  p.proof_checked(0, true);
  const auto owed = *p.next_data(1, 2);
  p.next_data(1, 62);
  p.steal_data(2, 1, 64);
  const auto stolen = *p.steal_data(2, 1, 1);
  EXPECT_EQ(stolen.first_leaf, 1U);
  EXPECT_EQ(p.data_arrived(2, stolen.id, 1, 1).wanted, 1U);
  p.leaf_checked(1, false);
  p.drop_source(2);
  EXPECT_EQ(p.data_arrived(1, owed.id, 0, 2).wanted, 0b11U);
}

TEST(transfer_plan_test, ChunksShowHowMuchOfEachPartIsHad) {
  bitmap had(64);
  for (std::uint32_t i = 0; i < 24; ++i) had.set(i);
  transfer_plan p(piece_size);
  p.restore(had, {});
  EXPECT_EQ(p.chunks(4), (std::vector<std::uint8_t>{255, 127, 0, 0}));
  EXPECT_EQ(p.chunks(256).size(), 64U);
}

/// What happens to a request on the way is chance.
struct world {
  enum kind_of_source {
    honest,
    wrong_leaves,
    wrong_hashes,
    loses_half,
    dies_and_returns,
    never_answers,
    partial
  };
  struct source {
    int kind = honest;
    source_number number = 0;
    bool gone = false;
    std::vector<std::uint32_t> proofs;
    std::vector<transfer_plan::data_request> requests;
  };
  crypto::seeded_random random;
  transfer_plan plan;
  std::vector<source> sources;
  source_number next = 1;
  std::vector<int> verified;       // times a leaf was accepted
  std::vector<int> asked_of_good;  // times it was asked for after that
  struct verdict {
    std::uint32_t leaf;
    bool good;
  };
  std::vector<verdict> verdicts;

  world(std::uint64_t seed, std::uint64_t size, const std::vector<int>& kinds)
      : random(seed),
        plan(size, {3, static_cast<std::uint32_t>(seed % 7)}),
        verified(leaf_count(size)),
        asked_of_good(leaf_count(size)) {
    for (const auto kind : kinds) {
      sources.push_back({kind, next, false, {}, {}});
      join(sources.back());
    }
  }
  void join(source& s) {
    s.number = next++;
    if (s.kind != partial) return plan.add_source(s.number);
    bitmap pieces(piece_count(plan.size()));
    for (std::uint32_t p = 0; p < pieces.size(); ++p)
      if (random.below(2) == 0) pieces.set(p);
    plan.add_source(s.number, pieces);
  }
  void keep(source& s, const std::optional<transfer_plan::data_request>& r) {
    if (!r) return;
    for (std::uint16_t i = 0; i < r->count; ++i)
      asked_of_good[r->first_leaf + i] += verified[r->first_leaf + i];
    s.requests.push_back(*r);
  }
  void ask(source& s) {
    if (s.gone) return;
    if (s.kind == partial && random.below(20) == 0)
      plan.source_got(s.number, static_cast<std::uint32_t>(random.below(piece_count(plan.size()) + 1)));
    auto& victim = sources[random.below(sources.size())];
    if (const auto piece = plan.next_proof(s.number, 5))
      s.proofs.push_back(*piece);
    else if (const auto stolen = plan.steal_proof(s.number, victim.number))
      s.proofs.push_back(*stolen);
    if (s.requests.size() >= 4) return;
    const auto most = static_cast<std::uint16_t>(1 + random.below(64));
    const auto r = plan.next_data(s.number, most);
    keep(s, r ? r : plan.steal_data(s.number, victim.number, most));
  }
  void drop(source& s) {
    plan.drop_source(s.number);
    s.requests.clear();
    s.proofs.clear();
  }
  void ban(source& s) {
    drop(s);
    s.gone = true;
  }
  void forget(const transfer_plan::obsolete_request& o) {
    for (auto& s : sources)
      if (s.number == o.source) {
        const auto erased = std::erase_if(s.requests, [&](const auto& r) { return r.id == o.request; });
        RC_ASSERT(erased <= 1U);
      }
    RC_ASSERT(plan.data_arrived(o.source, o.request, 0, 1).wanted == 0U);
  }
  void act(source& s) {
    if (s.gone) return;
    if (s.kind == never_answers) {
      if (random.below(200) == 0) ban(s);  // its silence is noticed in the end
      return;
    }
    if (s.kind == dies_and_returns && random.below(30) == 0) {
      drop(s);
      return join(s);
    }
    if (!s.proofs.empty() && random.below(2) == 0) {
      const auto piece = s.proofs.back();
      s.proofs.pop_back();
      if (s.kind == loses_half && random.below(2) == 0) return plan.proof_refused(s.number, piece);
      if (!plan.proof_arrived(s.number, piece)) return;
      plan.proof_checked(piece, s.kind != wrong_hashes);
      if (s.kind == wrong_hashes) ban(s);
      return;
    }
    if (s.requests.empty()) return;
    const auto at = random.below(s.requests.size());
    const auto r = s.requests[at];
    s.requests.erase(s.requests.begin() + static_cast<std::ptrdiff_t>(at));
    if (s.kind == loses_half && random.below(2) == 0) {
      plan.request_over(s.number, r.id);
      if (random.below(2) == 0) RC_ASSERT(plan.data_arrived(s.number, r.id, r.first_leaf, 1).wanted == 0U);
      return;
    }
    for (std::uint16_t i = 0; i < r.count; i = static_cast<std::uint16_t>(i + 3)) {
      const auto count = static_cast<std::uint16_t>(std::min(3, r.count - i));
      const auto came = plan.data_arrived(s.number, r.id, r.first_leaf + i, count);
      for (std::uint16_t k = 0; k < count; ++k)
        if ((came.wanted >> k & 1) != 0)
          verdicts.push_back({r.first_leaf + i + k, !(s.kind == wrong_leaves && random.below(4) == 0)});
      for (const auto& o : came.obsolete) forget(o);
      if (random.below(10) == 0)
        RC_ASSERT(plan.data_arrived(s.number, r.id, r.first_leaf + i, count).wanted == 0U);
    }
    if (s.kind == wrong_leaves && random.below(8) == 0) ban(s);
  }
  void judge() {
    if (verdicts.empty()) return;
    const auto at = random.below(verdicts.size());
    const auto v = verdicts[at];
    verdicts.erase(verdicts.begin() + static_cast<std::ptrdiff_t>(at));
    plan.leaf_checked(v.leaf, v.good);
    if (v.good) ++verified[v.leaf];
  }
};

RC_GTEST_PROP(transfer_plan_test, CompletesWithAnHonestSourceWhateverTheOthersDo, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto size = *rc::gen::inRange<std::uint64_t>(1, 9 * piece_size);
  auto kinds = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 7));
  kinds.resize(std::min<std::size_t>(kinds.size(), 5));
  kinds.insert(kinds.begin() + static_cast<std::ptrdiff_t>(kinds.empty() ? 0 : seed % kinds.size()), 0);
  world w(seed, size, kinds);
  int steps = 0;
  while (!w.plan.complete()) {
    RC_ASSERT(++steps < 200'000);
    auto& s = w.sources[w.random.below(w.sources.size())];
    switch (w.random.below(3)) {
      case 0:
        w.ask(s);
        break;
      case 1:
        w.act(s);
        break;
      default:
        w.judge();
    }
  }
  RC_ASSERT(w.plan.bytes_had() == size);
  RC_ASSERT(w.plan.checking() == 0U);
  for (std::size_t i = 0; i < w.verified.size(); ++i) {
    RC_ASSERT(w.verified[i] == 1);
    RC_ASSERT(w.asked_of_good[i] == 0);
  }
  for (auto& s : w.sources) {
    w.plan.drop_source(s.number);
    RC_ASSERT(w.plan.outstanding(s.number) == 0U);
  }
  w.plan.add_source(w.next);
  RC_ASSERT(!w.plan.next_data(w.next, 64) && !w.plan.next_proof(w.next, 5));
}

}  // namespace

}  // namespace vsf::swarm
