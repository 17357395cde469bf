// Downloaders of one file that have parts of it, in virtual time.

#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

constexpr std::size_t mib = 1 << 20;

/// Node 1 has the file; nodes 0, 2, 3 and 4 fetch it.
class parts_test : public swarm_test {
 protected:
  static constexpr std::size_t seed = 1;
  const std::vector<std::size_t> leeches{0, 2, 3, 4};

  void world(const bytes& content, std::uint32_t seed_kib, std::uint32_t leech_kib = 0) {
    node(seed).share("/music/a.flac", content, mbid_of(1));
    node(seed).start(system(), seed_kib);
    for (const auto n : leeches) {
      node(n).start(system(), leech_kib);
      offer(mbid_of(1), {seed}, content, n);
    }
    settle();
  }
  void fetch_all() {
    for (const auto n : leeches) ids[n] = fetch(mbid_of(1), n).transfer;
  }
  bool run_until_all(std::chrono::nanoseconds at_most,
                     const std::function<bool(const fb::TransferStatusT&)>& wanted) {
    const auto end = now() + at_most;
    for (; now() < end; run_for(100ms))
      if (std::all_of(leeches.begin(), leeches.end(), [&](auto n) { return wanted(status(ids[n], n)); }))
        return true;
    return false;
  }
  bool run_until_all_done(std::chrono::nanoseconds at_most) {
    return run_until_all(at_most, [](const auto& s) { return s.state == fb::TransferState::done; });
  }
  void expect_content(const bytes& content) {
    for (const auto n : leeches) {
      const auto s = status(ids[n], n);
      EXPECT_EQ(s.state, fb::TransferState::done) << n << ": " << s.reason;
      EXPECT_TRUE(node(n).finished(s.path) == content) << n;
    }
  }

  std::map<std::size_t, std::string> ids;
};

TEST_F(parts_test, DownloadersFeedEachOther) {
  const auto content = made_up(1, 12 * mib);
  world(content, 512);
  fetch_all();
  ASSERT_TRUE(run_until_all_done(50s)) << "the seed alone would need 96 s for four copies";
  expect_content(content);
  const auto served = counter("swarm/uploads", "bytes_served", seed);
  EXPECT_GE(served, content.size());
  EXPECT_LE(served, 2 * content.size()) << "four copies came of it";
  for (const auto n : leeches) EXPECT_LE(status(ids[n], n).bytes_wasted, content.size() / 50) << n;
}

TEST_F(parts_test, WhoDoesNotWantToShareDoesNot) {
  const auto content = made_up(2, 3 * mib);
  for (const auto n : leeches)
    node(n).configure = [](vsf::config::settings& s) { s.transfers.share_partial = false; };
  world(content, 512);
  fetch_all();
  ASSERT_TRUE(run_until_all_done(120s));
  expect_content(content);
  EXPECT_GE(counter("swarm/uploads", "bytes_served", seed), 4 * content.size());
  EXPECT_EQ(counter("swarm/uploads", "sharers_told", seed), 0U);
  for (const auto n : leeches) EXPECT_EQ(counter("swarm/uploads", "roots_opened", n), 0U) << n;
}

TEST_F(parts_test, TogetherTheyHaveItAllWhenTheSeedGoes) {
  const auto content = made_up(3, 8 * mib);
  world(content, 1024, 256);
  fetch_all();
  const auto whole_somewhere = [&] {
    std::set<std::size_t> pieces;
    for (const auto n : leeches) {
      const auto s = status(ids[n], n);
      if (s.bytes_verified == content.size()) return std::size_t{8};
      const auto& chunks = s.chunks;  // 32 of them are a piece
      for (std::size_t p = 0; p < 8 && chunks.size() == 256; ++p)
        if (std::all_of(&chunks[32 * p], &chunks[32 * p] + 32, [](auto full) { return full == 255; }))
          pieces.insert(p);
    }
    return pieces.size();
  };
  for (const auto end = now() + 60s; now() < end && whole_somewhere() < 8;) run_for(20ms);
  ASSERT_EQ(whole_somewhere(), 8U);
  node(seed).kill();
  std::size_t wanting = 0;
  for (const auto n : leeches) wanting += status(ids[n], n).bytes_verified < content.size() ? 1U : 0U;
  ASSERT_GE(wanting, 2U) << "or this shows nothing";
  ASSERT_TRUE(run_until_all_done(60s));
  expect_content(content);
}

TEST_F(parts_test, WhoCameBackSharesWhatItHadBefore) {
  const auto content = made_up(4, 8 * mib);
  world(content, 512);
  ids[0] = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(ids[0], 60s, [&](const auto& s) { return s.bytes_verified > content.size() / 2; }));
  run_for(3s);
  node(0).kill();
  settle();
  node(0).start(system());
  run_for(2s);
  const auto before = counter("swarm/uploads", "bytes_served", 0);
  EXPECT_EQ(before, 0U);
  ids[2] = fetch(mbid_of(1), 2).transfer;
  run_for(5s);
  EXPECT_GE(counter("swarm/uploads", "bytes_served", 0), content.size() / 3)
      << "what it had was only in the record of its earlier run";
}

TEST_F(parts_test, OneOfThemLiesAndIsLeftAlone) {
  const auto content = made_up(5, 8 * mib);
  world(content, 512);
  for (const auto n : {0, 2, 3})
    faults(static_cast<std::size_t>(n), 4).tamper = [](channel_data& d) { d.body.mutable_data()[9] ^= 4; };
  fetch_all();
  ASSERT_TRUE(run_until_all_done(60s));
  expect_content(content);
  std::size_t banned = 0;
  for (const std::size_t n : {0U, 2U, 3U})
    for (const auto& s : status(ids[n], n).sources)
      if (s->state == fb::SourceState::banned) {
        EXPECT_EQ(from_fb<node_id>(*s->node), node(4).who->node_id);
        ++banned;
      }
  EXPECT_EQ(banned, 3U);
}

TEST_F(parts_test, ACancelledDownloadIsNotServedAnyMore) {
  const auto content = made_up(6, 8 * mib);
  world(content, 256);
  fetch_all();
  ASSERT_TRUE(run_until(ids[0], 60s, [&](const auto& s) { return s.bytes_verified > content.size() / 3; }));
  ASSERT_GT(counter("swarm/uploads", "bytes_served", 0), 0U);
  control(ids[0], fb::FetchVerb::cancel);
  run_for(3s);
  const auto then = counter("swarm/uploads", "bytes_served", 0);
  run_for(10s);
  EXPECT_EQ(counter("swarm/uploads", "bytes_served", 0), then);
}

}  // namespace

}  // namespace vsf::tests
