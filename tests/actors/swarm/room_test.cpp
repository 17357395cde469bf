// Downloads onto disks that get full, in virtual time.

#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

constexpr std::uint64_t mib = 1 << 20;

class room_test : public swarm_test {
 protected:
  void world(const bytes& content, std::uint32_t upload_kib) {
    node(1).share("/a", content, mbid_of(1));
    node(1).start(system(), upload_kib);
    node(0).configure = [](auto& s) { s.transfers.min_free_mib = 256; };
    node(0).start(system());
    offer(mbid_of(1), {1}, content);
    settle();
  }
  storage::memory_files& disk() { return *node(0).files; }
  bool run_until_queued(const std::string& id, const std::string& why,
                        std::chrono::nanoseconds at_most = 30s) {
    return run_until(id, at_most, [&](const auto& s) {
      return s.state == fb::TransferState::queued && s.reason.find(why) != std::string::npos;
    });
  }
  void expect_done(const std::string& id, const bytes& content) {
    ASSERT_TRUE(run_until_done(id)) << status(id).reason;
    EXPECT_TRUE(node(0).finished(status(id).path) == content);
  }
};

TEST_F(room_test, NothingIsBegunThatWouldFillTheDisk) {
  const auto content = made_up(20, 4 * mib);
  world(content, 0);
  disk().set_free_bytes(259 * mib);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_queued(id, "Not enough room in the incomplete folder /incomplete: 259 MiB are free"));
  EXPECT_NE(status(id).reason.find("takes 4 MiB more, and 256 MiB are to stay free"), std::string::npos)
      << status(id).reason;
  EXPECT_EQ(disk().used_bytes(), 0U);
  EXPECT_EQ(node(0).received->dials, 0U) << "nobody is bothered";
  disk().set_free_bytes(260 * mib);
  run_for(31s);
  expect_done(id, content);
}

TEST_F(room_test, StopsInTheMiddleAndGoesOnByItself) {
  const auto content = made_up(19, 8 * mib);
  world(content, 1024);
  disk().set_free_bytes(300 * mib);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 30s, [](const auto& s) { return s.bytes_verified >= 3 * mib; }));
  const auto events = counter("swarm", "downloads_started");
  disk().set_free_bytes(255 * mib);
  ASSERT_TRUE(run_until_queued(id, "255 MiB are free", 5s)) << "at the next checkpoint, 2 s later at most";
  const auto verified = status(id).bytes_verified;
  EXPECT_GE(verified, 3 * mib);
  run_for(1s);
  const auto received = node(0).received->data_bytes;
  run_for(10min);
  EXPECT_EQ(node(0).received->data_bytes, received) << "while there is none, nothing moves";
  EXPECT_EQ(status(id).state, fb::TransferState::queued);
  disk().set_free_bytes(256 * mib);
  run_for(31s);
  expect_done(id, content);
  EXPECT_GE(status(id).bytes_kept, verified) << "all that was acknowledged was still there";
  EXPECT_GE(status(id).bytes_received, content.size());
  EXPECT_LE(status(id).bytes_received, node(0).received->data_bytes) << "and nothing is counted twice";
  EXPECT_LE(node(0).received->data_bytes, content.size() + 256 * 16384) << "but what was on its way";
  EXPECT_EQ(counter("swarm", "downloads_started"), events);
}

TEST_F(room_test, RetryLooksAtOnce) {
  const auto content = made_up(21, 4 * mib);
  world(content, 0);
  disk().set_free_bytes(1);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_queued(id, "Not enough room"));
  disk().set_free_bytes(std::nullopt);
  EXPECT_EQ(control(id, fb::FetchVerb::retry).state, fb::TransferState::resolving);
  ASSERT_TRUE(run_until_done(id, 10s));
  expect_done(id, content);
}

TEST_F(room_test, OtherDownloadsHaveTheirTurnMeanwhile) {
  const auto big = made_up(22, 8 * mib), small = made_up(23, mib);
  node(1).share("/b", small, mbid_of(2));
  world(big, 0);
  node(0).kill();
  settle();
  node(0).configure = [](auto& s) { s.transfers.active_downloads = 1; };
  node(0).start(system());
  offer(mbid_of(2), {1}, small);
  settle();
  disk().set_free_bytes(260 * mib);
  const auto waiting = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_queued(waiting, "Not enough room"));
  const auto other = fetch(mbid_of(2)).transfer;
  EXPECT_TRUE(run_until_done(other, 10s)) << "the one that waits for room takes no place";
}

TEST_F(room_test, WaitingForRoomOutlivesTheNodeAndPauses) {
  const auto content = made_up(24, 4 * mib);
  world(content, 0);
  disk().set_free_bytes(1);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_queued(id, "Not enough room"));
  EXPECT_EQ(control(id, fb::FetchVerb::pause).state, fb::TransferState::paused);
  disk().set_free_bytes(std::nullopt);
  run_for(120s);
  EXPECT_EQ(status(id).state, fb::TransferState::paused) << "paused is paused, room or not";
  disk().set_free_bytes(1);
  control(id, fb::FetchVerb::resume);
  ASSERT_TRUE(run_until_queued(id, "Not enough room"));
  node(0).kill();
  settle();
  node(0).start(system());
  settle();
  ASSERT_TRUE(run_until_queued(id, "Not enough room"));
  disk().set_free_bytes(std::nullopt);
  run_for(31s);
  expect_done(id, content);
}

TEST_F(room_test, DownloadFolderOnAnotherDiskCountsToo) {
  const auto content = made_up(25, 4 * mib);
  world(content, 512);
  disk().set_free_bytes(1000 * mib, 259 * mib);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until_queued(id, "Not enough room in the download folder /downloads: 259 MiB are free"));
  disk().set_free_bytes(1000 * mib, 300 * mib);
  run_for(31s);
  ASSERT_TRUE(run_until(id, 30s, [](const auto& s) { return s.bytes_verified > 3 * mib; }));
  // Full when it is to be moved there: the partial file stays, complete.
  disk().set_free_bytes(1000 * mib, 100 * mib);
  ASSERT_TRUE(run_until_queued(id, "Not enough room in the download folder"));
  run_for(60s);
  EXPECT_TRUE(disk().finished().empty());
  disk().set_free_bytes(1000 * mib, 300 * mib);
  run_for(31s);
  expect_done(id, content);
  EXPECT_LE(node(0).received->data_bytes, content.size() + 256 * 16384);
}

TEST_F(room_test, CompleteFileOnOneDiskIsDeliveredHoweverFullItIs) {
  const auto content = made_up(26, mib);
  world(content, 256);
  disk().set_free_bytes(300 * mib);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 30s, [&](const auto& s) { return s.bytes_verified == content.size(); }));
  disk().set_free_bytes(0);
  expect_done(id, content);
}

TEST_F(room_test, FullDiskThatWasMetInAWriteIsTheSame) {
  const auto content = made_up(27, 8 * mib);
  world(content, 4096);
  disk().set_preallocation(false);
  disk().set_disk_limit(300 * mib);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 30s, [](const auto& s) { return s.bytes_verified > mib; }));
  disk().set_disk_limit(disk().used_bytes());  // from one frame to the next
  ASSERT_TRUE(run_until(id, 5s, [](const auto& s) { return s.state == fb::TransferState::queued; }));
  EXPECT_NE(status(id).reason.find("No space left"), std::string::npos) << status(id).reason;
  run_for(60s);
  EXPECT_EQ(status(id).state, fb::TransferState::queued);
  disk().set_disk_limit(400 * mib);
  run_for(31s);
  expect_done(id, content);
}

TEST_F(room_test, WhatAFullDiskAndAKillLeaveInTheFileIsCountedOnce) {
  const auto content = made_up(28, 8 * mib);
  world(content, 1024);
  disk().set_preallocation(false);
  disk().set_disk_limit(300 * mib);
  const auto id = fetch(mbid_of(1)).transfer;
  ASSERT_TRUE(run_until(id, 30s, [](const auto& s) { return s.bytes_verified > 3 * mib; }));
  // Between two checkpoints: the file has more than the record's bitmap knows of.
  disk().set_disk_limit(disk().used_bytes());
  ASSERT_TRUE(run_until(id, 5s, [](const auto& s) { return s.state == fb::TransferState::queued; }));
  node(0).kill();
  settle();
  disk().set_disk_limit(400 * mib);
  node(0).start(system());
  settle();
  run_for(31s);
  expect_done(id, content);
  const auto end = status(id);
  EXPECT_LE(end.bytes_received - end.bytes_wasted, content.size() + 8 * 16384) << "but what the disk refused";
}

}  // namespace

}  // namespace vsf::tests
