#include "memory_clients.hpp"

namespace vsf::soulseek::test_server {
namespace {

namespace to = to_server;
namespace from = from_server;

using rooms_test = memory_clients;

TEST_F(rooms_test, joining_talking_and_leaving) {
  const auto alice = join("alice"), bob = join("bob"), carol = join("carol");
  say(carol, to::join_global_room{});
  say(alice, to::join_room{"den", false});
  EXPECT_EQ(take<from::join_room>(alice)->users.size(), 1u);
  EXPECT_TRUE(take<from::room_tickers>(alice));
  say(bob, to::join_room{"den", false});
  EXPECT_EQ(take<from::join_room>(bob)->users.size(), 2u);
  EXPECT_EQ(take<from::user_joined_room>(alice)->user.username, "bob");
  say(bob, to::say_chatroom{"den", "hello"});
  for (const auto id : {alice, bob})
    EXPECT_EQ(take<from::say_chatroom>(id), (from::say_chatroom{"den", "bob", "hello"}));
  EXPECT_EQ(take<from::global_room_message>(carol), (from::global_room_message{"den", "bob", "hello"}));
  say(carol, to::leave_global_room{});
  say(carol, to::say_chatroom{"den", "from outside"});
  EXPECT_TRUE(heard_nothing(alice) && heard_nothing(carol));
  say(carol, to::room_list{});
  EXPECT_EQ(take<from::room_list>(carol)->rooms, (std::vector<from::listed_room>{{"den", 2}}));
  say(bob, to::set_status{user_status::away});
  EXPECT_EQ(take<from::get_user_status>(alice)->status, user_status::away);
  say(alice, to::leave_room{"den"});
  EXPECT_TRUE(take<from::leave_room>(alice));
  EXPECT_EQ(take<from::user_left_room>(bob)->username, "alice");
  say(alice, to::join_room{"den", false});
  core_->closed(bob, now_);
  pump();
  EXPECT_EQ(take<from::user_left_room>(alice)->username, "bob");
  say(alice, to::join_room{std::string(25, 'x'), false});
  EXPECT_TRUE(take<from::cant_create_room>(alice));
}

TEST_F(rooms_test, tickers_stay) {
  const auto alice = join("alice"), bob = join("bob");
  say(alice, to::join_room{"den", false});
  say(alice, to::set_room_ticker{"den", "hi"});
  EXPECT_EQ(take<from::room_ticker_added>(alice)->text, "hi");
  core_->closed(alice, now_);
  say(bob, to::join_room{"den", false});
  EXPECT_EQ(take<from::room_tickers>(bob)->tickers, (std::vector<from::ticker>{{"alice", "hi"}}));
  const auto again = join("alice");
  say(again, to::join_room{"den", false});
  say(again, to::set_room_ticker{"den", ""});
  EXPECT_EQ(take<from::room_ticker_removed>(bob)->username, "alice");
}

TEST_F(rooms_test, a_private_room_is_for_its_members) {
  const auto alice = join("alice"), bob = join("bob"), carol = join("carol");
  say(alice, to::join_room{"club", true});
  EXPECT_EQ(take<from::join_room>(alice)->staff->owner, "alice");
  say(bob, to::join_room{"club", false});
  EXPECT_TRUE(take<from::cant_create_room>(bob));
  say(alice, to::private_room_add_user{"club", "bob"});
  EXPECT_TRUE(heard_nothing(bob)) << "takes no invitations";
  say(bob, to::enable_room_invitations{true});
  EXPECT_TRUE(take<from::enable_room_invitations>(bob)->enable);
  say(alice, to::private_room_add_user{"club", "bob"});
  EXPECT_TRUE(take<from::private_room_added>(bob));
  say(bob, to::join_room{"club", false});
  EXPECT_TRUE(take<from::join_room>(bob));
  EXPECT_EQ(take<from::private_room_users>(bob)->usernames, std::vector<std::string>{"bob"});
  say(bob, to::room_list{});
  EXPECT_EQ(take<from::room_list>(bob)->member_of.size(), 1u);
  say(carol, to::room_list{});
  EXPECT_TRUE(take<from::room_list>(carol)->rooms.empty());
  say(alice, to::private_room_add_operator{"club", "bob"});
  EXPECT_TRUE(take<from::private_room_operator_added>(bob));
  say(carol, to::enable_room_invitations{true});
  say(bob, to::private_room_add_user{"club", "carol"});
  EXPECT_TRUE(take<from::private_room_added>(carol));
  say(alice, to::private_room_remove_operator{"club", "bob"});
  EXPECT_TRUE(take<from::private_room_operator_removed>(bob));
  say(bob, to::private_room_remove_user{"club", "carol"});
  EXPECT_FALSE(take<from::private_room_removed>(carol));
  say(alice, to::private_room_remove_user{"club", "bob"});
  EXPECT_TRUE(take<from::private_room_removed>(bob));
  say(carol, to::private_room_drop_membership{"club"});
  EXPECT_TRUE(take<from::private_room_removed>(carol));
  say(alice, to::private_room_drop_ownership{"club"});
  EXPECT_TRUE(take<from::private_room_removed>(alice));
  say(bob, to::join_room{"club", false});
  EXPECT_TRUE(take<from::join_room>(bob)) << "the name is free again";
}

}  // namespace
}  // namespace vsf::soulseek::test_server
