#include <gtest/gtest.h>

#include "tests/actors/soulseek/uploads_world.hpp"

namespace vsf::soulseek {

namespace {

using namespace std::chrono_literals;
using state = fb::SoulseekTransferState;
constexpr std::uint32_t kib = 1024;
using world = uploads_world;

TEST(uploads_test, AFileFromTheRequestToTheSpeedReport) {
  world w;
  w.ask("ann", "f/1000000");
  const auto offer = w.offer("ann");
  EXPECT_EQ(offer.path, "f/1000000");
  EXPECT_EQ(offer.size_bytes, 1'000'000U);
  EXPECT_EQ(w.logic.active(), 1U);
  w.allow("ann");
  const auto opened = w.seen<uploads::open_file_link>().at(0);
  EXPECT_EQ(opened.token, offer.token);
  EXPECT_EQ(opened.local, "f/1000000");
  w.take(w.logic.offset(w.now, opened.id, 400'000));
  EXPECT_EQ(w.seen<uploads::send_bytes>().at(0).offset_bytes, 400'000U);
  w.now += 2s;
  EXPECT_EQ(w.drain(opened.id), 600'000U);
  EXPECT_EQ(w.logic.active(), 1U) << "the downloader closes";
  w.take(w.logic.file_closed(w.now, opened.id));
  EXPECT_EQ(w.state_of(opened.id), state::completed);
  EXPECT_EQ(w.seen<uploads::report_speed>().at(0).bytes_per_s, 300'000U);
  EXPECT_EQ(w.logic.active(), 0U);
  EXPECT_EQ(w.logic.counters().bytes_sent, 600'000U);
  EXPECT_TRUE(w.said_to<said::upload_failed>("ann").empty());
  EXPECT_EQ(w.logic.average_speed_bytes_per_s(), 0U) << "too few bytes to say";
}

TEST(uploads_test, LegacyRequestsAreQueuedAndNeverAllowed) {
  world w;
  w.hear("ann", said::legacy_request{77, "f/10"});
  const auto answer = w.said_to<said::response>("ann").at(0);
  EXPECT_EQ(answer.token, 77U);
  EXPECT_FALSE(answer.allowed);
  EXPECT_EQ(answer.reason, "Queued");
  EXPECT_NE(w.offer("ann").token, 77U) << "a token of our own";
  w.hear("ann", said::legacy_request{78, "deny/1"});
  EXPECT_EQ(w.denial("ann"), "File not shared.");
  transfer_bans bans;
  ASSERT_TRUE(bans.add_user("bob"));
  w.take(w.logic.set_bans(w.now, bans));
  w.hear("bob", said::legacy_request{1, "f/10"});
  EXPECT_EQ(w.said_to<said::response>("bob").at(0).reason, "Banned");
}

TEST(uploads_test, RefusalsHaveTheirExactReasons) {
  uploads::options how;
  how.max_files_per_user = 2;
  how.max_bytes_per_user = 1000;
  world w(how);
  w.ask("ann", "deny/1");
  EXPECT_EQ(w.denial("ann"), "File not shared.");
  w.ask("ann", "f/600");
  w.ask("ann", "f/601");
  EXPECT_EQ(w.denial("ann"), "Too many megabytes");
  w.ask("ann", "f/1");
  w.ask("ann", "f/2");
  EXPECT_EQ(w.denial("ann"), "Too many files");
  w.ask("bob", "f/1001");
  EXPECT_EQ(w.denial("bob"), "Too many megabytes");
  transfer_bans bans;
  ASSERT_TRUE(bans.add_network("192.0.2.0/24"));
  w.take(w.logic.set_bans(w.now, bans));
  EXPECT_EQ(w.denial("ann"), "Banned") << "what it had is gone too";
  EXPECT_EQ(w.logic.active() + w.logic.queue_length(), 0U);
  w.ask("cid", "f/5");
  EXPECT_EQ(w.denial("cid"), "Banned");
  w.take(w.logic.set_bans(w.now, {}));
  w.ask("cid", "f/5");
  w.take(w.logic.shut_down(w.now));
  EXPECT_EQ(w.denial("cid"), "Pending shutdown.");
  w.ask("dan", "f/5");
  EXPECT_EQ(w.denial("dan"), "Pending shutdown.");
  EXPECT_EQ(w.logic.counters().refused.at(refusal::too_many_megabytes), 2U);
}

TEST(uploads_test, SlotsInAllAndPerUser) {
  world w;
  for (const auto* path : {"f/1", "f/2", "f/3"}) w.ask("ann", path);
  EXPECT_EQ(w.logic.active_of("ann"), 1U);
  w.ask("bob", "f/1");
  w.ask("cid", "f/1");
  EXPECT_EQ(w.logic.active(), 2U);
  EXPECT_EQ(w.logic.queue_length(), 3U);
  EXPECT_FALSE(w.logic.free_slot());
  w.take(w.logic.set_limits(w.now, 5, 1, 0, 0));
  EXPECT_EQ(w.logic.active(), 3U);
  EXPECT_EQ(w.logic.active_of("ann"), 1U);
}

TEST(uploads_test, UsersTakeTurns) {
  uploads::options how;
  how.slots = 1;
  world w(how);
  for (const auto* path : {"f/1", "f/2", "f/3"}) w.ask("ann", path);
  for (const auto* path : {"f/1", "f/2"}) w.ask("bob", path);
  w.ask("cid", "f/1");
  EXPECT_EQ(w.order(6), "ann bob cid ann bob ann ");
}

TEST(uploads_test, InTheOrderOfRequests) {
  uploads::options how;
  how.slots = 1;
  how.in_order_of_requests = true;
  world w(how);
  for (const auto* path : {"f/1", "f/2", "f/3"}) w.ask("ann", path);
  w.ask("bob", "f/1");
  EXPECT_EQ(w.logic.place_of("bob", "f/1"), 3U);
  EXPECT_EQ(w.order(4), "ann ann ann bob ");
}

TEST(uploads_test, PrivilegedUsersAndBuddiesFirst) {
  uploads::options how;
  how.slots = 1;
  how.buddies_first = true;
  world w(how);
  w.logic.set_privileged({"pia"});
  w.logic.add_privileged("pol");
  w.logic.set_buddies({"bob"});
  for (const auto* user : {"ann", "cid", "bob", "pia", "pol"}) w.ask(user, "f/1");
  w.ask("pia", "f/2");
  EXPECT_EQ(w.logic.place_of("bob", "f/1"), 4U);
  EXPECT_EQ(w.logic.place_of("cid", "f/1"), 5U);
  EXPECT_EQ(w.order(6), "ann pia pol pia bob cid ");
}

TEST(uploads_test, PlacesAreWhatTheTurnsWillBe) {
  uploads::options how;
  how.slots = 1;
  world w(how);
  w.ask("zoe", "f/9");  // has the slot
  for (const auto* path : {"f/1", "f/2", "f/3"}) w.ask("ann", path);
  for (const auto* path : {"f/1", "f/2"}) w.ask("bob", path);
  w.ask("cid", "f/1");
  w.hear("ann", said::place_request{"f/3"});
  EXPECT_EQ(w.said_to<said::place>("ann").at(0).place, 6U);
  EXPECT_EQ(w.logic.place_of("ann", "f/1"), 1U);
  EXPECT_EQ(w.logic.place_of("bob", "f/1"), 2U);
  EXPECT_EQ(w.logic.place_of("cid", "f/1"), 3U);
  EXPECT_EQ(w.logic.place_of("ann", "f/2"), 4U);
  EXPECT_EQ(w.logic.place_of("bob", "f/2"), 5U);
  EXPECT_EQ(w.logic.place_of("zoe", "f/9"), 0U) << "it has begun";
  w.hear("eve", said::place_request{"f/1"});
  EXPECT_TRUE(w.said_to<said::place>("eve").empty());
}

TEST(uploads_test, NoAnswerIsTriedThreeTimesAndThenTold) {
  world w;
  w.ask("ann", "f/1");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(w.logic.active(), 1U) << i;
    w.pass(31s);
    EXPECT_EQ(w.logic.active(), 0U) << i;
    EXPECT_EQ(w.said_to<said::upload_failed>("ann").size(), i < 2 ? 0U : 1U) << i;
    w.pass(180s);
  }
  EXPECT_EQ(w.said_to<said::upload_failed>("ann").size(), 1U);
  EXPECT_EQ(w.logic.queue_length(), 0U);
  EXPECT_EQ(w.logic.counters().timed_out, 3U);
  w.hear("ann", said::response{w.offer("ann").token, true, {}});
  EXPECT_TRUE(w.seen<uploads::open_file_link>().empty()) << "too late";
}

TEST(uploads_test, TheFileLinkHasItsTimeToo) {
  world w;
  w.ask("ann", "f/1");
  w.allow("ann");
  w.pass(31s);
  EXPECT_EQ(w.seen<uploads::close_file_link>().size(), 1U);
  EXPECT_EQ(w.logic.active(), 0U);
  w.take(w.logic.offset(w.now, w.link(), 0));
  EXPECT_EQ(w.logic.active(), 0U);
  w.ask("ann", "f/1");
  EXPECT_EQ(w.logic.active(), 1U) << "asked again: the wait is over";
  w.allow("ann");
  w.take(w.logic.file_link_failed(w.now, w.link()));
  EXPECT_EQ(w.logic.active(), 0U);
  EXPECT_EQ(w.logic.queue_length(), 1U);
  w.pass(181s);
  w.take(w.logic.link_failed(w.now, "ann"));
  EXPECT_EQ(w.said_to<said::upload_failed>("ann").size(), 1U);
  EXPECT_EQ(w.logic.queue_length() + w.logic.active(), 0U);
}

TEST(uploads_test, AStallIsBrokenOffAndTold) {
  world w;
  const auto id = w.begin("ann", "f/10000000");
  w.drain(id);
  w.pass(59s);
  EXPECT_EQ(w.logic.active(), 1U);
  w.pass(2s);
  EXPECT_EQ(w.logic.active(), 0U);
  EXPECT_EQ(w.said_to<said::upload_failed>("ann").size(), 1U);
  EXPECT_EQ(w.seen<uploads::close_file_link>().size(), 1U);
  EXPECT_EQ(w.logic.counters().stalled, 1U);
}

TEST(uploads_test, AnAbruptEndIsTold) {
  world w;
  const auto id = w.begin("ann", "f/1000000");
  w.take(w.logic.file_closed(w.now, id));
  EXPECT_EQ(w.said_to<said::upload_failed>("ann").at(0).path, "f/1000000");
  EXPECT_EQ(w.state_of(id), state::failed);
  w.ask("ann", "f/1000000");
  EXPECT_EQ(w.logic.active(), 1U) << "it may ask again";
}

TEST(uploads_test, OffsetsBeyondTheSizeAreRefused) {
  world w;
  w.ask("ann", "f/100");
  w.allow("ann");
  w.take(w.logic.offset(w.now, w.link(), 101));
  EXPECT_EQ(w.denial("ann"), "Cancelled");
  EXPECT_EQ(w.logic.counters().offsets_refused, 1U);
  EXPECT_EQ(w.seen<uploads::close_file_link>().size(), 1U);
  EXPECT_TRUE(w.seen<uploads::send_bytes>().empty());
  w.ask("ann", "f/100");
  w.allow("ann");
  w.take(w.logic.offset(w.now, w.link(), 100));
  EXPECT_TRUE(w.seen<uploads::send_bytes>().empty());
  w.take(w.logic.file_closed(w.now, w.link()));
  EXPECT_EQ(w.logic.counters().completed, 1U) << "it had all of it";
  EXPECT_TRUE(w.seen<uploads::report_speed>().empty());
}

TEST(uploads_test, AnEmptyFileIsOverWhenNobodyCloses) {
  world w;
  const auto id = w.begin("ann", "f/0");
  EXPECT_EQ(w.state_of(id), state::transferring);
  w.pass(3s);
  EXPECT_EQ(w.state_of(id), state::completed);
  EXPECT_EQ(w.seen<uploads::close_file_link>().size(), 1U);
  EXPECT_TRUE(w.said_to<said::upload_failed>("ann").empty());
}

TEST(uploads_test, WhatTheDownloaderAnswersCounts) {
  world w;
  w.ask("ann", "f/1");
  w.hear("eve", said::response{w.offer("ann").token, true, {}});
  EXPECT_EQ(w.logic.counters().ignored, 1U) << "not eve's token";
  w.hear("ann", said::response{w.offer("ann").token, false, "Queued"});
  EXPECT_EQ(w.logic.active(), 0U);
  EXPECT_EQ(w.logic.queue_length(), 1U) << "kept";
  w.pass(299s);
  EXPECT_EQ(w.logic.active(), 0U);
  w.pass(2s);
  EXPECT_EQ(w.logic.active(), 1U);
  w.hear("ann", said::response{w.offer("ann").token, false, "Queued"});
  w.ask("ann", "f/1");
  EXPECT_EQ(w.logic.active(), 1U) << "it is ready again";
  w.hear("ann", said::response{w.offer("ann").token, false, "Cancelled"});
  EXPECT_EQ(w.logic.active() + w.logic.queue_length(), 0U);
  EXPECT_EQ(w.logic.list(w.now, 0, 1).at(0).state, state::cancelled);
  w.ask("ann", "f/2");
  w.hear("ann", said::response{w.offer("ann").token, false, "Complete"});
  EXPECT_EQ(w.logic.list(w.now, 0, 1).at(0).state, state::completed);
  w.ask("ann", "f/3");
  w.hear("ann", said::response{w.offer("ann").token, false, "I don't like it\n"});
  EXPECT_EQ(w.logic.list(w.now, 0, 1).at(0).reason, "I don't like it");
  EXPECT_EQ(w.logic.active() + w.logic.queue_length(), 0U);
}

TEST(uploads_test, AFileThatCannotBeReadIsDenied) {
  world w;
  const auto id = w.begin("ann", "f/1000000");
  w.take(w.logic.read_failed(w.now, id));
  EXPECT_EQ(w.denial("ann"), "File read error.");
  EXPECT_EQ(w.seen<uploads::close_file_link>().size(), 1U);
  EXPECT_EQ(w.logic.active(), 0U);
}

TEST(uploads_test, WhoLogsOffIsForgottenButForWhatMoves) {
  world w;
  const auto id = w.begin("ann", "f/1000000");
  w.ask("ann", "f/2");
  w.ask("bob", "f/2");
  w.take(w.logic.user_gone(w.now, "ann"));
  w.take(w.logic.user_gone(w.now, "bob"));
  EXPECT_EQ(w.logic.active(), 1U);
  EXPECT_EQ(w.logic.queue_length(), 0U);
  w.complete(id);
  EXPECT_EQ(w.logic.counters().completed, 1U);
}

TEST(uploads_test, ThousandsOfRequestsAreBoundedCountedAndNotedOnce) {
  world w;
  for (int i = 0; i < 18'000; ++i) {
    w.ask("ann", "f/" + std::to_string(i));
    w.pass(50ms);
  }
  EXPECT_LE(w.logic.queue_length() + w.logic.active(), 500U);
  EXPECT_LE(w.seen<uploads::say>().size(), 3'600U);
  EXPECT_EQ(w.seen<uploads::note>().size(), 1U);
  EXPECT_EQ(w.logic.counters().requests_dropped, 15'000U);
  EXPECT_EQ(w.denial("ann"), "Too many files");
  w.ask("bob", "f/1");
  EXPECT_EQ(w.logic.active_of("bob"), 1U) << "others don't notice";
  w.pass(1s);
  w.ask("ann", "f/1000000");
  EXPECT_EQ(w.logic.counters().requests_dropped, 15'000U) << "after a while it is heard again";
}

TEST(uploads_test, ManyUsersAreBounded) {
  uploads::options how;
  how.max_users = 10;
  world w(how);
  for (int i = 0; i < 100; ++i) w.ask("u" + std::to_string(i), "deny/1");
  EXPECT_LE(w.logic.users(), 10U);
  for (int i = 0; i < 100; ++i) w.ask("v" + std::to_string(i), "f/1");
  EXPECT_LE(w.logic.users(), 10U);
  EXPECT_EQ(w.denial("v99"), "Too many files");
}

TEST(uploads_test, LookupsAreBoundedAndRepeatsAreOne) {
  uploads::options how;
  how.max_lookups = 3;
  crypto::seeded_random random{1};
  uploads logic(how, random);
  std::size_t looks = 0, denied = 0;
  for (int i = 0; i < 10; ++i)
    for (const auto& e : logic.message(1s, "ann", {}, said::queue_upload{"p" + std::to_string(i / 2)})) {
      if (std::holds_alternative<uploads::look_up>(e)) ++looks;
      if (std::holds_alternative<uploads::say>(e)) ++denied;
    }
  EXPECT_EQ(looks, 3U);
  EXPECT_EQ(denied, 4U);
  EXPECT_EQ(logic.counters().requests_repeated, 3U);
  EXPECT_TRUE(logic.looked_up(1s, 99, {}).empty());
}

TEST(uploads_test, SpeedLimitsHold) {
  uploads::options how;
  how.slots = 2;
  how.rate_bytes_per_s = 200 * kib;
  how.upload_rate_bytes_per_s = 150 * kib;
  world w(how);
  const auto a = w.begin("ann", "f/100000000"), b = w.begin("bob", "f/200000000");
  std::uint64_t from_a = w.drain(a), from_b = w.drain(b);
  from_a = from_b = 0;
  for (int i = 0; i < 200; ++i) {
    w.pass(100ms);
    from_a += w.drain(a);
    from_b += w.drain(b);
  }
  EXPECT_LE(from_a + from_b, 21 * 200ULL * kib);
  EXPECT_GE(from_a + from_b, 19 * 200ULL * kib);
  EXPECT_LE(from_a, 21 * 150ULL * kib);
  EXPECT_GE(from_a, 7 * 200ULL * kib) << "they share";
  EXPECT_GE(from_b, 7 * 200ULL * kib);
  EXPECT_EQ(w.logic.active(), 2U) << "waiting for us is no stall";
  w.take(w.logic.set_limits(w.now, 2, 1, 0, 0));
  w.pass(1s);
  EXPECT_GT(w.drain(a), 50'000'000U);
}

TEST(uploads_test, AverageSpeedIsOfTheLastTen) {
  world w;
  for (int i = 0; i < 15; ++i) {
    const auto id = w.begin("ann", "f/2000000");
    w.now += i < 5 ? 1s : 2s;
    w.complete(id);
  }
  EXPECT_EQ(w.logic.average_speed_bytes_per_s(), 1'000'000U);
  EXPECT_TRUE(w.logic.free_slot());
  EXPECT_EQ(w.logic.queue_length(), 0U);
}

TEST(uploads_test, CancelAndClear) {
  uploads::options how;
  how.slots = 1;
  how.max_history = 2;
  world w(how);
  const auto id = w.begin("ann", "f/1000000");
  w.ask("bob", "f/5");
  EXPECT_FALSE(w.logic.clear(id));
  auto done = w.logic.cancel(w.now, id);
  ASSERT_TRUE(done);
  w.take(std::move(*done));
  EXPECT_EQ(w.denial("ann"), "Cancelled");
  EXPECT_EQ(w.logic.active_of("bob"), 1U) << "the slot is free";
  EXPECT_FALSE(w.logic.cancel(w.now, id));
  EXPECT_FALSE(w.logic.cancel(w.now, 99));
  EXPECT_TRUE(w.logic.clear(id));
  EXPECT_FALSE(w.logic.clear(id));
  for (int i = 0; i < 5; ++i) {
    w.take(w.logic.user_gone(w.now, "bob"));
    w.ask("bob", "f/5");
  }
  EXPECT_LE(w.logic.size(), 3U);
}

TEST(uploads_test, NonsenseIsIgnored) {
  world w;
  w.ask("", "f/1");
  w.ask(std::string(1000, 'u'), "f/1");
  w.ask("ann", "");
  w.ask("ann", std::string(100'000, 'p'));
  w.hear("ann", said::offer{1, "x", 1});
  w.take(w.logic.offset(w.now, 5, 0));
  w.take(w.logic.sent(w.now, 5, 1));
  w.take(w.logic.file_closed(w.now, 5));
  w.take(w.logic.read_failed(w.now, 5));
  w.take(w.logic.link_failed(w.now, "x"));
  w.take(w.logic.tick(w.now));
  EXPECT_TRUE(w.all.empty());
  EXPECT_EQ(w.logic.counters().ignored, 5U);
}

}  // namespace

}  // namespace vsf::soulseek
