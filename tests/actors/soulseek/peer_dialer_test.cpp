#include "tests/actors/soulseek/dialer_world.hpp"

namespace vsf::soulseek {
namespace {

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

}  // namespace
}  // namespace vsf::soulseek
