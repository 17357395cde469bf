#include "tests/actors/soulseek/dialer_world.hpp"

namespace vsf::soulseek {
namespace {

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

}  // namespace
}  // namespace vsf::soulseek
