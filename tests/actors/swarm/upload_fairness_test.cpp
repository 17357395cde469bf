// Who is served how much of what there is.

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/swarm/upload_logic.hpp"

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::uint64_t file_leaves = 60'000;

node_id node_of(std::uint64_t session) {
  node_id out{};
  out[0] = static_cast<std::uint8_t>(session);
  return out;
}

/// Peers whose sessions take every frame at once, workers that answer in order.
struct server {
  upload_logic logic;
  nanoseconds now = 1s;
  shared_file_ptr file =
      std::make_shared<shared_file>(shared_file{digest{}, "/x", file_leaves* leaf_size, 0, nullptr});
  std::deque<upload_logic::read_leaves> reads;
  std::map<std::pair<std::uint64_t, std::uint16_t>, std::uint64_t> frames;
  std::map<std::uint64_t, std::uint64_t> bytes_to;
  std::vector<fb::DenyReason> denied;

  explicit server(upload_logic::options how) : logic(how) {}

  void take(const upload_logic::effects& effects) {
    for (const auto& e : effects) {
      if (const auto* open = std::get_if<upload_logic::open_file>(&e))
        take(logic.file_opened(now, open->ticket, {file, file_problem::none}));
      else if (const auto* read = std::get_if<upload_logic::read_leaves>(&e)) {
        reads.push_back(*read);
      } else if (const auto* sent = std::get_if<upload_logic::send_frame>(&e)) {
        ++frames[{sent->session, sent->channel}];
        bytes_to[sent->session] += sent->count * std::uint64_t{leaf_size};
        take(logic.frame_sent(now, sent->session, true));
      } else if (const auto* said = std::get_if<upload_logic::say>(&e))
        if (const auto* no = said->message->body_as_Denied()) denied.push_back(no->reason());
    }
  }
  template <class Body>
  void say(std::uint64_t session, Body body) {
    take(logic.message(now, session, node_of(session), *overlay_message(std::move(body))));
  }
  void open(std::uint64_t session, std::uint16_t channel) {
    fb::OpenRootT m;
    m.channel = channel;
    m.root = box(digest{});
    say(session, std::move(m));
  }
  void get(std::uint64_t session, std::uint16_t channel, std::uint32_t request, std::uint16_t count) {
    fb::GetDataT m;
    m.channel = channel;
    m.request = request;
    m.first_leaf = static_cast<std::uint32_t>(request * 64 % (file_leaves - 64));
    m.count = count;
    say(session, std::move(m));
  }
  bool read_one() {
    if (reads.empty()) return false;
    const auto job = reads.front();
    reads.pop_front();
    take(logic.leaves_read(now, job.ticket,
                           {frame::allocate(8), job.count * std::uint64_t{leaf_size}, file_problem::none}));
    return true;
  }
  void run_for(nanoseconds span) {
    for (const auto end = now + span; now < end; now += 10ms) {
      if (const auto at = logic.next_deadline(); at && *at <= now) take(logic.tick(now));
      while (read_one()) {
      }
    }
  }
  void limit(std::uint32_t all_kib, std::uint32_t per_peer_kib, std::uint32_t slots = 8) {
    fb::TransferLimitsT limits;
    limits.upload_limit_kib = all_kib;
    limits.upload_limit_per_peer_kib = per_peer_kib;
    limits.upload_slots = slots;
    take(logic.set_limits(now, *record<fb::TransferLimits>::pack(limits)));
  }
};

/// However many requests each has waiting: while all have some, no channel is ever two frames ahead of
/// another one of its session, and no session more ahead of another one than the frames that may be under way
/// to it.
RC_GTEST_PROP(upload_fairness_test, SessionsAndTheirChannelsTakeTurnsFrameByFrame, ()) {
  crypto::seeded_random random(*rc::gen::arbitrary<std::uint64_t>());
  upload_logic::options how;
  how.max_requests_per_session = 4096;
  server s(how);
  std::map<std::pair<std::uint64_t, std::uint16_t>, std::uint64_t> wanted;
  const auto sessions = 1 + random.below(6);
  for (std::uint64_t session = 1; session <= sessions; ++session) {
    const auto channels = 1 + random.below(8);
    for (std::uint16_t c = 1; c <= channels; ++c) s.open(session, c);
    for (std::uint16_t c = 1; c <= channels; ++c) {
      const auto depth = random.below(3) == 0 ? 60 + random.below(100) : 20 + random.below(4);
      for (std::uint32_t r = 1; r <= depth; ++r) {
        const auto count = static_cast<std::uint16_t>(12 + random.below(53));
        s.get(session, c, r, count);
        wanted[{session, c}] += (count + 2U) / 3;
      }
    }
  }
  RC_ASSERT(s.denied.empty());
  // What went out before all had spoken was in turn, too, but among fewer.
  for (std::size_t i = 0; i < how.reads_in_flight; ++i) s.read_one();
  const auto before = s.frames;
  const auto since = [&](const auto& who) {
    const auto it = before.find(who);
    return s.frames[who] - (it == before.end() ? 0 : it->second);
  };
  std::uint64_t compared = 0;
  const auto all_want = [&] {
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](const auto& w) { return s.frames[w.first] + how.reads_in_flight < w.second; });
  };
  for (; all_want() && s.read_one(); ++compared) {
    std::map<std::uint64_t, std::uint64_t> by_session;
    for (const auto& [who, n] : wanted) {
      by_session[who.first] += since(who);
      const auto next = wanted.upper_bound(who);
      if (next != wanted.end() && next->first.first == who.first)
        RC_ASSERT(std::max(since(who), since(next->first)) - std::min(since(who), since(next->first)) <= 1U);
    }
    const auto [few, many] =
        std::minmax_element(by_session.begin(), by_session.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; });
    RC_ASSERT(many->second - few->second <= how.frames_in_flight_per_session);
  }
  RC_ASSERT(compared > 0U);
}

TEST(upload_fairness_test, DeepQueueStarvesNoOtherChannel) {
  server s({});
  s.open(1, 1);
  s.open(1, 2);
  for (std::uint32_t r = 1; r <= 600; ++r) s.get(1, 1, r, 64);
  EXPECT_GT(s.denied.size(), 0U) << "512 and what has gone out";
  const auto refused = s.denied.size();
  for (std::uint32_t r = 1; r <= 60; ++r) s.get(1, 2, r, 3);
  EXPECT_EQ(s.denied.size(), refused) << "its share of the queue is kept for it";
  const auto before = s.frames[{1, 1}];
  while (s.frames[{1, 2}] < 60 && s.read_one()) {
  }
  EXPECT_EQ((s.frames[{1, 2}]), 60U);
  EXPECT_LE((s.frames[{1, 1}]), before + 60 + 2 * 16);
}

TEST(upload_fairness_test, LimitPerPeerHoldsBesideTheOverallOne) {
  server s({});
  s.limit(0, 100);
  for (std::uint64_t session = 1; session <= 3; ++session) {
    s.open(session, 1);
    for (std::uint32_t r = 1; r <= 500; ++r) s.get(session, 1, r, 64);
  }
  s.run_for(20s);
  for (std::uint64_t session = 1; session <= 3; ++session) {
    EXPECT_LE(s.bytes_to[session], (20 * 100 + 48 + 48) * std::uint64_t{1024});
    EXPECT_GE(s.bytes_to[session], 19 * 100 * std::uint64_t{1024});
  }
  s.limit(150, 100);
  const auto before = s.bytes_to;
  s.run_for(20s);
  std::uint64_t all = 0;
  for (const auto& [session, n] : s.bytes_to) {
    const auto grown = n - before.at(session);
    all += grown;
    EXPECT_GE(grown, 20 * 40 * std::uint64_t{1024}) << "a third of the whole";
  }
  EXPECT_LE(all, (20 * 150 + 48 + 48) * std::uint64_t{1024});
  s.limit(0, 0);
  s.run_for(100ms);
  EXPECT_GE(s.bytes_to[1], 20 << 20) << "both limits were lifted";
}

TEST(upload_fairness_test, LimitedPeerHoldsUpNoOther) {
  upload_logic::options how;
  how.peer_rate_bytes_per_s = 48 << 10;
  server s(how);
  s.open(1, 1);
  for (std::uint32_t r = 1; r <= 100; ++r) s.get(1, 1, r, 64);
  s.run_for(5s);
  const auto sent = s.bytes_to[1];
  s.open(2, 1);
  s.get(2, 1, 1, 3);
  EXPECT_TRUE(s.read_one());
  EXPECT_EQ(s.bytes_to[2], 48U << 10) << "at once, though the other waits for its bucket";
  EXPECT_EQ(s.bytes_to[1], sent);
}

TEST(upload_fairness_test, OpeningAgainFillsNoBucket) {
  upload_logic::options how;
  how.peer_rate_bytes_per_s = 16 << 10;
  server s(how);
  for (std::uint32_t i = 0; i < 50; ++i) {
    s.open(1, 1);
    s.get(1, 1, 1, 3);
    while (s.read_one()) {
    }
    fb::CloseRootT close;
    close.channel = 1;
    s.say(1, std::move(close));
  }
  EXPECT_EQ(s.bytes_to[1], 48U << 10);
}

TEST(upload_fairness_test, FewerSlotsEndChannelsAtOnce) {
  server s({});
  for (std::uint64_t session = 1; session <= 4; ++session) {
    s.open(session, 1);
    s.open(session, 2);
  }
  EXPECT_EQ(s.logic.channels(), 8U);
  s.limit(0, 0, 1);
  EXPECT_EQ(s.logic.channels(), 2U);
  EXPECT_EQ(s.denied, std::vector(6, fb::DenyReason::no_slot)) << "each channel's owner hears of it";
  s.open(1, 1);
  EXPECT_EQ(s.denied.size(), 7U);
  s.limit(0, 0, 2);
  s.open(1, 1);
  EXPECT_EQ(s.denied.size(), 7U);
}

TEST(upload_fairness_test, WhoWaitsForUsKeepsItsSlotAndWhoTakesNothingLosesIt) {
  upload_logic::options how;
  how.slots.slots = 1;
  how.rate_bytes_per_s = 1 << 10;  // a frame in 48 s
  server s(how);
  s.open(1, 1);
  s.get(1, 1, 1, 30);
  s.run_for(40s);
  s.open(2, 1);
  EXPECT_EQ(s.denied.size(), 1U) << "it is us who are slow";
  s.limit(0, 0, 1);
  while (s.read_one()) {
  }
  s.run_for(31s);
  s.open(2, 1);
  EXPECT_EQ(s.denied.size(), 2U) << "the first one hears that its slot went";
  EXPECT_TRUE(s.logic.slots().holds(node_of(2)));
}

TEST(upload_fairness_test, WhatASessionDroppedIsNotCounted) {
  upload_logic logic;
  const auto file = std::make_shared<shared_file>(shared_file{digest{}, "/x", 64 * leaf_size, 0, nullptr});
  fb::OpenRootT open;
  open.channel = 1;
  open.root = box(digest{});
  auto e = logic.message(1s, 7, node_of(7), *overlay_message(std::move(open)));
  logic.file_opened(1s, std::get<upload_logic::open_file>(e.at(0)).ticket, {file, file_problem::none});
  for (std::uint32_t r = 1; r <= 2; ++r) {
    fb::GetDataT get;
    get.channel = 1;
    get.request = r;
    get.count = 3;
    e = logic.message(1s, 7, node_of(7), *overlay_message(std::move(get)));
    const auto ticket = std::get<upload_logic::read_leaves>(e.at(0)).ticket;
    logic.leaves_read(1s, ticket, {frame::allocate(8), 3 * leaf_size, file_problem::none});
  }
  EXPECT_EQ(logic.counters().bytes_served, 0U) << "nothing was taken yet";
  logic.frame_sent(1s, 7, true);
  logic.frame_sent(1s, 7, false);
  EXPECT_EQ(logic.counters().bytes_served, 3U * leaf_size);
  EXPECT_EQ(logic.counters().frames_dropped, 1U);
  const auto rows = logic.traffic().report();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(from_fb<node_id>(*rows[0]->node), node_of(7));
  EXPECT_EQ(rows[0]->bytes_up, 3U * leaf_size);
}

}  // namespace

}  // namespace vsf::swarm
