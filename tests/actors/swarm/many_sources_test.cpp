// One download from several peers at once, in virtual time.

#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

constexpr std::size_t mib = 1 << 20;

class many_sources_test : public swarm_test {
 protected:
  /// Node 0 downloads, nodes 1 to `limits_kib.size()` serve at most so much a second (0: no limit).
  void world(const bytes& content, const std::vector<std::uint32_t>& limits_kib) {
    node(0).start(system());
    std::vector<std::size_t> all;
    for (const auto limit : limits_kib) {
      all.push_back(all.size() + 1);
      serve(all.back(), content, limit);
    }
    offer(mbid_of(1), all, content);
    settle();
  }
  void serve(std::size_t number, const bytes& content, std::uint32_t limit_kib) {
    node(number).share("/music/a.flac", content, mbid_of(1));
    node(number).start(system(), limit_kib);
  }
  const fb::SourceStatusT& source(const fb::TransferStatusT& of, std::size_t number) {
    for (const auto& s : of.sources)
      if (from_fb<node_id>(*s->node) == node(number).who->node_id) return *s;
    throw std::runtime_error("no such source");
  }
  void expect_content(const std::string& id, const bytes& content) {
    const auto s = status(id);
    EXPECT_EQ(s.state, fb::TransferState::done) << s.reason;
    EXPECT_TRUE(node(0).finished(s.path) == content);
  }
};

TEST_F(many_sources_test, EqualSourcesGiveEqualParts) {
  const auto content = made_up(1, 16 * mib);
  world(content, {512, 512, 512, 512});
  const auto begun = now();
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  EXPECT_LE(now() - begun, 10s) << "8 s for what one source takes 32 s";
  expect_content(id, content);
  const auto s = status(id);
  for (std::size_t i = 1; i <= 4; ++i)
    EXPECT_NEAR(static_cast<double>(source(s, i).bytes) / static_cast<double>(content.size()), 0.25, 0.05);
  EXPECT_EQ(node(0).received->data_bytes, s.bytes_received);
  EXPECT_LE(s.bytes_wasted, content.size() / 200);
}

TEST_F(many_sources_test, UnequalSourcesGiveWhatTheyCan) {
  const auto content = made_up(2, 12 * mib);
  world(content, {2048, 512, 256});
  const auto begun = now();
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  EXPECT_LE(now() - begun, 6s) << "12 MiB at 2.75 MiB/s, found in 0.3 s";
  expect_content(id, content);
  const auto s = status(id);
  EXPECT_GT(source(s, 1).bytes, 2 * source(s, 2).bytes);
  EXPECT_GT(source(s, 2).bytes, source(s, 3).bytes);
  EXPECT_LE(s.bytes_wasted, content.size() / 100);
}

TEST_F(many_sources_test, TheSlowestDoesNotHoldUpTheEnd) {
  const auto content = made_up(3, 6 * mib);
  world(content, {2048, 8});
  const auto begun = now();
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  EXPECT_LE(now() - begun, 5s) << "without it 3.4 s; what it owes at 8 KiB/s would take 12 s";
  expect_content(id, content);
  EXPECT_LE(status(id).bytes_wasted, 6 * 16384U);
}

TEST_F(many_sources_test, ASourceThatFallsSilentIsRelievedAtOnce) {
  const auto content = made_up(4, 8 * mib);
  world(content, {1024, 1024});
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 20s, [&](const auto& s) { return s.bytes_verified > content.size() * 9 / 10; }));
  faults(0, 1).silent = true;
  const auto then = now();
  ASSERT_TRUE(run_until_done(id));
  EXPECT_LE(now() - then, 2500ms) << "its silence itself is noticed after 5 s at the earliest";
  expect_content(id, content);
}

TEST_F(many_sources_test, OnePoisonsWhileTwoOfFourDie) {
  const auto content = made_up(5, 16 * mib);
  world(content, {512, 512, 512, 512});
  bool poison = false;
  faults(0, 3).tamper = [&](channel_data& d) {
    if (poison) d.body.mutable_data()[7] ^= 1;
  };
  const auto id = fetch(mbid_of(1)).transfer;
  const auto percent = [&](std::uint64_t p) {
    return run_until(id, 60s, [&](const auto& s) { return s.bytes_verified > content.size() * p / 100; });
  };
  ASSERT_TRUE(percent(20));
  node(1).kill();
  ASSERT_TRUE(percent(40));
  poison = true;
  ASSERT_TRUE(percent(50));
  node(2).kill();
  ASSERT_TRUE(run_until_done(id));
  expect_content(id, content);
  const auto s = status(id);
  EXPECT_EQ(source(s, 3).state, fb::SourceState::banned);
  EXPECT_GE(source(s, 3).bad_leaves, 1U);
  for (const std::size_t other : {1U, 2U, 4U}) EXPECT_EQ(source(s, other).bad_leaves, 0U);
  EXPECT_LE(s.bytes_wasted, content.size() / 100);
}

TEST_F(many_sources_test, AllSourcesAreReplacedMidway) {
  const auto content = made_up(6, 8 * mib);
  world(content, {512, 512});
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 60s, [&](const auto& s) { return s.bytes_verified > content.size() / 3; }));
  node(1).kill();
  node(2).kill();
  serve(3, content, 512);
  serve(4, content, 512);
  offer(mbid_of(1), {1, 2, 3, 4}, content);
  ASSERT_TRUE(run_until_done(id));
  expect_content(id, content);
  EXPECT_GT(source(status(id), 3).bytes, 0U);
  EXPECT_GT(source(status(id), 4).bytes, 0U);
}

TEST_F(many_sources_test, ASourceThatAppearsLaterIsUsed) {
  const auto content = made_up(7, 24 * mib);
  world(content, {256});
  const auto id = fetch(mbid_of(1)).transfer;
  run_for(5s);
  serve(2, content, 0);
  offer(mbid_of(1), {1, 2}, content);
  const auto then = now();
  ASSERT_TRUE(run_until_done(id));
  EXPECT_LE(now() - then, 40s) << "alone it would need another 91 s";
  EXPECT_GT(source(status(id), 2).bytes, content.size() / 2);
}

TEST_F(many_sources_test, PausedItMovesNothingAndGoesOnWhereItWas) {
  const auto content = made_up(8, 8 * mib);
  world(content, {512, 512});
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 60s, [&](const auto& s) { return s.bytes_verified > content.size() / 2; }));
  EXPECT_EQ(control(id, fb::FetchVerb::pause).state, fb::TransferState::paused);
  run_for(3s);
  const auto here = status(id);
  const auto received = node(0).received->data_bytes;
  run_for(30s);
  EXPECT_EQ(node(0).received->data_bytes, received);
  node(0).kill();
  settle();
  node(0).start(system());
  run_for(30s);
  EXPECT_EQ(status(id).state, fb::TransferState::paused) << "also after a restart";
  EXPECT_EQ(node(0).received->data_bytes, received);
  control(id, fb::FetchVerb::resume);
  ASSERT_TRUE(run_until_done(id));
  expect_content(id, content);
  EXPECT_GE(status(id).bytes_kept, here.bytes_verified);
  EXPECT_LE(status(id).bytes_received, node(0).received->data_bytes) << "nothing is counted twice";
}

TEST_F(many_sources_test, ASourceWithoutAFreeSlotIsAskedEveryFifteenSeconds) {
  const auto content = made_up(10, mib);
  node(0).start(system());
  node(1).share("/music/a.flac", content, mbid_of(1));
  node(1).configure = [](vsf::config::settings& s) { s.transfers.upload_slots = 1; };
  node(1).start(system(), 16);
  node(2).start(system());
  offer(mbid_of(1), {1}, content);
  node(2).index.answers = node(0).index.answers;
  settle();
  fb::FetchStartT other;
  other.mbid = box(mbid_of(1));
  ask<record<fb::TransferStatus>>(node(2).links.swarm, record<fb::FetchStart>::pack(other));
  run_for(2s);
  const auto id = fetch(mbid_of(1)).transfer;
  run_for(20s);
  const auto asked = node(0).received->dials;
  EXPECT_EQ(status(id).bytes_verified, 0U) << "the slot is taken";
  run_for(45s);
  EXPECT_GE(node(0).received->dials, asked + 3);
  ASSERT_TRUE(run_until_done(id, 600s));
  expect_content(id, content);
}

TEST_F(many_sources_test, OneIsEnoughForASmallFile) {
  const auto content = made_up(9, mib);
  world(content, {0, 0, 0, 0});
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  EXPECT_EQ(node(0).received->dials, 1U);
}

}  // namespace

}  // namespace vsf::tests
