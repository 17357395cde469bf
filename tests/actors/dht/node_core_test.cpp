// Whole nodes over a network that loses, repeats, changes and invents datagrams.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/actors/dht/core_world.hpp"

namespace vsf::dht::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

toy_value value_by(const core_world::node& n, std::uint64_t seq = 1) {
  toy_value v;
  v.publisher = publisher_of(n.me->node_id);
  v.seq = seq;
  return v;
}

core_options knowing(const core_world::node& n) {
  auto out = core_world::default_options();
  out.bootstrap = {to_string(n.address)};
  return out;
}

std::uint64_t total_dropped(const core_world::node& n) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < drop_reason_count; ++i) out += n.core->dropped(static_cast<drop_reason>(i));
  return out;
}

/// `count` nodes that all know the first one's address.
void populate(core_world& world, std::size_t count) {
  auto& first = world.add();
  for (std::size_t i = 1; i < count; ++i) {
    world.add(knowing(first));
    world.run_for(milliseconds(200));
  }
  world.run_for(seconds(30));
}

TEST(node_core, nodes_meet_through_one_address) {
  core_world world(1);
  populate(world, 5);
  for (const auto& n : world.nodes) {
    EXPECT_EQ(n->core->table().size(), 4u);
    for (std::size_t i = 0; i < drop_reason_count; ++i)
      EXPECT_EQ(n->core->dropped(static_cast<drop_reason>(i)), 0u) << to_string(static_cast<drop_reason>(i));
  }
}

TEST(node_core, puts_and_gets) {
  core_world world(2);
  populate(world, 30);
  world.loss_per_mille = 20;
  int found = 0;
  for (int i = 0; i < 60; ++i) {
    auto& publisher = *world.nodes[world.random.below(30)];
    auto& reader = *world.nodes[world.random.below(30)];
    const auto key = random_bytes<dht_key>(world.random);
    const auto value = value_by(publisher).raw();
    EXPECT_GE(world.put(publisher, key, value), 15u);
    const auto got = world.ask(reader, lookup_goal::quorum, key);
    found += got.leaves.size() == 1 && got.leaves[0] == value ? 1 : 0;
    world.run_for(milliseconds(100));
  }
  EXPECT_EQ(found, 60);
  for (const auto& n : world.nodes) EXPECT_LE(n->most_live, 24u);
}

TEST(node_core, finds_a_node_by_id_and_by_hint) {
  core_world world(3);
  populate(world, 20);
  auto& source = *world.nodes[3];
  for (const std::size_t i : {7u, 12u, 19u}) {
    const auto wanted = world.nodes[i]->as_contact();
    auto got = world.ask(source, lookup_goal::find, wanted.id);
    ASSERT_FALSE(got.contacts.empty());
    EXPECT_EQ(got.contacts[0], wanted);
    auto hint = wanted.id;
    std::fill(hint.begin() + 8, hint.end(), std::uint8_t{0});
    got = world.ask(source, lookup_goal::find, hint);
    ASSERT_FALSE(got.contacts.empty());
    EXPECT_EQ(got.contacts[0], wanted);
  }
}

TEST(node_core, a_restarted_peer_is_met_again_within_the_same_lookup) {
  core_world world(4);
  auto& a = world.add();
  auto& b = world.add(knowing(a));
  world.run_for(seconds(5));
  ASSERT_EQ(a.core->table().size(), 1u);
  world.start(b);  // its sessions are gone
  b.options.bootstrap.clear();
  const auto key = random_bytes<dht_key>(world.random);
  const auto got = world.ask(a, lookup_goal::find, key);
  ASSERT_EQ(got.contacts.size(), 1u);
  EXPECT_LT(got.elapsed, milliseconds(400));
  EXPECT_GE(b.core->dropped(drop_reason::unknown_session), 1u);

  // The same when the hint never arrives: the retry knocks.
  world.start(b);
  world.run_for(seconds(8));
  world.start(b);
  world.on_wire = [](core_world::sent& s) { return s.payload.view()[3] != 6; };
  const auto again = world.ask(a, lookup_goal::find, random_bytes<id160>(world.random));
  ASSERT_EQ(again.contacts.size(), 1u);
  EXPECT_LT(again.elapsed, seconds(2));
}

TEST(node_core, a_put_survives_the_holders_restart) {
  core_world world(5);
  auto& a = world.add();
  auto& b = world.add(knowing(a));
  world.run_for(seconds(5));
  world.start(b);
  EXPECT_EQ(world.put(a, random_bytes<dht_key>(world.random), value_by(a).raw()), 1u);
}

TEST(node_core, both_may_open_a_session_at_once) {
  core_world world(6);
  auto& a = world.add();
  auto& b = world.add();
  // Each hears of the other in the same moment.
  world.carry_out(a, a.core->on_candidate(world.time(), b.as_contact()));
  world.carry_out(b, b.core->on_candidate(world.time(), a.as_contact()));
  world.run_for(seconds(2));
  EXPECT_EQ(a.core->table().size(), 1u);
  EXPECT_EQ(b.core->table().size(), 1u);
  EXPECT_EQ(world.put(a, random_bytes<dht_key>(world.random), value_by(a).raw()), 1u);
  EXPECT_EQ(world.put(b, random_bytes<dht_key>(world.random), value_by(b).raw()), 1u);
  EXPECT_EQ(total_dropped(a) + total_dropped(b), 0u);
}

TEST(node_core, replayed_datagrams_change_nothing) {
  core_world world(7);
  world.logging = true;
  populate(world, 4);
  const auto key = random_bytes<dht_key>(world.random);
  world.put(*world.nodes[1], key, value_by(*world.nodes[1]).raw());
  world.logging = false;
  const auto log = world.log;
  ASSERT_GT(log.size(), 50u);
  // What belongs to a session that was replaced meanwhile gets a hint, nothing else an answer.
  std::uint64_t hints = 0;
  world.on_wire = [&](core_world::sent& s) {
    EXPECT_EQ(s.payload.view()[3], 6);
    ++hints;
    return false;
  };
  std::uint64_t handshakes = 0, transports = 0, stored = 0;
  for (const auto& n : world.nodes) stored += n->core->storage().leaves();
  for (const auto& s : log) {
    if (s.payload.view()[3] == 1) ++handshakes;
    if (s.payload.view()[3] == 3) ++transports;
    if (s.payload.view()[3] == 1 || s.payload.view()[3] == 3)
      world.deliver(*world.at(s.to), s.from, s.payload);
  }
  std::uint64_t replays = 0;
  for (const auto& n : world.nodes) replays += n->core->dropped(drop_reason::replay);
  EXPECT_GT(handshakes, 0u);
  EXPECT_GT(transports, 0u);
  EXPECT_EQ(replays + hints, handshakes + transports);
  EXPECT_LT(hints * 10, transports);
  for (const auto& n : world.nodes) stored -= n->core->storage().leaves();
  EXPECT_EQ(stored, 0u);
}

TEST(node_core, changed_datagrams_are_dropped_and_counted) {
  core_world world(8);
  populate(world, 3);
  auto& victim = *world.nodes[0];
  std::map<std::uint8_t, int> kinds;
  std::uint64_t changes = 0;
  const auto before = total_dropped(victim);
  // A changed copy of everything overtakes the original.
  world.on_wire = [&](core_world::sent& s) {
    const auto type = s.payload.view()[3];
    if (s.to != victim.address || type == 4 || type == 5) return true;
    ++kinds[type];
    for (const std::size_t at : {5u, 9u, 20u, 45u, 60u, 1100u}) {
      if (at >= s.payload.size()) continue;
      auto changed = frame::copy_of(s.payload.view());
      changed.mutable_data()[at] ^= 0x10;
      world.deliver(victim, s.from, changed);
      ++changes;
    }
    return true;
  };
  EXPECT_EQ(world.ask(*world.nodes[1], lookup_goal::find, random_bytes<id160>(world.random)).contacts.size(),
            2u);
  EXPECT_EQ(world.ask(victim, lookup_goal::find, random_bytes<id160>(world.random)).contacts.size(), 2u);
  world.add(knowing(victim));
  auto& stranger = world.add();
  world.carry_out(victim, victim.core->on_candidate(world.time(), stranger.as_contact()));
  world.run_for(seconds(2));
  for (const auto type : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}})
    EXPECT_GE(kinds[type], 1) << int{type};
  // Every one of them, and at most an original that came too early and found no place to wait.
  EXPECT_GE(total_dropped(victim) - before, changes);
  EXPECT_LE(total_dropped(victim) - before, changes + 2);
  EXPECT_EQ(victim.core->table().size(), 4u);
  EXPECT_GT(victim.core->dropped(drop_reason::bad_mac), 5u);
  EXPECT_GT(victim.core->dropped(drop_reason::wrong_network), 0u);
  EXPECT_GT(victim.core->dropped(drop_reason::unknown_session), 0u);
}

TEST(node_core, alien_bytes_are_counted_by_reason) {
  core_world world(9);
  auto& n = world.add();
  const auto from = endpoint::v4(0x40000001, 7);
  const auto give = [&](bytes raw) { world.deliver(n, from, frame::copy_of(raw)); };
  give({});
  give({'V', 'S', 1});
  give({'X', 'S', 1, 3, 0, 0});
  give({'V', 'S', 9, 3, 0, 0});
  give({'V', 'S', 1, 77, 0, 0});
  give({'V', 'S', 1, 1, 0, 0});
  give(bytes(1300, 1));
  bytes transport(80, 0);
  std::copy_n("VS\x01\x03", 4, transport.begin());
  give(transport);
  transport[3] = 2;
  give(transport);
  const auto count = [&](drop_reason why) { return n.core->dropped(why); };
  EXPECT_EQ(count(drop_reason::truncated), 2u);
  EXPECT_EQ(count(drop_reason::bad_magic), 1u);
  EXPECT_EQ(count(drop_reason::bad_version), 1u);
  EXPECT_EQ(count(drop_reason::bad_type), 1u);
  EXPECT_EQ(count(drop_reason::bad_size), 1u);
  EXPECT_EQ(count(drop_reason::oversize), 1u);
  EXPECT_EQ(count(drop_reason::unknown_session), 1u);
  EXPECT_EQ(count(drop_reason::unexpected), 1u);
}

TEST(node_core, another_network_is_nobody) {
  core_world world(10);
  auto& a = world.add();
  auto other = core_world::make_me("elsewhere/0", world.random);
  auto options = core_world::default_options();
  options.bootstrap = {to_string(a.address)};
  auto& b = world.add(options, other);
  world.run_for(seconds(20));
  EXPECT_EQ(a.core->table().size(), 0u);
  EXPECT_EQ(b.core->table().size(), 0u);
  EXPECT_GT(a.core->dropped(drop_reason::wrong_network), 0u);
  // Even under a forged tag the handshake fails: the network is in its prologue and its certificates.
  world.carry_out(b, b.core->on_candidate(world.time(), a.as_contact()));
  world.on_wire = [&](core_world::sent& s) {
    if (s.payload.view()[3] != 1) return true;
    const auto tag = tag_of(a.me->network);
    std::copy(tag.begin(), tag.end(), s.payload.mutable_data() + 4);
    return true;
  };
  world.run_for(seconds(5));
  world.carry_out(b, b.core->on_candidate(world.time(), a.as_contact()));
  world.run_for(seconds(5));
  EXPECT_GT(a.core->dropped(drop_reason::bad_mac), 0u);
  EXPECT_EQ(a.core->table().size(), 0u);
}

TEST(node_core, a_contact_told_under_anothers_id_is_not_believed) {
  core_world world(11);
  populate(world, 6);
  auto& a = *world.nodes[0];
  auto lie = world.nodes[1]->as_contact();
  const auto truth = lie.id;
  lie.id = random_bytes<node_id>(world.random);
  world.carry_out(a, a.core->on_candidate(world.time(), lie));
  auto other_key = world.nodes[2]->as_contact();
  other_key.id = truth;
  world.carry_out(a, a.core->on_candidate(world.time(), other_key));
  world.run_for(seconds(5));
  EXPECT_EQ(a.core->table().find(lie.id), nullptr);
  ASSERT_NE(a.core->table().find(truth), nullptr);
  EXPECT_EQ(a.core->table().find(truth)->who, world.nodes[1]->as_contact());
}

/// Until an address has shown that it receives, it gets no more than it sent.
TEST(node_core, never_answers_with_more_than_it_was_sent) {
  core_world world(12);
  populate(world, 40);
  auto& target = *world.nodes[0];
  const auto key = random_bytes<dht_key>(world.random);
  for (int i = 0; i < 6; ++i) {
    auto v = value_by(*world.nodes[static_cast<std::size_t>(i)]);
    v.padding = 300;
    world.put(*world.nodes[static_cast<std::size_t>(i)], key, v.raw());
  }
  // A stranger whose packets come from an address that is not its own: it never answers.
  const auto stranger = core_world::make_me("test/0", world.random);
  const auto context = make_link_context(stranger);
  const auto spoofed = endpoint::v4(0x50000001, 9);
  std::size_t sent = 0, received = 0;
  world.on_wire = [&](core_world::sent& s) {
    if (s.to == spoofed) received += s.payload.size();
    return true;
  };
  for (const auto kind : {question_kind::ping, question_kind::find, question_kind::get}) {
    question q;
    q.kind = kind;
    q.target = key;
    const auto message = make_question(1, q);
    const auto knock = opening::begin(*context, target.as_contact(), 77, message.raw().view(),
                                      world.time().unix_ms, world.now, world.random);
    ASSERT_TRUE(knock.has_value());
    EXPECT_EQ(knock->datagram().size(), datagram_limit);
    sent += knock->datagram().size();
    world.deliver(target, spoofed, knock->datagram());
    world.run_for(seconds(15));
    EXPECT_GT(received, 0u);
    EXPECT_LE(received, sent);
  }
  cookie c{};
  received = 0;
  world.deliver(target, spoofed, make_who_are_you(context->network, c));
  world.run_for(seconds(1));
  EXPECT_GT(received, 0u);
  EXPECT_LT(received, datagram_limit / 2);
  received = 0;
  bytes unknown(60, 0);
  std::copy_n("VS\x01\x03", 4, unknown.begin());
  world.deliver(target, spoofed, frame::copy_of(unknown));
  EXPECT_LE(received, unknown.size());
}

TEST(node_core, a_write_in_message_1_is_refused) {
  core_world world(13);
  auto& target = world.add();
  const auto stranger = core_world::make_me("test/0", world.random);
  const auto context = make_link_context(stranger);
  question q;
  q.kind = question_kind::store;
  q.token = bytes(8, 1);
  q.items = std::make_shared<const std::vector<sweep_item>>(
      std::vector<sweep_item>{{random_bytes<dht_key>(world.random), value_by(target).raw(), false, {}}});
  q.which = {0};
  const auto knock = opening::begin(*context, target.as_contact(), 77, make_question(1, q).raw().view(),
                                    world.time().unix_ms, world.now, world.random);
  ASSERT_TRUE(knock.has_value());
  world.deliver(target, endpoint::v4(0x50000001, 9), knock->datagram());
  EXPECT_EQ(target.core->storage().leaves(), 0u);
}

TEST(node_core, a_handshake_from_another_time_is_refused) {
  core_world world(14);
  auto& target = world.add();
  const auto context = make_link_context(core_world::make_me("test/0", world.random));
  const auto message = make_question(1, question{});
  for (const auto off : {-2 * std::int64_t{3'600'000}, 2 * std::int64_t{3'600'000}}) {
    const auto knock =
        opening::begin(*context, target.as_contact(), 77, message.raw().view(),
                       static_cast<std::uint64_t>(static_cast<std::int64_t>(world.time().unix_ms) + off),
                       world.now, world.random);
    world.deliver(target, endpoint::v4(0x50000001, 9), knock->datagram());
  }
  EXPECT_EQ(target.core->dropped(drop_reason::clock_off), 2u);
}

TEST(node_core, forged_hints_cost_at_most_a_knock) {
  core_world world(15);
  auto& a = world.add();
  auto& b = world.add(knowing(a));
  world.run_for(seconds(20));
  world.logging = true;
  for (std::uint32_t i = 0; i < 200; ++i) world.deliver(a, b.address, make_unknown_session(i * 7919, i));
  world.run_for(seconds(1));
  for (const auto& s : world.log) EXPECT_NE(s.payload.view()[3], 1) << "it believed a guess";
  EXPECT_EQ(world.ask(a, lookup_goal::find, random_bytes<id160>(world.random)).contacts.size(), 1u);
}

TEST(node_core, a_peer_that_moved_is_followed_once_it_proves_it) {
  core_world world(16);
  auto& a = world.add();
  auto& b = world.add(knowing(a));
  world.run_for(seconds(20));
  const auto old = b.address;
  b.address = endpoint::v4(0x60000001, 4000);
  const auto got = world.ask(b, lookup_goal::find, random_bytes<id160>(world.random));
  EXPECT_EQ(got.contacts.size(), 1u);
  world.run_for(seconds(20));
  ASSERT_NE(a.core->table().find(b.me->node_id), nullptr);
  EXPECT_EQ(a.core->table().find(b.me->node_id)->who.address, b.address);
  EXPECT_NE(old, b.address);
}

TEST(node_core, known_contacts_are_enough_to_come_back) {
  core_world world(17);
  populate(world, 8);
  world.run_for(minutes(6));
  auto& n = *world.nodes[3];
  ASSERT_EQ(n.saved.size(), 7u);
  n.options.bootstrap.clear();
  const auto saved = n.saved;
  world.start(n);
  EXPECT_EQ(n.core->table().size(), 0u);
  world.carry_out(n, n.core->on_known_contacts(world.time(), saved));
  world.run_for(seconds(3));
  EXPECT_EQ(n.core->table().size(), 7u);
}

TEST(node_core, bootstrap_is_tried_again_until_somebody_is_there) {
  core_world world(18);
  const auto later = endpoint::v4(0x30000000 + 2 * 256, 50315);
  auto options = core_world::default_options();
  options.bootstrap = {to_string(later)};
  auto& lonely = world.add(options);
  world.run_for(minutes(3));
  EXPECT_EQ(lonely.core->table().size(), 0u);
  fb::ComponentReportT report;
  lonely.core->report(report);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("no peer answers"), std::string::npos);
  // A request does not wait for ever.
  const auto began = world.now;
  EXPECT_TRUE(world.ask(lonely, lookup_goal::quorum, random_bytes<dht_key>(world.random)).leaves.empty());
  EXPECT_LE(world.now - began, seconds(10));
  ASSERT_EQ(world.add().address, later);
  world.run_for(seconds(90));
  EXPECT_EQ(lonely.core->table().size(), 1u);
}

TEST(node_core, who_knows_nobody_is_told_what_to_do) {
  core_world world(19);
  auto& n = world.add();
  world.run_for(seconds(5));
  fb::ComponentReportT report;
  n.core->report(report);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_EQ(report.notes[0], "no peers known: set node.bootstrap");
  const auto began = world.now;
  EXPECT_TRUE(world.ask(n, lookup_goal::first, random_bytes<dht_key>(world.random)).leaves.empty());
  EXPECT_EQ(world.now, began);
}

std::vector<drop_leaf> drops_of(const core_effects& effects) {
  std::vector<drop_leaf> out;
  for (const auto& e : effects)
    if (const auto* drop = std::get_if<drop_leaf>(&e)) out.push_back(*drop);
  return out;
}

TEST(node_core, what_is_not_taken_back_from_the_disk_is_erased_there) {
  core_world world(23);
  auto& n = world.add();
  const auto t = world.time();
  auto v = value_by(n);
  const auto key = random_bytes<dht_key>(world.random);
  const auto restore = [&](byte_view raw, std::uint64_t lease_ends_ms) {
    return drops_of(n.core->on_held_leaf(t, key, v.publisher, raw, n.address, lease_ends_ms));
  };
  const auto lapsed = restore(v.raw(), t.unix_ms - 1);
  ASSERT_EQ(lapsed.size(), 1u);
  EXPECT_EQ(lapsed[0].key, key);
  EXPECT_EQ(lapsed[0].publisher, v.publisher);
  EXPECT_EQ(restore(bytes{1, 2, 3}, t.unix_ms + 60'000).size(), 1u);
  EXPECT_TRUE(restore(v.raw(), t.unix_ms + 60'000).empty());
  // The disk has the newer one in its place already.
  const auto older = v.raw();
  v.seq = 9;
  EXPECT_TRUE(restore(v.raw(), t.unix_ms + 60'000).empty());
  EXPECT_TRUE(restore(older, t.unix_ms + 60'000).empty());
  EXPECT_EQ(n.core->storage().leaves(), 1u);
}

TEST(node_core, a_short_lease_ends_in_time_among_long_ones) {
  core_world world(24);
  auto& n = world.add();
  auto long_one = value_by(n), short_one = value_by(n);
  short_one.publisher[0] ^= 1;
  const auto t = world.time();
  n.core->on_held_leaf(t, random_bytes<dht_key>(world.random), long_one.publisher, long_one.raw(), n.address,
                       t.unix_ms + 3'000'000);
  n.core->on_held_leaf(t, random_bytes<dht_key>(world.random), short_one.publisher, short_one.raw(),
                       n.address, t.unix_ms + 100'000);
  ASSERT_EQ(n.core->storage().leaves(), 2u);
  world.run_for(seconds(131));
  EXPECT_EQ(n.core->storage().leaves(), 1u);
}

TEST(node_core, leaves_expire_and_the_holder_forgets_them) {
  core_world world(21);
  populate(world, 3);
  const auto key = random_bytes<dht_key>(world.random);
  EXPECT_EQ(world.put(*world.nodes[0], key, value_by(*world.nodes[0]).raw()), 2u);
  for (const auto& n : world.nodes) EXPECT_EQ(n->core->storage().leaves(), 1u);
  world.run_for(minutes(63));
  for (const auto& n : world.nodes) EXPECT_EQ(n->core->storage().leaves(), 0u);
}

TEST(node_core, idle_nodes_say_little) {
  core_world world(22);
  populate(world, 10);
  world.run_for(minutes(10));
  world.logging = true;
  world.run_for(minutes(180));
  const auto each = static_cast<double>(world.log.size()) / 10;
  std::printf("an idle node of 10 sends %.0f datagrams in 3 hours\n", each);
  EXPECT_GT(each, 0);
  EXPECT_LT(each, 600);
  const auto all_parked = [&] {
    return std::all_of(world.nodes.begin(), world.nodes.end(), [](const auto& n) { return n->live.empty(); });
  };
  for (int i = 0; i < 600 && !all_parked(); ++i) world.run_for(seconds(1));
  EXPECT_TRUE(all_parked());
  for (const auto& n : world.nodes) EXPECT_EQ(n->core->table().size(), 9u);
}

TEST(node_core, the_dead_leave_the_table) {
  core_world world(23);
  populate(world, 12);
  for (std::size_t i = 8; i < 12; ++i) world.nodes[i]->up = false;
  for (int i = 0; i < 12; ++i)
    for (std::size_t n = 0; n < 8; ++n)
      world.ask(*world.nodes[n], lookup_goal::find, random_bytes<id160>(world.random));
  for (std::size_t n = 0; n < 8; ++n) EXPECT_EQ(world.nodes[n]->core->table().size(), 7u);
}

TEST(node_core, the_same_seed_gives_the_same_datagrams) {
  const auto trace = [](std::uint64_t seed) {
    core_world world(seed);
    world.loss_per_mille = 50;
    world.logging = true;
    populate(world, 8);
    bytes all;
    for (const auto& s : world.log) all.insert(all.end(), s.payload.view().begin(), s.payload.view().end());
    return crypto::sha256(all);
  };
  EXPECT_EQ(trace(5), trace(5));
  EXPECT_NE(trace(5), trace(6));
}

}  // namespace
}  // namespace vsf::dht::tests
