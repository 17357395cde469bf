#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/actors/overlay/session_pair.hpp"

namespace vsf::overlay {
namespace {

using tests::raw_peer;
using tests::session_pair;
using namespace std::chrono_literals;

record<fb::OverlayMessage> open_root(std::uint16_t channel) {
  fb::OpenRootT m;
  m.channel = channel;
  m.root = std::make_unique<fb::Bytes32>();
  return overlay_message(std::move(m));
}
record<fb::OverlayMessage> root_opened(std::uint16_t channel) {
  fb::RootOpenedT m;
  m.channel = channel;
  m.size = 100'000;
  return overlay_message(m);
}
template <class Body>
record<fb::OverlayMessage> on_channel(std::uint16_t channel) {
  Body m;
  m.channel = channel;
  return overlay_message(std::move(m));
}

TEST(overlay_session, comes_up_on_both_sides_with_hello_and_a_round_trip_time) {
  for (const bool know_key : {true, false}) {
    session_pair p(know_key);
    p.exchange();
    ASSERT_TRUE(p.a->up && p.b->up);
    EXPECT_EQ(p.a->up->who.node_id, p.node_b.node_id);
    EXPECT_EQ(p.b->up->who.node_id, p.node_a.node_id);
    EXPECT_EQ(p.b->up->hello.listen_port, 50315);
    EXPECT_EQ(p.b->up->hello.version, protocol_version);
    EXPECT_EQ(p.a->up->hello.you, endpoint::v4(0x7F000001, 40001));
    EXPECT_GT(p.a->it.rtt_us(), 0u);
    // All 32 credits but those for what is under way are there again.
    EXPECT_EQ(p.a->credits, session_limits{}.credits);
    EXPECT_EQ(p.b->credits, session_limits{}.credits);
  }
}

TEST(overlay_session, a_stranger_gets_one_buffer_until_it_is_proven) {
  session_pair p;
  p.b->collect();
  EXPECT_EQ(p.b->credits, 1u);
}

TEST(overlay_session, other_networks_and_other_nodes_fail_without_coming_up) {
  session_pair other(true, {}, "other/4");
  other.run_for(20s);
  EXPECT_FALSE(other.a->up || other.b->up);
  EXPECT_TRUE(other.b->over);
  EXPECT_EQ(other.b->counters.get(count::handshake_failed), 1u);
  session_pair wrong(false, {}, "test/4", tests::make_node(8).node_id);
  wrong.run_for(20s);
  EXPECT_FALSE(wrong.a->up);
  EXPECT_TRUE(wrong.a->over->starts_with("expected node"));
}

TEST(overlay_session, a_handshake_that_stalls_ends_after_ten_seconds) {
  session_pair p;
  p.cut = true;
  p.run_for(9999ms);
  EXPECT_FALSE(p.a->over);
  p.run_for(2ms);
  EXPECT_EQ(p.a->over, "no handshake within 10 s");
  EXPECT_EQ(p.b->over, "no handshake within 10 s");
}

TEST(overlay_session, keepalives_hold_a_session_with_a_channel_and_silence_ends_it) {
  session_pair p;
  p.exchange();
  ASSERT_FALSE(p.a->it.attach(5));
  p.a->it.send(open_root(5), p.now, p.a->effects);
  p.run_for(std::chrono::hours(1));
  EXPECT_FALSE(p.a->over || p.b->over);
  // Both sides, 25 s apart, acknowledged.
  EXPECT_NEAR(static_cast<double>(p.a->counters.get(count::control_out)), 2 * 3600.0 / 25, 8);
  p.cut = true;
  p.run_for(61s);
  ASSERT_TRUE(p.a->over && p.b->over);
  EXPECT_TRUE(p.a->over->starts_with("nothing heard for")) << *p.a->over;
  EXPECT_EQ(p.a->counters.get(count::ended_timed_out), 1u);
}

TEST(overlay_session, an_idle_one_says_goodbye_after_five_minutes) {
  session_pair p;
  p.exchange();
  p.run_for(299s);
  EXPECT_FALSE(p.a->over);
  p.run_for(2s);
  ASSERT_TRUE(p.a->over && p.b->over);
  EXPECT_EQ(p.a->over, "idle");
  EXPECT_EQ(p.a->counters.get(count::ended_idle), 1u);
}

TEST(overlay_session, idleness_counts_from_the_last_channel_of_either_side) {
  session_pair p;
  p.exchange();
  ASSERT_FALSE(p.a->it.attach(5));
  p.a->it.send(open_root(5), p.now, p.a->effects);
  p.run_for(400s);
  EXPECT_FALSE(p.b->over) << "b serves a channel";
  p.a->it.send(on_channel<fb::CloseRootT>(5), p.now, p.a->effects);
  p.a->it.detach(5, p.now);
  p.run_for(299s);
  EXPECT_FALSE(p.a->over);
  p.run_for(2s);
  EXPECT_TRUE(p.a->over && p.b->over);
}

TEST(overlay_session, requests_go_to_the_serving_side_and_answers_to_their_channel) {
  session_pair p;
  p.exchange();
  // Both use channel 5: they are different channels.
  ASSERT_FALSE(p.a->it.attach(5));
  ASSERT_FALSE(p.b->it.attach(5));
  p.a->it.send(open_root(5), p.now, p.a->effects);
  p.b->it.send(open_root(5), p.now, p.b->effects);
  p.exchange();
  ASSERT_EQ(p.a->requests.size(), 1u);
  ASSERT_EQ(p.b->requests.size(), 1u);
  p.b->it.send(root_opened(5), p.now, p.b->effects);
  p.b->it.send_bulk(build_bulk({5, 77, 0, 1}, bytes(100, 0xCC)), 1, p.b->effects);
  p.exchange();
  ASSERT_EQ(p.a->answers.size(), 1u);
  EXPECT_EQ(p.a->answers[0].channel, 5);
  EXPECT_EQ(p.a->answers[0].message->body_as_RootOpened()->size(), 100'000u);
  ASSERT_EQ(p.a->data.size(), 1u);
  EXPECT_EQ(p.a->data[0].data.header.request, 77u);
  EXPECT_EQ(to_bytes(p.a->data[0].data.body.view()), bytes(100, 0xCC));
  EXPECT_TRUE(p.b->answers.empty() && p.b->data.empty());
  ASSERT_EQ(p.b->sent.size(), 1u);
  EXPECT_FALSE(p.b->sent[0].dropped);
  // The data's credit is not given back before whoever has it is done.
  EXPECT_EQ(p.a->credits, session_limits{}.credits - 1);
}

TEST(overlay_session, what_comes_for_no_channel_is_dropped_and_counted) {
  session_pair p;
  p.exchange();
  p.b->it.send(root_opened(9), p.now, p.b->effects);
  p.b->it.send_bulk(build_bulk({9, 1, 0, 1}, bytes(10)), 1, p.b->effects);
  p.a->it.send(on_channel<fb::GetDataT>(3), p.now, p.a->effects);
  p.exchange();
  EXPECT_TRUE(p.a->answers.empty() && p.a->data.empty() && p.b->requests.empty());
  EXPECT_EQ(p.a->counters.get(count::no_channel), 2u);
  EXPECT_EQ(p.b->counters.get(count::no_channel), 1u);
  EXPECT_EQ(p.a->credits, session_limits{}.credits);
}

TEST(overlay_session, a_refused_root_leaves_no_channel) {
  session_pair p;
  p.exchange();
  ASSERT_FALSE(p.a->it.attach(5));
  p.a->it.send(open_root(5), p.now, p.a->effects);
  p.exchange();
  EXPECT_EQ(p.b->it.channels(), 1u);
  p.b->it.send(on_channel<fb::DeniedT>(5), p.now, p.b->effects);
  EXPECT_EQ(p.b->it.channels(), 0u);
  // Once opened, a denied request doesn't end the channel.
  p.a->it.send(open_root(5), p.now, p.a->effects);
  p.exchange();
  p.b->it.send(root_opened(5), p.now, p.b->effects);
  p.b->it.send(on_channel<fb::DeniedT>(5), p.now, p.b->effects);
  EXPECT_EQ(p.b->it.channels(), 1u);
}

TEST(overlay_session, channels_are_claimed_once_and_never_zero) {
  session_limits limits;
  limits.channels = 2;
  session_pair p(true, limits);
  EXPECT_TRUE(p.a->it.attach(1)) << "not up yet";
  p.exchange();
  EXPECT_TRUE(p.a->it.attach(0));
  EXPECT_FALSE(p.a->it.attach(1));
  EXPECT_TRUE(p.a->it.attach(1));
  EXPECT_FALSE(p.a->it.attach(2));
  EXPECT_TRUE(p.a->it.attach(3)) << "too many";
  p.a->it.detach(1, p.now);
  EXPECT_FALSE(p.a->it.attach(3));
}

TEST(overlay_session, a_damaged_or_replayed_frame_ends_it) {
  session_pair damaged;
  damaged.exchange();
  damaged.a->it.send(open_root(1), damaged.now, damaged.a->effects);
  damaged.pump(*damaged.a, *damaged.b);
  damaged.b->inbox.back().mutable_data()[9] ^= 1;
  damaged.exchange();
  EXPECT_EQ(damaged.b->over, "protocol error: a frame is not authentic");
  EXPECT_EQ(damaged.a->over, "the peer said goodbye: protocol_error");
  EXPECT_EQ(damaged.b->counters.get(count::ended_protocol_error), 1u);
  EXPECT_TRUE(damaged.b->requests.empty());

  session_pair replayed;
  replayed.exchange();
  replayed.a->it.send(open_root(1), replayed.now, replayed.a->effects);
  replayed.pump(*replayed.a, *replayed.b);
  replayed.b->inbox.push_back(frame::copy_of(replayed.wire.back().view()));
  replayed.exchange();
  EXPECT_EQ(replayed.b->requests.size(), 1u);
  EXPECT_TRUE(replayed.b->over);
}

TEST(overlay_session, a_replayed_first_message_of_ik_never_comes_up) {
  session_pair p;
  p.exchange();
  const auto recorded = p.wire.front();
  session_pair victim;
  victim.b->collect();
  victim.b->it.on_packet(frame::copy_of(recorded.view()), victim.now, victim.b->effects);
  victim.b->collect();
  EXPECT_FALSE(victim.b->up);
  // Nor with the rest of the recorded conversation.
  for (std::size_t i = 1; i < p.wire.size() && !victim.b->over; ++i) {
    victim.b->it.on_packet(frame::copy_of(p.wire[i].view()), victim.now, victim.b->effects);
    victim.b->collect();
  }
  EXPECT_FALSE(victim.b->up);
  EXPECT_TRUE(victim.b->over);
}

TEST(overlay_session, rekeying_goes_unnoticed) {
  session_limits limits;
  limits.rekey_interval = 3;
  session_pair p(true, limits);
  p.exchange();
  ASSERT_FALSE(p.a->it.attach(1));
  p.a->it.send(open_root(1), p.now, p.a->effects);
  p.exchange();
  for (int i = 0; i < 50; ++i) {
    p.a->it.send(on_channel<fb::GetDataT>(1), p.now, p.a->effects);
    p.b->it.send_bulk(build_bulk({1, 1, 0, 1}, bytes(10)), 1, p.b->effects);
    p.exchange();
    p.a->credits = 32;
  }
  EXPECT_EQ(p.b->requests.size(), 51u);
  EXPECT_EQ(p.a->data.size(), 50u);
}

TEST(overlay_session, a_link_that_takes_nothing_bounds_what_waits) {
  session_pair p;
  p.exchange();
  p.b->link_full = true;
  for (std::uint64_t i = 0; i < 12; ++i) {
    p.b->it.send_bulk(build_bulk({1, 1, 0, 1}, bytes(10)), i, p.b->effects);
    p.exchange();
  }
  // One is sealed and waits at the link, 8 behind it; the others came back.
  EXPECT_EQ(p.b->it.bulk_waiting(), 8u);
  EXPECT_EQ(p.b->sent.size(), 3u);
  EXPECT_TRUE(p.b->sent[0].dropped);
  EXPECT_EQ(p.b->counters.get(count::bulk_dropped), 3u);
  p.b->link_full = false;
  p.exchange();
  EXPECT_EQ(p.b->it.bulk_waiting(), 8u) << "waits for link_writable";
  p.b->it.link_writable();
  p.exchange();
  EXPECT_EQ(p.b->it.bulk_waiting(), 0u);
  EXPECT_EQ(p.b->sent.size(), 12u);
  EXPECT_EQ(p.a->counters.get(count::bulk_in), 9u);
}

TEST(overlay_session, a_peer_that_does_not_read_its_messages_is_let_go) {
  session_pair p;
  p.exchange();
  p.b->link_full = true;
  for (int i = 0; i < 64; ++i) p.b->it.send(root_opened(1), p.now, p.b->effects);
  EXPECT_FALSE(p.b->it.over());
  p.exchange();  // one of them goes to the link
  p.b->it.send(root_opened(1), p.now, p.b->effects);
  EXPECT_FALSE(p.b->it.over());
  p.b->it.send(root_opened(1), p.now, p.b->effects);
  EXPECT_TRUE(p.b->it.over());
  EXPECT_EQ(p.b->counters.get(count::ended_too_slow), 1u);

  session_pair slow;
  slow.exchange();
  slow.b->link_full = true;
  slow.run_for(100s);
  EXPECT_EQ(slow.b->over, "the peer does not read what it is sent");
}

TEST(overlay_session, messages_overtake_waiting_data_and_data_keeps_its_order) {
  session_pair p;
  p.exchange();
  ASSERT_FALSE(p.a->it.attach(1));
  for (std::uint32_t i = 0; i < 5; ++i)
    p.b->it.send_bulk(build_bulk({1, i, 0, 1}, bytes(10)), i, p.b->effects);
  p.b->it.send(root_opened(1), p.now, p.b->effects);
  p.pump(*p.b, *p.a);
  p.receive(*p.a);
  p.a->collect();
  EXPECT_EQ(p.a->answers.size(), 1u);
  EXPECT_TRUE(p.a->data.empty());
  p.exchange();
  ASSERT_EQ(p.a->data.size(), 5u);
  for (std::uint32_t i = 0; i < 5; ++i) EXPECT_EQ(p.a->data[i].data.header.request, i);
}

TEST(overlay_session, what_waits_at_the_end_is_answered_for) {
  session_pair p;
  p.exchange();
  p.b->link_full = true;
  for (std::uint64_t i = 0; i < 3; ++i)
    p.b->it.send_bulk(build_bulk({1, 1, 0, 1}, bytes(10)), i, p.b->effects);
  p.b->it.on_link_closed("gone", p.b->effects);
  p.b->collect();
  EXPECT_EQ(p.b->sent.size(), 3u);
  for (const auto& s : p.b->sent) EXPECT_TRUE(s.dropped);
  EXPECT_EQ(p.b->over, "gone");
}

TEST(overlay_session, superseded_it_ends_when_its_channels_did) {
  session_pair p;
  p.exchange();
  ASSERT_FALSE(p.a->it.attach(1));
  p.a->it.supersede(p.now);
  p.run_for(30s);
  EXPECT_FALSE(p.a->over);
  p.a->it.detach(1, p.now);
  p.run_for(1900ms);
  EXPECT_FALSE(p.a->over);
  p.run_for(200ms);
  EXPECT_TRUE(p.a->over);
  EXPECT_EQ(p.b->over, "the peer said goodbye: duplicate");
}

// ---- Peers that break the rules

TEST(overlay_session_rules, hello_comes_first_and_once) {
  raw_peer early;
  early.say(open_root(1));
  EXPECT_EQ(early.side->over, "protocol error: another message before hello");
  EXPECT_EQ(early.heard.back()->body_as_Goodbye()->reason(), fb::GoodbyeReason::protocol_error);

  raw_peer data;
  const auto built = build_bulk({1, 1, 0, 1}, bytes(4));
  data.say(built->view().first(built->size() - frame_tag_size));
  EXPECT_EQ(data.side->over, "protocol error: data before hello");

  raw_peer twice;
  twice.say_hello();
  EXPECT_TRUE(twice.side->up);
  twice.say_hello();
  EXPECT_EQ(twice.side->over, "protocol error: a second hello");

  raw_peer ancient;
  ancient.say(overlay_message(fb::HelloT{}));
  EXPECT_EQ(ancient.side->over, "protocol error: version 0");
}

TEST(overlay_session_rules, a_peer_that_never_says_hello_is_let_go) {
  raw_peer p;
  p.now = 10s;
  p.side->it.on_alarm(p.now, p.side->effects);
  p.side->collect();
  EXPECT_TRUE(p.side->over);
}

TEST(overlay_session_rules, a_long_hello_is_cut) {
  raw_peer p;
  fb::HelloT hello;
  hello.version = 3;
  for (int i = 0; i < 100; ++i) hello.features.push_back("f" + std::to_string(i));
  hello.features.insert(hello.features.begin(), std::string(1000, 'x'));
  p.say(overlay_message(std::move(hello)));
  ASSERT_TRUE(p.side->up);
  EXPECT_EQ(p.side->up->hello.features.size(), max_features);
  EXPECT_EQ(p.side->up->hello.features[0], "f0");
}

TEST(overlay_session_rules, unknown_things_are_skipped_and_counted) {
  raw_peer p;
  p.say_hello();
  bytes later(40, 0);
  later[0] = 7;
  p.say(later);
  p.say(overlay_message(fb::KeepAliveAckT{}));
  // A body of a type from a later schema: the union's type is beyond what this one knows.
  fb::OverlayMessageT message;
  message.body.Set(fb::KeepAliveT{});
  auto raw = to_bytes(record<fb::OverlayMessage>::pack(message).raw().view());
  const auto parsed = record<fb::OverlayMessage>::parse_copy(raw);
  const auto* table = reinterpret_cast<const flatbuffers::Table*>(&**parsed);
  const auto offset = table->GetAddressOf(4) - reinterpret_cast<const std::uint8_t*>(parsed->raw().data());
  ASSERT_EQ(raw.at(static_cast<std::size_t>(offset)), static_cast<std::uint8_t>(fb::OverlayBody::KeepAlive));
  raw.at(static_cast<std::size_t>(offset)) = 200;
  bytes framed(control_header_size, 0);
  framed.insert(framed.end(), raw.begin(), raw.end());
  p.say(framed);
  EXPECT_FALSE(p.side->over);
  EXPECT_EQ(p.side->counters.get(count::unknown_frame), 1u);
  EXPECT_EQ(p.side->counters.get(count::unknown_message), 1u);
  EXPECT_EQ(p.side->counters.get(count::unasked_answer), 1u);
}

TEST(overlay_session_rules, rubbish_channel_zero_and_too_many_channels_end_it) {
  raw_peer rubbish;
  rubbish.say_hello();
  rubbish.say(bytes(20, 0));
  EXPECT_EQ(rubbish.side->over, "protocol error: a malformed frame");

  raw_peer zero;
  zero.say_hello();
  zero.say(open_root(0));
  EXPECT_EQ(zero.side->over, "protocol error: channel 0 was named");

  raw_peer many;
  many.say_hello();
  for (std::uint16_t i = 1; i <= 256; ++i) many.say(open_root(i));
  EXPECT_FALSE(many.side->over);
  EXPECT_EQ(many.side->requests.size(), 256u);
  many.say(open_root(300));
  EXPECT_EQ(many.side->over, "protocol error: too many channels");
}

TEST(overlay_session_rules, a_flood_of_messages_is_read_at_the_buckets_rate) {
  session_limits limits;
  limits.control_per_s = 100;
  limits.control_burst = 50;
  raw_peer p(limits);
  p.say_hello();
  p.side->credits = 32;
  std::size_t handled = 0;
  // As fast as credits allow, for ten seconds.
  while (p.now < 10s) {
    while (p.side->credits > 0) {
      --p.side->credits;
      ++handled;
      p.say(overlay_message(fb::KeepAliveAckT{}));
    }
    const auto next = p.side->it.next_deadline();
    ASSERT_TRUE(next);
    ASSERT_GT(*next, p.now);
    p.now = *next;
    p.side->it.on_alarm(p.now, p.side->effects);
    p.flush();
  }
  EXPECT_FALSE(p.side->over);
  EXPECT_GT(p.side->counters.get(count::throttled), 100u);
  EXPECT_LE(handled, 50u + 100u * 11 + 32);
  EXPECT_GE(handled, 1000u);
}

TEST(overlay_session_rules, any_decrypted_bytes_are_survived) {
  EXPECT_TRUE(rc::check("any plaintext", [](const std::vector<bytes>& said) {
    raw_peer p;
    p.say_hello();
    for (const auto& plaintext : said) p.say(plaintext);
    RC_ASSERT(p.side->up.has_value());
  }));
}

TEST(overlay_session_rules, whatever_is_sent_arrives_once_in_order_whenever_the_link_stalls) {
  EXPECT_TRUE(rc::check("stalls", [] {
    session_limits limits;
    limits.rekey_interval = 5;
    session_pair p(true, limits);
    p.exchange();
    p.a->it.attach(1);
    std::uint32_t next = 0;
    std::size_t dropped = 0;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4));
    for (const auto step : steps) {
      if (step == 0) p.b->link_full = !p.b->link_full;
      if (step == 0 && !p.b->link_full) p.b->it.link_writable();
      if (step == 1) p.b->it.send_bulk(build_bulk({1, next++, 0, 1}, bytes(10)), next, p.b->effects);
      if (step == 2) p.b->it.send(root_opened(1), p.now, p.b->effects);
      if (step == 3) p.exchange();
      p.a->credits = 32;
    }
    p.b->link_full = false;
    p.b->it.link_writable();
    p.exchange();
    if (p.b->over) return;  // too many messages against a closed link
    for (const auto& s : p.b->sent) dropped += s.dropped ? 1 : 0;
    RC_ASSERT(p.b->sent.size() == next);
    RC_ASSERT(p.a->data.size() + dropped == next);
    for (std::size_t i = 1; i < p.a->data.size(); ++i)
      RC_ASSERT(p.a->data[i - 1].data.header.request < p.a->data[i].data.header.request);
  }));
}

}  // namespace
}  // namespace vsf::overlay
