#include "memory_clients.hpp"

namespace vsf::soulseek::test_server {
namespace {

namespace to = to_server;
namespace from = from_server;

class session_test : public memory_clients {
 protected:
  /// What a login is answered with: "welcome", the refusal's text and detail, or "nothing".
  std::string log_in(const to::login& m, std::uint32_t ip = 0x01020304) {
    last_ = open(ip);
    say(last_, m);
    const auto answer = take<from::login>(last_);
    if (!answer) return "nothing";
    const auto* refused = std::get_if<from::login_refusal>(&answer->outcome);
    if (!refused) return "welcome";
    EXPECT_TRUE(closed(last_));
    return refused->text + (refused->detail ? "|" + *refused->detail : "");
  }
  static to::login user(const std::string& name, const std::string& password = "secret",
                        std::uint32_t version = 177) {
    return make_login(name, password, version, 1);
  }
  connection_id last_ = 0;
};

TEST_F(session_test, a_login_is_welcomed_with_all_that_follows_it) {
  use({.motd = "hello", .excluded_phrases = {"forbidden words"}});
  const auto id = open(0x7F000001);
  say(id, user("alice"));
  const auto answer = take<from::login>(id);
  ASSERT_TRUE(answer);
  const auto* ok = std::get_if<from::login_success>(&answer->outcome);
  ASSERT_TRUE(ok);
  EXPECT_EQ(ok->motd, "hello");
  EXPECT_EQ(ok->ip, 0x7F000001u);
  EXPECT_EQ(ok->password_md5, "5ebe2294ecd0e0f08eab7690d2a6ee69");
  EXPECT_TRUE(take<from::room_list>(id));
  EXPECT_EQ(take<from::wishlist_interval>(id)->seconds, 720u);
  EXPECT_TRUE(take<from::privileged_users>(id)->usernames.empty());
  EXPECT_EQ(take<from::excluded_search_phrases>(id)->phrases, std::vector<std::string>{"forbidden words"});
  EXPECT_EQ(take<from::parent_min_speed>(id)->speed, 1u);
  EXPECT_EQ(take<from::parent_speed_ratio>(id)->ratio, 50u);
  EXPECT_TRUE(heard_nothing(id));
  EXPECT_EQ(core_->online(), std::set<std::string>{"alice"});
}

TEST_F(session_test, every_reason_to_refuse) {
  use({.accounts = {{"known", "secret"}}, .least_major_version = 160, .most_users = 2});
  EXPECT_EQ(log_in(user("")), "INVALIDUSERNAME|Nick empty.");
  EXPECT_EQ(log_in(user(std::string(31, 'x'))), "INVALIDUSERNAME|Nick too long.");
  EXPECT_EQ(log_in(user(" x")), "INVALIDUSERNAME|No leading and trailing spaces allowed in nick.");
  EXPECT_EQ(log_in(user("x\n")), "INVALIDUSERNAME|Invalid characters in nick.");
  EXPECT_EQ(log_in(user("x", "")), "EMPTYPASSWORD");
  EXPECT_EQ(log_in(user("known", "guess")), "INVALIDPASS");
  auto forged = user("known");
  forged.md5 = std::string(32, '0');
  EXPECT_EQ(log_in(forged), "INVALIDPASS");
  EXPECT_EQ(log_in(user("x", "secret", 157)), "INVALIDVERSION");
  EXPECT_EQ(log_in(user("one")), "welcome");
  EXPECT_EQ(log_in(user("known")), "welcome");
  EXPECT_EQ(log_in(user("three")), "SVRFULL");
  EXPECT_EQ(log_in(user("one")), "welcome");  // in its own place
  use({.accounts = {{"known", "secret"}}, .only_known_accounts = true});
  EXPECT_EQ(log_in(user("x")), "SVRPRIVATE");
  EXPECT_EQ(log_in(user("known")), "welcome");
  core_->refuse_logins(refusal{login_failure::server_full, {}});
  EXPECT_EQ(log_in(user("known")), "SVRFULL");
  core_->refuse_logins(refusal{login_failure::other, "NEWREASON"});
  EXPECT_EQ(log_in(user("known")), "NEWREASON");
  core_->refuse_logins(std::nullopt);
  EXPECT_EQ(log_in(user("known")), "welcome");
}

TEST_F(session_test, the_older_of_two_sessions_is_told_and_ended) {
  const auto older = join("alice"), watcher = join("bob");
  say(watcher, to::watch_user{"alice"});
  const auto newer = join("alice");
  EXPECT_TRUE(take<from::relogged>(older));
  EXPECT_TRUE(closed(older));
  EXPECT_FALSE(closed(newer));
  say(newer, to::get_user_status{"alice"});
  EXPECT_EQ(take<from::get_user_status>(newer)->status, user_status::online);
  EXPECT_EQ(core_->online().size(), 2u);
}

TEST_F(session_test, a_password_is_changed) {
  const auto id = join("alice");
  say(id, to::change_password{"better"});
  EXPECT_EQ(take<from::change_password>(id)->password, "better");
  EXPECT_EQ(log_in(user("alice", "pass-alice")), "INVALIDPASS");
  EXPECT_EQ(log_in(user("alice", "better")), "welcome");
}

TEST_F(session_test, a_banned_user_or_address_hears_nothing) {
  const auto alice = join("alice"), bob = join("bob");
  say(bob, to::watch_user{"alice"});
  forget_all();
  core_->ban("alice", now_);
  pump();
  EXPECT_EQ(take<from::get_user_status>(bob)->status, user_status::offline);
  say(alice, to::get_user_status{"bob"});
  EXPECT_TRUE(heard_nothing(alice));
  EXPECT_EQ(log_in(user("alice", "pass-alice")), "nothing");
  EXPECT_FALSE(closed(last_));
  say(last_, to::room_list{});
  EXPECT_TRUE(heard_nothing(last_));
  core_->unban("alice");
  EXPECT_EQ(log_in(user("alice", "pass-alice")), "welcome");
  core_->ban_address(0x05060708);
  EXPECT_EQ(log_in(user("carol"), 0x05060708), "nothing");
  core_->ban_address(0x05060708, false);
  EXPECT_EQ(log_in(user("carol"), 0x05060708), "welcome");
  EXPECT_EQ(happened("login_ignored"), 2u);
}

TEST_F(session_test, kicks_dies_comes_back_and_refuses) {
  const auto alice = join("alice"), bob = join("bob");
  EXPECT_FALSE(core_->kick("nobody", now_));
  EXPECT_TRUE(core_->kick("alice", now_));
  pump();
  EXPECT_TRUE(closed(alice));
  EXPECT_FALSE(closed(bob));
  core_->refuse_connections(true);
  EXPECT_FALSE(core_->accepting());
  EXPECT_TRUE(closed(open()));
  say(bob, to::get_user_status{"alice"});
  EXPECT_TRUE(take<from::get_user_status>(bob));
  core_->refuse_connections(false);
  core_->die(now_);
  pump();
  EXPECT_TRUE(closed(bob));
  EXPECT_TRUE(closed(open()));
  EXPECT_TRUE(core_->online().empty());
  core_->come_back();
  EXPECT_EQ(log_in(user("bob", "wrong")), "INVALIDPASS") << "accounts stay";
  const auto again = join("bob");
  EXPECT_TRUE(core_->relog("bob", now_));
  pump();
  EXPECT_TRUE(take<from::relogged>(again));
  EXPECT_TRUE(closed(again));
}

TEST_F(session_test, slow_answers_keep_their_order) {
  const auto id = join("alice");
  core_->slow_down(2s);
  say(id, to::get_user_status{"one"});
  wait(1s);
  EXPECT_TRUE(heard_nothing(id));
  EXPECT_EQ(core_->next_due(), now_ + 1s);
  core_->slow_down(0s);
  say(id, to::get_user_status{"two"});
  EXPECT_TRUE(heard_nothing(id)) << "not before the one that was asked first";
  wait(1s);
  EXPECT_EQ(take<from::get_user_status>(id)->username, "one");
  EXPECT_EQ(take<from::get_user_status>(id)->username, "two");
  say(id, to::get_user_status{"three"});
  EXPECT_TRUE(take<from::get_user_status>(id));
}

TEST_F(session_test, what_nobody_understands_ends_the_connection_and_the_unknown_does_not) {
  const auto id = join("alice");
  send(id, bytes{4, 0, 0, 0, 0x0F, 0x27, 0, 0});  // code 9999
  EXPECT_TRUE(heard_nothing(id));
  send(id, bytes{8, 0, 0, 0, 26, 0, 0, 0, 1, 0, 0, 0});  // a search that ends too soon
  EXPECT_TRUE(closed(id));
  const auto other = open();
  send(other, bytes{0xFF, 0xFF, 0xFF, 0x7F, 1, 0, 0, 0});  // longer than any frame
  EXPECT_TRUE(closed(other));
  const auto third = open();
  say(third, to::room_list{});  // before its login
  EXPECT_TRUE(heard_nothing(third));
  EXPECT_EQ(happened("bad_message"), 2u);
}

TEST_F(session_test, frames_may_come_byte_by_byte) {
  const auto id = open();
  for (const auto byte : encode(user("alice"))) send(id, {&byte, 1});
  EXPECT_TRUE(take<from::login>(id));
}

/// Whatever clients say, the server goes on for the others.
TEST_F(session_test, nonsense_of_every_code_does_no_harm) {
  std::uint32_t state = 7;
  const auto random = [&state](std::uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
  };
  const auto number = [&](bytes& to, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) to.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  std::vector<connection_id> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(join("user" + std::to_string(i)));
  for (int i = 0; i < 20'000; ++i) {
    auto& id = clients[random(8)];
    if (closed(id)) id = join("user" + std::to_string(random(8)));
    bytes body;
    const auto code = 2 + random(152);
    number(body, code == to::change_password::code ? 64 : code);  // they are to come back
    for (auto fields = random(5); fields > 0; --fields) {
      const std::string texts[] = {"user1", "room", "", "x"};
      const auto& text = texts[random(4)];
      if (random(2) == 0) number(body, random(3) == 0 ? random(1u << 24) : random(4));
      if (random(2) == 0) body.push_back(static_cast<std::uint8_t>(random(2)));
      number(body, static_cast<std::uint32_t>(text.size()));
      body.insert(body.end(), text.begin(), text.end());
    }
    bytes raw;
    number(raw, static_cast<std::uint32_t>(body.size()));
    raw.insert(raw.end(), body.begin(), body.end());
    send(id, raw);
    if (i % 100 == 0) {
      core_->set_searches(random(2) == 0 ? distribution::flat : distribution::tree);
      wait(1s);
      forget_all();
    }
  }
  const auto last = join("last");
  say(last, to::watch_user{"last"});
  EXPECT_TRUE(take<from::watch_user>(last));
  EXPECT_GT(happened("bad_message"), 100u);
}

TEST_F(session_test, an_operator_tells_and_gives_and_breaks_things) {
  const auto alice = join("alice"), bob = join("bob");
  core_->admin_message("", "to all", now_);
  core_->admin_message("bob", "to one", now_);
  core_->set_privileges("alice", 100, now_);
  core_->set_excluded_phrases({"x"});
  core_->reset_distributed(now_);
  EXPECT_TRUE(core_->inject("bob", bytes{4, 0, 0, 0, 0x29, 0, 0, 0}, now_));
  pump();
  EXPECT_EQ(take<from::admin_message>(alice)->message, "to all");
  EXPECT_EQ(count<from::admin_message>(alice), 0u);
  EXPECT_EQ(count<from::admin_message>(bob), 2u);
  EXPECT_EQ(take<from::check_privileges>(alice)->seconds_left, 100u);
  EXPECT_EQ(take<from::excluded_search_phrases>(alice)->phrases.size(), 1u);
  EXPECT_TRUE(take<from::reset_distributed>(alice));
  EXPECT_TRUE(take<from::relogged>(bob));
}

}  // namespace
}  // namespace vsf::soulseek::test_server
