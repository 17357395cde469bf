#include "actors/dht/session.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "actors/dht/peer_registry.hpp"
#include "tests/actors/dht/toy_values.hpp"

namespace vsf::dht::tests {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr std::uint64_t unix_ms = 1'800'000'000'000;

std::shared_ptr<const link_context> make_context(crypto::random_source& random,
                                                 const char* network = "test/0") {
  return make_link_context(std::make_shared<const identity::identity>(
      identity::make_solved_identity(identity::parse_network(network).value(), random)));
}

/// Every counter is taken at most once, and all within the window of the highest are taken.
TEST(replay_window, takes_each_counter_once) {
  rc::check([](const std::vector<std::uint8_t>& steps) {
    replay_window window;
    std::set<std::uint64_t> taken;
    std::uint64_t at = 100, highest = 0;
    for (const auto step : steps) {
      at = step % 3 == 0 ? at + step : step % 3 == 1 ? at - std::min<std::uint64_t>(at, step / 2) : at + 1;
      const bool fresh = window.is_fresh(at);
      const bool near = taken.empty() || at > highest || highest - at < replay_window::width;
      RC_ASSERT(fresh == (near && !taken.contains(at)));
      if (!fresh) continue;
      window.mark(at);
      taken.insert(at);
      highest = std::max(highest, at);
    }
  });
}

TEST(replay_window, survives_the_largest_counter) {
  replay_window window;
  window.mark(0);
  EXPECT_FALSE(window.is_fresh(0));
  window.mark(~std::uint64_t{0} - 1);
  EXPECT_FALSE(window.is_fresh(~std::uint64_t{0} - 1));
  EXPECT_FALSE(window.is_fresh(5));
}

TEST(datagram, any_bytes_are_a_datagram_or_a_reason) {
  rc::check([](bytes raw, std::uint8_t type) {
    const network_tag network{1, 2, 3, 4};
    if (raw.size() >= 8 && type % 2 == 0) {
      std::copy_n("VS\x01", 3, raw.begin());
      raw[3] = static_cast<std::uint8_t>(type % 8);
      std::copy(network.begin(), network.end(), raw.begin() + 4);
      if (type % 4 == 0) raw.resize(datagram_limit);
    }
    const auto parsed = parse_datagram(raw, network);
    if (const auto* t = std::get_if<transport_view>(&parsed))
      RC_ASSERT(t->header.size() + t->sealed.size() == raw.size());
    const auto payload = read_payload(true, raw);
    if (payload) RC_ASSERT(payload->certificate.size() + payload->message.size() + 16 <= raw.size());
  });
}

TEST(datagram, payloads_come_back_as_they_were) {
  rc::check([](std::uint32_t sender, std::uint64_t time, const bytes& certificate, const bytes& message,
               bool first) {
    handshake_payload in;
    in.sender = sender;
    in.time_ms = first ? time : 0;
    in.certificate = certificate;
    in.message = message;
    const auto raw = write_payload(first, in, 300);
    RC_ASSERT(raw.size() >= 300u);
    const auto out = read_payload(first, raw);
    RC_ASSERT(out.has_value());
    RC_ASSERT(out->sender == sender);
    RC_ASSERT(out->time_ms == in.time_ms);
    RC_ASSERT(to_bytes(out->certificate) == certificate);
    RC_ASSERT(to_bytes(out->message) == message);
  });
}

struct pair_of_sessions {
  explicit pair_of_sessions(std::uint64_t seed)
      : random(seed), a(make_context(random)), b(make_context(random)) {
    const contact whom{b->me->node_id, b->me->dh_key.key, address_b};
    const auto ping = make_question(1, question{});
    auto begun = opening::begin(*a, whom, 11, ping.raw().view(), unix_ms, seconds(1), random);
    const auto knock = std::get<handshake_1_view>(parse_datagram(begun->datagram().view(), b->network));
    auto heard = read_opening(*b, knock, unix_ms, random);
    const auto pong = make_pong(1, address_a);
    auto answer = answer_opening(*b, std::move(*heard), 22, pong.raw().view(), address_a, seconds(1));
    second = answer->datagram;
    auto done =
        begun->finish(*a, std::get<handshake_2_view>(parse_datagram(second.view(), a->network)), seconds(1));
    peer = done->peer;
    of_a.emplace(std::move(done->established));
    of_b.emplace(std::move(answer->established));
  }
  endpoint address_a = endpoint::v4(0x30000001, 1), address_b = endpoint::v4(0x30000101, 1);
  crypto::seeded_random random;
  std::shared_ptr<const link_context> a, b;
  std::optional<session> of_a, of_b;
  identity::certified peer;
  frame second;
};

transport_view view_of_transport(const frame& datagram, const link_context& context) {
  return std::get<transport_view>(parse_datagram(datagram.view(), context.network));
}

TEST(session, both_directions_work_in_any_order_and_survive_parking) {
  pair_of_sessions s(1);
  EXPECT_EQ(s.peer.node_id, s.b->me->node_id);
  EXPECT_TRUE(s.of_a->address_proven());
  EXPECT_FALSE(s.of_b->address_proven());
  std::vector<frame> sent;
  for (std::uint8_t i = 0; i < 20; ++i) {
    sent.push_back(*s.of_a->seal(bytes(i + 1u, i), seconds(2)));
    if (i == 10) s.of_a->compact();
  }
  for (std::size_t i = sent.size(); i-- > 0;) {
    const auto text = s.of_b->open(view_of_transport(sent[i], *s.b), seconds(2));
    ASSERT_TRUE(text.has_value());
    EXPECT_EQ(to_bytes(text->view()), bytes(i + 1, static_cast<std::uint8_t>(i)));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(text->data()) % 8, 0u);
    if (i == 5) s.of_b->compact();
    EXPECT_EQ(s.of_b->open(view_of_transport(sent[i], *s.b), seconds(2)).error(), drop_reason::replay);
  }
  const auto back = s.of_b->seal(bytes(900, 7), seconds(2));
  EXPECT_TRUE(s.of_a->open(view_of_transport(*back, *s.a), seconds(2)).has_value());
  EXPECT_FALSE(s.of_a->seal(bytes(transport_budget + 1, 0), seconds(2)).has_value());
  EXPECT_EQ(s.of_a->seal(bytes(transport_budget, 0), seconds(2))->size(), datagram_limit);
}

TEST(session, ends_after_two_silent_hours) {
  pair_of_sessions s(2);
  const auto sent = s.of_a->seal(bytes(10, 1), seconds(2));
  EXPECT_EQ(s.of_b->open(view_of_transport(*sent, *s.b), hours(3)).error(), drop_reason::expired_session);
  EXPECT_TRUE(s.of_a->expired(hours(3)));
  EXPECT_FALSE(s.of_a->expired(hours(2)));
}

TEST(session, message_2_is_small_enough_for_an_unproven_address) {
  pair_of_sessions s(3);
  const auto ping = s.of_b->seal(make_question(~0u, question{}).raw().view(), seconds(2));
  EXPECT_LE(ping->size(), datagram_limit - unproven_answer_size);
  EXPECT_GE(opening_answer_budget(*s.a), 800u);
  EXPECT_LE(s.second.size(), unproven_answer_size);
}

TEST(session, is_small_while_parked) { EXPECT_LE(sizeof(session), 184u); }

TEST(replay_filter, remembers_within_its_bounds) {
  replay_filter filter;
  for (std::uint64_t i = 0; i < replay_filter::max_generation; ++i) filter.add(i * 7, seconds(1));
  EXPECT_TRUE(filter.seen(7));
  EXPECT_FALSE(filter.seen(8));
  filter.add(1, seconds(2));
  EXPECT_TRUE(filter.seen(7));
  filter.add(2, seconds(2) + milliseconds(2 * handshake_clock_ms));
  EXPECT_FALSE(filter.seen(7));  // no longer valid by its clock either
  EXPECT_TRUE(filter.seen(1));
}

/// However peers are used, at most 24 are live, nothing delivered is lost silently, and every link is in one
/// place.
TEST(peer_registry, keeps_its_bounds_and_loses_nothing) {
  rc::check([](std::uint64_t seed, const std::vector<std::uint8_t>& steps) {
    crypto::seeded_random random(seed);
    const auto context = make_context(random);
    registry_limits limits;
    limits.live = 4;
    limits.peers = 12;
    limits.waiting = 3;
    peer_registry registry(context, limits);
    std::vector<contact> contacts;
    for (int i = 0; i < 20; ++i) contacts.push_back(random_contact(random));
    std::map<std::uint64_t, std::shared_ptr<peer_link>> live;
    std::set<std::uint64_t> parking;
    std::size_t accepted = 0, handed_over = 0;
    nanoseconds now = seconds(1);
    const auto carry_out = [&](registry_effects effects) {
      for (auto& e : effects) {
        if (auto* wake = std::get_if<wake_peer>(&e)) {
          RC_ASSERT(wake->link != nullptr);
          RC_ASSERT(live.emplace(wake->peer, wake->link).second);
          handed_over += wake->inputs.size();
        } else if (const auto* tell = std::get_if<tell_peer>(&e)) {
          RC_ASSERT(live.contains(tell->peer));
          ++handed_over;
        } else if (const auto* park = std::get_if<park_peer>(&e)) {
          RC_ASSERT(live.contains(park->peer));
          RC_ASSERT(parking.insert(park->peer).second);
        }
      }
      RC_ASSERT(live.size() <= limits.live);
      RC_ASSERT(registry.live() == live.size());
      RC_ASSERT(registry.size() <= limits.peers);
    };
    const auto give_back = [&](std::uint64_t peer) {
      auto link = live.at(peer);
      live.erase(peer);
      parking.erase(peer);
      registry_effects effects;
      registry.parked(now, peer, std::move(link), effects);
      carry_out(std::move(effects));
    };
    for (const auto step : steps) {
      now += milliseconds(step);
      registry_effects effects;
      if (step % 5 == 0 && !parking.empty()) {
        give_back(*parking.begin());
      } else if (step % 31 == 1 && !live.empty()) {
        const auto peer = live.begin()->first;
        live.erase(peer);
        parking.erase(peer);
        accepted -= registry.find(peer)->waiting.size();  // lost with it, as its sessions are
        registry.lost(now, peer, effects);
        carry_out(std::move(effects));
      } else if (step % 17 == 2) {
        registry.on_time(now, effects);
        carry_out(std::move(effects));
      } else {
        const auto peer = registry.reach(now, contacts[random.below(contacts.size())]);
        if (peer == 0) continue;
        registry.opened(peer, static_cast<std::uint32_t>(random.u64()) | 1);
        if (registry.deliver(now, peer, peer_reply{}, effects)) ++accepted;
        carry_out(std::move(effects));
      }
    }
    for (int i = 0; i < 1000 && !parking.empty(); ++i) give_back(*parking.begin());
    RC_ASSERT(parking.empty());
    RC_ASSERT(handed_over == accepted);
  });
}

}  // namespace
}  // namespace vsf::dht::tests
