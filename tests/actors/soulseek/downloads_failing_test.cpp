#include <gtest/gtest.h>

#include "actors/soulseek/transfer_naming.hpp"
#include "tests/actors/soulseek/downloads_world.hpp"

namespace vsf::soulseek {

namespace {

using namespace std::chrono_literals;
using state = fb::SoulseekTransferState;
using presence = downloads::presence;
using world = downloads_world;

const std::string song = "@@x\\Artist\\Album\\Song.flac";

TEST(downloads_failing_test, WhoCannotBeReachedIsTriedAgainAfterAWhile) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.take(w.logic.link_failed(w.now, "ann"));
  EXPECT_EQ(w.state(id), state::queued);
  EXPECT_FALSE(w.row(id).reason.empty());
  w.forget();
  w.pass(179s);
  EXPECT_TRUE(w.seen<downloads::need_link>().empty());
  w.pass(25s);
  EXPECT_EQ(w.seen<downloads::need_link>().size(), 1U);
  w.forget();
  w.pass(300s);
  EXPECT_EQ(w.seen<downloads::need_link>().size(), 1U) << "a link nobody answers for has failed too";
}

TEST(downloads_failing_test, EachReasonHasItsTime) {
  world w;
  w.add("ann", song, 1000);
  w.up("ann");
  const auto asked = [&] { return w.said_to<said::queue_upload>("ann").size(); };
  for (const auto* reason : {"Too many files", "Too many megabytes", "Pending shutdown."}) {
    w.forget();
    w.hear("ann", said::upload_denied{song, reason});
    w.pass(719s);
    EXPECT_EQ(asked(), 0U) << reason;
    w.pass(80s);
    EXPECT_EQ(asked(), 1U) << reason;
  }
  w.forget();
  w.hear("ann", said::upload_denied{song, "Queued"});
  EXPECT_EQ(w.logic.list(w.now, 0, 1).at(0).state, state::waiting);
}

TEST(downloads_failing_test, FinalReasonsWaitForAPerson) {
  for (const auto* reason : {"Banned", "Cancelled", "File not shared.", "Go away"}) {
    world w;
    const auto id = w.add("ann", song, 1000);
    w.up("ann");
    w.hear("ann", said::upload_denied{song, reason});
    EXPECT_EQ(w.state(id), state::failed) << reason;
    EXPECT_EQ(w.row(id).reason, reason);
    w.forget();
    w.pass(10h);
    EXPECT_TRUE(w.all.empty()) << reason;
    ASSERT_TRUE(w.take(w.logic.retry(w.now, id)));
    w.up("ann");
    EXPECT_EQ(w.said_to<said::queue_upload>("ann").size(), 1U);
  }
}

TEST(downloads_failing_test, ReadErrorsAreTriedThreeTimes) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(w.state(id), state::requested);
    w.hear("ann", said::upload_denied{song, "File read error."});
    w.pass(800s);
  }
  EXPECT_EQ(w.state(id), state::failed);
}

TEST(downloads_failing_test, LatinOneIsTriedOnce) {
  world w;
  const std::string path = "m\\Caf\xC3\xA9.mp3";
  const auto id = w.add("ann", path, 1000);
  w.up("ann");
  w.hear("ann", said::upload_denied{path, "File not shared."});
  EXPECT_EQ(w.said_to<said::queue_upload>("ann").back().path, "m\\Caf\xE9.mp3");
  EXPECT_EQ(w.said_to<said::place_request>("ann").back().path, "m\\Caf\xE9.mp3");
  EXPECT_EQ(w.state(id), state::requested);
  EXPECT_TRUE(w.stored[id].raw);
  w.hear("ann", said::upload_denied{path, "File not shared."});
  EXPECT_EQ(w.state(id), state::failed);
  EXPECT_EQ(w.logic.counters().asked_raw, 1U);
}

TEST(downloads_failing_test, ACrashedUploaderIsAskedAtOnceButNotForEver) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  w.bytes(9, 100);
  w.take(w.logic.file_closed(w.now, 9));
  EXPECT_EQ(w.state(id), state::queued);
  w.hear("ann", said::upload_failed{song});
  EXPECT_EQ(w.state(id), state::requested) << "46 tells why: asked again at once";
  w.hear("ann", said::upload_failed{song});
  EXPECT_EQ(w.state(id), state::queued) << "twice without a byte between: later";
  w.hear("ann", said::upload_failed{song});
  EXPECT_EQ(w.logic.counters().ignored, 1U);
  w.pass(200s);
  EXPECT_EQ(w.state(id), state::requested);
}

TEST(downloads_failing_test, WhoGaveAPartAndNoLongerSharesItIsAskedAgain) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  w.bytes(9, 100);
  w.take(w.logic.file_closed(w.now, 9));
  w.hear("ann", said::upload_failed{song});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(w.state(id), state::requested);
    w.hear("ann", said::upload_denied{song, "File not shared."});
    EXPECT_EQ(w.state(id), state::queued) << "just restarted, it may not have listed its files yet";
    w.pass(60s);
  }
  w.hear("ann", said::upload_denied{song, "File not shared."});
  EXPECT_EQ(w.state(id), state::failed);
}

TEST(downloads_failing_test, TimeoutsGiveTheirPlaceBack) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  w.hear("ann", said::offer{1, song, 1000});
  EXPECT_EQ(w.logic.running(), 1U);
  w.pass(61s);
  EXPECT_EQ(w.state(id), state::queued);
  EXPECT_EQ(w.logic.running(), 0U);
  w.take(w.logic.file_connection(w.now, 3, "ann", 1));
  EXPECT_EQ(w.logic.connections(), 0U) << "too late";
  ASSERT_TRUE(w.begin("ann", song, 2, 1000, 9));
  w.bytes(9, 10);
  w.pass(61s);
  EXPECT_EQ(w.seen<downloads::close_file>().back().connection, 9U);
  EXPECT_EQ(w.state(id), state::queued);
  EXPECT_EQ(w.logic.running() + w.logic.connections(), 0U);
}

TEST(downloads_failing_test, WaitingForOurOwnLimitIsNoStall) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  w.hear("ann", said::offer{9, song, 1000});
  w.take(w.logic.file_connection(w.now, 5, "ann", 9));
  for (int i = 0; i < 5; ++i) {
    w.logic.held_up(w.now, 5);
    w.pass(59s);
    EXPECT_EQ(w.state(id), state::transferring);
  }
  w.pass(2s);
  EXPECT_NE(w.state(id), state::transferring);
  w.logic.held_up(w.now, 5);
  EXPECT_NE(w.state(id), state::transferring);
}

TEST(downloads_failing_test, AnUploaderThatBeginsAnewReplacesWhatIsDead) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  w.bytes(9, 10);
  w.hear("ann", said::offer{2, song, 1000});
  EXPECT_EQ(w.said_to<said::response>("ann").back().reason, "Queued") << "the first moves";
  w.pass(15s);
  ASSERT_TRUE(w.begin("ann", song, 3, 1000, 10));
  EXPECT_EQ(w.seen<downloads::take_file>().back().offset_bytes, 10U);
  EXPECT_EQ(w.seen<downloads::close_file>().at(0).connection, 9U);
  EXPECT_EQ(w.logic.connections(), 1U);
  EXPECT_EQ(w.logic.running(), 1U);
  EXPECT_EQ(w.state(id), state::transferring);
}

TEST(downloads_failing_test, WhoIsOfflineIsWaitedFor) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  w.take(w.logic.user_status(w.now, "ann", presence::offline));
  w.take(w.logic.link_down(w.now, "ann"));
  EXPECT_EQ(w.state(id), state::queued);
  EXPECT_EQ(w.row(id).reason, "the user is offline");
  w.forget();
  w.pass(10h);
  EXPECT_TRUE(w.all.empty());
  w.take(w.logic.user_status(w.now, "ann", presence::online));
  EXPECT_EQ(w.seen<downloads::need_link>().size(), 1U);
  w.take(w.logic.link_failed(w.now, "ann"));
  w.take(w.logic.user_status(w.now, "ann", presence::offline));
  w.forget();
  w.take(w.logic.user_status(w.now, "ann", presence::online));
  EXPECT_EQ(w.seen<downloads::need_link>().size(), 1U) << "back: the wait is over";
}

TEST(downloads_failing_test, ANewSessionAsksAgainWhoIsThere) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.take(w.logic.user_status(w.now, "ann", presence::online));
  w.take(w.logic.link_failed(w.now, "ann"));  // as when nobody can be asked where she is
  EXPECT_EQ(w.state(id), state::queued);
  w.forget();
  w.take(w.logic.session_began());
  ASSERT_EQ(w.seen<downloads::watch>().size(), 1U) << "the server forgot who is watched";
  EXPECT_TRUE(w.seen<downloads::watch>().at(0).on);
  EXPECT_TRUE(w.seen<downloads::need_link>().empty());
  w.take(w.logic.user_status(w.now, "ann", presence::online));
  EXPECT_EQ(w.seen<downloads::need_link>().size(), 1U) << "no wait of minutes";
}

TEST(downloads_failing_test, ARequestIsRepeatedWhenItsLinkEndsAtOnce) {
  world w;
  const auto lost = w.add("ann", song, 1000);
  w.up("ann");
  w.forget();
  w.pass(1s);
  w.take(w.logic.link_down(w.now, "ann"));
  EXPECT_EQ(w.seen<downloads::need_link>().size(), 1U);
  w.up("ann");
  EXPECT_EQ(w.said_to<said::queue_upload>("ann").size(), 1U);
  w.hear("ann", said::place{song, 3});
  w.forget();
  w.take(w.logic.link_down(w.now, "ann"));
  EXPECT_TRUE(w.all.empty()) << "it was heard: it stays in ann's queue";
  EXPECT_EQ(w.state(lost), state::waiting);
}

TEST(downloads_failing_test, TheNextSourceBeginsAnew) {
  world w;
  const auto id = w.add("ann", song, 1000,
                        {{"bob", "b\\Song.flac", 1000},
                         {"cid", "c\\Song.flac", 999},
                         {"dan", "d\\Other.flac", 1000},
                         {"eve", "e\\song.FLAC", 1000}});
  EXPECT_EQ(w.logic.counters().sources_unfit, 2U);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  w.bytes(9, 100);
  w.hear("ann", said::upload_denied{song, "Banned"});
  EXPECT_EQ(w.row(id).user, "bob");
  EXPECT_EQ(w.row(id).bytes_done, 0U) << "bytes of two users are never mixed";
  EXPECT_EQ(w.seen<downloads::set_aside>().at(0).partial, partial_name(id, 0));
  EXPECT_EQ(w.seen<downloads::close_file>().size(), 1U);
  w.up("bob");
  w.hear("bob", said::upload_denied{"b\\Song.flac", "File not shared."});
  EXPECT_EQ(w.row(id).user, "eve");
  EXPECT_EQ(w.stored[id].user, "eve");
  w.up("eve");
  w.hear("eve", said::upload_denied{"e\\song.FLAC", "Banned"});
  EXPECT_EQ(w.state(id), state::failed);
  EXPECT_EQ(w.seen<downloads::note>().size(), 1U);
  ASSERT_TRUE(w.take(w.logic.retry(w.now, id)));
  EXPECT_EQ(w.row(id).user, "ann") << "by hand: from the first on";
  EXPECT_EQ(w.logic.running(), 0U);
}

TEST(downloads_failing_test, ASourceThatNeverAnswersIsLeft) {
  world w;
  const auto id = w.add("ann", song, 1000, {{"bob", "b\\Song.flac", 1000}});
  w.take(w.logic.user_status(w.now, "ann", presence::online));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(w.row(id).user, "ann");
    w.take(w.logic.link_failed(w.now, "ann"));
    w.pass(200s);
  }
  EXPECT_EQ(w.row(id).user, "bob");
  for (int i = 0; i < 20; ++i) {
    w.take(w.logic.link_failed(w.now, "bob"));
    w.pass(200s);
  }
  EXPECT_EQ(w.row(id).user, "bob") << "the last one is tried on and on";
  EXPECT_EQ(w.state(id), state::queued);
}

TEST(downloads_failing_test, SilenceMakesRoomForOthers) {
  downloads::options how;
  how.max_asked_per_user = 1;
  world w(how);
  const auto silent = w.add("ann", "a\\1", 10), other = w.add("ann", "a\\2", 10);
  w.up("ann");
  EXPECT_EQ(w.state(silent), state::requested);
  w.pass(31min);
  EXPECT_EQ(w.state(silent), state::queued);
  EXPECT_EQ(w.state(other), state::requested);
}

TEST(downloads_failing_test, WhatNeverComesFailsInTheEnd) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  for (std::uint32_t i = 1; i <= 20; ++i) {
    ASSERT_TRUE(w.begin("ann", song, i, 0, i)) << i;
    w.pass(300s);
  }
  EXPECT_EQ(w.state(id), state::failed);
  EXPECT_EQ(w.row(id).reason, "no bytes came for a while");
}

TEST(downloads_failing_test, SourcesMayBeAddedLater) {
  world w;
  const auto id = w.add("ann", song, 1000);
  EXPECT_EQ(w.add("ann", song, 1000, {{"bob", "b\\Song.flac", 1000}}), id);
  w.up("ann");
  w.hear("ann", said::upload_denied{song, "Banned"});
  EXPECT_EQ(w.row(id).user, "bob");
}

TEST(downloads_failing_test, ACompletedFileMakesRoomInTheUsersLimit) {
  world w;
  const auto a = w.add("ann", "a\\1", 10), b = w.add("ann", "a\\2", 10);
  w.up("ann");
  w.hear("ann", said::upload_denied{"a\\2", "Too many files"});
  EXPECT_EQ(w.state(b), state::queued);
  ASSERT_TRUE(w.begin("ann", "a\\1", 1, 10, 9));
  w.bytes(9, 10);
  w.take(w.logic.file_finished(w.now, a, "/f"));
  EXPECT_EQ(w.state(b), state::requested);
}

TEST(downloads_failing_test, ADiskThatFailsIsToldAndNotRetried) {
  world w;
  const auto id = w.add("ann", song, 1000, {{"bob", "b\\Song.flac", 1000}});
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  w.take(w.logic.disk_failed(w.now, id, "No space left: free some."));
  EXPECT_EQ(w.state(id), state::failed);
  EXPECT_EQ(w.row(id).reason, "No space left: free some.");
  EXPECT_EQ(w.row(id).user, "ann");
  EXPECT_EQ(w.seen<downloads::close_file>().size(), 1U);
  EXPECT_EQ(w.logic.running(), 0U);
}

TEST(downloads_failing_test, APartialFileThatIsGoneBeginsAnew) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  w.bytes(9, 500);
  w.take(w.logic.file_closed(w.now, 9));
  ASSERT_TRUE(w.begin("ann", song, 2, 1000, 10));
  w.take(w.logic.partial_lost(w.now, id, partial_name(id, 0)));
  EXPECT_EQ(w.seen<downloads::close_file>().back().connection, 10U);
  EXPECT_EQ(w.row(id).bytes_done, 0U);
  EXPECT_EQ(w.stored[id].done, 0U);
  EXPECT_EQ(w.state(id), state::requested);
  ASSERT_TRUE(w.begin("ann", song, 3, 1000, 11));
  EXPECT_EQ(w.seen<downloads::take_file>().back().partial, partial_name(id, 1));
  w.take(w.logic.partial_lost(w.now, id, partial_name(id, 0)));
  EXPECT_EQ(w.state(id), state::transferring) << "that was the one before";
}

TEST(downloads_failing_test, StrangersChangeNothing) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  w.forget();
  w.hear("eve", said::upload_denied{song, "Banned"});
  w.hear("eve", said::upload_failed{song});
  w.hear("eve", said::place{song, 1});
  w.hear("ann", said::queue_upload{song});
  w.up("eve");
  w.take(w.logic.link_failed(w.now, "eve"));
  w.take(w.logic.user_status(w.now, "eve", presence::offline));
  w.take(w.logic.file_closed(w.now, 77));
  w.take(w.logic.written(w.now, 77, 5));
  EXPECT_EQ(w.logic.admit(w.now, 77, 5), 0U);
  EXPECT_TRUE(w.all.empty());
  EXPECT_EQ(w.state(id), state::requested);
}

}  // namespace

}  // namespace vsf::soulseek
