// Files that are not what they are offered as, in virtual time: quarantine, bans, another file, kills.

#include "actors/library/sketch.hpp"
#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

using state = fb::TransferState;

std::vector<std::uint32_t> sound(std::uint64_t seed) {
  crypto::seeded_random random(seed);
  std::vector<std::uint32_t> out(300);
  for (auto& x : out) x = static_cast<std::uint32_t>(random.u64());
  return out;
}

class content_download_test : public swarm_test {
 protected:
  const bytes wrong_ = made_up(1, 300'000), right_ = made_up(2, 200'000);
  const mbid wanted_ = mbid_of(1);

  static fb::FileEntryT audio(std::optional<mbid> tagged, std::uint64_t sounds_like = 0,
                              std::uint32_t duration_ms = 0) {
    fb::FileEntryT out;
    out.codec = fb::Codec::flac;
    out.duration_ms = duration_ms;
    if (tagged) out.recording = box(*tagged);
    if (sounds_like != 0) out.sub_fingerprints = sound(sounds_like);
    return out;
  }
  static std::unique_ptr<fb::CandidateT> describing(std::unique_ptr<fb::CandidateT> offer,
                                                    std::uint64_t sounds_like, std::uint32_t duration_ms) {
    offer->sketch = std::make_unique<fb::Sketch>(*library::sketch_of(sound(sounds_like)));
    offer->duration_ms = duration_ms;
    return offer;
  }
  /// Node 1 offers other music as the best copy, nodes 2..n the recording itself.
  void world(std::size_t honest) {
    node(0).start(system());
    node(0).contents->put(wrong_, audio(mbid_of(9)));
    node(0).contents->put(right_, audio(wanted_));
    node(1).share("/music/w.flac", wrong_, wanted_);
    node(1).start(system());
    for (std::size_t i = 2; i < 2 + honest; ++i) {
      node(i).share("/music/r.flac", right_, wanted_);
      node(i).start(system());
    }
    node(0).index.answers[wanted_] = [this, honest] {
      fb::ResolveResultT out;
      out.candidates.push_back(candidate(node(1), wrong_, fb::Codec::flac, 250));
      for (std::size_t i = 2; i < 2 + honest; ++i) out.candidates.push_back(candidate(node(i), right_));
      return out;
    };
    settle();
  }
  bool run_until_failed(const std::string& id) {
    return run_until(id, 60s, [](const auto& s) { return s.state == state::failed; });
  }
  static public_key publisher_of(const swarm_node& n) {
    public_key out{};
    out[0] = n.who->node_id[0];
    return out;
  }
  void expect_rejected_once(const fb::TransferStatusT& s) {
    ASSERT_EQ(s.rejections.size(), 1u);
    EXPECT_EQ(from_fb<public_key>(*s.rejections[0]->publisher), publisher_of(node(1)));
    EXPECT_EQ(from_fb<node_id>(*s.rejections[0]->node), node(1).who->node_id);
    EXPECT_EQ(from_fb<digest>(*s.rejections[0]->root), swarm::tree_root(wrong_));
    EXPECT_NE(s.rejections[0]->reason.find(to_string(mbid_of(9))), std::string::npos);
    EXPECT_GT(s.rejections[0]->at_ms, 0u);
  }
  void expect_the_right_one(const std::string& id) {
    const auto s = status(id);
    ASSERT_EQ(s.state, state::done) << s.reason;
    EXPECT_EQ(node(0).finished(s.path), right_);
    EXPECT_EQ(node(0).files->finished(), std::vector<std::string>{s.path});
    EXPECT_EQ(s.content, "its tags name the recording");
  }
};

TEST_F(content_download_test, OtherMusicAloneIsNeverFinished) {
  world(0);
  const auto id = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until_failed(id));
  const auto s = status(id);
  expect_rejected_once(s);
  EXPECT_NE(s.reason.find("quarantine"), std::string::npos) << s.reason;
  EXPECT_NE(s.reason.find("Try again"), std::string::npos) << s.reason;
  EXPECT_TRUE(node(0).files->finished().empty());
  EXPECT_EQ(node(0).files->in_quarantine().size(), 1u);
  EXPECT_FALSE(s.variant);
  EXPECT_EQ(counter("swarm", "contents_rejected"), 1u);
  const storage::ban_store bans(node(0).store);
  const auto ban = bans.get({publisher_of(node(1)), swarm::tree_root(wrong_)});
  ASSERT_TRUE(ban && *ban);
  EXPECT_EQ(from_fb<mbid>(*(**ban)->mbid()), wanted_);
  // Neither a retry nor a download of later takes that offer again.
  const auto dials = node(0).received->dials;
  control(id, fb::FetchVerb::retry);
  run_for(60s);
  EXPECT_EQ(status(id).state, state::failed);
  control(id, fb::FetchVerb::forget);
  settle();
  const auto later = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until_failed(later));
  EXPECT_NE(status(later).reason.find("earlier download"), std::string::npos) << status(later).reason;
  EXPECT_EQ(node(0).received->dials, dials);
}

TEST_F(content_download_test, AfterOtherMusicTheRecordingArrives) {
  world(2);
  const auto id = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until_done(id));
  expect_the_right_one(id);
  expect_rejected_once(status(id));
  EXPECT_EQ(node(0).files->in_quarantine().size(), 1u);
  EXPECT_EQ(counter("swarm", "contents_agreed"), 1u);
  // Another transfer of it goes straight to the honest ones.
  const auto received = node(0).received->data_bytes;
  const auto again = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until_done(again));
  EXPECT_EQ(node(0).received->data_bytes - received, right_.size());
  EXPECT_TRUE(status(again).rejections.empty());
}

TEST_F(content_download_test, TagsThatAgreeDoNotHideAnotherSound) {
  world(2);
  node(0).contents->put(wrong_, audio(wanted_, 7, 60'000));
  node(0).contents->put(right_, audio(wanted_, 5, 60'000));
  node(0).index.answers[wanted_] = [this] {
    fb::ResolveResultT out;
    out.candidates.push_back(describing(candidate(node(1), wrong_, fb::Codec::flac, 250), 7, 60'000));
    for (std::size_t i = 2; i < 4; ++i)
      out.candidates.push_back(describing(candidate(node(i), right_), 5, 60'000));
    return out;
  };
  const auto id = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until_done(id));
  const auto s = status(id);
  EXPECT_EQ(node(0).finished(s.path), right_);
  ASSERT_EQ(s.rejections.size(), 1u);
  EXPECT_EQ(s.rejections[0]->reason, "it sounds unlike what 2 independent publishers have of the recording");
}

TEST_F(content_download_test, WhatASecondPublisherOffersOfARejectedFileIsNotTaken) {
  world(0);
  const auto id = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until_failed(id));
  node(2).share("/music/w.flac", wrong_, wanted_);
  node(2).start(system());
  offer(wanted_, {1, 2}, wrong_);
  const auto received = node(0).received->data_bytes;
  control(id, fb::FetchVerb::retry);
  run_for(60s);
  EXPECT_EQ(status(id).state, state::failed);
  EXPECT_EQ(node(0).received->data_bytes, received);
}

TEST_F(content_download_test, KilledWhileCheckingItChecksAgain) {
  world(0);
  node(0).contents->hold = true;
  const auto id = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until(id, 30s, [](const auto& s) { return s.state == state::checking; }));
  const auto received = node(0).received->data_bytes;
  node(0).kill();
  settle();
  node(0).contents->held.clear();
  node(0).contents->hold = false;
  node(0).start(system());
  ASSERT_TRUE(run_until_failed(id));
  expect_rejected_once(status(id));
  EXPECT_EQ(node(0).received->data_bytes, received) << "nothing is fetched again";
  EXPECT_EQ(node(0).files->in_quarantine().size(), 1u);
  EXPECT_TRUE(node(0).files->finished().empty());
}

TEST_F(content_download_test, KilledBetweenTheBanAndTheRecordItChecksAgain) {
  world(0);
  node(0).contents->hold = true;
  const auto id = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until(id, 30s, [](const auto& s) { return s.state == state::checking; }));
  node(0).kill();
  settle();
  node(0).contents->held.clear();
  node(0).contents->hold = false;
  std::vector<fb::OfferBanT> bans(1);
  bans[0].publisher = box(publisher_of(node(1)));
  bans[0].root = box(swarm::tree_root(wrong_));
  ASSERT_TRUE(storage::ban_store(node(0).store).put(bans));
  node(0).start(system());
  ASSERT_TRUE(run_until_failed(id));
  expect_rejected_once(status(id));
  EXPECT_EQ(node(0).files->in_quarantine().size(), 1u);
  EXPECT_TRUE(node(0).files->finished().empty());
}

TEST_F(content_download_test, KilledBetweenTheRecordAndTheMoveItMovesTheFile) {
  world(2);
  node(0).index.silent = true;
  const auto id = fetch(wanted_).transfer;
  node(0).kill();
  settle();
  storage::transfer_store transfers(node(0).store);
  auto stored = (**transfers.get(id)).unpack();
  stored.rejected_partial = "rejected.part";
  ASSERT_TRUE(transfers.put(stored));
  ASSERT_TRUE(node(0).files->open_partial("rejected.part", 10));
  node(0).index.silent = false;
  node(0).start(system());
  run_for(100ms);
  EXPECT_FALSE(node(0).files->partial_exists("rejected.part"));
  ASSERT_EQ(node(0).files->in_quarantine().size(), 1u);
  EXPECT_TRUE(node(0).files->in_quarantine()[0].ends_with("-rejected.part"));
  EXPECT_TRUE(string_of((**transfers.get(id))->rejected_partial()).empty());
  ASSERT_TRUE(run_until_done(id));
  EXPECT_EQ(node(0).finished(status(id).path), right_);
}

TEST_F(content_download_test, KilledAtAnyMomentOnlyTheRecordingIsDelivered) {
  world(2);
  for (std::chrono::milliseconds at{0}; at < 2500ms; at += 37ms) {
    const auto id = fetch(wanted_).transfer;
    run_for(at);
    node(0).kill();
    settle();
    if (at.count() % 2 == 0) {  // and a loss of power
      node(0).store->crash();
      node(0).files->crash();
    }
    node(0).start(system());
    ASSERT_TRUE(run_until_done(id)) << at.count() << " ms: " << status(id).reason;
    expect_the_right_one(id);
    // Begin as if nothing had happened.
    control(id, fb::FetchVerb::forget);
    node(0).kill();
    settle();
    node(0).store = storage::make_memory_store();
    node(0).files = std::make_shared<storage::memory_files>();
    node(0).start(system());
    settle();
  }
}

TEST_F(content_download_test, WithoutAnAnalyzerNothingIsLost) {
  world(0);
  node(0).contents->broken = true;
  const auto id = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until(id, 10s, [](const auto& s) { return s.state == state::checking; }));
  ASSERT_TRUE(run_until_done(id));
  const auto s = status(id);
  EXPECT_EQ(node(0).finished(s.path), wrong_);
  EXPECT_EQ(s.content, "not checked: the analyzer is broken");
  EXPECT_EQ(node(0).contents->asked, 5u);
  EXPECT_EQ(counter("swarm", "contents_unread"), 1u);
}

TEST_F(content_download_test, AnAnalyzerThatNeverAnswersHoldsNothingForEver) {
  world(0);
  node(0).contents->hold = true;
  const auto id = fetch(wanted_).transfer;
  ASSERT_TRUE(run_until(id, 10s, [](const auto& s) { return s.state == state::checking; }));
  run_for(2h);
  EXPECT_EQ(status(id).state, state::done);
  EXPECT_EQ(status(id).content, "not checked: the analyzer gave no answer");
}

TEST_F(content_download_test, CancelAndPauseWhileChecking) {
  world(0);
  node(0).contents->hold = true;
  const auto id = fetch(wanted_).transfer;
  const auto checking = [](const auto& s) { return s.state == state::checking; };
  ASSERT_TRUE(run_until(id, 30s, checking));
  control(id, fb::FetchVerb::pause);
  node(0).contents->release();  // of the check that was stopped
  run_for(10s);
  EXPECT_EQ(status(id).state, state::paused);
  control(id, fb::FetchVerb::resume);
  ASSERT_TRUE(run_until(id, 30s, checking));
  control(id, fb::FetchVerb::cancel);
  node(0).contents->release();
  run_for(10s);
  EXPECT_EQ(status(id).state, state::cancelled);
  EXPECT_TRUE(node(0).files->finished().empty());
  EXPECT_TRUE(node(0).files->in_quarantine().empty());
}

}  // namespace

}  // namespace vsf::tests
