#include "actors/soulseek/people.hpp"

#include <gtest/gtest.h>

#include "actors/soulseek/interests.hpp"
#include "tests/actors/soulseek/social_world.hpp"

namespace vsf::soulseek {
namespace {

using test::told;

fb::SoulseekPersonSetT person(const std::string& name, std::optional<bool> buddy = {},
                              std::optional<bool> banned = {}, std::optional<bool> ignored = {},
                              const std::string& note = "") {
  fb::SoulseekPersonSetT out;
  out.name = name;
  if (buddy) out.buddy = *buddy;
  if (banned) out.banned = *banned;
  if (ignored) out.ignored = *ignored;
  out.note = note;
  return out;
}
std::optional<endpoint> at(const char* text) { return *parse_endpoint(text); }

class soulseek_people : public testing::Test {
 protected:
  people restored(const std::vector<std::string>& buddies = {}, const std::vector<std::string>& banned = {}) {
    test::disk disk;
    disk.take(out);
    people other;
    other.configure(buddies, banned);
    for (auto& row : disk.rows()) other.restore(*row.kept.AsSoulseekKeptPerson());
    return other;
  }
  people it;
  social_effects out;
};

TEST_F(soulseek_people, a_buddy_is_kept_watched_and_shown) {
  it.on_online(out);
  ASSERT_TRUE(it.set(person("bob", true, {}, {}, "from the concert"), out));
  EXPECT_TRUE(it.is_buddy("bob"));
  EXPECT_EQ(told<to_server::watch_user>(out).at(0).username, "bob");
  it.hear(
      from_server::watch_user{"bob", from_server::watched_user{user_status::away, {500, 1, 20, 3}, "SE"}});
  auto shown = *it.find("bob");
  EXPECT_EQ(shown.note, "from the concert");
  EXPECT_EQ(shown.stats->status, fb::SoulseekPresence::away);
  EXPECT_EQ(shown.stats->files, 20u);
  EXPECT_EQ(shown.stats->country, "SE");
  it.hear(from_server::get_user_status{"bob", user_status::online, false});
  it.hear(from_server::get_user_stats{"bob", {600, 1, 21, 3}});
  shown = *it.find("bob");
  EXPECT_EQ(shown.stats->status, fb::SoulseekPresence::online);
  EXPECT_EQ(shown.stats->files, 21u);
  it.on_offline();
  EXPECT_EQ(it.find("bob")->stats->status, fb::SoulseekPresence::unknown);
  it = restored();
  EXPECT_EQ(it.find("bob")->note, "from the concert");
  EXPECT_EQ(it.buddies(), std::set<std::string>{"bob"});
  out.clear();
  it.on_online(out);
  EXPECT_EQ(told<to_server::watch_user>(out).size(), 1u) << "the server forgot";
}

TEST_F(soulseek_people, one_is_watched_as_long_as_anybody_wants_it) {
  it.on_online(out);
  it.watch("bob", true, out);
  ASSERT_TRUE(it.set(person("bob", true), out));
  EXPECT_EQ(told<to_server::watch_user>(out).size(), 1u);
  it.watch("bob", false, out);
  EXPECT_TRUE(told<to_server::unwatch_user>(out).empty());
  ASSERT_TRUE(it.forget("bob", out));
  EXPECT_EQ(told<to_server::unwatch_user>(out).size(), 1u);
  EXPECT_EQ(it.watched(), 0u);
  it.watch("cid", false, out);
  EXPECT_EQ(told<to_server::unwatch_user>(out).size(), 1u);
}

TEST_F(soulseek_people, bans_by_name_and_network_hold_at_once_and_after_a_restart) {
  ASSERT_TRUE(it.set(person("bad", {}, true), out));
  ASSERT_TRUE(it.set(person("10.0.0.0/8", {}, true), out));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(it.is_banned("bad"));
    EXPECT_TRUE(it.is_banned("ann", at("10.9.9.9:1")));
    EXPECT_FALSE(it.is_banned("ann", at("11.9.9.9:1")));
    it = restored();
  }
  ASSERT_TRUE(it.set(person("bad", {}, false), out));
  EXPECT_FALSE(it.is_banned("bad"));
  EXPECT_EQ(it.find("bad"), std::nullopt) << "nothing is left of it";
  ASSERT_TRUE(it.forget("10.0.0.0/8", out));
  EXPECT_FALSE(it.is_banned("ann", at("10.9.9.9:1")));
  EXPECT_EQ(restored().list().size(), 0u);
}

TEST_F(soulseek_people, what_is_left_out_stays) {
  ASSERT_TRUE(it.set(person("bob", true, {}, {}, "note"), out));
  ASSERT_TRUE(it.set(person("bob", {}, {}, true), out));
  const auto bob = *it.find("bob");
  EXPECT_TRUE(bob.buddy);
  EXPECT_TRUE(bob.ignored);
  EXPECT_EQ(bob.note, "note");
}

TEST_F(soulseek_people, messages_of_ignored_ones_are_dropped_and_counted) {
  ASSERT_TRUE(it.set(person("spam", {}, {}, true), out));
  EXPECT_TRUE(it.drop_message_of("spam"));
  EXPECT_TRUE(it.drop_message_of("spam"));
  EXPECT_FALSE(it.drop_message_of("bob"));
  EXPECT_EQ(it.messages_dropped(), 2u);
  EXPECT_EQ(it.find("spam")->messages_dropped, 2u);
}

TEST_F(soulseek_people, the_configuration_holds) {
  EXPECT_EQ(it.configure({"bob"}, {"bad", "192.0.2.0/24", std::string(200, 'x')}).size(), 1u);
  EXPECT_TRUE(it.is_buddy("bob"));
  EXPECT_TRUE(it.is_banned("x", at("192.0.2.9:1")));
  EXPECT_TRUE(it.find("bob")->configured);
  EXPECT_FALSE(it.set(person("bob", false), out));
  EXPECT_FALSE(it.set(person("bad", {}, false), out));
  const auto refused = it.forget("bad", out);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("configuration"), std::string::npos);
  EXPECT_TRUE(it.is_banned("bad"));
  // What is set beside it can be undone.
  ASSERT_TRUE(it.set(person("bob", {}, true, true, "odd"), out));
  it = restored({"bob"}, {"bad"});
  EXPECT_TRUE(it.is_banned("bob"));
  ASSERT_TRUE(it.forget("bob", out));
  EXPECT_FALSE(it.is_banned("bob"));
  EXPECT_TRUE(it.is_buddy("bob"));
  EXPECT_EQ(it.find("bob")->note, "");
}

TEST_F(soulseek_people, what_cannot_be_is_refused) {
  EXPECT_FALSE(it.set(person(""), out));
  EXPECT_FALSE(it.set(person(std::string(129, 'x'), true), out));
  EXPECT_FALSE(it.set(person("bob", true, {}, {}, std::string(1001, 'x')), out));
  EXPECT_FALSE(it.set(person("10.0.0.0/8", true), out));
  EXPECT_FALSE(it.set(person("10.0.0.1", {}, {}, true), out));
  EXPECT_FALSE(it.set(person("bob"), out));
  EXPECT_FALSE(it.forget("bob", out));
  EXPECT_TRUE(out.empty());
}

TEST(soulseek_interests, are_told_now_after_a_login_and_after_a_restart) {
  interests it;
  social_effects out;
  ASSERT_TRUE(it.add(" Bebop ", false, out));
  EXPECT_TRUE(told<to_server::add_thing_i_like>(out).empty()) << "there is no session";
  it.on_online(out);
  EXPECT_EQ(told<to_server::add_thing_i_like>(out).at(0).item, "bebop");
  ASSERT_TRUE(it.add("muzak", true, out));
  EXPECT_EQ(told<to_server::add_thing_i_hate>(out).at(0).item, "muzak");
  test::disk disk;
  disk.take(out);
  interests later;
  for (auto& row : disk.rows()) later.restore(*row.kept.AsSoulseekInterest());
  EXPECT_EQ(later.likes(), std::set<std::string>{"bebop"});
  EXPECT_EQ(later.hates(), std::set<std::string>{"muzak"});
}

TEST(soulseek_interests, liking_ends_hating) {
  interests it;
  social_effects out;
  it.on_online(out);
  ASSERT_TRUE(it.add("jazz", true, out));
  ASSERT_TRUE(it.add("jazz", false, out));
  EXPECT_TRUE(it.hates().empty());
  EXPECT_EQ(told<to_server::remove_thing_i_hate>(out).size(), 1u);
  EXPECT_FALSE(it.remove("jazz", true, out));
  EXPECT_TRUE(it.remove("JAZZ", false, out));
  EXPECT_EQ(told<to_server::remove_thing_i_like>(out).size(), 1u);
  test::disk disk;
  disk.take(out);
  EXPECT_TRUE(disk.rows().empty());
}

TEST(soulseek_interests, bounds) {
  interests it;
  social_effects out;
  EXPECT_FALSE(it.add("", false, out));
  EXPECT_FALSE(it.add("  ", false, out));
  EXPECT_FALSE(it.add(std::string(65, 'x'), false, out));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(it.add(std::to_string(i), false, out));
  EXPECT_FALSE(it.add("one more", false, out));
  EXPECT_TRUE(it.add("7", false, out)) << "that is there";
}

}  // namespace
}  // namespace vsf::soulseek
