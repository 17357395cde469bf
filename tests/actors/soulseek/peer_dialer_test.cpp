#include "actors/soulseek/peer_dialer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace vsf::soulseek {
namespace {

using namespace std::chrono_literals;
constexpr auto P = connection_type::peer;
constexpr auto F = connection_type::file;
constexpr auto D = connection_type::distributed;
constexpr std::uint32_t bob_ip = 0x05060708;

bytes body(const bytes& framed) { return bytes(framed.begin() + 4, framed.end()); }
shared_bytes text(const char* x) { return share(bytes(x, x + std::char_traits<char>::length(x))); }

template <class T>
std::vector<T> all(const dialer_effects& effects) {
  std::vector<T> found;
  for (const auto& e : effects)
    if (const auto* x = std::get_if<T>(&e)) found.push_back(*x);
  return found;
}
/// What was said to the server, as it reads it.
template <class T>
std::vector<T> told(const dialer_effects& effects) {
  std::vector<T> found;
  for (const auto& e : all<tell_server>(effects)) {
    const auto message = decode_to_server(body(e.message));
    if (const auto* x = std::get_if<T>(&message.value())) found.push_back(*x);
  }
  return found;
}

class soulseek_dialer : public testing::Test {
 protected:
  void SetUp() override { it.on_online("ann", now, out); }
  template <class T>
  std::vector<T> take() {
    auto found = all<T>(out);
    out.clear();
    return found;
  }
  void address(const char* user = "bob", std::uint32_t ip = bob_ip, std::uint32_t port = 2234) {
    it.on_peer_address({user, ip, port, std::nullopt}, now, out);
  }
  /// A dial to bob that was connected directly.
  link_id direct(connection_type type = P, ticket_id ticket = 1) {
    it.request(ticket, "bob", type, now, out);
    address();
    const auto link = all<connect_peer>(out).back().link;
    EXPECT_TRUE(it.on_connected(link, now, out));
    return link;
  }
  link_id accepted(const bytes& framed, std::uint32_t ip = bob_ip) {
    const auto link = it.on_accepted(endpoint::v4(ip, 40000), now, out);
    EXPECT_TRUE(link);
    it.on_init(*link, body(framed), now, out);
    return *link;
  }
  void alarm(nanoseconds later) {
    now += later;
    it.on_alarm(now, out);
  }

  crypto::seeded_random random{3};
  peer_dialer it{dialer_options{}, random};
  dialer_effects out;
  nanoseconds now = 1h;
};

TEST_F(soulseek_dialer, both_ways_begin_together_and_one_dial_serves_all) {
  it.request(1, "bob", P, now, out);
  it.request(2, "bob", P, now, out);
  EXPECT_EQ(told<to_server::get_peer_address>(out).size(), 1u);
  ASSERT_EQ(told<to_server::connect_to_peer>(out).size(), 1u);
  EXPECT_EQ(told<to_server::connect_to_peer>(out)[0].username, "bob");
  address();
  const auto attempt = all<connect_peer>(out).at(0);
  EXPECT_EQ(attempt.where, endpoint::v4(bob_ip, 2234));
  EXPECT_FALSE(attempt.obfuscated);
  out.clear();
  ASSERT_TRUE(it.on_connected(attempt.link, now, out));
  EXPECT_EQ(*all<write_link>(out).at(0).message, encode(init::peer_init{"ann", P, 0}));
  EXPECT_EQ(all<link_opened>(out).size(), 1u);
  EXPECT_EQ(all<link_ready>(out).size(), 2u);
  EXPECT_EQ(it.dials(), 0u);
  out.clear();
  it.request(3, "bob", P, now, out);  // reused
  EXPECT_EQ(all<link_ready>(out).at(0).link, attempt.link);
  EXPECT_EQ(out.size(), 1u);
}

TEST_F(soulseek_dialer, the_obfuscated_port_comes_first_and_the_plain_one_after_it) {
  it.request(1, "bob", P, now, out);
  it.on_peer_address({"bob", bob_ip, 7, obfuscated_port<std::uint16_t>{1, 99}}, now, out);
  const auto hidden = all<connect_peer>(out).at(0);
  EXPECT_TRUE(hidden.obfuscated);
  EXPECT_EQ(hidden.where.port, 99);
  out.clear();
  it.on_connect_failed(hidden.link, "refused", now, out);
  const auto plain = all<connect_peer>(out).at(0);
  EXPECT_FALSE(plain.obfuscated);
  EXPECT_EQ(plain.where.port, 7);
  EXPECT_EQ(it.counters().hidden_failed, 1u);
  out.clear();
  ASSERT_TRUE(it.on_connected(plain.link, now, out));
  EXPECT_EQ(all<link_ready>(out).at(0).link, plain.link);
  // One that answers nothing gives way in time.
  it.request(2, "eve", F, now, out);
  it.on_peer_address({"eve", bob_ip, 7, obfuscated_port<std::uint16_t>{1, 99}}, now, out);
  const auto silent = all<connect_peer>(out).at(0).link;
  out.clear();
  alarm(4s);
  EXPECT_EQ(all<close_link>(out).at(0).link, silent);
  EXPECT_EQ(all<connect_peer>(out).at(0).where.port, 7);
  out.clear();
  it.on_connect_failed(silent + 1, "refused", now, out);  // both failed: what is left is the indirect way
  EXPECT_TRUE(all<connect_peer>(out).empty());
  EXPECT_EQ(it.dials(), 1u);
}

TEST_F(soulseek_dialer, only_obfuscation_of_a_known_kind_is_used) {
  it.request(1, "bob", P, now, out);
  it.on_peer_address({"bob", bob_ip, 0, obfuscated_port<std::uint16_t>{1, 99}}, now, out);
  EXPECT_TRUE(all<connect_peer>(out).at(0).obfuscated);
  it.request(2, "joe", P, now, out);
  it.on_peer_address({"joe", bob_ip, 7, obfuscated_port<std::uint16_t>{2, 99}}, now, out);
  EXPECT_FALSE(all<connect_peer>(out).at(1).obfuscated);
  it.request(3, "jim", P, now, out);
  it.on_peer_address({"jim", bob_ip, 7, obfuscated_port<std::uint16_t>{1, 0}}, now, out);
  EXPECT_EQ(all<connect_peer>(out).at(2).where.port, 7);
}

TEST_F(soulseek_dialer, without_the_wish_for_it_obfuscation_is_for_those_who_have_nothing_else) {
  dialer_options options;
  options.prefer_obfuscated = false;
  it = peer_dialer{options, random};
  it.on_online("ann", now, out);
  it.request(1, "bob", P, now, out);
  it.on_peer_address({"bob", bob_ip, 7, obfuscated_port<std::uint16_t>{1, 99}}, now, out);
  EXPECT_FALSE(all<connect_peer>(out).at(0).obfuscated);
  it.request(2, "eve", P, now, out);
  it.on_peer_address({"eve", bob_ip, 0, obfuscated_port<std::uint16_t>{1, 99}}, now, out);
  EXPECT_TRUE(all<connect_peer>(out).at(1).obfuscated);
}

TEST_F(soulseek_dialer, a_call_is_answered_at_the_obfuscated_port_then_at_the_plain_one) {
  from_server::connect_to_peer wish{"bob", P, bob_ip, 7, 5, false, obfuscated_port<std::uint32_t>{1, 99}};
  it.on_connect_to_peer(wish, now, out);
  const auto hidden = all<connect_peer>(out).at(0);
  EXPECT_TRUE(hidden.obfuscated);
  it.on_connect_to_peer(wish, now, out);  // said again: still under way
  EXPECT_EQ(it.counters().answers_repeated, 1u);
  out.clear();
  it.on_connect_failed(hidden.link, "refused", now, out);
  EXPECT_TRUE(told<to_server::cant_connect_to_peer>(out).empty());
  const auto plain = all<connect_peer>(out).at(0);
  EXPECT_EQ(plain.where, endpoint::v4(bob_ip, 7));
  out.clear();
  ASSERT_TRUE(it.on_connected(plain.link, now, out));
  EXPECT_EQ(*all<write_link>(out).at(0).message, encode(init::pierce_firewall{5}));
  wish.token = 6;
  out.clear();
  it.on_connect_to_peer(wish, now, out);
  it.on_connect_failed(all<connect_peer>(out).at(0).link, "refused", now, out);
  it.on_connect_failed(all<connect_peer>(out).at(1).link, "refused", now, out);
  EXPECT_EQ(told<to_server::cant_connect_to_peer>(out).at(0).token, 6u);
}

TEST_F(soulseek_dialer, an_indirect_link_wins_and_the_direct_attempt_ends) {
  it.request(1, "bob", F, now, out);
  const auto token = told<to_server::connect_to_peer>(out).at(0).token;
  address();
  const auto attempt = all<connect_peer>(out).at(0).link;
  const auto link = accepted(encode(init::pierce_firewall{token}));
  EXPECT_EQ(all<link_ready>(out).at(0).link, link);
  EXPECT_EQ(all<close_link>(out).at(0).link, attempt);
  EXPECT_FALSE(it.on_connected(attempt, now, out));
  EXPECT_EQ(it.links(), 1u);
  EXPECT_EQ(all<link_opened>(out).at(0).type, F);
  EXPECT_FALSE(all<link_opened>(out)[0].inbound);
}

TEST_F(soulseek_dialer, a_late_indirect_link_is_closed_but_kept_a_while_for_messages) {
  direct(F);
  auto token = told<to_server::connect_to_peer>(out).at(0).token;
  out.clear();
  auto late = accepted(encode(init::pierce_firewall{token}));
  EXPECT_EQ(all<close_link>(out).at(0).link, late);
  out.clear();
  direct(P, 2);
  token = told<to_server::connect_to_peer>(out).at(0).token;
  out.clear();
  late = accepted(encode(init::pierce_firewall{token}));
  EXPECT_TRUE(all<close_link>(out).empty());
  EXPECT_EQ(it.counters().late, 2u);
  out.clear();
  alarm(10s);  // the unused file link and both P links that carried nothing
  EXPECT_EQ(all<close_link>(out).size(), 3u);
  EXPECT_EQ(it.links(), 0u);
}

TEST_F(soulseek_dialer, fails_when_both_ways_did_with_a_reason) {
  it.request(1, "bob", P, now, out);
  it.tell(2, "bob", text("hello"), now, out);
  const auto token = told<to_server::connect_to_peer>(out).at(0).token;
  address();
  it.on_connect_failed(all<connect_peer>(out).at(0).link, "refused", now, out);
  EXPECT_TRUE(all<dial_failed>(out).empty());
  it.on_cant_connect({token, std::nullopt}, now, out);
  const auto failed = all<dial_failed>(out);
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[0].problem, dial_problem::unreachable);
  EXPECT_NE(failed[0].text.find("refused"), std::string::npos);
  EXPECT_EQ(it.queued_bytes(), 0u);
  EXPECT_EQ(it.next_deadline(), std::nullopt);
}

TEST_F(soulseek_dialer, gives_up_the_direct_way_after_ten_seconds_and_all_after_thirty) {
  it.request(1, "bob", P, now, out);
  address();
  EXPECT_EQ(it.next_deadline(), now + 10s);
  alarm(10s);
  EXPECT_EQ(all<close_link>(out).size(), 1u);
  EXPECT_EQ(it.links(), 0u);
  EXPECT_TRUE(all<dial_failed>(out).empty());
  alarm(20s);
  EXPECT_EQ(all<dial_failed>(out).size(), 1u);
}

TEST_F(soulseek_dialer, connect_to_peer_is_repeated_once_with_its_token) {
  it.request(1, "bob", P, now, out);
  address();
  const auto first = told<to_server::connect_to_peer>(out);
  out.clear();
  alarm(10s);
  EXPECT_EQ(it.next_deadline(), now + 2s);
  alarm(2s);
  EXPECT_EQ(told<to_server::connect_to_peer>(out), first);
  alarm(3s);
  EXPECT_EQ(told<to_server::connect_to_peer>(out).size(), 1u);
  accepted(encode(init::pierce_firewall{first.at(0).token}));
  EXPECT_EQ(all<link_ready>(out).size(), 1u);
}

TEST_F(soulseek_dialer, a_user_who_is_offline_is_said_so_at_once) {
  it.request(1, "bob", P, now, out);
  address("bob", 0, 0);
  EXPECT_EQ(all<dial_failed>(out).at(0).problem, dial_problem::offline);
  EXPECT_EQ(it.dials(), 0u);
}

TEST_F(soulseek_dialer, each_file_request_gets_a_link_of_its_own) {
  it.request(1, "bob", F, now, out);
  it.request(2, "bob", F, now, out);
  EXPECT_EQ(it.dials(), 1u);
  address();
  const auto first = all<connect_peer>(out).at(0).link;
  it.on_connected(first, now, out);
  ASSERT_EQ(all<link_ready>(out).size(), 1u);
  EXPECT_EQ(it.dials(), 1u);
  address();
  const auto second = all<connect_peer>(out).at(1).link;
  it.on_connected(second, now, out);
  ASSERT_EQ(all<link_ready>(out).size(), 2u);
  EXPECT_NE(all<link_ready>(out)[0].link, all<link_ready>(out)[1].link);
}

TEST_F(soulseek_dialer, connect_to_peer_is_always_answered) {
  const from_server::connect_to_peer wish{"bob", P, bob_ip, 2234, 77, false, std::nullopt};
  it.on_connect_to_peer(wish, now, out);
  it.on_connect_to_peer(wish, now, out);  // asked twice, answered once
  ASSERT_EQ(all<connect_peer>(out).size(), 1u);
  const auto link = all<connect_peer>(out)[0].link;
  it.on_connected(link, now, out);
  EXPECT_EQ(*all<write_link>(out).at(0).message, encode(init::pierce_firewall{77}));
  EXPECT_TRUE(all<link_opened>(out).at(0).inbound);
  out.clear();
  auto other = wish;
  other.token = 78;
  it.on_connect_to_peer(other, now, out);
  it.on_connect_failed(all<connect_peer>(out).at(0).link, "refused", now, out);
  EXPECT_EQ(told<to_server::cant_connect_to_peer>(out).at(0).token, 78u);
  out.clear();
  other.port = 0;
  it.on_connect_to_peer(other, now, out);
  EXPECT_EQ(told<to_server::cant_connect_to_peer>(out).size(), 1u);
  out.clear();
  other.port = 1;
  for (std::uint32_t i = 0; i < 20; ++i) {
    other.token = 100 + i;
    it.on_connect_to_peer(other, now, out);
  }
  EXPECT_EQ(all<connect_peer>(out).size(), 6u);  // 8 at once, two were before
  EXPECT_EQ(told<to_server::cant_connect_to_peer>(out).size(), 14u);
  out.clear();
  alarm(10s);
  EXPECT_EQ(told<to_server::cant_connect_to_peer>(out).size(), 6u);
}

TEST_F(soulseek_dialer, strangers_have_ten_seconds_a_valid_init_and_a_known_token) {
  const auto mute = it.on_accepted(endpoint::v4(1, 1), now, out);
  ASSERT_TRUE(mute);
  EXPECT_EQ(it.next_deadline(), now + 10s);
  const auto unknown = accepted(encode(init::pierce_firewall{1234}));
  EXPECT_EQ(all<close_link>(out).at(0).link, unknown);
  EXPECT_EQ(it.counters().unknown_tokens, 1u);
  accepted(encode(init::peer_init{"ann", P, 0}));  // claims to be us
  accepted(bytes{1, 0, 0, 0, 200});
  EXPECT_EQ(it.counters().init_malformed, 2u);
  alarm(10s);
  EXPECT_EQ(it.counters().init_timeouts, 1u);
  EXPECT_EQ(it.links(), 0u);
  EXPECT_TRUE(all<link_opened>(out).empty());
}

TEST_F(soulseek_dialer, accepting_is_bounded_by_rate_address_and_number) {
  std::size_t taken = 0;
  for (std::uint32_t i = 0; i < 300; ++i)
    taken += it.on_accepted(endpoint::v4(0x0A000000 + i, 1), now, out) ? 1U : 0U;
  EXPECT_EQ(taken, 256u);
  EXPECT_EQ(it.counters().refused_rate, 44u);
  for (int i = 0; i < 100; ++i) {
    now += 5ms;
    (void)it.on_accepted(endpoint::v4(0x08080808, 1), now, out);
  }
  EXPECT_EQ(it.counters().refused_address, 84u);
  for (std::uint32_t i = 0; i < 300; ++i) {
    now += 5ms;
    (void)it.on_accepted(endpoint::v4(0x0B000000 + i, 1), now, out);
  }
  EXPECT_EQ(it.links(), 512u);
  EXPECT_GT(it.counters().refused_half_open, 0u);
}

TEST_F(soulseek_dialer, an_inbound_link_serves_the_dial_to_its_user) {
  it.tell(1, "bob", text("hello"), now, out);
  address();
  const auto link = accepted(encode(init::peer_init{"bob", P, 0}));
  EXPECT_EQ(it.dials(), 0u);
  EXPECT_EQ(all<close_link>(out).size(), 1u);
  EXPECT_EQ(all<write_link>(out).at(0).link, link);
  it.on_taken(link, 1, now, out);
  EXPECT_EQ(all<message_taken>(out).at(0).ticket, 1u);
  // A file link of theirs is for a transfer of theirs.
  it.request(2, "bob", F, now, out);
  accepted(encode(init::peer_init{"bob", F, 0}));
  EXPECT_TRUE(all<link_ready>(out).empty());
}

TEST_F(soulseek_dialer, crossing_links_both_live_and_lose_no_message) {
  const auto ours = direct();
  for (ticket_id t = 10; t < 30; ++t) it.tell(t, "bob", text("hello"), now, out);
  EXPECT_EQ(all<write_link>(out).size(), 9u);  // the init, and eight on their way
  it.on_taken(ours, 3, now, out);
  now += 1s;
  const auto theirs = accepted(encode(init::peer_init{"bob", P, 0}));
  EXPECT_TRUE(all<close_link>(out).empty());
  EXPECT_EQ(it.link_to("bob"), theirs);
  out.clear();
  it.on_closed(ours, "replaced", now, out);
  for (int i = 0; i < 5; ++i) it.on_taken(theirs, 8, now, out);
  std::set<ticket_id> done;
  for (const auto& x : all<message_taken>(out)) done.insert(x.ticket);
  EXPECT_EQ(done.size(), 17u);
  EXPECT_GT(it.counters().moved, 0u);
  EXPECT_EQ(it.queued_bytes(), 0u);
}

TEST_F(soulseek_dialer, a_claimed_name_is_not_preferred_to_a_proven_one) {
  const auto ours = direct();
  const auto theirs = accepted(encode(init::peer_init{"bob", P, 0}), 0x09090909);
  EXPECT_TRUE(all<link_opened>(out).back().claimed);
  EXPECT_EQ(it.link_to("bob"), ours);
  it.on_closed(ours, "gone", now, out);
  EXPECT_EQ(it.link_to("bob"), theirs);
}

TEST_F(soulseek_dialer, who_hangs_up_on_every_message_is_not_dialled_for_ever) {
  it.tell(1, "bob", text("hello"), now, out);
  int dials = 0;
  for (; dials < 10 && it.dials() != 0; ++dials) {
    address();
    const auto link = all<connect_peer>(out).back().link;
    it.on_connected(link, now, out);
    it.on_closed(link, "bye", now, out);
  }
  EXPECT_EQ(dials, 3);
  EXPECT_EQ(all<dial_failed>(out).size(), 1u);
  EXPECT_EQ(it.queued_bytes(), 0u);
}

TEST_F(soulseek_dialer, idle_links_end_and_needed_ones_do_not) {
  const auto link = direct();
  EXPECT_EQ(it.next_deadline(), now + 10s);
  it.on_traffic(link, now);
  EXPECT_EQ(it.next_deadline(), now + 60s);
  it.hold_user("bob");
  EXPECT_EQ(it.next_deadline(), std::nullopt);
  alarm(1h);
  EXPECT_EQ(it.links(), 1u);
  it.release_user("bob", now);
  it.hold(link);
  alarm(1h);
  EXPECT_EQ(it.links(), 1u);
  it.release(link, now);
  alarm(59s);
  EXPECT_EQ(it.links(), 1u);
  alarm(1s);
  EXPECT_EQ(it.links(), 0u);
  EXPECT_EQ(all<link_over>(out).size(), 1u);
}

TEST_F(soulseek_dialer, without_a_server_links_go_on_and_dials_say_why_not) {
  const auto link = direct();
  it.on_offline(now, out);
  out.clear();
  it.tell(5, "bob", text("hello"), now, out);
  EXPECT_EQ(all<write_link>(out).at(0).link, link);
  it.request(6, "eve", P, now, out);
  it.tell(7, "eve", text("hello"), now, out);
  const auto failed = all<dial_failed>(out);
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[0].problem, dial_problem::no_server);
  EXPECT_NE(failed[0].text.find("server"), std::string::npos);
  out.clear();
  it.on_closed(link, "gone", now, out);  // the message can't go anywhere now
  EXPECT_EQ(all<dial_failed>(out).at(0).ticket, 5u);
}

TEST_F(soulseek_dialer, a_cancelled_request_ends_its_dial) {
  it.request(1, "bob", D, now, out, endpoint::v4(bob_ip, 5));
  EXPECT_TRUE(told<to_server::get_peer_address>(out).empty());
  EXPECT_EQ(all<connect_peer>(out).size(), 1u);
  it.cancel(1, now, out);
  EXPECT_EQ(all<close_link>(out).size(), 1u);
  EXPECT_EQ(it.dials(), 0u);
  it.tell(2, "bob", text("x"), now, out);
  it.cancel(2, now, out);
  EXPECT_EQ(it.dials(), 0u);
  EXPECT_EQ(it.queued_bytes(), 0u);
  EXPECT_TRUE(all<dial_failed>(out).empty());
}

TEST(soulseek_dialer_bounds, an_idle_link_makes_room_and_a_needed_one_does_not) {
  crypto::seeded_random random(1);
  dialer_options options;
  options.links = 2;
  options.queued_messages = 2;
  peer_dialer it(options, random);
  dialer_effects out;
  nanoseconds now = 1h;
  it.on_online("ann", now, out);
  for (const auto* user : {"bob", "eve"}) {
    it.tell(1, user, text("hello"), now, out);
    it.on_peer_address({user, bob_ip, 1, std::nullopt}, now, out);
    const auto link = all<connect_peer>(out).back().link;
    it.on_connected(link, now, out);
    it.on_taken(link, 1, now, out);
  }
  it.hold_user("bob");
  EXPECT_EQ(it.on_accepted(endpoint::v4(1, 1), now, out), std::nullopt);
  now += 10s;
  EXPECT_NE(it.on_accepted(endpoint::v4(1, 1), now, out), std::nullopt);
  EXPECT_EQ(it.link_to("eve"), 0u);
  EXPECT_NE(it.link_to("bob"), 0u);
  out.clear();
  for (ticket_id t = 0; t < 4; ++t) it.tell(t, "joe", text("hello"), now, out);
  EXPECT_EQ(all<dial_failed>(out).size(), 2u);
  EXPECT_EQ(it.counters().refused_queue, 2u);
}

/// Random peers, network and server against the dialer; the model knows which links and tickets are open.
TEST(soulseek_dialer_property, every_ticket_ends_once_and_no_link_leaks) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    crypto::seeded_random random(seed), dice(seed + 1);
    dialer_options options;
    options.links = 12;
    options.dials = 6;
    options.queued_messages = 4;
    peer_dialer it(options, random);
    dialer_effects out;
    std::size_t seen = 0;
    nanoseconds now = 1h;
    std::map<ticket_id, int> ends;
    std::set<ticket_id> cancelled;
    enum class kind { connecting, accepted, open };
    std::map<link_id, kind> live;
    std::map<link_id, std::size_t> unsent;
    std::set<std::uint32_t> tokens;
    const std::vector<std::string> users = {"bob", "eve", "joe", "kim"};
    const std::vector<connection_type> types = {P, F, D};
    const auto absorb = [&] {
      for (; seen < out.size(); ++seen) {
        const auto& e = out[seen];
        if (const auto* c = std::get_if<connect_peer>(&e))
          RC_ASSERT(live.emplace(c->link, kind::connecting).second);
        if (const auto* c = std::get_if<close_link>(&e)) RC_ASSERT(live.erase(c->link) == 1);
        if (const auto* w = std::get_if<write_link>(&e)) {
          RC_ASSERT(live.contains(w->link));
          if (!w->init) RC_ASSERT(++unsent[w->link] <= options.in_flight);
        }
        if (const auto* o = std::get_if<link_opened>(&e)) live.at(o->link) = kind::open;
        if (const auto* r = std::get_if<link_ready>(&e)) {
          RC_ASSERT(live.at(r->link) == kind::open);
          RC_ASSERT(++ends[r->ticket] == 1);
          RC_ASSERT(!cancelled.contains(r->ticket));
        }
        if (const auto* f = std::get_if<dial_failed>(&e)) {
          RC_ASSERT(++ends[f->ticket] == 1);
          RC_ASSERT(!f->text.empty());
          RC_ASSERT(!cancelled.contains(f->ticket));
        }
        if (const auto* m = std::get_if<message_taken>(&e)) RC_ASSERT(++ends[m->ticket] == 1);
      }
      for (const auto& x : told<to_server::connect_to_peer>(out)) tokens.insert(x.token);
      out.clear();
      seen = 0;
      RC_ASSERT(live.size() == it.links());
      RC_ASSERT(it.links() <= options.links);
      RC_ASSERT(it.dials() <= options.dials);
    };
    const auto pick = [&](kind wanted) {
      std::vector<link_id> found;
      for (const auto& [id, k] : live)
        if (k == wanted) found.push_back(id);
      return found.empty() ? link_id{0} : found[dice.below(found.size())];
    };
    ticket_id ticket = 1;
    it.on_online("ann", now, out);
    for (int i = 0; i < 400; ++i) {
      const auto& user = users[dice.below(users.size())];
      const auto type = types[dice.below(types.size())];
      const auto ip = static_cast<std::uint32_t>(0x0A000000 + dice.below(3));
      switch (dice.below(15)) {
        case 0:
          ends[ticket] = 0, it.request(ticket++, user, type, now, out);
          break;
        case 1:
        case 2:
          ends[ticket] = 0, it.tell(ticket++, user, text("hello"), now, out);
          break;
        case 3:
          it.on_peer_address({user, dice.below(8) == 0 ? 0 : ip, 5, std::nullopt}, now, out);
          break;
        case 4:
          if (const auto id = pick(kind::connecting)) RC_ASSERT(it.on_connected(id, now, out));
          break;
        case 5:
          if (const auto id = pick(kind::connecting)) {
            live.erase(id);
            it.on_connect_failed(id, "refused", now, out);
          }
          break;
        case 6:
          if (const auto id = it.on_accepted(endpoint::v4(ip, 1), now, out))
            live.emplace(*id, kind::accepted);
          break;
        case 12:
          if (const auto id = pick(kind::accepted)) {
            const auto hello = encode(init::peer_init{user, type, 0});
            const auto pierce = encode(init::pierce_firewall{
                tokens.empty()
                    ? 1
                    : *std::next(tokens.begin(), static_cast<std::ptrdiff_t>(dice.below(tokens.size())))});
            it.on_init(id, body(dice.below(2) == 0 ? hello : pierce), now, out);
          }
          break;
        case 7:
          it.on_connect_to_peer({user, type, ip, 5, static_cast<std::uint32_t>(dice.below(9)), false, {}},
                                now, out);
          break;
        case 8:
          if (!tokens.empty())
            it.on_cant_connect(
                {*std::next(tokens.begin(), static_cast<std::ptrdiff_t>(dice.below(tokens.size()))), {}}, now,
                out);
          break;
        case 9:
          if (const auto id = pick(kind::open)) {
            it.on_taken(id, 1, now, out);
            if (unsent[id] != 0) --unsent[id];
          }
          break;
        case 10:
          if (const auto id = pick(kind::open)) {
            live.erase(id);
            it.on_closed(id, "eof", now, out);
          }
          break;
        case 11:
          if (dice.below(4) == 0) {
            if (dice.below(2) == 0)
              it.on_offline(now, out);
            else
              it.on_online("ann", now, out);
          } else if (ticket > 1) {
            const auto t = 1 + dice.below(ticket - 1);
            it.cancel(t, now, out);
            if (ends[t] == 0) cancelled.insert(t), ends[t] = 1;
          }
          break;
        default:
          now += nanoseconds(static_cast<std::int64_t>(dice.below(9'000'000'000)));
          it.on_alarm(now, out);
      }
      absorb();
    }
    it.shut_down(now, out);
    absorb();
    RC_ASSERT(it.links() == 0u);
    RC_ASSERT(it.queued_bytes() == 0u);
    RC_ASSERT(it.next_deadline() == std::nullopt);
    for (const auto& [t, n] : ends) RC_ASSERT(n == 1);
  }));
}

}  // namespace
}  // namespace vsf::soulseek
