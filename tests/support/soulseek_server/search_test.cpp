#include "memory_clients.hpp"

namespace vsf::soulseek::test_server {
namespace {

namespace to = to_server;
namespace from = from_server;

class search_test : public memory_clients {
 protected:
  void ready(connection_id id, bool searching, bool accepts) {
    say(id, to::have_no_parent{searching});
    say(id, to::accept_children{accepts});
    wait(0s);
  }
};

TEST_F(search_test, flat_searches_reach_everybody_else) {
  const auto alice = join("alice"), bob = join("bob"), carol = join("carol");
  say(alice, to::file_search{5, "some words"});
  EXPECT_TRUE(heard_nothing(alice));
  const from::file_search want{"alice", 5, "some words"};
  EXPECT_EQ(take<from::file_search>(bob), want);
  EXPECT_EQ(take<from::file_search>(carol), want);
  say(bob, to::wishlist_search{6, "a wish"});
  EXPECT_EQ(take<from::file_search>(alice)->query, "a wish");
  EXPECT_EQ(happened("search"), 2u);
}

TEST_F(search_test, of_one_user_and_of_a_room) {
  const auto alice = join("alice"), bob = join("bob"), carol = join("carol");
  say(alice, to::user_search{"bob", 7, "x"});
  EXPECT_EQ(take<from::file_search>(bob)->token, 7u);
  EXPECT_TRUE(heard_nothing(carol));
  for (const auto id : {alice, carol}) say(id, to::join_room{"room", false});
  forget_all();
  say(alice, to::room_search{"room", 8, "y"});
  EXPECT_EQ(take<from::file_search>(carol)->token, 8u);
  EXPECT_TRUE(heard_nothing(alice) && heard_nothing(bob));
  say(bob, to::room_search{"room", 9, "z"});
  EXPECT_TRUE(heard_nothing(carol)) << "bob isn't there";
}

TEST_F(search_test, a_tree_s_root_gets_searches_embedded_and_the_others_its_address) {
  use({.searches = distribution::tree});
  const auto alice = join("alice", 2001, 0x01010101), bob = join("bob", 2002, 0x02020202),
             carol = join("carol", 2003, 0x03030303);
  ready(alice, true, true);
  ready(bob, true, true);
  EXPECT_TRUE(heard_nothing(alice));
  const auto offered = take<from::possible_parents>(bob);
  ASSERT_TRUE(offered);
  EXPECT_EQ(offered->parents, (std::vector<from::possible_parent>{{"alice", 0x01010101, 2001}}));
  say(carol, to::file_search{5, "some words"});
  const auto embedded = take<from::embedded_message>(alice);
  ASSERT_TRUE(embedded);
  const auto inner = decode_embedded(embedded->inner_code, embedded->body);
  ASSERT_TRUE(inner);
  EXPECT_EQ(std::get<distributed::search>(*inner), (distributed::search{49, "carol", 5, "some words"}));
  EXPECT_TRUE(heard_nothing(bob) && heard_nothing(carol));
  // Bob found its parent and is one now.
  say(bob, to::have_no_parent{false});
  say(bob, to::branch_root{"alice"});
  say(bob, to::branch_level{1});
  wait(0s);
  ready(carol, true, true);
  EXPECT_EQ(take<from::possible_parents>(carol)->parents.size(), 2u);
  wait(10s);
  EXPECT_EQ(take<from::possible_parents>(carol)->parents.size(), 2u) << "again until one is found";
  EXPECT_TRUE(heard_nothing(bob));
  // The root leaves: who is without a parent takes its place.
  core_->closed(alice, now_);
  pump();
  say(bob, to::file_search{6, "more words"});
  EXPECT_TRUE(take<from::embedded_message>(carol));
}

TEST_F(search_test, without_anybody_who_takes_children_all_that_have_no_parent_are_roots) {
  use({.searches = distribution::tree});
  const auto alice = join("alice"), bob = join("bob"), carol = join("carol");
  ready(alice, true, false);
  ready(bob, true, false);
  say(carol, to::file_search{5, "some words"});
  EXPECT_TRUE(take<from::embedded_message>(alice));
  EXPECT_TRUE(take<from::embedded_message>(bob));
}

TEST_F(search_test, the_operator_can_tell_an_upload_speed) {
  const auto alice = join("alice"), bob = join("bob");
  say(bob, to::watch_user{"alice"});
  forget_all();
  core_->set_upload_speed("alice", 5'000'000, now_);
  pump();
  EXPECT_EQ(take<from::get_user_stats>(alice)->stats.average_speed, 5'000'000u);
  EXPECT_EQ(take<from::get_user_stats>(bob)->stats.average_speed, 5'000'000u);
  core_->set_upload_speed("nobody", 1, now_);
  pump();
  EXPECT_TRUE(heard_nothing(alice));
}

}  // namespace
}  // namespace vsf::soulseek::test_server
