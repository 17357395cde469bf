#include "tests/actors/overlay/overlay_world.hpp"

namespace vsf::tests {
namespace {

constexpr std::uint32_t ip_a = 0x7F000001, ip_b = 0x7F000002, ip_c = 0x7F000003;

class overlay_actors : public overlay_world {};

TEST_F(overlay_actors, a_dial_gives_a_session_known_to_both_sides) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  for (const bool with_key : {true, false}) {
    ASSERT_TRUE(connect(a, b, with_key));
    EXPECT_EQ(a.up.back().who, b.who->node_id);
    EXPECT_EQ(a.up.back().id, 1u);
  }
  // The second dial found the first session.
  EXPECT_EQ(counter(a, "links_opened", "side=\"dialled\""), 1u);
  EXPECT_EQ(counter(b, "links_opened", "side=\"accepted\""), 1u);
  const auto& seen = report(b);
  ASSERT_EQ(seen.peers.size(), 1u);
  EXPECT_EQ(from_fb<node_id>(*seen.peers[0]->id), a.who->node_id);
  EXPECT_TRUE(seen.peers[0]->inbound);
  EXPECT_GT(seen.peers[0]->since_ms, 1'700'000'000'000u);
  EXPECT_EQ(seen.peers[0]->rtt_us, 20'000u);
  EXPECT_GT(seen.peers[0]->bytes_in, 0u);
  EXPECT_TRUE(seen.notes.empty());
  EXPECT_EQ(seen.children.size(), 1u);
  EXPECT_EQ(count_events(a, fb::EventKind::peer_up), 1u);
  EXPECT_EQ(count_events(b, fb::EventKind::peer_up), 1u);
  // Each proved an address of the other's.
  ASSERT_EQ(a.met.size(), 1u);
  EXPECT_EQ(a.met[0], b.as_contact());
  ASSERT_EQ(b.met.size(), 1u);
  EXPECT_EQ(b.met[0], a.as_contact());
}

TEST_F(overlay_actors, an_unknown_key_is_met_with_xx) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  std::vector<bytes> firsts;
  net->on_stream_packet([&](const endpoint& from, const endpoint&, frame p) {
    if (from.ip == a.address.ip && firsts.empty()) firsts.push_back(to_bytes(p.view().first(5)));
    return std::vector{p};
  });
  ASSERT_TRUE(connect(a, b, false));
  EXPECT_EQ(firsts[0], (bytes{'V', 'S', 'O', '1', 1}));
}

TEST_F(overlay_actors, another_network_a_wrong_id_and_a_closed_port_fail_with_a_reason) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b, {}, "other/4");
  dial(a, b.as_contact(), 7);
  run_for(11s);
  ASSERT_EQ(a.failed.size(), 1u);
  EXPECT_EQ(a.failed[0].id, 7u);
  auto& c = add_node(ip_c);
  auto wrong = c.as_contact(false);
  wrong.id = make_node(77).node_id;
  dial(a, wrong);
  run_for(1s);
  ASSERT_EQ(a.failed.size(), 2u);
  EXPECT_TRUE(a.failed[1].reason.starts_with("expected node")) << a.failed[1].reason;
  auto nowhere = c.as_contact();
  nowhere.id = make_node(78).node_id;
  nowhere.address.port = 1;
  dial(a, nowhere);
  run_for(1s);
  ASSERT_EQ(a.failed.size(), 3u);
  EXPECT_EQ(a.failed[2].reason, "127.0.0.3:1 refused the connection");
  EXPECT_TRUE(a.up.empty());
  EXPECT_EQ(net->open_links(), 0u);
  EXPECT_TRUE(report(a).peers.empty());
}

TEST_F(overlay_actors, a_dial_into_silence_is_answered_within_ten_seconds) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  net->silence(b.address);
  dial(a, b.as_contact());
  run_for(5100ms);
  ASSERT_EQ(a.failed.size(), 1u);
  EXPECT_NE(a.failed[0].reason.find("timed out"), std::string::npos);
  // Silent after the connection is made.
  net->silence(b.address, false);
  dial(a, b.as_contact());
  run_for(25ms);
  net->silence(b.address);
  run_for(9900ms);
  EXPECT_EQ(a.failed.size(), 1u);
  run_for(200ms);
  EXPECT_EQ(a.failed.size(), 2u);
  net->silence(b.address, false);
  run_for(12s);
  EXPECT_EQ(net->open_links(), 0u) << "half-open links ended on both sides";
}

TEST_F(overlay_actors, data_flows_over_a_channel_and_requests_reach_uploads) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  const auto peer = connect(a, b);
  ASSERT_TRUE(peer);
  auto& log = new_log();
  open_channel(peer, 9, log);
  say(peer, open_root(9));
  run_for(100ms);
  ASSERT_EQ(b.requests.size(), 1u);
  EXPECT_EQ(b.requests[0].who, a.who->node_id);
  EXPECT_EQ(b.requests[0].message->body_as_OpenRoot()->channel(), 9);
  const auto serving = b.requests[0].peer;
  fb::RootOpenedT opened;
  opened.channel = 9;
  opened.size = 40'000;
  say(serving, opened);
  const auto sender = stand_in<session_sender_actor>(b.uploads);
  bytes leaves(3 * 16384, 0xAB);
  caf::anon_send(serving, session_send_data{{9, 5, 0, 3, frame::copy_of(leaves)}, sender});
  auto whole = overlay::allocate_bulk(100);
  std::fill_n(overlay::bulk_room(whole).begin(), 100, std::uint8_t{0xCD});
  caf::anon_send(serving, session_send_data{{9, 6, 3, 1, {}}, sender, whole});
  caf::anon_send(serving, session_send_data{{9, 7, 3, 3, frame::copy_of(bytes(5))}, sender});
  run_for(100ms);
  ASSERT_EQ(log.messages.size(), 1u);
  EXPECT_EQ(log.messages[0]->body_as_RootOpened()->size(), 40'000u);
  ASSERT_EQ(log.data.size(), 2u);
  EXPECT_EQ(to_bytes(log.data[0].body.view()), leaves);
  EXPECT_EQ(log.data[0].request, 5u);
  EXPECT_EQ(log.data[1].first_leaf, 3u);
  EXPECT_EQ(to_bytes(log.data[1].body.view()), bytes(100, 0xCD));
  ASSERT_EQ(b.sent.size(), 3u);
  EXPECT_EQ(b.sent[0].request, 5u);
  EXPECT_GT(b.sent[0].bytes, leaves.size());
  EXPECT_EQ(b.sent[1].request, 6u);
  EXPECT_EQ(b.sent[2].bytes, 0u) << "count and bytes don't fit: dropped and told";
  EXPECT_EQ(report(a).peers[0]->channels, 1u);
  EXPECT_EQ(report(b).peers[0]->channels, 1u);
}

TEST_F(overlay_actors, a_channel_in_use_is_refused_and_a_dead_client_frees_it) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  const auto peer = connect(a, b);
  auto& first = new_log();
  auto& second = new_log();
  auto client = open_channel(peer, 9, first);
  open_channel(peer, 9, second);
  ASSERT_EQ(second.closed.size(), 1u);
  EXPECT_EQ(second.closed[0].reason, "channel 9 is in use");
  EXPECT_TRUE(first.closed.empty());
  say(peer, open_root(9));
  run_for(100ms);
  caf::anon_send_exit(client, caf::exit_reason::kill);
  run_for(100ms);
  ASSERT_EQ(b.requests.size(), 2u);
  EXPECT_EQ(b.requests[1].message->body_type(), fb::OverlayBody::CloseRoot);
  EXPECT_EQ(report(a).peers[0]->channels, 0u);
  auto& third = new_log();
  open_channel(peer, 9, third);
  EXPECT_TRUE(third.closed.empty());
}

TEST_F(overlay_actors, without_uploads_a_peer_is_denied) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  const auto peer = connect(a, b);
  b.links.uploads = nullptr;
  caf::anon_send(b.overlay, b.links);
  auto& log = new_log();
  open_channel(peer, 2, log);
  say(peer, open_root(2));
  run_for(100ms);
  ASSERT_EQ(log.messages.size(), 1u);
  EXPECT_EQ(log.messages[0]->body_as_Denied()->reason(), fb::DenyReason::gone);
}

TEST_F(overlay_actors, a_slow_client_slows_the_sender_and_everything_stays_bounded) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  const auto peer = connect(a, b);
  net->set_queue(8);
  auto& log = new_log();
  log.hold = true;
  open_channel(peer, 9, log);
  say(peer, open_root(9));
  run_for(100ms);
  const auto serving = b.requests[0].peer;
  const auto sender = stand_in<session_sender_actor>(b.uploads);
  const auto send_one = [&](std::uint32_t n) {
    caf::anon_send(serving, session_send_data{{9, n, 0, 1, frame::copy_of(bytes(1000))}, sender});
  };
  for (std::uint32_t i = 0; i < 200; ++i) {
    send_one(i);
    run_for(10ms);
  }
  // 32 credits with the client, 8 in the link, 9 with the session; the rest was dropped and told.
  EXPECT_EQ(log.data.size(), 32u);
  EXPECT_LE(net->most_waiting(), 8u);
  std::size_t dropped = 0, taken = 0;
  for (const auto& s : b.sent) (s.bytes == 0 ? dropped : taken) += 1;
  EXPECT_EQ(taken, 40u);
  EXPECT_EQ(dropped, 200u - 40u - 9u);
  EXPECT_EQ(counter(b, "messages_dropped", "kind=\"bulk\""), dropped);
  // The client is done with what it has: the rest flows.
  log.hold = false;
  for (auto& d : log.data) d.credit.reset();
  run_for(200ms);
  EXPECT_EQ(log.data.size(), 49u);
  for (std::size_t i = 1; i < log.data.size(); ++i) EXPECT_LT(log.data[i - 1].request, log.data[i].request);
}

TEST_F(overlay_actors, a_tampered_frame_ends_the_session_for_everybody) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  const auto peer = connect(a, b);
  auto& log = new_log();
  open_channel(peer, 3, log);
  net->on_stream_packet([&](const endpoint& from, const endpoint&, frame p) {
    if (from.ip == a.address.ip && p.size() > 40) p.mutable_data()[20] ^= 4;
    return std::vector{p};
  });
  say(peer, open_root(3));
  run_for(200ms);
  ASSERT_EQ(log.closed.size(), 1u);
  EXPECT_EQ(log.closed[0].reason, "the peer said goodbye: protocol_error");
  ASSERT_EQ(b.requests.size(), 1u) << "the end of the session";
  EXPECT_FALSE(b.requests[0].message);
  EXPECT_EQ(counter(b, "sessions_ended", "reason=\"protocol_error\""), 1u);
  EXPECT_EQ(count_events(a, fb::EventKind::peer_down), 1u);
  EXPECT_EQ(count_events(b, fb::EventKind::peer_down), 1u);
  EXPECT_TRUE(report(a).peers.empty());
  EXPECT_EQ(net->open_links(), 0u);
}

TEST_F(overlay_actors, a_replayed_frame_ends_the_session) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  const auto peer = connect(a, b);
  net->on_stream_packet([&](const endpoint& from, const endpoint&, frame p) {
    if (from.ip != a.address.ip) return std::vector{p};
    return std::vector{frame::copy_of(p.view()), frame::copy_of(p.view())};
  });
  say(peer, open_root(3));
  run_for(200ms);
  EXPECT_EQ(b.requests.size(), 2u) << "the request once, then the end";
  EXPECT_TRUE(report(b).peers.empty());
}

TEST_F(overlay_actors, both_dialling_at_once_agree_on_one_session) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  dial(a, b.as_contact());
  dial(b, a.as_contact());
  run_for(1s);
  ASSERT_EQ(a.up.size(), 1u);
  ASSERT_EQ(b.up.size(), 1u);
  // Whatever either was told first is usable.
  auto& log_a = new_log();
  auto& log_b = new_log();
  open_channel(a.peer(), 1, log_a);
  open_channel(b.peer(), 1, log_b);
  say(a.peer(), open_root(1));
  say(b.peer(), open_root(1));
  run_for(200ms);
  EXPECT_EQ(a.requests.size(), 1u);
  EXPECT_EQ(b.requests.size(), 1u);
  // While that one is in use, all askers get it: what a node asks of a peer goes over one session.
  dial(a, b.as_contact());
  dial(b, a.as_contact());
  run_for(200ms);
  ASSERT_EQ(a.up.size(), 2u);
  ASSERT_EQ(b.up.size(), 2u);
  EXPECT_EQ(a.up[0].peer, a.up[1].peer);
  EXPECT_EQ(b.up[0].peer, b.up[1].peer);
  // Channels gone, the lower node's link is left on both sides, and nobody is told that the peer left.
  for (auto* n : {&a, &b}) {
    fb::CloseRootT close;
    close.channel = 1;
    say(n->peer(), close);
    caf::anon_send(n->peer(), channel_detach{1});
  }
  run_for(3s);
  auto& lower = a.who->node_id < b.who->node_id ? a : b;
  auto& higher = &lower == &a ? b : a;
  ASSERT_EQ(report(lower).peers.size(), 1u);
  EXPECT_FALSE(report(lower).peers[0]->inbound);
  ASSERT_EQ(report(higher).peers.size(), 1u);
  EXPECT_TRUE(report(higher).peers[0]->inbound);
  EXPECT_EQ(net->open_links(), 2u);
  EXPECT_EQ(count_events(a, fb::EventKind::peer_down), 0u);
  EXPECT_EQ(count_events(b, fb::EventKind::peer_down), 0u);
  EXPECT_EQ(counter(a, "sessions_superseded"), 1u);
}

TEST_F(overlay_actors, silence_is_noticed_and_the_peer_can_be_dialled_again) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  auto peer = connect(a, b);
  auto& log = new_log();
  open_channel(peer, 3, log);
  say(peer, open_root(3));
  run_for(200s);
  EXPECT_TRUE(log.closed.empty()) << "keepalives hold it";
  net->silence(b.address);
  run_for(61s);
  ASSERT_EQ(log.closed.size(), 1u);
  EXPECT_TRUE(log.closed[0].reason.starts_with("nothing heard"));
  net->silence(b.address, false);
  run_for(5s);
  ASSERT_FALSE(b.requests.empty());
  EXPECT_FALSE(b.requests.back().message);
  ASSERT_TRUE(connect(a, b));
  EXPECT_EQ(report(a).peers.size(), 1u);
}

TEST_F(overlay_actors, an_idle_session_ends_politely) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  connect(a, b);
  run_for(301s);
  EXPECT_TRUE(report(a).peers.empty());
  EXPECT_TRUE(report(b).peers.empty());
  EXPECT_EQ(counter(a, "sessions_ended", "reason=\"idle\"") + counter(b, "sessions_ended", "reason=\"idle\""),
            2u);
  EXPECT_EQ(net->open_links(), 0u);
}

TEST_F(overlay_actors, a_peer_that_restarts_without_a_word_gets_its_session_at_once) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  const auto old = connect(a, b);
  auto& log = new_log();
  open_channel(old, 3, log);
  run_for(60s);
  // b vanishes: nothing it says at its end arrives.
  net->silence(b.address);
  end(b.overlay);
  end(b.transport);
  b.up.clear();
  run_for(2s);
  b.requests.clear();
  net->silence(b.address, false);
  spawn_components(b);
  run_for(1s);
  EXPECT_TRUE(log.closed.empty()) << "a can't know yet";
  ASSERT_TRUE(connect(b, a));
  dial(a, b.as_contact());
  run_for(100ms);
  ASSERT_EQ(a.up.size(), 2u);
  EXPECT_NE(a.peer(), old);
  auto& fresh = new_log();
  open_channel(a.peer(), 3, fresh);
  say(a.peer(), open_root(3));
  run_for(100ms);
  EXPECT_EQ(b.requests.size(), 1u);
  run_for(62s);
  EXPECT_EQ(log.closed.size(), 1u);
  EXPECT_TRUE(fresh.closed.empty());
  EXPECT_EQ(count_events(a, fb::EventKind::peer_down), 0u);
}

TEST_F(overlay_actors, the_end_of_overlay_says_goodbye_and_answers_everybody) {
  auto& a = add_node(ip_a);
  auto& b = add_node(ip_b);
  auto& c = add_node(ip_c);
  const auto peer = connect(a, b);
  auto& log = new_log();
  open_channel(peer, 3, log);
  say(peer, open_root(3));
  run_for(50ms);
  net->silence(c.address);
  dial(a, c.as_contact());
  settle();
  caf::anon_send_exit(a.overlay, caf::exit_reason::kill);
  run_for(100ms);
  ASSERT_EQ(log.closed.size(), 1u);
  ASSERT_EQ(a.failed.size(), 1u);
  ASSERT_EQ(b.requests.size(), 2u);
  EXPECT_FALSE(b.requests[1].message);
  EXPECT_EQ(net->open_links(), 0u);
  ASSERT_EQ(count_events(b, fb::EventKind::peer_down), 1u);
  EXPECT_EQ(b.events.back().text, "the peer said goodbye: shutting_down");
  a.overlay = keep(system().spawn(overlay::overlay, environment_ptr(a.env), a.who));
  a.up.clear();
  distribute(a);
  EXPECT_TRUE(connect(a, b));
}

TEST_F(overlay_actors, a_fourth_session_of_a_global_group_is_turned_away) {
  auto& hub = add_node(0x08080801);
  for (std::uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(connect(add_node(0x09090901 + i), hub));
  auto& fourth = add_node(0x09090910);
  dial(fourth, hub.as_contact());
  run_for(1s);
  run_for(11s);
  EXPECT_EQ(report(hub).peers.size(), 3u);
  EXPECT_EQ(counter(hub, "links_refused", "reason=\"group\""), 1u);
  EXPECT_TRUE(report(fourth).peers.empty());
  EXPECT_TRUE(connect(add_node(0x0A000001), hub));
}

TEST_F(overlay_actors, a_full_node_refuses_and_says_so) {
  overlay::overlay_options options;
  options.roster.sessions = 2;
  auto& hub = add_node(ip_a, options);
  for (std::uint32_t i = 0; i < 2; ++i) {
    const auto peer = connect(add_node(0x7F000010 + i), hub);
    open_channel(peer, 1, new_log());
    say(peer, open_root(1));
  }
  run_for(30s);
  auto& late = add_node(0x7F000020);
  dial(late, hub.as_contact());
  run_for(2s);
  EXPECT_EQ(report(hub).peers.size(), 2u);
  ASSERT_EQ(report(hub).notes.size(), 1u);
  EXPECT_EQ(counter(hub, "links_refused", "reason=\"full\""), 1u);
  EXPECT_TRUE(report(late).peers.empty());
}

TEST_F(overlay_actors, half_open_links_of_strangers_are_bounded_and_end) {
  auto& hub = add_node(ip_a);
  std::vector<std::shared_ptr<net::stream_link>> strangers;
  const auto outside = net->host(endpoint::v4(0x7F0000AA, 1));
  for (int i = 0; i < 100; ++i)
    outside->connect(hub.address, 1s, [&](auto link) { strangers.push_back(*link); });
  run_for(100ms);
  EXPECT_EQ(counter(hub, "links_refused", "reason=\"half_open\""), 36u);
  run_for(10s);
  EXPECT_EQ(report(hub).children.size(), 0u);
  EXPECT_EQ(counter(hub, "handshakes_failed"), 64u);
  strangers.clear();
}

TEST_F(overlay_actors, the_same_life_happens_again_in_the_same_order) {
  const auto live = [&](std::uint32_t base) {
    std::vector<std::pair<std::int64_t, std::size_t>> trace;
    const auto start = now();
    net->on_stream_packet([&](const endpoint&, const endpoint&, frame p) {
      trace.emplace_back((now() - start).count(), p.size());
      return std::vector{p};
    });
    auto& a = add_node(base + 1, {}, "test/4", 501);
    auto& b = add_node(base + 2, {}, "test/4", 502);
    dial(a, b.as_contact());
    dial(b, a.as_contact());
    run_for(400s);
    net->on_stream_packet(nullptr);
    return trace;
  };
  const auto once = live(0x7F000100), again = live(0x7F000200);
  EXPECT_GT(once.size(), 40u);
  EXPECT_EQ(once, again);
}

}  // namespace
}  // namespace vsf::tests
