#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "actors/overlay/roster.hpp"
#include "tests/actors/overlay/session_pair.hpp"

namespace vsf::overlay {
namespace {

using namespace std::chrono_literals;

vsf::node_id id(std::uint8_t n) { return vsf::node_id{{{n}}}; }
contact contact_of(std::uint8_t n, std::uint32_t ip = 0x7F000001) {
  return {id(n), static_key{{{n}}}, endpoint::v4(ip, 50315)};
}
identity::certified proven(std::uint8_t n) { return {public_key{{{n}}}, id(n), static_key{{{n}}}}; }

template <class T>
std::vector<T> all(const roster_effects& effects) {
  std::vector<T> out;
  for (const auto& e : effects)
    if (const auto* x = std::get_if<T>(&e)) out.push_back(*x);
  return out;
}

class overlay_roster : public testing::Test {
 protected:
  /// A session accepted from or dialled to node n; its key.
  link_key up(std::uint8_t n, bool dialled = false, std::uint32_t ip = 0x7F000001) {
    link_key key = 0;
    if (dialled) {
      roster_effects out;
      it.on_dial(1000u + n, contact_of(n, ip), now, in_use, out);
      key = all<connect_link>(out).at(0).key;
      EXPECT_TRUE(it.on_connected(key, std::nullopt, out));
    } else {
      key = it.on_accepted(endpoint::v4(ip, 40000)).value();
    }
    came(key, n);
    return key;
  }
  void came(link_key key, std::uint8_t n, std::uint16_t listen_port = 0) {
    peer_hello hello;
    hello.listen_port = listen_port;
    it.on_up(
        key, proven(n), hello, now,
        [&](link_key k) -> std::optional<nanoseconds> {
          return busy.contains(k) ? std::nullopt : std::optional(nanoseconds(0));
        },
        effects);
  }

  roster::use_lookup in_use = [this](link_key k) { return busy.contains(k); };
  counter_board counters;
  roster_limits limits{};
  roster it{id(100), limits, counters};
  roster_effects effects;
  nanoseconds now{0};
  std::set<link_key> busy;
};

TEST_F(overlay_roster, one_dial_serves_all_who_wait_and_later_askers_get_the_session) {
  it.on_dial(1, contact_of(7), now, in_use, effects);
  it.on_dial(2, contact_of(7), now, in_use, effects);
  const auto dials = all<connect_link>(effects);
  ASSERT_EQ(dials.size(), 1u);
  EXPECT_EQ(dials[0].whom, contact_of(7));
  ASSERT_TRUE(it.on_connected(dials[0].key, std::nullopt, effects));
  came(dials[0].key, 7, 50315);
  it.on_dial(3, contact_of(7), now, in_use, effects);
  const auto done = all<dial_done>(effects);
  ASSERT_EQ(done.size(), 3u);
  for (const auto& d : done) EXPECT_EQ(d.key, dials[0].key);
  EXPECT_EQ(all<node_came>(effects).size(), 1u);
  ASSERT_EQ(all<node_met>(effects).size(), 1u);
  EXPECT_EQ(all<node_met>(effects)[0].who, contact_of(7));
}

TEST_F(overlay_roster, a_failed_connection_or_handshake_fails_all_who_wait) {
  it.on_dial(1, contact_of(7), now, in_use, effects);
  it.on_dial(2, contact_of(7), now, in_use, effects);
  EXPECT_FALSE(it.on_connected(all<connect_link>(effects)[0].key, "refused", effects));
  ASSERT_EQ(all<dial_failed>(effects).size(), 2u);
  EXPECT_EQ(all<dial_failed>(effects)[0].reason, "refused");
  effects.clear();
  it.on_dial(3, contact_of(7), now, in_use, effects);
  const auto key = all<connect_link>(effects).at(0).key;
  it.on_connected(key, std::nullopt, effects);
  it.on_over(key, "no handshake", effects);
  ASSERT_EQ(all<dial_failed>(effects).size(), 1u);
  EXPECT_EQ(it.half_open(), 0u);
}

TEST_F(overlay_roster, everybody_is_answered_within_ten_seconds) {
  it.on_dial(1, contact_of(7), now, in_use, effects);
  EXPECT_EQ(it.next_deadline(), 10s);
  it.on_alarm(9s, effects);
  EXPECT_TRUE(all<dial_failed>(effects).empty());
  it.on_alarm(10s, effects);
  ASSERT_EQ(all<dial_failed>(effects).size(), 1u);
  EXPECT_EQ(it.next_deadline(), std::nullopt);
  // What comes too late is a session like others, and nobody is answered twice.
  const auto key = all<connect_link>(effects)[0].key;
  EXPECT_TRUE(it.on_connected(key, std::nullopt, effects));
  came(key, 7);
  EXPECT_TRUE(all<dial_done>(effects).empty());
  EXPECT_EQ(it.nodes(), 1u);
}

TEST_F(overlay_roster, nonsense_dials_are_refused_at_once) {
  it.on_dial(1, contact_of(100), now, in_use, effects);
  it.on_dial(2, contact{}, now, in_use, effects);
  auto nowhere = contact_of(3);
  nowhere.address.port = 0;
  it.on_dial(3, nowhere, now, in_use, effects);
  EXPECT_EQ(all<dial_failed>(effects).size(), 3u);
  EXPECT_TRUE(all<connect_link>(effects).empty());
}

TEST_F(overlay_roster, half_open_links_are_bounded_on_each_side) {
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(it.on_accepted(endpoint::v4(0x7F000001, 1)));
  EXPECT_FALSE(it.on_accepted(endpoint::v4(0x7F000001, 1)));
  EXPECT_EQ(counters.get(count::refused_half_open), 1u);
  for (std::uint8_t i = 1; i <= 64; ++i) it.on_dial(i, contact_of(i), now, in_use, effects);
  EXPECT_EQ(all<connect_link>(effects).size(), 64u) << "strangers don't keep this node from dialling";
  it.on_dial(65, contact_of(65), now, in_use, effects);
  EXPECT_EQ(all<dial_failed>(effects).size(), 1u);
}

TEST_F(overlay_roster, three_sessions_for_each_global_group) {
  const std::uint32_t group = 0x08080800;
  for (std::uint8_t i = 1; i <= 3; ++i) up(i, i == 1, group + i);
  EXPECT_EQ(it.nodes(), 3u);
  const auto fourth = it.on_accepted(endpoint::v4(group + 9, 1));
  ASSERT_TRUE(fourth);
  effects.clear();
  came(*fourth, 9);
  ASSERT_EQ(all<end_session>(effects).size(), 1u);
  EXPECT_EQ(all<end_session>(effects)[0].reason, fb::GoodbyeReason::too_many_sessions);
  it.on_dial(1, contact_of(10, group + 10), now, in_use, effects);
  EXPECT_EQ(all<dial_failed>(effects).size(), 1u);
  // A peer of that group that comes back is not one more.
  now += 1min;
  up(2, false, group + 2);
  EXPECT_EQ(it.nodes(), 3u);
  up(11, false, 0x08080900);
  for (std::uint8_t i = 20; i < 30; ++i) up(i, false, 0x7F000001);
  for (std::uint8_t i = 30; i < 40; ++i) up(i, false, 0xC0A80001);
  EXPECT_EQ(it.nodes(), 24u);
  EXPECT_EQ(counters.get(count::refused_group), 2u);
}

TEST_F(overlay_roster, groups_are_counted_while_half_open_too) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(it.on_accepted(endpoint::v4(0x08080801, 1)));
  EXPECT_FALSE(it.on_accepted(endpoint::v4(0x080808FF, 1)));
  EXPECT_TRUE(it.on_accepted(endpoint::v4(0x08080901, 1)));
}

TEST(overlay_groups, are_slash_24_and_slash_48_of_global_addresses) {
  EXPECT_EQ(group_of(endpoint::v4(0x08080801, 1)), group_of(endpoint::v4(0x080808FE, 9)));
  EXPECT_NE(group_of(endpoint::v4(0x08080801, 1)), group_of(endpoint::v4(0x08080901, 1)));
  EXPECT_EQ(group_of(*parse_endpoint("[2a00:1:2:3::1]:1")),
            group_of(*parse_endpoint("[2a00:1:2:ffff::1]:1")));
  EXPECT_NE(group_of(*parse_endpoint("[2a00:1:2:3::1]:1")), group_of(*parse_endpoint("[2a00:1:3:3::1]:1")));
  EXPECT_FALSE(group_of(endpoint::v4(0x7F000001, 1)));
  EXPECT_FALSE(group_of(endpoint::v4(0x0A000001, 1)));
}

TEST_F(overlay_roster, a_full_node_makes_room_of_idle_sessions_only) {
  limits.sessions = 3;
  it = roster(id(100), limits, counters);
  const auto first = up(1), second = up(2);
  up(3);
  busy = {first};
  now = 1min;
  const auto fourth = it.on_accepted(endpoint::v4(0x7F000001, 1)).value();
  effects.clear();
  came(fourth, 4);
  ASSERT_EQ(all<end_session>(effects).size(), 1u);
  EXPECT_EQ(all<end_session>(effects)[0].key, second);
  EXPECT_EQ(all<node_went>(effects).size(), 1u);
  EXPECT_EQ(it.sessions().size(), 3u);
  for (const auto& [key, row] : it.sessions()) busy.insert(key);
  const auto fifth = it.on_accepted(endpoint::v4(0x7F000001, 1)).value();
  effects.clear();
  came(fifth, 5);
  ASSERT_EQ(all<end_session>(effects).size(), 1u);
  EXPECT_EQ(all<end_session>(effects)[0].key, fifth);
  EXPECT_EQ(counters.get(count::refused_full), 1u);
  it.on_dial(1, contact_of(6), now, in_use, effects);
  EXPECT_EQ(all<dial_failed>(effects).size(), 1u);
}

TEST_F(overlay_roster, of_two_dialled_at_once_the_lower_nodes_stays) {
  // 7 < 100: theirs stays, in either order.
  const auto ours = up(7, true);
  effects.clear();
  const auto theirs = up(7, false);
  ASSERT_EQ(all<supersede_session>(effects).size(), 1u);
  EXPECT_EQ(all<supersede_session>(effects)[0].key, ours);
  effects.clear();
  it.on_dial(1, contact_of(7), now, in_use, effects);
  EXPECT_EQ(all<dial_done>(effects)[0].key, theirs);
  // 200 > 100: ours stays.
  const auto ours_2 = up(200, true);
  effects.clear();
  const auto theirs_2 = up(200, false);
  EXPECT_EQ(all<supersede_session>(effects).at(0).key, theirs_2);
  EXPECT_TRUE(all<node_came>(effects).empty());
  effects.clear();
  it.on_over(theirs_2, "done", effects);
  EXPECT_TRUE(all<node_went>(effects).empty());
  it.on_over(ours_2, "done", effects);
  EXPECT_EQ(all<node_went>(effects).size(), 1u);
}

TEST_F(overlay_roster, a_twin_in_use_is_given_until_its_channels_end) {
  const auto ours = up(7, true);
  busy = {ours};
  const auto theirs = up(7, false);
  effects.clear();
  it.on_dial(1, contact_of(7), now, in_use, effects);
  EXPECT_EQ(all<dial_done>(effects).at(0).key, ours);
  busy.clear();
  effects.clear();
  it.on_dial(2, contact_of(7), now, in_use, effects);
  EXPECT_EQ(all<dial_done>(effects).at(0).key, theirs);
  // One that the peer has lost is not given, busy or not.
  now = 1min;
  busy = {theirs};
  const auto fresh = up(7, false);
  effects.clear();
  it.on_dial(3, contact_of(7), now, in_use, effects);
  EXPECT_EQ(all<dial_done>(effects).at(0).key, fresh);
}

TEST_F(overlay_roster, a_peer_that_dials_again_has_lost_the_earlier_session) {
  const auto stale = up(200, true);
  now = 1min;
  effects.clear();
  const auto fresh = up(200, false);
  EXPECT_EQ(all<supersede_session>(effects).at(0).key, stale);
  effects.clear();
  const auto third = up(200, false);
  ASSERT_EQ(all<end_session>(effects).size(), 1u) << "one superseded session a peer";
  EXPECT_EQ(all<end_session>(effects)[0].key, stale);
  EXPECT_EQ(all<supersede_session>(effects).at(0).key, fresh);
  effects.clear();
  it.on_over(third, "lost", effects);
  it.on_dial(1, contact_of(200), now, in_use, effects);
  EXPECT_EQ(all<dial_done>(effects).at(0).key, fresh) << "better than none";
}

TEST_F(overlay_roster, a_dial_is_answered_by_the_session_the_peer_opened_meanwhile) {
  it.on_dial(1, contact_of(7), now, in_use, effects);
  const auto dialled = all<connect_link>(effects)[0].key;
  const auto theirs = up(7);
  ASSERT_EQ(all<dial_done>(effects).size(), 1u);
  EXPECT_EQ(all<dial_done>(effects)[0].key, theirs);
  effects.clear();
  it.on_connected(dialled, "refused", effects);
  EXPECT_TRUE(all<dial_failed>(effects).empty());
  // The next dial begins afresh once the session is gone.
  it.on_over(theirs, "lost", effects);
  it.on_dial(2, contact_of(7), now, in_use, effects);
  EXPECT_EQ(all<connect_link>(effects).size(), 1u);
}

TEST(overlay_roster_property, both_sides_keep_the_same_of_two_links) {
  EXPECT_TRUE(rc::check("duplicates", [] {
    // Two nodes dial each other; each link comes up at each side at its own moment.
    const auto a = *rc::gen::inRange<int>(1, 200),
               b = *rc::gen::distinctFrom(rc::gen::inRange<int>(1, 200), a);
    const std::array<int, 2> node{a, b};
    const auto in_use = [](link_key) { return false; };
    std::array<counter_board, 2> counters;
    std::array<roster, 2> rosters{roster(id(static_cast<std::uint8_t>(a)), {}, counters[0]),
                                  roster(id(static_cast<std::uint8_t>(b)), {}, counters[1])};
    std::array<std::optional<int>, 2> keeps;  // which link, 0: dialled by a
    for (std::size_t side = 0; side < 2; ++side) {
      const auto other = static_cast<std::uint8_t>(node[1 - side]);
      roster_effects out;
      rosters[side].on_dial(1, contact_of(other), nanoseconds(0), in_use, out);
      const auto dialled = all<connect_link>(out).at(0).key;
      rosters[side].on_connected(dialled, std::nullopt, out);
      const auto accepted = rosters[side].on_accepted(endpoint::v4(0x7F000001, 1)).value();
      const auto first_ms = *rc::gen::inRange(0, 5000), second_ms = first_ms + *rc::gen::inRange(0, 10'000);
      const bool mine_first = *rc::gen::arbitrary<bool>();
      const auto none = [](link_key) { return std::optional<nanoseconds>(); };
      rosters[side].on_up(mine_first ? dialled : accepted, proven(other), {},
                          std::chrono::milliseconds(first_ms), none, out);
      rosters[side].on_up(mine_first ? accepted : dialled, proven(other), {},
                          std::chrono::milliseconds(second_ms), none, out);
      const auto gone = all<supersede_session>(out);
      RC_ASSERT(gone.size() == 1u);
      const bool keeps_own = gone[0].key == accepted;
      keeps[side] = keeps_own == (side == 0) ? 0 : 1;
    }
    RC_ASSERT(keeps[0] == keeps[1]);
    RC_ASSERT(keeps[0] == (id(static_cast<std::uint8_t>(a)) < id(static_cast<std::uint8_t>(b)) ? 0 : 1));
  }));
}

TEST(overlay_roster_property, every_dial_is_answered_exactly_once_and_bounds_hold) {
  EXPECT_TRUE(rc::check("random life", [] {
    counter_board counters;
    roster_limits limits;
    limits.sessions = 5;
    limits.half_open_out = 4;
    limits.half_open_in = 4;
    roster it(id(100), limits, counters);
    const auto idle = [](link_key) { return std::optional(nanoseconds(0)); };
    const auto in_use = [](link_key) { return true; };
    nanoseconds now{0};
    std::map<std::uint64_t, int> answers;
    std::vector<std::pair<link_key, std::uint8_t>> half, sessions;
    std::uint64_t ticket = 0;
    roster_effects out;
    const auto drain = [&] {
      for (const auto& e : out) {
        if (const auto* d = std::get_if<dial_done>(&e)) {
          ++answers[d->ticket];
          RC_ASSERT(it.sessions().contains(d->key));
        }
        if (const auto* f = std::get_if<dial_failed>(&e)) ++answers[f->ticket];
        if (const auto* c = std::get_if<connect_link>(&e)) half.emplace_back(c->key, c->whom.id[0]);
      }
      out.clear();
      RC_ASSERT(it.sessions().size() <= limits.sessions);
      RC_ASSERT(it.half_open() <= limits.half_open_in + limits.half_open_out);
    };
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 6), rc::gen::inRange(0, 1000)));
    for (const auto& [what, arg] : steps) {
      const auto n = static_cast<std::uint8_t>(1 + arg % 9);
      now += std::chrono::milliseconds(arg * 5);
      if (what == 0) {
        answers[++ticket];
        it.on_dial(ticket, contact_of(n), now, in_use, out);
      } else if (what == 1) {
        if (const auto key = it.on_accepted(endpoint::v4(0x7F000001, 1))) half.emplace_back(*key, n);
      } else if ((what == 2 || what == 3) && !half.empty()) {
        const auto at = half.begin() + arg % static_cast<int>(half.size());
        if (what == 2) {
          it.on_up(at->first, proven(at->second), {}, now, idle, out);
          sessions.push_back(*at);
        } else {
          it.on_over(at->first, "lost", out);
        }
        half.erase(at);
      } else if (what == 4 && !sessions.empty()) {
        const auto at = sessions.begin() + arg % static_cast<int>(sessions.size());
        it.on_over(at->first, "lost", out);
        sessions.erase(at);
      } else if (what == 5) {
        it.on_alarm(now, out);
      }
      drain();
    }
    it.on_alarm(now + 10s, out);
    drain();
    for (const auto& [t, times] : answers) RC_ASSERT(times == 1);
  }));
}

}  // namespace
}  // namespace vsf::overlay
