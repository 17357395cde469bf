#include "memory_clients.hpp"

namespace vsf::soulseek::test_server {
namespace {

namespace to = to_server;
namespace from = from_server;

using users_test = memory_clients;

TEST_F(users_test, addresses_with_the_obfuscated_port) {
  const auto alice = join("alice", 2234, 0x0A000001), bob = join("bob");
  say(alice, to::set_wait_port{2234, obfuscated_port<std::uint32_t>{1, 2235}});
  say(bob, to::get_peer_address{"alice"});
  auto got = take<from::get_peer_address>(bob);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got,
            (from::get_peer_address{"alice", 0x0A000001, 2234, obfuscated_port<std::uint16_t>{1, 2235}}));
  say(bob, to::get_peer_address{"nobody"});
  got = take<from::get_peer_address>(bob);
  EXPECT_EQ(got->ip, 0u);
  EXPECT_EQ(got->port, 0u);
}

TEST_F(users_test, of_a_user_behind_a_firewall_others_are_told_a_port_that_nobody_listens_on) {
  const auto alice = join("alice"), bob = join("bob");
  say(alice, to::set_wait_port{2234, obfuscated_port<std::uint32_t>{1, 2235}});
  core_->firewall("alice", told_ports{9, 0});
  say(bob, to::get_peer_address{"alice"});
  EXPECT_EQ(*take<from::get_peer_address>(bob),
            (from::get_peer_address{"alice", 0x01020304, 9, obfuscated_port<std::uint16_t>{0, 0}}));
  say(alice, to::connect_to_peer{1, "bob", connection_type::peer});
  const auto asked = take<from::connect_to_peer>(bob);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->port, 9u);
  EXPECT_EQ(asked->obfuscated, (obfuscated_port<std::uint32_t>{0, 0}));
  core_->firewall("alice", told_ports{0, 10});
  say(bob, to::get_peer_address{"alice"});
  EXPECT_EQ(take<from::get_peer_address>(bob)->obfuscated, (obfuscated_port<std::uint16_t>{1, 10}));
  core_->firewall("alice", std::nullopt);
  say(bob, to::get_peer_address{"alice"});
  EXPECT_EQ(take<from::get_peer_address>(bob)->port, 2234u);
}

TEST_F(users_test, watching_tells_of_status_and_stats_until_unwatched) {
  const auto alice = join("alice"), bob = join("bob");
  say(bob, to::watch_user{"nobody"});
  EXPECT_FALSE(take<from::watch_user>(bob)->known);
  say(bob, to::watch_user{"alice"});
  auto known = take<from::watch_user>(bob)->known;
  ASSERT_TRUE(known);
  EXPECT_EQ(known->status, user_status::online);
  EXPECT_EQ(known->country, "DE");
  say(alice, to::set_status{user_status::away});
  EXPECT_EQ(take<from::get_user_status>(bob)->status, user_status::away);
  say(alice, to::shared_folders_files{3, 70});
  EXPECT_EQ(take<from::get_user_stats>(bob)->stats.files, 70u);
  say(alice, to::send_upload_speed{1000});
  EXPECT_EQ(take<from::get_user_stats>(bob)->stats.average_speed, 1000u);
  say(alice, to::send_upload_speed{3000});
  const auto stats = take<from::get_user_stats>(bob)->stats;
  EXPECT_EQ(stats.average_speed, 2000u);
  EXPECT_EQ(stats.uploads, 2u);
  EXPECT_EQ(stats.folders, 3u);
  say(bob, to::get_user_stats{"alice"});
  EXPECT_EQ(take<from::get_user_stats>(bob)->stats, stats);
  core_->closed(alice, now_);
  pump();
  EXPECT_EQ(take<from::get_user_status>(bob)->status, user_status::offline);
  say(bob, to::watch_user{"alice"});
  known = take<from::watch_user>(bob)->known;
  EXPECT_EQ(known->status, user_status::offline);
  EXPECT_FALSE(known->country);
  EXPECT_EQ(known->stats, stats);
  const auto again = join("alice");
  EXPECT_EQ(take<from::get_user_status>(bob)->status, user_status::online);
  say(bob, to::unwatch_user{"alice"});
  say(again, to::set_status{user_status::away});
  EXPECT_TRUE(heard_nothing(bob));
}

TEST_F(users_test, requests_to_connect_are_relayed_both_ways) {
  const auto alice = join("alice", 2234, 0x0A000001), bob = join("bob");
  say(alice, to::connect_to_peer{77, "bob", connection_type::file});
  const auto asked = take<from::connect_to_peer>(bob);
  ASSERT_TRUE(asked);
  EXPECT_EQ(*asked, (from::connect_to_peer{"alice", connection_type::file, 0x0A000001, 2234, 77, false,
                                           obfuscated_port<std::uint32_t>{}}));
  say(bob, to::cant_connect_to_peer{77, "alice"});
  const auto answer = take<from::cant_connect_to_peer>(alice);
  EXPECT_EQ(answer->token, 77u);
  EXPECT_EQ(answer->username, "bob");
  say(alice, to::connect_to_peer{78, "nobody", connection_type::peer});
  EXPECT_EQ(take<from::cant_connect_to_peer>(alice)->token, 78u);
}

TEST_F(users_test, privileges_last_and_are_given) {
  const auto alice = join("alice"), bob = join("bob");
  say(bob, to::check_privileges{});
  EXPECT_EQ(take<from::check_privileges>(bob)->seconds_left, 0u);
  core_->set_privileges("alice", 3 * 86'400, now_);
  pump();
  forget_all();
  say(alice, to::give_privileges{"bob", 4});
  EXPECT_TRUE(heard_nothing(bob)) << "more than there is";
  say(alice, to::give_privileges{"bob", 2});
  EXPECT_EQ(take<from::check_privileges>(alice)->seconds_left, 86'400u);
  EXPECT_EQ(take<from::check_privileges>(bob)->seconds_left, 2 * 86'400u);
  say(alice, to::get_user_status{"bob"});
  EXPECT_TRUE(take<from::get_user_status>(alice)->privileged);
  const auto carol = open();
  say(carol, make_login("carol", "x", 177, 1));
  EXPECT_EQ(take<from::privileged_users>(carol)->usernames, (std::vector<std::string>{"alice", "bob"}));
  wait(3 * 24h);
  say(alice, to::get_user_status{"bob"});
  EXPECT_FALSE(take<from::get_user_status>(alice)->privileged);
}

TEST_F(users_test, messages_are_sent_again_until_acknowledged) {
  const auto alice = join("alice"), bob = join("bob");
  say(alice, to::message_user{"bob", "first"});
  const auto first = take<from::message_user>(bob);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->username, "alice");
  EXPECT_EQ(first->timestamp, 1'700'000'000u);
  EXPECT_EQ(first->is_new, true);
  core_->closed(bob, now_);
  say(alice, to::message_users{{"bob", "nobody"}, "second"});
  const auto back = open();
  say(back, make_login("bob", "pass-bob", 177, 1));
  const auto again = take<from::message_user>(back), second = take<from::message_user>(back);
  ASSERT_TRUE(again && second);
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(again->is_new, false);
  EXPECT_EQ(second->message, "second");
  say(back, to::message_acked{again->id});
  core_->closed(back, now_);
  const auto third = open();
  say(third, make_login("bob", "pass-bob", 177, 1));
  EXPECT_EQ(take<from::message_user>(third)->message, "second");
  EXPECT_FALSE(take<from::message_user>(third));
}

TEST_F(users_test, interests_make_recommendations) {
  const auto alice = join("alice"), bob = join("bob"), carol = join("carol");
  for (const auto* item : {"jazz", "blues"}) say(alice, to::add_thing_i_like{item});
  for (const auto* item : {"jazz", "dub"}) say(bob, to::add_thing_i_like{item});
  say(bob, to::add_thing_i_hate{"polka"});
  say(carol, to::add_thing_i_like{"dub"});
  say(alice, to::recommendations{});
  const auto mine = take<from::recommendations>(alice);
  ASSERT_EQ(mine->liked.size(), 1u);
  EXPECT_EQ(mine->liked[0], (from::recommendation{"dub", 1}));
  ASSERT_EQ(mine->hated.size(), 1u);
  EXPECT_EQ(mine->hated[0], (from::recommendation{"polka", -1}));
  say(alice, to::global_recommendations{});
  const auto all = take<from::global_recommendations>(alice);
  ASSERT_EQ(all->liked.size(), 3u);
  EXPECT_EQ(all->liked[0], (from::recommendation{"dub", 2}));
  say(alice, to::user_interests{"bob"});
  EXPECT_EQ(*take<from::user_interests>(alice), (from::user_interests{"bob", {"dub", "jazz"}, {"polka"}}));
  say(alice, to::similar_users{});
  EXPECT_EQ(take<from::similar_users>(alice)->users, (std::vector<from::similar_user>{{"bob", 1}}));
  say(alice, to::item_recommendations{"jazz"});
  EXPECT_EQ(take<from::item_recommendations>(alice)->recommended.size(), 2u);
  say(alice, to::item_similar_users{"dub"});
  EXPECT_EQ(take<from::item_similar_users>(alice)->usernames, (std::vector<std::string>{"bob", "carol"}));
  say(bob, to::remove_thing_i_like{"jazz"});
  say(bob, to::remove_thing_i_hate{"polka"});
  say(alice, to::recommendations{});
  EXPECT_TRUE(take<from::recommendations>(alice)->liked.empty());
}

}  // namespace
}  // namespace vsf::soulseek::test_server
