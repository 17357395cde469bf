#include "sim/nat.hpp"

#include <rapidcheck.h>

#include <set>

#include "tests/sim/virtual_internet.hpp"

namespace vsf::sim {
namespace {

constexpr auto udp = ip_protocol::udp;
constexpr auto tcp = ip_protocol::tcp;
constexpr std::array behind{nat_type::full_cone, nat_type::address_restricted, nat_type::port_restricted,
                            nat_type::symmetric};

endpoint remote(std::uint32_t address, std::uint16_t port) {
  return endpoint::v4((8u << 24) | address, port);
}

/// What a table must let in, by RFC 4787's words: from the plain history of what went out.
struct history {
  struct entry {
    virtual_time when;
    ip_protocol protocol;
    std::uint16_t inside;
    endpoint to;
    std::uint16_t seen;
  };
  nat_type type;
  nat_limits limits;
  std::vector<entry> sent;

  bool alive(const entry& e, virtual_time now) const {
    return now - e.when < (e.protocol == udp ? limits.udp_lifetime : limits.tcp_lifetime);
  }
  std::optional<std::uint16_t> lets_in(ip_protocol protocol, const endpoint& from, std::uint16_t port,
                                       virtual_time now) const {
    for (const auto& e : sent) {
      if (e.protocol != protocol || e.seen != port || !alive(e, now)) continue;
      const bool address = e.to.ip == from.ip;
      const bool exact = address && e.to.port == from.port;
      if (type == nat_type::full_cone || (type == nat_type::address_restricted && address) || exact)
        return e.inside;
    }
    return std::nullopt;
  }
};

TEST(nat_table, lets_in_exactly_what_its_type_allows) {
  EXPECT_TRUE(rc::check("filtering", [](std::uint64_t seed) {
    crypto::seeded_random random(seed);
    const auto type = behind[random.below(4)];
    const nat_limits limits{.udp_lifetime = 30s, .tcp_lifetime = 90s};
    nat_table table(type, static_cast<std::uint16_t>(random.below(65536)), limits);
    history model{type, limits, {}};
    std::vector<std::uint16_t> seen{5};
    virtual_time now{0};
    std::size_t passed = 0;
    for (int i = 0; i < 400; ++i) {
      now += std::chrono::seconds(random.below(4));
      const auto protocol = random.below(4) == 0 ? tcp : udp;
      const auto other = remote(static_cast<std::uint32_t>(random.below(3)),
                                static_cast<std::uint16_t>(1 + random.below(3)));
      if (random.below(200) == 0) {
        table.forget();
        model.sent.clear();
      } else if (random.below(3) == 0) {
        const auto inside = static_cast<std::uint16_t>(40'000 + random.below(3));
        const auto port = table.outgoing(protocol, inside, other, now);
        RC_ASSERT(port.has_value());
        model.sent.push_back({now, protocol, inside, other, *port});
        seen.push_back(*port);
      } else {
        const auto port = seen[random.below(seen.size())];
        const auto got = table.incoming(protocol, other, port, now);
        RC_ASSERT(got == model.lets_in(protocol, other, port, now));
        passed += got.has_value();
      }
    }
    RC_CLASSIFY(passed > 10);
  }));
}

TEST(nat_table, maps_by_port_or_by_destination_and_never_two_to_one) {
  EXPECT_TRUE(rc::check("mapping", [](std::uint64_t seed) {
    crypto::seeded_random random(seed);
    const auto type = behind[random.below(4)];
    nat_table table(type, static_cast<std::uint16_t>(random.below(65536)));
    std::map<std::pair<std::uint16_t, endpoint>, std::uint16_t> known;
    std::map<std::uint16_t, std::pair<std::uint16_t, endpoint>> owners;
    for (int i = 0; i < 300; ++i) {
      const auto inside = static_cast<std::uint16_t>(1024 + random.below(20));
      const auto to = remote(static_cast<std::uint32_t>(random.below(10)),
                             static_cast<std::uint16_t>(1 + random.below(3)));
      const auto port = table.outgoing(udp, inside, to, 1s);
      RC_ASSERT(port.has_value() && *port >= 1024);
      const std::pair key(inside, type == nat_type::symmetric ? to : endpoint{});
      RC_ASSERT(known.emplace(key, *port).first->second == *port);
      RC_ASSERT(owners.emplace(*port, key).first->second == key);
    }
  }));
}

TEST(nat_table, only_what_goes_out_keeps_a_mapping) {
  for (const auto type : behind) {
    nat_table table(type, 2000);
    const auto port = table.outgoing(udp, 50315, remote(1, 1), 0s).value();
    for (auto t = 0s; t < 120s; t += 10s) EXPECT_EQ(table.incoming(udp, remote(1, 1), port, t), 50315);
    EXPECT_FALSE(table.incoming(udp, remote(1, 1), port, 120s)) << "120 s after it was used";
    EXPECT_EQ(table.outgoing(udp, 50315, remote(1, 1), 200s) == port, type != nat_type::symmetric);
    const auto again = table.outgoing(udp, 50315, remote(1, 1), 300s).value();
    EXPECT_TRUE(table.incoming(udp, remote(1, 1), again, 419s));
    EXPECT_FALSE(table.incoming(tcp, remote(1, 1), again, 419s)) << "TCP has mappings of its own";
  }
}

TEST(nat_table, has_a_bound_and_forgets_what_expired) {
  nat_table table(nat_type::port_restricted, 2000, {.entries = 1000});
  std::size_t taken = 0;
  for (std::uint32_t i = 0; i < 3000; ++i) taken += table.outgoing(udp, 50315, remote(i, 1), 0s).has_value();
  EXPECT_EQ(taken, 999u) << "one mapping and who may answer";
  EXPECT_EQ(table.size(), 1000u);
  EXPECT_TRUE(table.outgoing(udp, 50315, remote(1, 1), 100s)) << "what is known still passes";
  EXPECT_FALSE(table.outgoing(udp, 50315, remote(5000, 1), 119s));
  EXPECT_TRUE(table.outgoing(udp, 50315, remote(5000, 1), 130s));
  EXPECT_LE(table.size(), 3u);

  nat_table cycling(nat_type::symmetric, 2000, {.entries = 1000});
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    EXPECT_TRUE(cycling.outgoing(udp, 50315, remote(i, 1), i * 500ms)) << i;
    ASSERT_LE(cycling.size(), 1000u);
  }
}

class behind_nat : public virtual_internet {
 protected:
  /// a_ behind a translator of that type, b_ and c_ open, each with ports 5 and 6.
  void make_behind(nat_type type) {
    make({}, {.nat = type});
    c_ = net_->add_host(2);
    inside_ = open(a_, 50315);
    b5_ = open(b_, 5), b6_ = open(b_, 6), c5_ = open(c_, 5);
  }
  /// Sends from inside to b's port 5 and returns what b saw as its source.
  endpoint mapping_to_b() {
    b5_->got.clear();
    inside_->send(at(b_, 5), text(10));
    run_for(1s);
    return b5_->got.at(0).from;
  }
  bool hears(const std::shared_ptr<mailbox>& from, const endpoint& to) {
    inside_->got.clear();
    from->send(to, text(10));
    run_for(1s);
    return !inside_->got.empty();
  }

  std::shared_ptr<host> c_;
  std::shared_ptr<mailbox> inside_, b5_, b6_, c5_;
};

TEST_F(behind_nat, others_see_a_public_address_and_it_has_a_private_one) {
  for (const auto type : behind) {
    make_behind(type);
    EXPECT_FALSE(a_->reachable());
    EXPECT_TRUE(b_->reachable());
    EXPECT_EQ(scope_of(inside_->port->local()), address_scope::local);
    EXPECT_EQ(inside_->port->local().ip[12], 10);
    EXPECT_EQ(scope_of(a_->address()), address_scope::global);
    const auto seen = mapping_to_b();
    EXPECT_EQ(seen.ip, a_->address().ip);
    EXPECT_EQ(seen.port == 50315, type != nat_type::symmetric) << to_string(type);
    EXPECT_FALSE(hears(b5_, inside_->port->local())) << "a private address means nothing to others";
    EXPECT_TRUE(hears(inside_, inside_->port->local()));
    expect_all_accounted_for();
  }
}

TEST_F(behind_nat, each_type_filters_as_it_is_named) {
  struct row {
    nat_type type;
    bool same_port, other_port, other_address;
  };
  for (const auto& [type, same_port, other_port, other_address] :
       {row{nat_type::full_cone, true, true, true}, row{nat_type::address_restricted, true, true, false},
        row{nat_type::port_restricted, true, false, false}, row{nat_type::symmetric, true, false, false}}) {
    make_behind(type);
    EXPECT_FALSE(hears(b5_, at(a_, 50315))) << to_string(type) << ": nothing was sent";
    const auto seen = mapping_to_b();
    EXPECT_EQ(hears(b5_, seen), same_port) << to_string(type);
    EXPECT_EQ(hears(b6_, seen), other_port) << to_string(type);
    EXPECT_EQ(hears(c5_, seen), other_address) << to_string(type);
    EXPECT_EQ(net_->counters().datagrams_nat_filtered, 1u + !same_port + !other_port + !other_address);
    expect_all_accounted_for();
  }
}

TEST_F(behind_nat, a_mapping_ends_when_nothing_goes_out_for_its_time) {
  make_behind(nat_type::full_cone);
  const auto seen = mapping_to_b();  // took a second
  run_for(60s);
  EXPECT_TRUE(hears(c5_, seen));
  run_for(56s);
  EXPECT_TRUE(hears(c5_, seen));
  run_for(2s);
  EXPECT_FALSE(hears(c5_, seen)) << "what came in did not renew it";
  EXPECT_EQ(mapping_to_b(), seen);
  EXPECT_TRUE(hears(c5_, seen));
}

TEST_F(behind_nat, a_restarted_box_maps_anew) {
  for (const auto type : behind) {
    make_behind(type);
    const auto before = mapping_to_b();
    a_->forget_mappings();
    EXPECT_FALSE(hears(b5_, before));
    const auto after = mapping_to_b();
    EXPECT_EQ(after.ip, before.ip);
    EXPECT_NE(after.port, before.port) << to_string(type);
    EXPECT_FALSE(hears(b5_, before));
    EXPECT_TRUE(hears(b5_, after));
  }
}

TEST_F(behind_nat, two_behind_cones_reach_each_other_by_sending_at_the_same_time) {
  for (const auto type : behind) {
    make({}, {.nat = type}, {.nat = type});
    const auto one = open(a_, 50315), two = open(b_, 50315);
    for (int i = 0; i < 3; ++i) {
      one->send(at(b_, 50315), text(10));
      two->send(at(a_, 50315), text(10));
      run_for(1s);
    }
    EXPECT_EQ(one->got.empty(), type == nat_type::symmetric) << to_string(type);
    EXPECT_EQ(two->got.empty(), type == nat_type::symmetric);
  }
}

TEST_F(behind_nat, its_own_public_mapping_leads_back_to_it) {
  make_behind(nat_type::full_cone);
  const auto other = open(a_, 600);
  const auto seen = mapping_to_b();
  EXPECT_TRUE(hears(other, seen));
  EXPECT_EQ(inside_->got.at(0).from.ip, a_->address().ip) << "an external source (RFC 4787, REQ-9)";
}

TEST_F(behind_nat, a_connection_goes_out_and_is_seen_from_the_public_address) {
  for (const auto type : behind) {
    make({}, {.nat = type});
    connect();
    EXPECT_EQ(far_->remote().ip, a_->address().ip);
    EXPECT_EQ(near_->remote(), at(b_, 9));
    std::size_t there = 0, back = 0;
    near_->start({.on_packet = [&](frame) { ++back; }, .on_writable = {}, .on_closed = {}});
    far_->start({.on_packet = [&](frame) { ++there; }, .on_writable = {}, .on_closed = {}});
    near_->grant(10);
    far_->grant(10);
    run_for(600s);
    near_->send(text(10));
    far_->send(text(10));
    run_for(1s);
    EXPECT_EQ(there, 1u);
    EXPECT_EQ(back, 1u);
    disconnect();
  }
}

TEST_F(behind_nat, nobody_connects_in_without_a_mapping) {
  for (const auto type : behind) {
    make({}, {.nat = type});
    int accepted = 0;
    const auto mesh = a_->listen(at(a_, 50315), [&](auto link) {
                          ++accepted;
                          link->close();
                        }).value();
    const auto begin = now_;
    virtual_time failed{0};
    b_->connect(at(a_, 50315), 3s, [&](auto link) {
      EXPECT_FALSE(link);
      failed = now_;
    });
    run_for(5s);
    EXPECT_EQ(failed - begin, 3s) << "nobody answers: it isn't refused";
    EXPECT_EQ(accepted, 0);
    // A connection out maps its port; a cone lets others in on it who are allowed to.
    const auto at_b = b_->listen(at(b_, 9), [](auto link) { link->close(); }).value();
    EXPECT_EQ(try_connect(a_, at(b_, 9)), "connected");
    EXPECT_EQ(try_connect(b_, at(a_, 49152)),
              type == nat_type::full_cone || type == nat_type::address_restricted ? "refused" : "timed out")
        << to_string(type) << ": nobody listens on it";
    const auto reused = a_->listen(at(a_, 49152), [&](auto link) {
                            ++accepted;
                            link->close();
                          }).value();
    const bool let_in = type == nat_type::full_cone || type == nat_type::address_restricted;
    EXPECT_EQ(try_connect(b_, at(a_, 49152)), let_in ? "connected" : "timed out");
    EXPECT_EQ(accepted, let_in ? 1 : 0);
  }
}

TEST_F(behind_nat, a_restarted_box_breaks_connections_its_own_end_learns_it_by_a_reset) {
  make({}, {.nat = nat_type::port_restricted});
  connect();
  std::string near_ended, far_ended;
  std::size_t there = 0;
  near_->start({.on_packet = {}, .on_writable = {}, .on_closed = [&](std::string why) { near_ended = why; }});
  far_->start({.on_packet = [&](frame) { ++there; },
               .on_writable = {},
               .on_closed = [&](std::string why) { far_ended = why; }});
  near_->grant(10);
  far_->grant(10);
  near_->send(text(10));  // on its way: it will still get there? not through a box that forgot it
  a_->forget_mappings();
  far_->send(text(10));
  run_for(60s);
  EXPECT_EQ(there, 0u);
  EXPECT_TRUE(near_ended.empty() && far_ended.empty()) << "neither can know";
  const auto begin = now_;
  near_->send(text(10));
  near_->send(text(10));
  run_for(2 * way() - 1ms);
  EXPECT_TRUE(near_ended.empty());
  run_for(60s);
  EXPECT_GT(now_, begin);
  EXPECT_EQ(near_ended, "reset by the other end");
  EXPECT_TRUE(far_ended.empty());
  EXPECT_EQ(net_->counters().streams_reset, 1u);
  disconnect();
  EXPECT_EQ(far_ended, "closed");
}

TEST_F(behind_nat, its_mappings_outlive_a_power_cut_of_the_host) {
  make_behind(nat_type::full_cone);
  const auto seen = mapping_to_b();
  a_->cut();
  a_->power_on();
  inside_ = open(a_, 50315);
  EXPECT_TRUE(hears(c5_, seen));
}

}  // namespace
}  // namespace vsf::sim
