#include <gtest/gtest.h>

#include "actors/soulseek/transfer_naming.hpp"
#include "tests/actors/soulseek/downloads_world.hpp"

namespace vsf::soulseek {

namespace {

using namespace std::chrono_literals;
using state = fb::SoulseekTransferState;
using world = downloads_world;

const std::string song = "@@x\\Artist\\Album\\Song.flac";

TEST(downloads_test, AFileFromTheFirstQuestionToItsPlace) {
  world w;
  const auto id = w.add("ann", song, 1000);
  ASSERT_NE(id, 0U);
  EXPECT_EQ(w.seen<downloads::need_link>().size(), 1U);
  EXPECT_TRUE(w.seen<downloads::watch>().at(0).on);
  EXPECT_EQ(w.state(id), state::queued);
  w.up("ann");
  EXPECT_EQ(w.state(id), state::requested);
  EXPECT_EQ(w.said_to<said::queue_upload>("ann").at(0).path, song);
  EXPECT_EQ(w.said_to<said::place_request>("ann").size(), 1U);
  w.hear("ann", said::place{song, 7});
  EXPECT_EQ(w.state(id), state::waiting);
  EXPECT_EQ(w.row(id).place, 7U);
  w.hear("ann", said::offer{55, song, 1000});
  EXPECT_EQ(w.state(id), state::starting);
  EXPECT_EQ(w.logic.running(), 1U);
  w.take(w.logic.file_connection(w.now, 9, "ann", 55));
  EXPECT_EQ(w.state(id), state::transferring);
  const auto begun = w.seen<downloads::take_file>().at(0);
  EXPECT_EQ(begun.offset_bytes, 0U);
  EXPECT_EQ(begun.size_bytes, 1000U);
  EXPECT_EQ(begun.partial, partial_name(id, 0));
  w.bytes(9, 400);
  EXPECT_EQ(w.row(id).bytes_done, 400U);
  w.bytes(9, 600);
  EXPECT_EQ(w.seen<downloads::close_file>().at(0).connection, 9U) << "the downloader closes";
  const auto finish = w.seen<downloads::finish_file>().at(0);
  EXPECT_EQ(finish.folder, std::vector<std::string>{"Album"});
  EXPECT_EQ(finish.name, "Song.flac");
  w.take(w.logic.file_finished(w.now, id, "/music/Album/Song.flac"));
  EXPECT_EQ(w.state(id), state::completed);
  EXPECT_EQ(w.row(id).file, "/music/Album/Song.flac");
  EXPECT_EQ(w.logic.running() + w.logic.connections() + w.logic.unfinished(), 0U);
  EXPECT_FALSE(w.seen<downloads::watch>().back().on);
  w.hear("ann", said::offer{56, song, 1000});
  EXPECT_EQ(w.said_to<said::response>("ann").back().reason, "Complete");
}

TEST(downloads_test, TokensNobodyAllowedAreRefused) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  w.take(w.logic.file_connection(w.now, 1, "ann", 55));
  EXPECT_EQ(w.seen<downloads::close_file>().size(), 1U);
  w.hear("ann", said::offer{55, song, 1000});
  w.take(w.logic.file_connection(w.now, 2, "eve", 55));
  w.take(w.logic.file_connection(w.now, 3, "ann", 56));
  EXPECT_EQ(w.seen<downloads::close_file>().size(), 3U);
  EXPECT_EQ(w.state(id), state::starting);
  w.take(w.logic.file_connection(w.now, 4, "ann", 55));
  w.take(w.logic.file_connection(w.now, 5, "ann", 55));
  EXPECT_EQ(w.seen<downloads::close_file>().back().connection, 5U) << "a token is good for one connection";
  EXPECT_EQ(w.logic.counters().tokens_unknown, 4U);
  EXPECT_EQ(w.logic.connections(), 1U);
}

TEST(downloads_test, FilesNobodyWantsAreRefused) {
  world w;
  w.add("ann", song, 1000);
  w.hear("eve", said::offer{1, song, 1000});
  EXPECT_EQ(w.said_to<said::response>("eve").at(0).reason, "Cancelled");
  w.hear("ann", said::offer{2, "other", 1000});
  EXPECT_FALSE(w.said_to<said::response>("ann").at(0).allowed);
  EXPECT_EQ(w.logic.counters().offers_unwanted, 2U);
}

TEST(downloads_test, BytesBeyondTheSizeAreCutOffAndCounted) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  EXPECT_EQ(w.logic.admit(w.now, 9, 990), 990U);
  EXPECT_EQ(w.logic.admit(w.now, 9, 500), 10U);
  EXPECT_EQ(w.logic.admit(w.now, 9, 500), 0U);
  EXPECT_EQ(w.logic.counters().bytes_cut_off, 990U);
  w.take(w.logic.written(w.now, 9, 1'000'000));
  EXPECT_EQ(w.row(id).bytes_done, 1000U);
  EXPECT_EQ(w.seen<downloads::finish_file>().size(), 1U);
}

TEST(downloads_test, ResumesWhereTheDiskIs) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  EXPECT_EQ(w.logic.admit(w.now, 9, 300), 300U);
  w.take(w.logic.file_closed(w.now, 9));
  EXPECT_EQ(w.state(id), state::transferring) << "the bytes are still on their way to the disk";
  w.take(w.logic.written(w.now, 9, 300));
  EXPECT_EQ(w.state(id), state::queued);
  EXPECT_EQ(w.logic.running(), 0U);
  EXPECT_EQ(w.stored[id].done, 300U);
  w.forget();
  w.pass(200s);
  EXPECT_EQ(w.state(id), state::requested);
  ASSERT_TRUE(w.begin("ann", song, 2, 0, 10)) << "size 0: the size known";
  EXPECT_EQ(w.seen<downloads::take_file>().back().offset_bytes, 300U);
  w.bytes(10, 700);
  EXPECT_EQ(w.seen<downloads::finish_file>().size(), 1U);
}

TEST(downloads_test, AnotherSizeIsTakenOnlyBeforeAnyByteIsThere) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1200, 9));
  EXPECT_EQ(w.seen<downloads::note>().size(), 1U);
  EXPECT_EQ(w.row(id).size, 1200U);
  EXPECT_TRUE(w.seen<downloads::set_aside>().empty());
  w.bytes(9, 100);
  w.take(w.logic.file_closed(w.now, 9));
  ASSERT_TRUE(w.begin("ann", song, 2, 900, 10));
  EXPECT_EQ(w.seen<downloads::set_aside>().at(0).partial, partial_name(id, 0));
  const auto again = w.seen<downloads::take_file>().back();
  EXPECT_EQ(again.offset_bytes, 0U);
  EXPECT_EQ(again.partial, partial_name(id, 1));
  EXPECT_EQ(again.size_bytes, 900U);
  EXPECT_EQ(w.logic.counters().sizes_changed, 2U);
  EXPECT_EQ(w.logic.counters().partials_set_aside, 1U);
}

TEST(downloads_test, AnEmptyFileAndOneOfUnknownSize) {
  world w;
  const auto empty = w.add("ann", "a\\empty", 0), unknown = w.add("ann", song, 0);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", "a\\empty", 1, 0, 8));
  EXPECT_EQ(w.seen<downloads::finish_file>().at(0).id, empty);
  w.take(w.logic.file_finished(w.now, empty, "x"));
  ASSERT_TRUE(w.begin("ann", song, 2, 500, 9));
  EXPECT_EQ(w.row(unknown).size, 500U);
  EXPECT_EQ(w.logic.counters().sizes_changed, 0U);
  const auto huge = w.add("ann", "a\\huge", 0);
  w.hear("ann", said::offer{3, "a\\huge", std::uint64_t{1} << 60});
  EXPECT_FALSE(w.said_to<said::response>("ann").back().allowed);
  EXPECT_EQ(w.state(huge), state::failed);
}

TEST(downloads_test, LimitsPerUserAndInAllHoldBack) {
  downloads::options how;
  how.max_running = 2;
  how.max_running_per_user = 1;
  world w(how);
  const auto a = w.add("ann", "a\\1", 10), b = w.add("ann", "a\\2", 10), c = w.add("bob", "b\\1", 10),
             d = w.add("cid", "c\\1", 10);
  for (const auto* user : {"ann", "bob", "cid"}) w.up(user);
  ASSERT_TRUE(w.begin("ann", "a\\1", 1, 10, 1));
  EXPECT_FALSE(w.begin("ann", "a\\2", 2, 10, 2));
  EXPECT_EQ(w.said_to<said::response>("ann").back().reason, "Queued");
  EXPECT_EQ(w.state(b), state::waiting);
  ASSERT_TRUE(w.begin("bob", "b\\1", 1, 10, 3));
  EXPECT_FALSE(w.begin("cid", "c\\1", 1, 10, 4));
  EXPECT_EQ(w.logic.running(), 2U);
  w.forget();
  w.bytes(3, 10);
  w.take(w.logic.file_finished(w.now, c, "x"));
  EXPECT_EQ(w.said_to<said::queue_upload>("cid").size(), 1U) << "there is room now: asked for again";
  EXPECT_TRUE(w.said_to<said::queue_upload>("ann").empty());
  w.bytes(1, 10);
  w.take(w.logic.file_finished(w.now, a, "x"));
  EXPECT_EQ(w.said_to<said::queue_upload>("ann").size(), 1U);
  EXPECT_TRUE(w.begin("cid", "c\\1", 2, 10, 5));
  EXPECT_EQ(w.state(d), state::transferring);
}

TEST(downloads_test, OneUserIsNotAskedForEverythingAtOnce) {
  downloads::options how;
  how.max_asked_per_user = 3;
  world w(how);
  for (int i = 0; i < 10; ++i) w.add("ann", "a\\" + std::to_string(i), 10);
  w.up("ann");
  EXPECT_EQ(w.logic.asked_of("ann"), 3U);
  EXPECT_EQ(w.said_to<said::queue_upload>("ann").size(), 3U);
  ASSERT_TRUE(w.begin("ann", "a\\0", 1, 10, 1));
  EXPECT_EQ(w.logic.asked_of("ann"), 3U);
  EXPECT_EQ(w.said_to<said::queue_upload>("ann").back().path, "a\\3");
}

TEST(downloads_test, PlacesArePolledAndSilenceIsAskedAnew) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  w.hear("ann", said::place{song, 3});
  w.forget();
  w.pass(299s);
  EXPECT_TRUE(w.seen<downloads::say>().empty());
  w.pass(2s);
  EXPECT_EQ(w.said_to<said::place_request>("ann").size(), 1U);
  EXPECT_TRUE(w.said_to<said::queue_upload>("ann").empty());
  w.pass(300s);
  EXPECT_EQ(w.said_to<said::queue_upload>("ann").size(), 1U) << "its queue forgot us";
  EXPECT_EQ(w.state(id), state::waiting);
}

TEST(downloads_test, ALinkThatEndsLosesNoPlace) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  w.hear("ann", said::place{song, 3});
  w.take(w.logic.link_down(w.now, "ann"));
  EXPECT_EQ(w.state(id), state::waiting);
  w.forget();
  w.pass(301s);
  EXPECT_EQ(w.seen<downloads::need_link>().size(), 1U);
  w.up("ann");
  EXPECT_EQ(w.said_to<said::place_request>("ann").size(), 1U);
}

TEST(downloads_test, CommandsAndWhatTheyRefuse) {
  world w;
  const auto id = w.add("ann", song, 1000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  w.bytes(9, 300);
  ASSERT_TRUE(w.take(w.logic.pause(w.now, id)));
  EXPECT_EQ(w.seen<downloads::close_file>().size(), 1U);
  EXPECT_EQ(w.state(id), state::paused);
  EXPECT_EQ(w.stored[id].done, 300U);
  EXPECT_EQ(w.logic.running(), 0U);
  w.hear("ann", said::offer{2, song, 1000});
  EXPECT_EQ(w.said_to<said::response>("ann").back().reason, "Cancelled");
  EXPECT_FALSE(w.take(w.logic.retry(w.now, id)));
  EXPECT_FALSE(w.take(w.logic.clear(w.now, id)));
  ASSERT_TRUE(w.take(w.logic.resume(w.now, id)));
  EXPECT_EQ(w.state(id), state::requested);
  ASSERT_TRUE(w.take(w.logic.cancel(w.now, id)));
  EXPECT_EQ(w.seen<downloads::discard>().at(0).partial, partial_name(id, 0));
  EXPECT_EQ(w.state(id), state::cancelled);
  EXPECT_FALSE(w.take(w.logic.pause(w.now, id)));
  EXPECT_FALSE(w.take(w.logic.cancel(w.now, id)));
  ASSERT_TRUE(w.take(w.logic.retry(w.now, id)));
  ASSERT_TRUE(w.take(w.logic.cancel(w.now, id)));
  ASSERT_TRUE(w.take(w.logic.clear(w.now, id)));
  EXPECT_TRUE(w.stored.empty());
  EXPECT_FALSE(w.take(w.logic.clear(w.now, id)));
  EXPECT_EQ(w.logic.size(), 0U);
}

TEST(downloads_test, MovesWithinTheQueue) {
  world w;
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(w.add("ann", "a\\" + std::to_string(i), 10));
  const auto order = [&] {
    std::string out;
    for (const auto& r : w.logic.list(w.now, 0, 100)) out += r.remote_path.back();
    return out;
  };
  EXPECT_EQ(order(), "01234");
  ASSERT_TRUE(w.take(w.logic.move(w.now, ids[4], 0)));
  EXPECT_EQ(order(), "40123");
  ASSERT_TRUE(w.take(w.logic.move(w.now, ids[0], 3)));
  EXPECT_EQ(order(), "41203");
  ASSERT_TRUE(w.take(w.logic.move(w.now, ids[4], 99)));
  EXPECT_EQ(order(), "12034");
  for (int i = 0; i < 100; ++i)  // more often than there is room between two neighbours
    ASSERT_TRUE(w.take(w.logic.move(w.now, ids[static_cast<std::size_t>(i % 2)], 1)));
  EXPECT_EQ(order(), "01234");
  EXPECT_EQ(w.logic.list(w.now, 1, 2).size(), 2U);
  downloads again;
  for (const auto& [id, row] : w.stored) again.restore(row, std::nullopt);
  std::string out;
  for (const auto& r : again.list(w.now, 0, 100)) out += r.remote_path.back();
  EXPECT_EQ(out, order());
}

TEST(downloads_test, ListsAreBoundedAndTheOldestEndedAreForgotten) {
  downloads::options how;
  how.max_unfinished = 3;
  how.max_finished = 2;
  world w(how);
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(w.add("ann", "a\\" + std::to_string(i), 10));
  EXPECT_EQ(w.add("ann", "a\\9", 10), 0U);
  EXPECT_EQ(w.logic.counters().add_refused, 1U);
  EXPECT_EQ(w.add("ann", "a\\1", 10), ids[1]) << "the same file is the same download";
  for (const auto id : ids) ASSERT_TRUE(w.take(w.logic.cancel(w.now, id)));
  EXPECT_EQ(w.logic.size(), 2U);
  EXPECT_EQ(w.stored.count(ids[0]), 0U);
  EXPECT_EQ(w.logic.counters().finished_forgotten, 1U);
  EXPECT_EQ(w.add("", "x", 1) + w.add("ann", "", 1) + w.add("ann", std::string(5000, 'x'), 1) +
                w.add(std::string(500, 'u'), "x", 1) + w.add("ann", "x", std::uint64_t{1} << 50),
            0U);
}

TEST(downloads_test, ProgressIsToldNowAndThen) {
  world w;
  const auto id = w.add("ann", song, 1'000'000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 1'000'000, 9));
  w.pass(1s);
  w.forget();
  for (int i = 0; i < 1000; ++i) {
    w.bytes(9, 900);
    w.pass(1ms);
  }
  EXPECT_LE(w.seen<downloads::tell>().size(), 4U);
  EXPECT_GE(w.seen<downloads::tell>().size(), 2U);
  w.pass(1s);
  EXPECT_EQ(w.seen<downloads::tell>().back().how.bytes_done, 900'000U) << "the last state is always told";
  EXPECT_GT(w.row(id).rate_bytes_per_s, 100'000U);
}

TEST(downloads_test, CheckpointsSoThatACrashLosesLittle) {
  downloads::options how;
  how.checkpoint_bytes = 1000;
  world w(how);
  const auto id = w.add("ann", song, 10'000);
  w.up("ann");
  ASSERT_TRUE(w.begin("ann", song, 1, 10'000, 9));
  w.bytes(9, 900);
  EXPECT_EQ(w.stored[id].done, 0U);
  ASSERT_TRUE(w.take(w.logic.move(w.now, id, 0)));
  EXPECT_EQ(w.stored[id].done, 0U) << "what isn't synced isn't stored as done";
  w.bytes(9, 200);
  EXPECT_EQ(w.stored[id].done, 1100U);
  EXPECT_TRUE(w.seen<downloads::store>().back().sync);
  EXPECT_EQ(w.seen<downloads::store>().back().partial, partial_name(id, 0));
  w.pass(9s);
  w.bytes(9, 100);
  EXPECT_EQ(w.stored[id].done, 1100U);
  w.pass(1s);
  w.bytes(9, 100);
  EXPECT_EQ(w.stored[id].done, 1300U) << "a slow one too";
}

TEST(downloads_test, EverythingSurvivesARestart) {
  world w;
  const auto moving = w.add("ann", song, 1000, {{"bob", "y\\song.FLAC", 1000}});
  const auto paused = w.add("ann", "a\\2", 10), failed = w.add("cid", "c\\1", 10),
             done = w.add("cid", "c\\2", 10);
  w.up("ann");
  w.up("cid");
  ASSERT_TRUE(w.begin("ann", song, 1, 1000, 9));
  w.bytes(9, 300);
  w.take(w.logic.file_closed(w.now, 9));
  ASSERT_TRUE(w.take(w.logic.pause(w.now, paused)));
  w.hear("cid", said::upload_denied{"c\\1", "Banned"});
  ASSERT_TRUE(w.begin("cid", "c\\2", 1, 10, 10));
  w.bytes(10, 10);
  w.take(w.logic.file_finished(w.now, done, "/f"));

  world again;
  for (const auto& [id, row] : w.stored)
    again.logic.restore(row, id == moving ? std::optional<std::uint64_t>(1000) : std::nullopt);
  again.take(again.logic.start(again.now));
  EXPECT_EQ(again.state(moving), state::queued);
  EXPECT_EQ(again.row(moving).bytes_done, 300U);
  EXPECT_EQ(again.state(paused), state::paused);
  EXPECT_EQ(again.state(failed), state::failed);
  EXPECT_EQ(again.row(failed).reason, "Banned");
  EXPECT_EQ(again.state(done), state::completed);
  EXPECT_EQ(again.row(done).file, "/f");
  again.up("ann");
  ASSERT_TRUE(again.begin("ann", song, 5, 1000, 1));
  EXPECT_EQ(again.seen<downloads::take_file>().at(0).offset_bytes, 300U);
  again.take(again.logic.file_closed(again.now, 1));
  again.hear("ann", said::upload_failed{song});
  again.hear("ann", said::upload_denied{song, "Banned"});
  EXPECT_EQ(again.row(moving).user, "bob") << "other sources too";

  world lost;
  lost.logic.restore(w.stored[moving], std::nullopt);
  EXPECT_EQ(lost.row(moving).bytes_done, 0U) << "somebody removed the partial file";
}

TEST(downloads_test, RowsThatMakeNoSenseAreLeftOut) {
  downloads logic;
  fb::SoulseekDownloadT row;
  logic.restore(row, std::nullopt);
  row.id = 1;
  row.user = "u";
  row.path = "p";
  logic.restore(row, std::nullopt);
  EXPECT_EQ(logic.size(), 0U);
  row.name = "p";
  row.source = 99;
  row.done = 50;
  logic.restore(row, std::nullopt);
  logic.restore(row, std::nullopt);
  row.id = 2;
  logic.restore(row, std::nullopt);
  EXPECT_EQ(logic.size(), 1U) << "an id once, a file once";
}

}  // namespace

}  // namespace vsf::soulseek
