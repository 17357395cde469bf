#include <rapidcheck.h>

#include <algorithm>

#include "tests/actors/soulseek/dialer_world.hpp"

namespace vsf::soulseek {
namespace {

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
