// The actors of a DHT node in virtual time, over the small network.
#include "actors/dht/dht_actor.hpp"
#include "actors/supervisor/child_set_actor.hpp"

#include <gtest/gtest.h>

#include "tests/actors/dht/small_network.hpp"
#include "tests/actors/dht/toy_values.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::dht::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct answers {
  std::map<std::uint64_t, fb::DhtGetResultT> gets;
  std::map<std::uint64_t, fb::SweepOutcomeT> puts;
  std::map<std::uint64_t, fb::DhtFindResultT> finds;
  std::map<std::uint64_t, int> counts;
  std::vector<fb::ComponentReportT> reports;
  std::vector<child_changed> children;
};

dht_client_actor::behavior_type client(dht_client_actor::pointer, std::shared_ptr<answers> got) {
  return {
      [got](const record<fb::DhtGetResult>& r) {
        ++got->counts[r->id()];
        got->gets[r->id()] = r.unpack();
      },
      [got](const record<fb::DhtSweepResult>& r) {
        ++got->counts[r->id()];
        got->puts[r->id()] = *r.unpack().outcomes.at(0);
      },
      [got](const record<fb::DhtFindResult>& r) {
        ++got->counts[r->id()];
        got->finds[r->id()] = r.unpack();
      },
  };
}

telemetry_actor::behavior_type telemetry(telemetry_actor::pointer, std::shared_ptr<answers> got) {
  return {
      [](const status_request&) { return record<fb::NodeStatus>{}; },
      [got](const record<fb::ComponentReport>& r, std::uint64_t) { got->reports.push_back(r.unpack()); },
      [](const record<fb::Event>&) {},
      [](const subscribe&) {},
      [got](const child_changed& c) { got->children.push_back(c); },
      [](const component_links&) {},
      [](const alarm&) {},
  };
}

/// A value it can't bear: what a bug in a policy would do.
class fragile_policy final : public value_policy {
 public:
  explicit fragile_policy(int crashes = 1'000'000) : left_(crashes) {}
  value_facts parse(const dht_key& key, byte_view raw, std::uint64_t now_unix_s) const override {
    if (raw.size() > 60 && raw[59] == 0xEE && left_-- > 0) throw std::runtime_error("a bug");
    return toy_policy().parse(key, raw, now_unix_s);
  }

 private:
  mutable int left_;
};

class dht_actors : public vsf::tests::virtual_time {
 protected:
  struct member {
    std::shared_ptr<environment> env;
    std::shared_ptr<const value_policy> policy;
    identity_ptr me;
    dht_inner_actor actor;
    std::shared_ptr<net::datagram_port> port;
    endpoint address;
    caf::actor_addr keeper;
    contact as_contact() const { return {me->node_id, me->dh_key.key, address}; }
  };

  void SetUp() override {
    net = std::make_shared<small_network>(system(), 5);
    random = std::make_shared<crypto::seeded_random>(6);
    got = std::make_shared<answers>();
    asker = keep(system().spawn(client, got));
    watcher = keep(system().spawn(telemetry, got));
  }
  void TearDown() override {
    for (auto& m : members) m->port = nullptr;
    asker = nullptr;
    watcher = nullptr;
    for (auto& m : members) m->actor = nullptr;
    virtual_time::TearDown();
  }

  member& add(const std::vector<endpoint>& bootstrap = {},
              std::shared_ptr<const value_policy> policy = std::make_shared<const toy_policy>()) {
    auto m = std::make_unique<member>();
    m->env = std::make_shared<environment>();
    m->env->network = net;
    m->env->store = storage::make_memory_store();
    m->env->random = random;
    m->env->unix_ms = [](nanoseconds now) {
      return 1'800'000'000'000 + static_cast<std::uint64_t>(now / milliseconds(1));
    };
    m->env->log = [](log_level, std::string_view, std::string_view) {};
    m->env->inline_workers = true;
    m->env->on_child = [of = m.get()](const supervisor::live_child& child) {
      if (child.kind == "dht_keeper") of->keeper = child.who;
    };
    m->me = std::make_shared<const identity::identity>(
        identity::make_solved_identity(identity::parse_network("test/0").value(), *random));
    m->address = endpoint::v4(0x30000000 + (static_cast<std::uint32_t>(members.size()) + 1) * 256, 50315);
    m->policy = std::move(policy);
    members.push_back(std::move(m));
    start(*members.back(), bootstrap);
    return *members.back();
  }
  void start(member& m, const std::vector<endpoint>& bootstrap = {}) {
    auto options = std::make_shared<core_options>();
    for (const auto& b : bootstrap) options->bootstrap.push_back(to_string(b));
    m.actor = keep(system().spawn(dht_with, environment_ptr(m.env), m.me, m.policy,
                                  std::shared_ptr<const core_options>(options)));
    ++children_at_start;  // its keeper is reported
    const auto whom = m.actor.address();
    auto opened = net->open_datagrams(m.address, 64, [whom](const endpoint& from, frame payload) {
      if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(whom))
        caf::anon_send(caf::actor_cast<dht_inner_actor>(strong), datagram{from, std::move(payload), {}});
    });
    ASSERT_TRUE(opened.has_value());
    m.port = *opened;
    component_links links;
    links.telemetry = watcher;
    caf::anon_send(m.actor, links);
    caf::anon_send(m.actor, transport_ready{m.port, m.address});
    run_for(milliseconds(300));
  }
  void stop(member& m) {
    caf::anon_send_exit(m.actor, caf::exit_reason::kill);
    m.actor = nullptr;
    m.port->close();
    m.port = nullptr;
    settle();
  }
  void populate(std::size_t count) {
    add();
    for (std::size_t i = 1; i < count; ++i) add({members[0]->address});
    run_for(seconds(20));
  }

  std::uint64_t put(member& m, const dht_key& key, const bytes& value) {
    fb::DhtSweepT ask;
    ask.id = ++next_id;
    ask.items.push_back(std::make_unique<fb::SweepItemT>());
    ask.items.back()->key = box(key);
    ask.items.back()->value = value;
    caf::anon_send(m.actor, record<fb::DhtSweep>::pack(ask), asker);
    return next_id;
  }
  std::uint64_t get(member& m, const dht_key& key, bool quorum = true) {
    fb::DhtGetT ask;
    ask.id = ++next_id;
    ask.key = box(key);
    ask.quorum = quorum;
    caf::anon_send(m.actor, record<fb::DhtGet>::pack(ask), asker);
    return next_id;
  }
  std::uint64_t find(member& m, const id160& target) {
    fb::DhtFindT ask;
    ask.id = ++next_id;
    ask.target = box(target);
    caf::anon_send(m.actor, record<fb::DhtFind>::pack(ask), asker);
    return next_id;
  }
  fb::ComponentReportT report(member& m) {
    got->reports.clear();
    caf::anon_send(m.actor, report_request{1});
    settle();
    if (got->reports.size() != 1) throw std::runtime_error("no report");
    return std::move(got->reports[0]);
  }
  static std::int64_t gauge(const fb::ComponentReportT& r, std::string_view name) {
    for (const auto& g : r.gauges)
      if (g->name == name) return g->value;
    return -1;
  }
  static std::uint64_t counter(const fb::ComponentReportT& r, std::string_view name) {
    for (const auto& c : r.counters)
      if (c->name == name) return c->value;
    return 0;
  }
  bytes value_of(const member& m, std::size_t padding = 100) {
    toy_value v;
    v.publisher = publisher_of(m.me->node_id);
    v.padding = padding;
    return v.raw();
  }

  std::shared_ptr<small_network> net;
  std::shared_ptr<crypto::seeded_random> random;
  std::shared_ptr<answers> got;
  std::vector<std::unique_ptr<member>> members;
  dht_client_actor asker;
  telemetry_actor watcher;
  std::uint64_t next_id = 0;
  std::size_t children_at_start = 0;
};

TEST_F(dht_actors, put_get_and_find_each_get_one_answer) {
  populate(8);
  net->loss_per_mille = 20;
  for (int i = 0; i < 10; ++i) {
    auto& publisher = *members[random->below(8)];
    auto& reader = *members[random->below(8)];
    const auto key = random_bytes<dht_key>(*random);
    const auto p = put(publisher, key, value_of(publisher));
    run_for(seconds(5));
    EXPECT_EQ(got->puts[p].holders, 7u);
    const auto q = get(reader, key);
    const auto f = find(reader, publisher.me->node_id);
    run_for(seconds(5));
    ASSERT_EQ(got->gets[q].leaves.size(), 1u);
    EXPECT_EQ(got->gets[q].leaves[0]->data, value_of(publisher));
    EXPECT_GE(got->gets[q].replicas, 3u);
    if (&reader != &publisher) {
      ASSERT_FALSE(got->finds[f].contacts.empty());
      EXPECT_EQ(from_fb(got->finds[f].contacts[0]), publisher.as_contact());
    }
  }
  for (const auto& [id, count] : got->counts) EXPECT_EQ(count, 1) << id;
  EXPECT_EQ(got->counts.size(), 30u);
}

TEST_F(dht_actors, idle_peers_are_parked_and_lookups_leave_nothing_behind) {
  populate(12);
  for (int i = 0; i < 20; ++i) find(*members[0], random_bytes<id160>(*random));
  run_for(milliseconds(30));
  auto r = report(*members[0]);
  EXPECT_EQ(gauge(r, "lookups_running"), 20);
  EXPECT_GT(gauge(r, "peers_live"), 0);
  EXPECT_LE(gauge(r, "peers_live"), 24);
  EXPECT_GT(r.children.size(), 20u);
  run_for(seconds(30));
  r = report(*members[0]);
  EXPECT_EQ(gauge(r, "lookups_running"), 0);
  EXPECT_EQ(gauge(r, "peers_live"), 0);
  EXPECT_EQ(gauge(r, "contacts"), 11);
  EXPECT_GE(gauge(r, "sessions"), 11);
  EXPECT_EQ(r.children.size(), 1u);  // the keeper
}

TEST_F(dht_actors, a_restarted_node_remembers_whom_it_knew_and_what_it_held) {
  populate(6);
  const auto key = random_bytes<dht_key>(*random);
  put(*members[1], key, value_of(*members[1]));
  run_for(seconds(10));
  auto& m = *members[3];
  EXPECT_EQ(gauge(report(m), "held_leaves"), 1);
  stop(m);
  run_for(seconds(5));
  start(m);
  run_for(seconds(5));
  const auto r = report(m);
  EXPECT_EQ(gauge(r, "contacts"), 5);
  EXPECT_EQ(gauge(r, "held_leaves"), 1);
  EXPECT_TRUE(r.notes.empty());
  const auto q = get(m, key);
  run_for(seconds(5));
  EXPECT_EQ(got->gets[q].leaves.size(), 1u);
}

TEST_F(dht_actors, a_keeper_that_is_brought_back_is_given_what_it_missed) {
  populate(6);
  auto& m = *members[3];
  const auto key = random_bytes<dht_key>(*random);
  const auto p = put(*members[1], key, value_of(*members[1]));
  caf::actor_addr killed;
  // The leaf comes while there is no keeper.
  for (int i = 0; i < 200 && gauge(report(m), "held_leaves") == 0; ++i) {
    if (m.keeper != killed) {
      killed = m.keeper;
      caf::anon_send_exit(caf::actor_cast<caf::actor>(killed), caf::exit_reason::kill);
    }
    run_for(milliseconds(1));
  }
  EXPECT_EQ(gauge(report(m), "held_leaves"), 1);
  EXPECT_EQ(m.keeper, killed);
  run_for(seconds(10));
  EXPECT_EQ(got->puts[p].holders, 5u);
  EXPECT_NE(m.keeper, killed);
  stop(m);
  start(m);
  run_for(seconds(1));
  EXPECT_EQ(gauge(report(m), "held_leaves"), 1);
}

TEST_F(dht_actors, a_keeper_that_crashes_before_it_has_read_reads_again) {
  populate(6);
  const auto key = random_bytes<dht_key>(*random);
  put(*members[1], key, value_of(*members[1]));
  run_for(seconds(10));
  auto& m = *members[3];
  stop(m);
  const auto before = m.env->on_child;
  m.env->on_child = [&m, before, killed = false](const supervisor::live_child& child) mutable {
    before(child);
    if (std::exchange(killed, true)) return;
    caf::anon_send_exit(caf::actor_cast<caf::actor>(child.who), caf::exit_reason::kill);
  };
  start(m);
  run_for(seconds(1));
  EXPECT_EQ(gauge(report(m), "held_leaves"), 1);
  EXPECT_EQ(gauge(report(m), "contacts"), 5);
}

TEST_F(dht_actors, a_lookup_that_crashes_once_is_run_again) {
  populate(5);
  const auto key = random_bytes<dht_key>(*random);
  auto poison = value_of(*members[0]);
  poison[59] = 0xEE;
  const auto p = put(*members[0], key, poison);
  run_for(seconds(5));
  EXPECT_EQ(got->puts[p].holders, 4u);
  auto& reader = add({members[0]->address}, std::make_shared<const fragile_policy>(1));
  run_for(seconds(5));
  const auto q = get(reader, key);
  run_for(seconds(5));
  EXPECT_EQ(got->counts[q], 1);
  EXPECT_EQ(got->gets[q].leaves.size(), 1u);
  EXPECT_EQ(counter(report(reader), "lookups_crashed"), 1u);
}

TEST_F(dht_actors, a_lookup_that_crashes_twice_is_answered_and_reported) {
  populate(5);
  const auto key = random_bytes<dht_key>(*random);
  auto poison = value_of(*members[0]);
  poison[59] = 0xEE;
  const auto p = put(*members[0], key, poison);
  run_for(seconds(5));
  EXPECT_EQ(got->puts[p].holders, 4u);
  auto& reader = add({members[0]->address}, std::make_shared<const fragile_policy>());
  run_for(seconds(5));
  const auto q = get(reader, key);
  run_for(seconds(2));
  EXPECT_EQ(got->counts[q], 1);
  EXPECT_TRUE(got->gets[q].leaves.empty());
  ASSERT_EQ(got->children.size() - children_at_start, 2u);
  EXPECT_EQ(got->children.back().kind, "lookup");
  EXPECT_NE(got->children.back().reason.find("a bug"), std::string::npos);
  EXPECT_EQ(counter(report(reader), "lookups_crashed"), 2u);
  // It goes on.
  const auto f = find(reader, members[2]->me->node_id);
  run_for(seconds(2));
  EXPECT_EQ(got->finds[f].contacts.size(), 1u);
}

TEST_F(dht_actors, a_crash_of_a_peer_costs_its_sessions_only) {
  populate(5);
  auto& m = *members[2];
  std::dynamic_pointer_cast<small_network::port>(m.port)->explode = true;
  const auto f = find(m, random_bytes<id160>(*random));
  run_for(seconds(9));
  EXPECT_EQ(got->counts[f], 1);
  EXPECT_EQ(got->finds[f].contacts.size(), 4u);
  const auto r = report(m);
  EXPECT_EQ(counter(r, "peers_crashed"), 1u);
  ASSERT_EQ(got->children.size() - children_at_start, 1u);
  EXPECT_EQ(got->children.back().kind, "dht_peer");
}

TEST_F(dht_actors, credits_are_given_back_whatever_becomes_of_a_datagram) {
  populate(3);
  auto& m = *members[0];
  auto credit = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = credit;
  for (const bytes& raw : {bytes{}, bytes(1200, 7), bytes{'V', 'S', 1, 3}})
    caf::anon_send(m.actor, datagram{members[1]->address, frame::copy_of(raw), credit});
  credit.reset();
  run_for(seconds(15));
  EXPECT_TRUE(watch.expired());
}

TEST_F(dht_actors, alone_it_answers_at_once_and_says_what_to_do) {
  auto& m = add();
  const auto q = get(m, random_bytes<dht_key>(*random));
  const auto p = put(m, random_bytes<dht_key>(*random), value_of(m));
  settle();
  EXPECT_EQ(got->counts[q], 1);
  EXPECT_EQ(got->counts[p], 1);
  EXPECT_EQ(got->puts[p].holders, 0u);
  const auto r = report(m);
  ASSERT_EQ(r.notes.size(), 1u);
  EXPECT_EQ(r.notes[0], "no peers known: set node.bootstrap");
}

}  // namespace
}  // namespace vsf::dht::tests
