#include "actors/soulseek/rooms.hpp"

#include <gtest/gtest.h>

#include "tests/actors/soulseek/social_world.hpp"

namespace vsf::soulseek {
namespace {

using namespace std::chrono_literals;
using test::all;
using test::told;

from_server::room_user user(const std::string& name, std::uint32_t speed = 1000) {
  return {name, user_status::online, {speed, 2, 3, 4}, 1, "DE"};
}

class soulseek_rooms : public testing::Test {
 protected:
  void SetUp() override {
    it.on_online(out);
    ASSERT_TRUE(it.join("jazz", false, out));
    it.hear(from_server::join_room{"jazz", {user("ann"), user("bob")}, {}}, out);
  }
  fb::SoulseekRoomAnswerT jazz(std::uint32_t offset = 0, std::uint32_t limit = 100) {
    return it.describe("jazz", offset, limit);
  }
  void come_back() {
    it.on_offline();
    out.clear();
    it.on_online(out);
  }

  rooms it;
  social_effects out;
};

TEST_F(soulseek_rooms, a_joined_room_is_joined_again_after_a_reconnect_and_a_restart) {
  ASSERT_TRUE(it.join("den", true, out));
  test::disk disk;
  disk.take(out);
  come_back();
  const std::vector<to_server::join_room> both{{"den", true}, {"jazz", false}};
  EXPECT_EQ(told<to_server::join_room>(out), both);
  EXPECT_FALSE(jazz().joined) << "the server hasn't answered yet";
  EXPECT_TRUE(jazz().users.empty());
  rooms later;
  for (auto& row : disk.rows()) later.restore(*row.kept.AsSoulseekJoinedRoom());
  out.clear();
  later.on_online(out);
  EXPECT_EQ(told<to_server::join_room>(out), both);
}

TEST_F(soulseek_rooms, users_come_go_and_change) {
  it.hear(from_server::user_joined_room{"jazz", user("cid")});
  it.hear(from_server::user_left_room{"jazz", "bob"});
  it.hear(from_server::get_user_status{"cid", user_status::away, false});
  it.hear(from_server::get_user_stats{"cid", {77, 8, 9, 10}});
  const auto now = jazz();
  ASSERT_EQ(now.users.size(), 2u);
  EXPECT_EQ(now.users_total, 2u);
  const auto& cid = *now.users[1];
  EXPECT_EQ(cid.user, "cid");
  EXPECT_EQ(cid.stats->status, fb::SoulseekPresence::away);
  EXPECT_EQ(cid.stats->speed_bytes_per_s, 77u);
  EXPECT_EQ(cid.stats->folders, 10u);
  EXPECT_EQ(cid.stats->country, "DE");
  EXPECT_EQ(jazz(1, 1).users.at(0)->user, "cid");
  EXPECT_EQ(jazz(2, 1).users.size(), 0u);
}

TEST_F(soulseek_rooms, what_is_said_is_kept_up_to_a_bound) {
  for (int i = 0; i < 250; ++i)
    it.hear(from_server::say_chatroom{"jazz", "ann", std::to_string(i)}, 5000, out);
  const auto now = jazz();
  ASSERT_EQ(now.messages.size(), 200u);
  EXPECT_EQ(now.messages.front()->text, "50");
  EXPECT_EQ(now.messages.back()->at_ms, 5000u);
  EXPECT_EQ(it.counters().messages_dropped, 50u);
  const auto events = all<social_event>(out);
  EXPECT_EQ(events.back().subject, "soulseek/room/jazz");
  EXPECT_EQ(events.back().text, "ann: 249");
  it.hear(from_server::say_chatroom{"elsewhere", "ann", "x"}, 5000, out);
  EXPECT_EQ(it.counters().unasked, 1u);
}

TEST_F(soulseek_rooms, tickers) {
  it.hear(from_server::room_tickers{"jazz", {{"ann", "hi"}, {"bob", "ho"}}});
  it.hear(from_server::room_ticker_added{"jazz", "cid", "hey"});
  it.hear(from_server::room_ticker_removed{"jazz", "bob"});
  const auto now = jazz();
  ASSERT_EQ(now.tickers.size(), 2u);
  EXPECT_EQ(now.tickers[1]->user, "cid");
  EXPECT_EQ(now.tickers[1]->text, "hey");
  out.clear();
  ASSERT_TRUE(it.set_ticker("jazz", "", out));
  EXPECT_EQ(told<to_server::set_room_ticker>(out).at(0).room, "jazz");
}

TEST_F(soulseek_rooms, speaking_needs_a_room_that_let_us_in) {
  out.clear();
  ASSERT_TRUE(it.say("jazz", "hello", out));
  EXPECT_EQ(told<to_server::say_chatroom>(out).at(0).message, "hello");
  EXPECT_FALSE(it.say("jazz", "", out));
  EXPECT_FALSE(it.say("jazz", std::string(3000, 'x'), out));
  EXPECT_FALSE(it.say("blues", "hello", out));
  come_back();
  const auto refused = it.say("jazz", "hello", out);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("not let"), std::string::npos);
}

TEST_F(soulseek_rooms, leaving_being_refused_and_being_put_out_end_it_for_good) {
  test::disk disk;
  ASSERT_TRUE(it.join("a", false, out));
  ASSERT_TRUE(it.join("b", true, out));
  ASSERT_TRUE(it.join("c", true, out));
  it.hear(from_server::join_room{"c", {}, from_server::private_room_staff{"own", {"op"}}}, out);
  EXPECT_EQ(it.describe("c", 0, 1).owner, "own");
  EXPECT_EQ(it.describe("c", 0, 1).operators, std::vector<std::string>{"op"});
  disk.take(out);
  EXPECT_EQ(disk.rows().size(), 4u);
  out.clear();
  ASSERT_TRUE(it.leave("a", out));
  EXPECT_EQ(told<to_server::leave_room>(out).at(0).room, "a");
  it.hear(from_server::leave_room{"a"}, out);
  EXPECT_TRUE(all<social_event>(out).empty()) << "as asked for";
  it.hear(from_server::cant_create_room{"b"}, out);
  it.hear(from_server::leave_room{"c"}, out);
  EXPECT_EQ(all<social_event>(out).size(), 2u);
  disk.take(out);
  EXPECT_EQ(disk.rows().size(), 1u);
  come_back();
  EXPECT_EQ(told<to_server::join_room>(out).size(), 1u);
  EXPECT_FALSE(it.leave("a", out));
}

TEST_F(soulseek_rooms, the_list_is_asked_for_when_it_is_old) {
  out.clear();
  it.refresh(1h, out);
  it.refresh(1h + 29s, out);
  EXPECT_EQ(told<to_server::room_list>(out).size(), 1u);
  it.refresh(1h + 30s, out);
  EXPECT_EQ(told<to_server::room_list>(out).size(), 2u);
}

TEST_F(soulseek_rooms, the_list_has_ours_first_then_the_largest) {
  it.hear(from_server::room_list{
      {{"blues", 5}, {"rock", 50}, {"jazz", 9}}, {{"mine", 1}}, {{"theirs", 2}}, {"theirs"}});
  const auto list = it.list(0, 100);
  std::vector<std::string> names;
  for (const auto& r : list.rooms) names.push_back(r->room);
  EXPECT_EQ(names, (std::vector<std::string>{"jazz", "rock", "blues", "theirs", "mine"}));
  EXPECT_EQ(list.rooms[0]->users, 2u) << "as it is, not as it was listed";
  EXPECT_TRUE(list.rooms[0]->joined);
  EXPECT_EQ(list.rooms[3]->kind, fb::SoulseekRoomKind::member);
  EXPECT_TRUE(list.rooms[3]->operated);
  EXPECT_EQ(list.rooms[4]->kind, fb::SoulseekRoomKind::owned);
  EXPECT_EQ(it.list(1, 2).rooms.at(1)->room, "blues");
  EXPECT_EQ(it.list(1, 2).total, 5u);
}

TEST(soulseek_rooms_bounds, hold) {
  room_options options;
  options.joined = 2;
  options.users = options.tickers = options.listed = options.staff = 3;
  rooms it(options);
  social_effects out;
  it.on_online(out);
  EXPECT_FALSE(it.join("", false, out));
  EXPECT_FALSE(it.join(std::string(129, 'x'), false, out));
  ASSERT_TRUE(it.join("a", false, out));
  ASSERT_TRUE(it.join("b", false, out));
  EXPECT_FALSE(it.join("c", false, out));
  EXPECT_TRUE(it.join("b", false, out)) << "again";
  from_server::join_room joined{"a", {}, from_server::private_room_staff{"o", {}}};
  from_server::room_tickers tickers{"a", {}};
  from_server::room_list list;
  for (int i = 0; i < 5; ++i) {
    const auto name = std::to_string(i);
    joined.users.push_back(user(name));
    joined.staff->operators.push_back(name);
    tickers.tickers.push_back({name, "x"});
    list.rooms.push_back({name, 1});
  }
  it.hear(joined, out);
  it.hear(tickers);
  it.hear(list);
  const auto now = it.describe("a", 0, 100);
  EXPECT_EQ(now.users.size(), 3u);
  EXPECT_EQ(now.tickers.size(), 3u);
  EXPECT_EQ(now.operators.size(), 3u);
  EXPECT_EQ(it.list(0, 100).total, 5u);
  EXPECT_EQ(it.counters().dropped, 8u);
}

}  // namespace
}  // namespace vsf::soulseek
