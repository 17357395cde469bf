// Downloads from real uploads actors over a fake overlay in virtual time.

#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

constexpr std::size_t mib = 1 << 20;

class download_test : public swarm_test {
 protected:
  /// Nodes 1..n share the content; node 0 is told of all.
  void world(std::size_t sources, const bytes& content, std::uint32_t upload_kib = 0) {
    node(0).start(system());
    std::vector<std::size_t> all;
    for (std::size_t i = 1; i <= sources; ++i) {
      node(i).share("/music/a.flac", content, mbid_of(1));
      node(i).start(system(), upload_kib);
      all.push_back(i);
    }
    offer(mbid_of(1), all, content);
    settle();
  }
  void expect_done(const std::string& id, const bytes& content) {
    const auto s = status(id);
    ASSERT_EQ(s.state, fb::TransferState::done) << fb::EnumNameTransferState(s.state) << ": " << s.reason;
    EXPECT_EQ(node(0).finished(s.path), content);
    ASSERT_TRUE(s.sha256);
    EXPECT_EQ(from_fb<digest>(*s.sha256), crypto::sha256(content));
    EXPECT_EQ(s.bytes_verified, content.size());
    EXPECT_TRUE(s.reason.empty()) << s.reason;
  }
  bool run_to_percent(const std::string& id, unsigned percent) {
    return run_until(id, 300s, [&](const auto& s) {
      return s.bytes_total != 0 && s.bytes_verified * 100 >= s.bytes_total * percent;
    });
  }
};

TEST_F(download_test, BringsAFileByteForByte) {
  auto content = made_up(1, 3 * mib + 12345);
  std::copy_n("fLaC", 4, content.begin());
  world(1, content);
  const auto begun = fetch(mbid_of(1));
  EXPECT_EQ(begun.transfer.size(), 32U);
  EXPECT_FALSE(begun.state == fb::TransferState::done);
  ASSERT_TRUE(run_until_done(begun.transfer));
  expect_done(begun.transfer, content);
  const auto s = status(begun.transfer);
  EXPECT_EQ(s.path, "/downloads/" + to_string(mbid_of(1)) + ".flac");
  EXPECT_EQ(s.bytes_received, content.size()) << "nothing was fetched twice";
  EXPECT_EQ(node(0).received->data_bytes, content.size());
  EXPECT_EQ(counter("swarm", "bytes_verified"), content.size());
  EXPECT_EQ(counter("swarm", "bytes_wasted"), 0U);
  EXPECT_EQ(counter("swarm/uploads", "bytes_served", 1), content.size());
  EXPECT_EQ(counter("swarm/uploads", "trees_built", 1), 1U);
}

TEST_F(download_test, NamesTheFileFromOurOwnLibrary) {
  auto content = made_up(2, 100'000);
  std::copy_n("OggS", 4, content.begin());
  world(1, content);
  fb::FileEntryT mine;
  mine.path = "/music/low.mp3";
  mine.size = 1;
  mine.recording = box(mbid_of(1));
  mine.artist = "AC/DC";
  mine.title = "..Hells: Bells?";
  ASSERT_TRUE(storage::library_store(node(0).store).put(mine));
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  EXPECT_EQ(status(id).path, "/downloads/AC_DC - ..Hells_ Bells_.ogg");
}

TEST_F(download_test, AskingTwiceGivesTheSameTransfer) {
  const auto content = made_up(3, mib);
  world(1, content, 256);
  const auto first = fetch(mbid_of(1));
  const auto second = fetch(mbid_of(1));
  EXPECT_EQ(first.transfer, second.transfer);
  ASSERT_TRUE(run_until_done(first.transfer));
  EXPECT_NE(fetch(mbid_of(1)).transfer, first.transfer) << "a finished one is not given again";
}

TEST_F(download_test, UnknownRecordingFailsWithinFiveSeconds) {
  world(1, made_up(4, 1000));
  node(0).index.delay = 4500ms;
  const auto begun = now();
  const auto id = fetch(mbid_of(9)).transfer;
  ASSERT_TRUE(run_until(id, 5s, [](const auto& s) { return s.state == fb::TransferState::failed; }));
  EXPECT_LE(now() - begun, 5s);
  EXPECT_EQ(status(id).reason,
            "not found: nobody in the mesh has recording " + to_string(mbid_of(9)) + "; try again later");
  // Later somebody has it.
  const auto content = made_up(4, 1000);
  offer(mbid_of(9), {1}, content);
  control(id, fb::FetchVerb::retry);
  ASSERT_TRUE(run_until_done(id));
}

TEST_F(download_test, AnEmptyAnswerThatNobodyGaveIsNoVerdict) {
  world(1, made_up(4, 1000));
  node(0).index.peers = 0;
  const auto id = fetch(mbid_of(9)).transfer;
  ASSERT_TRUE(run_until(id, 5s, [](const auto& s) { return s.state == fb::TransferState::failed; }));
  EXPECT_NE(status(id).reason.find("nobody could be asked"), std::string::npos) << status(id).reason;
}

TEST_F(download_test, SilentResolverFailsWithinFiveSeconds) {
  world(1, made_up(5, 1000));
  node(0).index.silent = true;
  const auto begun = now();
  const auto id = fetch(mbid_of(9)).transfer;
  ASSERT_TRUE(run_until(id, 5s, [](const auto& s) { return s.state == fb::TransferState::failed; }));
  EXPECT_LE(now() - begun, 5s);
}

TEST_F(download_test, SourceThatDiesMidwayIsReplaced) {
  const auto content = made_up(6, 6 * mib);
  world(2, content, 1024);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_to_percent(id, 40));
  node(1).kill();
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
  EXPECT_LE(node(0).received->data_bytes, content.size() + content.size() / 50);
  EXPECT_GE(counter("swarm", "sources_lost"), 1U);
}

TEST_F(download_test, SourceThatFallsSilentIsReplaced) {
  const auto content = made_up(7, 6 * mib);
  world(2, content, 1024);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_to_percent(id, 40));
  faults(0, 1).silent = true;
  const auto then = now();
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
  EXPECT_LE(now() - then, 30s);
  EXPECT_EQ(node(0).received->data_bytes, content.size());
}

TEST_F(download_test, WrongLeafBansItsSenderAndIsFetchedElsewhere) {
  const auto content = made_up(8, 4 * mib);
  world(2, content);
  int lies = 0;
  faults(0, 1).tamper = [&](channel_data& d) {
    if (d.first_leaf > 80 && lies++ == 0) d.body.mutable_data()[5] ^= 1;
  };
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
  EXPECT_EQ(counter("swarm", "bad_leaves"), 1U);
  EXPECT_EQ(counter("swarm", "sources_banned"), 1U);
  const auto s = status(id);
  ASSERT_EQ(s.sources.size(), 2U);
  const auto liar = std::find_if(s.sources.begin(), s.sources.end(), [&](const auto& x) {
    return from_fb<node_id>(*x->node) == node(1).who->node_id;
  });
  EXPECT_EQ((*liar)->state, fb::SourceState::banned);
  EXPECT_EQ((*liar)->bad_leaves, 1U);
  // What was under way from it is lost, no more.
  EXPECT_LE(node(0).received->data_bytes, content.size() + 256 * 16384);
}

TEST_F(download_test, LyingAndDyingSourcesTogether) {
  const auto content = made_up(9, 5 * mib);
  world(3, content, 2048);
  faults(0, 1).tamper = [&](channel_data& d) {
    if (d.first_leaf > 100) d.body.mutable_data()[0] ^= 0x80;
  };
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_to_percent(id, 60));
  node(2).kill();
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
}

TEST_F(download_test, OnlySourceLiesThenAnHonestOneAppears) {
  const auto content = made_up(10, mib);
  world(1, content);
  faults(0, 1).tamper = [](channel_data& d) { d.body.mutable_data()[0] ^= 1; };
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 30s, [](const auto& s) {
    return s.state == fb::TransferState::resolving &&
           s.reason.find("1 sent wrong bytes") != std::string::npos;
  }));
  const auto dials = node(0).received->dials;
  const auto asked = node(0).index.asked;
  run_for(300s);
  EXPECT_EQ(node(0).received->dials, dials) << "the liar is not asked again";
  const auto rounds = node(0).index.asked - asked;
  EXPECT_GE(rounds, 5U);
  EXPECT_LE(rounds, 12U) << "back-off up to 60 s";
  node(2).share("/x", content, mbid_of(1));
  node(2).start(system());
  offer(mbid_of(1), {1, 2}, content);
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
}

TEST_F(download_test, BanOutlivesTheNode) {
  const auto content = made_up(11, mib);
  world(1, content);
  faults(0, 1).tamper = [](channel_data& d) { d.body.mutable_data()[0] ^= 1; };
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(
      run_until(id, 30s, [](const auto& s) { return s.reason.find("wrong bytes") != std::string::npos; }));
  node(0).kill();
  settle();
  const auto dials = node(0).received->dials;
  node(0).start(system());
  run_for(60s);
  EXPECT_EQ(node(0).received->dials, dials);
}

TEST_F(download_test, FallsBackToAnotherEncoding) {
  const auto good = made_up(12, mib), other = made_up(13, mib / 2);
  node(0).start(system());
  node(1).share("/music/a.mp3", other, mbid_of(1));
  node(1).start(system());
  node(2).start(system());  // says it has the better one, and has not
  node(0).index.answers[mbid_of(1)] = [&] {
    fb::ResolveResultT out;
    out.candidates.push_back(candidate(node(1), other, fb::Codec::mp3, 250));
    out.candidates.push_back(candidate(node(2), good, fb::Codec::flac, 100));
    return out;
  };
  settle();
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 2s, [](const auto& s) { return s.variant != nullptr; }));
  EXPECT_EQ(status(id).variant->codec(), fb::Codec::flac) << "lossless first";
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, other);
}

TEST_F(download_test, OfAnotherSizeThanSignedIsRefused) {
  const auto content = made_up(14, mib);
  world(2, content);
  node(0).index.answers[mbid_of(1)] = [&] {
    fb::ResolveResultT out;
    out.candidates.push_back(candidate(node(1), content));
    const auto& v = *out.candidates[0]->variant;
    out.candidates[0]->variant = std::make_unique<fb::Variant>(
        v.root(), v.sha256_prefix(), v.size() + 1, v.bitrate_kbps(), v.codec(), std::uint8_t{255});
    out.candidates.push_back(candidate(node(2), content));
    return out;
  };
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
}

TEST_F(download_test, KilledTransferActorGoesOn) {
  const auto content = made_up(15, 6 * mib);
  world(1, content, 1024);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_to_percent(id, 50));
  caf::anon_send_exit(node(0).index.last_client, caf::exit_reason::kill);
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
  const auto s = status(id);
  EXPECT_GE(s.bytes_kept, content.size() * 4 / 10);
  EXPECT_LE(node(0).received->data_bytes, content.size() + content.size() / 25);
  EXPECT_EQ(counter("swarm", "actor_restarts"), 1U);
}

TEST_F(download_test, FiveKillsFetchAlmostNothingTwice) {
  const auto content = made_up(16, 8 * mib);
  world(1, content, 400);  // about 20 s
  const auto begun = now();
  const auto id = fetch(mbid_of(1)).transfer;
  crypto::seeded_random chance(77);
  for (int i = 0; i < 5; ++i) {
    run_for(std::chrono::milliseconds(1000 + chance.below(2500)));
    node(0).kill();
    settle();
    run_for(std::chrono::milliseconds(chance.below(300)));
    node(0).start(system());
  }
  ASSERT_TRUE(run_until_done(id));
  EXPECT_GE(now() - begun, 19s);
  expect_done(id, content);
  const auto wire_bytes = node(0).received->data_bytes;
  const auto s = status(id);
  EXPECT_LT(wire_bytes, content.size() * 102 / 100);
  EXPECT_LE(s.bytes_received, wire_bytes);
  EXPECT_GE(s.bytes_received, content.size()) << "counted over all runs";
  RecordProperty("refetched_bytes", static_cast<int>(wire_bytes - content.size()));
}

TEST_F(download_test, PowerLossKeepsWhatWasSynced) {
  const auto content = made_up(17, 8 * mib);
  world(1, content, 1024);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_to_percent(id, 60));
  node(0).kill();
  settle();
  node(0).store->crash();
  node(0).files->crash();
  node(0).start(system());
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
  const auto s = status(id);
  // At 1 MiB/s a checkpoint is at most 2 s old.
  EXPECT_GE(s.bytes_kept, content.size() * 60 / 100 - 3 * mib);
  EXPECT_GT(s.bytes_kept, 0U);
}

TEST_F(download_test, KilledBetweenRenameAndRecordIsFoundAgain) {
  const auto content = made_up(18, mib);
  world(1, content);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  const auto path = status(id).path;
  // As if the last record had not been written.
  storage::transfer_store store(node(0).store);
  auto r = store.get(id).value().value().unpack();
  node(0).kill();
  settle();
  r.status->state = fb::TransferState::finishing;
  r.status->path = path.substr(path.rfind('/') + 1);
  r.status->sha256.reset();
  ASSERT_TRUE(store.put(r));
  const auto before = node(0).received->data_bytes;
  node(0).start(system());
  ASSERT_TRUE(run_until_done(id));
  EXPECT_EQ(status(id).path, path);
  EXPECT_EQ(node(0).received->data_bytes, before);
  EXPECT_EQ(node(0).files->finished().size(), 1U);
}

TEST_F(download_test, CancelRetryForget) {
  const auto content = made_up(21, 2 * mib);
  world(1, content, 512);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_to_percent(id, 30));
  EXPECT_EQ(control(id, fb::FetchVerb::cancel).state, fb::TransferState::cancelled);
  run_for(1s);
  EXPECT_EQ(status(id).state, fb::TransferState::cancelled);
  EXPECT_EQ(node(0).files->used_bytes(), 0U) << "a cancelled download leaves nothing on the disk";
  const auto received = node(0).received->data_bytes;
  run_for(10s);
  EXPECT_LE(node(0).received->data_bytes, received + 256 * 16384) << "the source was told to stop";
  control(id, fb::FetchVerb::retry);
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
  EXPECT_EQ(control(id, fb::FetchVerb::retry).state, fb::TransferState::done);
  control(id, fb::FetchVerb::forget);
  run_for(1s);
  EXPECT_TRUE(list().empty());
  EXPECT_EQ(node(0).files->finished().size(), 1U) << "forgetting is not deleting";
  EXPECT_FALSE(storage::transfer_store(node(0).store).get(id).value());
  EXPECT_THROW(control(id, fb::FetchVerb::cancel), std::runtime_error);
}

TEST_F(download_test, ForgetWhileRunningRemovesAllTraces) {
  const auto content = made_up(22, 2 * mib);
  world(1, content, 512);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_to_percent(id, 30));
  control(id, fb::FetchVerb::forget);
  run_for(2s);
  EXPECT_TRUE(list().empty());
  EXPECT_EQ(node(0).files->used_bytes(), 0U);
  EXPECT_FALSE(storage::transfer_store(node(0).store).get(id).value());
}

TEST_F(download_test, ManyDownloadsTakeTurns) {
  node(0).start(system());
  node(1).start(system());
  std::vector<std::string> ids;
  for (std::uint8_t i = 0; i < 20; ++i) {
    const auto content = made_up(100U + i, 200'000);
    node(1).share("/music/" + std::to_string(i), content, mbid_of(i));
    offer(mbid_of(i), {1}, content);
  }
  settle();
  for (std::uint8_t i = 0; i < 20; ++i) ids.push_back(fetch(mbid_of(i)).transfer);
  for (const auto& id : ids) ASSERT_TRUE(run_until_done(id));
  EXPECT_EQ(list().size(), 20U);
  EXPECT_EQ(node(0).files->finished().size(), 20U);
}

TEST_F(download_test, DownloadLimitHolds) {
  const auto content = made_up(23, 2 * mib);
  node(0).start(system(), 0, 200);
  node(1).share("/a", content, mbid_of(1));
  node(1).start(system());
  offer(mbid_of(1), {1}, content);
  settle();
  const auto begun = now();
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_done(id));
  EXPECT_GE(now() - begun, 9s);
  EXPECT_LE(now() - begun, 13s);
  expect_done(id, content);
}

TEST_F(download_test, UploadLimitMakesItSteady) {
  const auto content = made_up(24, 8 * mib);
  world(1, content, 400);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 5s, [](const auto& s) { return s.bytes_verified > 0; }));
  std::uint64_t last = status(id).bytes_verified;
  for (int i = 0; i < 7; ++i) {
    run_for(1900ms);
    const auto here = status(id).bytes_verified;  // asking takes another 0.1 s
    EXPECT_NEAR(static_cast<double>(here - last), 2 * 400 * 1024.0, 2 * 400 * 1024.0 * 0.15);
    last = here;
  }
  ASSERT_TRUE(run_until_done(id));
}

TEST_F(download_test, EventsAreAtMostFourASecond) {
  const auto content = made_up(25, 4 * mib);
  world(1, content, 512);
  const auto id = fetch(mbid_of(1)).transfer;
  const auto begun = now();
  ASSERT_TRUE(run_until_done(id));
  const auto took = static_cast<double>((now() - begun) / 1ms) / 1000;
  const auto events = counter("telemetry", "events");
  EXPECT_GE(events, 8U);
  EXPECT_LE(static_cast<double>(events), took * 4 + 8);
}

TEST_F(download_test, NoAddressKnownYet) {
  const auto content = made_up(26, 10'000);
  world(1, content);
  node(0).index.answers[mbid_of(1)] = [&] {
    fb::ResolveResultT out;
    out.candidates.push_back(candidate(node(1), content));
    if (node(0).index.asked < 3) out.candidates[0]->contact.reset();
    return out;
  };
  const auto id = fetch(mbid_of(1)).transfer;
  run_for(1s);
  EXPECT_EQ(status(id).state, fb::TransferState::resolving);
  EXPECT_NE(status(id).reason.find("no address"), std::string::npos);
  ASSERT_TRUE(run_until_done(id));
  expect_done(id, content);
}

}  // namespace

}  // namespace vsf::tests
