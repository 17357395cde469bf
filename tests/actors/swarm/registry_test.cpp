#include <gtest/gtest.h>

#include "actors/swarm/swarm_registry.hpp"

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;

mbid number(std::uint8_t n) {
  mbid out{};
  out[0] = 1;
  out[1] = n;
  return out;
}

class swarm_registry_test : public ::testing::Test {
 protected:
  crypto::seeded_random random{1};
  swarm_registry r{{2, 4, 6, 3, 250ms}};
  std::string add(std::uint8_t n, std::uint64_t at = 0) {
    return string_of(
        r.start(number(n), fb::Priority::normal, at == 0 ? n : at, random).value().status->transfer());
  }
  void become(const std::string& id, fb::TransferState state, std::string reason = {}) {
    auto s = r.find(id)->unpack();
    s.state = state;
    s.reason = std::move(reason);
    r.update(record<fb::TransferStatus>::pack(s));
  }
};

TEST_F(swarm_registry_test, OneUnfinishedTransferAnMbid) {
  const auto a = r.start(number(1), fb::Priority::normal, 1, random).value();
  const auto b = r.start(number(1), fb::Priority::normal, 2, random).value();
  EXPECT_TRUE(a.is_new);
  EXPECT_FALSE(b.is_new);
  EXPECT_EQ(string_of(a.status->transfer()), string_of(b.status->transfer()));
  become(string_of(a.status->transfer()), fb::TransferState::done);
  EXPECT_TRUE(r.start(number(1), fb::Priority::normal, 3, random).value().is_new);
}

TEST_F(swarm_registry_test, TurnsComeInOrderAndWhoWaitsTakesNoPlace) {
  std::vector<std::string> ids;
  for (std::uint8_t i = 1; i <= 6; ++i) ids.push_back(add(i));
  EXPECT_FALSE(r.start(number(7), fb::Priority::normal, 7, random)) << "bound";
  EXPECT_EQ(r.take_turns(), (std::vector<std::string>{ids[0], ids[1]}));
  EXPECT_TRUE(r.take_turns().empty()) << "their actors are just starting";
  become(ids[0], fb::TransferState::resolving);
  EXPECT_TRUE(r.take_turns().empty());
  become(ids[0], fb::TransferState::queued, "No space left");
  EXPECT_EQ(r.take_turns(), (std::vector<std::string>{ids[2]}));
  become(ids[1], fb::TransferState::resolving, "no usable source now");
  EXPECT_EQ(r.take_turns(), (std::vector<std::string>{ids[3]}));
  become(ids[2], fb::TransferState::done);
  EXPECT_TRUE(r.take_turns().empty()) << "4 actors at most";
  r.actor_gone(ids[2]);
  EXPECT_EQ(r.take_turns(), (std::vector<std::string>{ids[4]}));
}

TEST_F(swarm_registry_test, ListsNewestFirstInPages) {
  std::vector<std::string> ids;
  for (std::uint8_t i = 1; i <= 5; ++i) ids.push_back(add(i));
  auto page = r.list(0, 2);
  ASSERT_EQ(page.transfers.size(), 2U);
  EXPECT_EQ(page.transfers[0]->transfer, ids[4]);
  EXPECT_EQ(page.transfers[1]->transfer, ids[3]);
  page = r.list(4, 100);
  ASSERT_EQ(page.transfers.size(), 1U);
  EXPECT_EQ(page.transfers[0]->transfer, ids[0]);
  EXPECT_TRUE(r.list(5, 100).transfers.empty());
}

TEST_F(swarm_registry_test, ForgetsTheOldestFinishedBeyondTheBound) {
  std::vector<std::string> ids;
  for (std::uint8_t i = 1; i <= 5; ++i) {
    ids.push_back(add(i));
    become(ids.back(), i == 2 ? fb::TransferState::transferring : fb::TransferState::done);
  }
  EXPECT_EQ(r.surplus(), (std::vector<std::string>{ids[0]}));
  r.erase(ids[0]);
  EXPECT_TRUE(r.surplus().empty());
  EXPECT_EQ(r.find(ids[0]), nullptr);
}

TEST_F(swarm_registry_test, EventsAreThrottledAndTheLastOneIsTold) {
  const auto id = add(1);
  EXPECT_EQ(r.take_events(0ms).size(), 1U);
  std::size_t told = 0;
  for (int ms = 1; ms <= 1000; ++ms) {
    become(id, fb::TransferState::transferring, std::to_string(ms));
    told += r.take_events(std::chrono::milliseconds(ms)).size();
  }
  EXPECT_EQ(told, 4U);
  become(id, fb::TransferState::done);
  EXPECT_TRUE(r.take_events(1001ms).empty());
  EXPECT_EQ(r.next_event(), 1250ms);
  const auto last = r.take_events(1250ms);
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0]->state(), fb::TransferState::done);
  EXPECT_FALSE(r.next_event());
}

TEST_F(swarm_registry_test, RestoredTransfersWaitForTheirTurn) {
  fb::TransferStatusT s;
  s.transfer = "aa";
  s.mbid = box(number(1));
  s.state = fb::TransferState::transferring;
  s.created_ms = 5;
  r.restore(s);
  s.transfer = "bb";
  s.state = fb::TransferState::done;
  r.restore(s);
  s.transfer = "cc";
  s.sha256 = std::make_unique<fb::Bytes32>();
  r.restore(s);
  s.transfer = "dd";
  s.state = fb::TransferState::failed;
  r.restore(s);
  EXPECT_EQ(r.take_turns(), (std::vector<std::string>{"aa", "bb"})) << "bb lacks its SHA-256";
  EXPECT_FALSE(r.start(number(1), fb::Priority::normal, 9, random).value().is_new);
  EXPECT_EQ(r.size(), 4U);
}

TEST_F(swarm_registry_test, FewLookForTheirFirstSourceAtTheSameTime) {
  swarm_registry big{{100, 200, 100, 3, 250ms, 2}};
  std::vector<std::string> ids;
  for (std::uint8_t i = 1; i <= 5; ++i)
    ids.push_back(
        string_of(big.start(number(i), fb::Priority::normal, i, random).value().status->transfer()));
  EXPECT_EQ(big.take_turns(), (std::vector<std::string>{ids[0], ids[1]}));
  auto found = big.find(ids[1])->unpack();
  found.state = fb::TransferState::connecting;
  found.reason.clear();
  big.update(record<fb::TransferStatus>::pack(found));
  EXPECT_EQ(big.take_turns(), (std::vector<std::string>{ids[2]}));
  EXPECT_TRUE(big.take_turns().empty());
}

TEST_F(swarm_registry_test, PriorityGoesBeforeAge) {
  std::vector<std::string> ids;
  for (std::uint8_t i = 1; i <= 4; ++i) ids.push_back(add(i));
  r.prioritize(ids[3], fb::Priority::high);
  r.prioritize(ids[0], fb::Priority::low);
  EXPECT_EQ(r.describe_one(ids[3])->place(), 1U);
  EXPECT_EQ(r.describe_one(ids[0])->place(), 4U);
  EXPECT_EQ(r.take_turns(), (std::vector<std::string>{ids[3], ids[1]}));
  EXPECT_EQ(r.describe_one(ids[3])->place(), 0U) << "it no longer waits";
}

TEST_F(swarm_registry_test, MovedOnesKeepTheirPlaceOverARestart) {
  swarm_registry big{{1, 4, 100, 3, 250ms}};
  std::vector<std::string> order;
  for (std::uint8_t i = 1; i <= 20; ++i)
    order.push_back(
        string_of(big.start(number(i), fb::Priority::normal, 7, random).value().status->transfer()));
  std::sort(order.begin(), order.end());  // all came in the same millisecond
  for (int round = 0; round < 200; ++round) {
    const auto from = random.below(order.size()), to = random.below(order.size());
    const auto id = order[from];
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), id);
    EXPECT_FALSE(big.move(id, static_cast<std::uint32_t>(to)).empty());
    for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(big.describe_one(order[i])->place(), i + 1);
  }
  swarm_registry again{{20, 40, 100, 3, 250ms}};
  for (const auto& id : order) again.restore(big.find(id)->unpack());
  EXPECT_EQ(again.take_turns(), order);
  EXPECT_TRUE(again.move(order[0], 1).empty()) << "it does not wait";
}

TEST_F(swarm_registry_test, PausedOnesWaitForResumeAlsoAfterARestart) {
  const auto a = add(1), b = add(2);
  r.pause(a);
  EXPECT_EQ(r.take_turns(), (std::vector<std::string>{b}));
  swarm_registry again{{2, 4, 6, 3, 250ms}};
  again.restore(r.find(a)->unpack());
  EXPECT_TRUE(again.take_turns().empty());
  EXPECT_FALSE(again.start(number(1), fb::Priority::normal, 9, random).value().is_new);
  again.resume(a);
  EXPECT_EQ(again.take_turns(), (std::vector<std::string>{a}));
}

TEST_F(swarm_registry_test, ALimitIsSharedByPriority) {
  const auto a = add(1), b = add(2);
  r.prioritize(b, fb::Priority::high);
  r.take_turns();
  become(a, fb::TransferState::transferring);
  EXPECT_EQ(r.shares(1200), (std::map<std::string, std::uint64_t>{{a, 1200}}));
  become(b, fb::TransferState::connecting);
  EXPECT_EQ(r.shares(1200), (std::map<std::string, std::uint64_t>{{a, 300}, {b, 900}}));
  EXPECT_EQ(r.shares(1).at(a), 1U) << "0 would be no limit";
  EXPECT_EQ(r.shares(0).at(a), 0U);
}

TEST_F(swarm_registry_test, DescribesForPeople) {
  fb::TransferStatusT s;
  s.mbid = box(number(1));
  s.state = fb::TransferState::transferring;
  s.bytes_total = 31'561'000;
  s.bytes_verified = 14'202'450;
  EXPECT_EQ(describe(*record<fb::TransferStatus>::pack(s)),
            "recording 01010000-0000-0000-0000-000000000000: transferring, 45% of 30.1 MiB");
}

}  // namespace

}  // namespace vsf::swarm
