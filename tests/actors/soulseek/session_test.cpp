#include "actors/soulseek/session.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace vsf::soulseek {
namespace {

using namespace std::chrono_literals;

bytes body(const bytes& framed) { return bytes(framed.begin() + 4, framed.end()); }
std::uint32_t code_of(const bytes& framed) {
  return static_cast<std::uint32_t>(framed[4]) | static_cast<std::uint32_t>(framed[5]) << 8U;
}

class soulseek_session : public testing::Test {
 protected:
  template <class T>
  std::vector<T> take() {
    std::vector<T> found;
    for (const auto& e : out)
      if (const auto* x = std::get_if<T>(&e)) found.push_back(*x);
    out.clear();
    return found;
  }
  session_changed last_change() {
    const auto all = take<session_changed>();
    EXPECT_FALSE(all.empty());
    return all.empty() ? session_changed{} : all.back();
  }
  void connect() {
    it.on_resolved(it.attempt(), {endpoint::v4(0x7F000001, 2242)}, now, out);
    it.on_connected(it.attempt(), now, out);
    it.on_taken(it.attempt(), now);
  }
  void say(const bytes& framed) { it.on_message(it.attempt(), body(framed), now, out); }
  void accept() { say(encode(from_server::login{from_server::login_success{"hi", 0x01020304, {}, true}})); }
  void refuse(const char* why) { say(encode(from_server::login{from_server::login_refusal{why, {}}})); }
  void online() {
    it.log_in({"ann", "secret"}, now, out);
    connect();
    accept();
    ASSERT_TRUE(it.online());
    out.clear();
  }
  void alarm() {
    const auto due = it.next_deadline();
    ASSERT_TRUE(due);
    now = std::max(now, *due);
    it.on_alarm(now, out);
  }

  crypto::seeded_random random{7};
  server_session it{session_options{}, random};
  session_effects out;
  nanoseconds now = 1h;
};

TEST_F(soulseek_session, logs_in_and_introduces_itself_in_the_order_of_the_protocol) {
  it.set_listen_port(50300, 50301, now, out);
  it.set_counts(3, 40, now, out);
  EXPECT_TRUE(out.empty());
  it.log_in({"ann", "secret"}, now, out);
  ASSERT_EQ(take<resolve_server>().size(), 1u);
  connect();
  const auto login = take<send_server>();
  ASSERT_EQ(login.size(), 1u);
  EXPECT_EQ(login[0].message, encode(make_login("ann", "secret", 177, 1)));
  accept();
  std::vector<std::uint32_t> codes;
  const auto effects = out;
  for (const auto& x : take<send_server>()) codes.push_back(code_of(x.message));
  EXPECT_EQ(codes, (std::vector<std::uint32_t>{2, 35, 28, 5, 92, 71, 127, 126, 100}));
  out = effects;
  const auto news = take<logged_in>();
  ASSERT_EQ(news.size(), 1u);
  EXPECT_EQ(news[0].greeting, "hi");
  EXPECT_EQ(news[0].self, endpoint::v4(0x01020304, 0));
  out = effects;
  const auto sent = take<send_server>();
  EXPECT_EQ(sent[0].message,
            encode(to_server::set_wait_port{50300, obfuscated_port<std::uint32_t>{1, 50301}}));
  EXPECT_EQ(sent[1].message, encode(to_server::shared_folders_files{3, 40}));
}

TEST_F(soulseek_session, each_refusal_has_its_text_and_those_the_user_must_mend_stop) {
  std::set<std::string> texts;
  const std::vector<std::pair<const char*, session_problem>> refusals = {
      {"INVALIDUSERNAME", session_problem::invalid_username},
      {"EMPTYPASSWORD", session_problem::empty_password},
      {"INVALIDPASS", session_problem::invalid_password},
      {"INVALIDVERSION", session_problem::invalid_version},
      {"SVRPRIVATE", session_problem::server_private}};
  for (const auto& [wire, problem] : refusals) {
    it.log_in({"ann", "secret"}, now, out);
    connect();
    out.clear();
    refuse(wire);
    const auto effects = out;
    EXPECT_EQ(take<close_server>().size(), 1u);
    out = effects;
    const auto change = last_change();
    EXPECT_EQ(change.state, session_state::stopped);
    EXPECT_EQ(change.problem, problem);
    texts.insert(change.text);
    EXPECT_EQ(it.next_deadline(), std::nullopt);
    it.on_closed(it.attempt(), "eof", now, out);
    it.on_alarm(now + 24h, out);
    EXPECT_TRUE(out.empty());
    now += 1min;
  }
  EXPECT_EQ(texts.size(), refusals.size());
}

TEST_F(soulseek_session, a_full_server_is_tried_again_and_an_unknown_reason_much_later) {
  it.log_in({"ann", "secret"}, now, out);
  connect();
  refuse("SVRFULL");
  auto change = last_change();
  EXPECT_EQ(change.problem, session_problem::server_full);
  EXPECT_GE(change.until, now + 1min);
  EXPECT_LE(change.until, now + 75s);
  alarm();
  EXPECT_EQ(take<resolve_server>().size(), 1u);
  connect();
  refuse("WHATEVER");
  change = last_change();
  EXPECT_EQ(change.state, session_state::backing_off);
  EXPECT_EQ(change.until, now + 30min);
  EXPECT_NE(change.text.find("WHATEVER"), std::string::npos);
}

TEST_F(soulseek_session, a_login_without_answer_waits_five_minutes_then_thirty) {
  it.log_in({"ann", "secret"}, now, out);
  it.on_resolved(it.attempt(), {endpoint::v4(0x7F000001, 2242)}, now, out);
  it.on_connected(it.attempt(), now, out);
  now += 15s;
  it.on_taken(it.attempt(), now);  // the 20 s begin when the bytes were taken
  EXPECT_EQ(it.next_deadline(), now + 20s);
  alarm();
  auto change = last_change();
  EXPECT_EQ(change.problem, session_problem::no_answer);
  EXPECT_EQ(change.until, now + 5min);
  EXPECT_NE(change.text.find("banned"), std::string::npos);
  alarm();
  connect();
  alarm();
  EXPECT_EQ(last_change().until, now + 30min);
  EXPECT_EQ(it.counters().unanswered, 2u);
}

TEST_F(soulseek_session, hanging_up_on_a_login_once_may_be_a_restart_and_twice_is_a_ban) {
  it.log_in({"ann", "secret"}, now, out);
  connect();
  it.on_closed(it.attempt(), "eof", now, out);
  EXPECT_LE(last_change().until, now + 7s);
  alarm();
  connect();
  it.on_closed(it.attempt(), "eof", now, out);
  EXPECT_EQ(last_change().until, now + 5min);
}

TEST_F(soulseek_session, relogged_stops_and_says_so) {
  online();
  it.probe(9, now, out);
  out.clear();
  say(encode(from_server::relogged{}));
  const auto effects = out;
  EXPECT_EQ(take<logged_out>().size(), 1u);
  out = effects;
  EXPECT_EQ(take<probe_result>().size(), 1u);
  out = effects;
  const auto change = last_change();
  EXPECT_EQ(change.state, session_state::stopped);
  EXPECT_EQ(change.problem, session_problem::relogged);
  EXPECT_NE(change.text.find("ann"), std::string::npos);
  it.on_closed(it.attempt(), "eof", now, out);
  it.on_alarm(now + 24h, out);
  EXPECT_TRUE(out.empty());
  now += 1min;
  it.log_in({"ann", "secret"}, now, out);
  EXPECT_EQ(take<resolve_server>().size(), 1u);
}

TEST_F(soulseek_session, lost_connections_are_retried_ever_later_and_five_minutes_online_forgive) {
  online();
  nanoseconds least = 5s;
  for (int i = 0; i < 9; ++i) {
    it.on_closed(it.attempt(), "reset", now, out);
    const auto change = last_change();
    EXPECT_EQ(change.state, session_state::backing_off);
    EXPECT_GE(change.until, now + least);
    EXPECT_LE(change.until, now + least + least / 4);
    least = std::min<nanoseconds>(least * 2, 5min);
    alarm();
    connect();
    accept();
    out.clear();
  }
  now += 5min;
  it.on_closed(it.attempt(), "reset", now, out);
  EXPECT_LE(last_change().until, now + 7s);
}

TEST_F(soulseek_session, each_address_is_tried_and_late_news_of_an_older_one_is_ignored) {
  it.log_in({"ann", "secret"}, now, out);
  it.on_resolved(it.attempt(), {endpoint::v4(1, 1), endpoint::v4(2, 1)}, now, out);
  const auto first = it.attempt();
  alarm();  // the first doesn't answer
  EXPECT_NE(it.attempt(), first);
  EXPECT_EQ(take<connect_server>().size(), 2u);
  it.on_connected(first, now, out);
  EXPECT_EQ(it.state(), session_state::connecting);
  it.on_connection_failed(it.attempt(), "refused", now, out);
  EXPECT_EQ(last_change().problem, session_problem::cannot_connect);
}

TEST_F(soulseek_session, pings_a_quiet_server_at_most_once_a_minute) {
  online();
  const auto began = now;
  std::size_t pings = 0;
  while (now < began + 10min) {
    alarm();
    for (const auto& x : take<send_server>()) pings += code_of(x.message) == 32 ? 1U : 0U;
  }
  EXPECT_EQ(pings, 10u);
  now += 30s;
  EXPECT_TRUE(it.say(encode(to_server::ping{}), now, out));
  EXPECT_EQ(it.next_deadline(), now + 60s);
}

TEST_F(soulseek_session, a_probe_tells_the_latency_or_fails_after_five_seconds) {
  it.probe(1, now, out);
  EXPECT_FALSE(take<probe_result>().at(0).alive);
  online();
  it.probe(2, now, out);
  EXPECT_EQ(code_of(take<send_server>().at(0).message), 7u);
  now += 80ms;
  say(encode(from_server::get_user_status{"bob", user_status::online, false}));
  EXPECT_TRUE(take<probe_result>().empty());
  say(encode(from_server::get_user_status{"ann", user_status::online, false}));
  const auto good = take<probe_result>();
  ASSERT_EQ(good.size(), 1u);
  EXPECT_EQ(good[0].ticket, 2u);
  EXPECT_TRUE(good[0].alive);
  EXPECT_EQ(good[0].latency, 80ms);
  it.probe(3, now, out);
  EXPECT_EQ(it.next_deadline(), now + 5s);
  out.clear();
  alarm();
  const auto bad = take<probe_result>();
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_FALSE(bad[0].alive);
  EXPECT_TRUE(it.online());
}

TEST_F(soulseek_session, what_else_the_server_says_is_handed_on_and_nonsense_dropped) {
  online();
  say(encode(from_server::wishlist_interval{720}));
  const auto said = take<server_said>();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(std::get<from_server::wishlist_interval>(said[0].message).seconds, 720u);
  it.on_message(it.attempt(), bytes{3, 0, 0, 0, 9, 0, 0, 0}, now, out);
  it.on_message(it.attempt(), bytes{0xFF, 0xFF, 0, 0}, now, out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(it.counters().malformed, 1u);
  EXPECT_EQ(it.counters().unknown, 1u);
  EXPECT_TRUE(it.online());
}

TEST_F(soulseek_session, changes_are_told_at_once_and_nothing_is_said_offline) {
  EXPECT_FALSE(it.say(encode(to_server::ping{}), now, out));
  EXPECT_EQ(it.counters().dropped_offline, 1u);
  online();
  it.set_counts(1, 2, now, out);
  it.set_counts(1, 2, now, out);
  it.set_listen_port(4000, 0, now, out);
  it.set_away(true, now, out);
  EXPECT_EQ(take<send_server>().size(), 3u);
  it.log_out(now, out);
  EXPECT_EQ(it.state(), session_state::offline);
  EXPECT_EQ(take<close_server>().size(), 1u);
  it.on_alarm(now + 1h, out);
  EXPECT_TRUE(out.empty());
}

TEST_F(soulseek_session, logins_by_hand_in_quick_succession_wait) {
  online();
  it.log_in({"bob", "secret"}, now + 1s, out);
  EXPECT_EQ(it.state(), session_state::backing_off);
  EXPECT_EQ(it.next_deadline(), now + 5s);
  alarm();
  EXPECT_EQ(it.state(), session_state::resolving);
  now += 1min;
  it.log_in({"", "x"}, now, out);
  EXPECT_EQ(it.state(), session_state::stopped);
  it.log_in({"ann", ""}, now, out);
  EXPECT_EQ(it.problem(), session_problem::empty_password);
}

TEST(soulseek_session_property, logins_keep_their_distance_and_each_probe_ends_once) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    crypto::seeded_random random(seed), dice(seed + 1);
    server_session it(session_options{}, random);
    session_effects out;
    nanoseconds now = 1h, last_begin = 0s;
    std::map<std::uint64_t, int> probes;
    std::uint64_t ticket = 0;
    std::size_t seen = 0;
    bool stopped = false;
    for (int i = 0; i < 300; ++i) {
      const auto a = it.attempt();
      switch (dice.below(12)) {
        case 0:
          stopped = false;
          it.log_in({"ann", "x"}, now, out);
          break;
        case 1:
          it.on_resolved(a, {endpoint::v4(1, 1)}, now, out);
          break;
        case 2:
          it.on_connected(a, now, out);
          break;
        case 3:
          it.on_taken(a, now);
          break;
        case 4:
          it.on_closed(a, "eof", now, out);
          break;
        case 5:
          it.on_message(a, body(encode(from_server::login{from_server::login_success{}})), now, out);
          break;
        case 6:
          it.on_message(a, body(encode(from_server::relogged{})), now, out);
          break;
        case 7:
          probes[ticket] = 0, it.probe(ticket++, now, out);
          break;
        case 8:
          it.on_message(a, body(encode(from_server::get_user_status{"ann", {}, false})), now, out);
          break;
        case 9:
          it.on_connection_failed(a, "no", now, out);
          break;
        default:
          now += nanoseconds(static_cast<std::int64_t>(dice.below(8'000'000'000)));
          if (const auto due = it.next_deadline(); due && *due <= now) it.on_alarm(now, out);
      }
      for (; seen < out.size(); ++seen) {
        if (std::holds_alternative<resolve_server>(out[seen])) {
          RC_ASSERT(!stopped);
          RC_ASSERT(now - last_begin >= 5s);
          last_begin = now;
        }
        if (const auto* p = std::get_if<probe_result>(&out[seen])) RC_ASSERT(++probes[p->ticket] == 1);
        if (const auto* c = std::get_if<session_changed>(&out[seen])) {
          stopped = c->state == session_state::stopped;
          RC_ASSERT((c->state == session_state::backing_off || stopped) == !c->text.empty());
        }
      }
    }
    it.log_out(now, out);
    for (; seen < out.size(); ++seen)
      if (const auto* p = std::get_if<probe_result>(&out[seen])) ++probes[p->ticket];
    for (const auto& [t, n] : probes) RC_ASSERT(n == 1);
  }));
}

}  // namespace
}  // namespace vsf::soulseek
