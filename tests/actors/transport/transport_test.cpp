#include <rapidcheck.h>

#include "actors/transport/port_plan.hpp"
#include "tests/actors/overlay/overlay_world.hpp"

namespace vsf::tests {
namespace {

TEST(port_retry, backs_off_to_half_a_minute_and_says_why) {
  EXPECT_TRUE(rc::check("back-off", [](std::uint64_t seed) {
    crypto::seeded_random random(seed);
    transport::retry_plan plan;
    RC_ASSERT(!plan.note());
    std::int64_t full_ms = 500;
    for (int i = 0; i < 12; ++i) {
      const auto delay = plan.on_failure("UDP 1.2.3.4:5 is in use", random).count();
      RC_ASSERT(delay >= full_ms / 2 && delay <= full_ms);
      full_ms = std::min<std::int64_t>(30'000, full_ms * 2);
    }
    RC_ASSERT(plan.note()->find("UDP 1.2.3.4:5 is in use") != std::string::npos);
    RC_ASSERT(plan.failures() == 12u);
    plan.on_success();
    RC_ASSERT(!plan.note());
    RC_ASSERT(plan.on_failure("again", random).count() <= 500);
  }));
}

/// A dht that keeps its datagrams, with their credits, as long as the test likes.
class transport_actors : public virtual_time {
 protected:
  void SetUp() override {
    net = std::make_unique<pair_network>(system());
    env = std::make_shared<environment>();
    env->settings.node.listen = here;
    env->network = net->host(here);
    env->random = std::make_shared<crypto::seeded_random>(5);
    env->unix_ms = [](std::chrono::nanoseconds) { return 0u; };
    env->log = [](log_level, std::string_view, std::string_view) {};
    dht = keep(system().spawn([this](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[this](const datagram& d) { got.push_back(d); },
              [this](const transport_ready& r) { ready.push_back(r); }};
    }));
    over = keep(system().spawn([this](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[this](const link_accepted& l) { accepted.push_back(l.link); },
              [this](const transport_ready& r) { ready_overlay.push_back(r); }};
    }));
    telemetry = keep(system().spawn([this](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[this](const record<fb::ComponentReport>& r, std::uint64_t) { last = r.unpack(); }};
    }));
  }
  void TearDown() override {
    caf::anon_send_exit(it, caf::exit_reason::kill);
    it = nullptr;
    settle();
    got.clear();
    ready.clear();
    ready_overlay.clear();
    accepted.clear();
    net.reset();
    virtual_time::TearDown();
  }
  void spawn() {
    it = keep(system().spawn(transport::transport, environment_ptr(env)));
    component_links links;
    links.dht = stand_in<dht_actor>(dht);
    links.overlay = stand_in<overlay_actor>(over);
    links.telemetry = stand_in<telemetry_actor>(telemetry);
    caf::anon_send(it, links);
    settle();
  }
  std::uint64_t counter(const std::string& name, const std::string& label) {
    caf::anon_send(it, report_request{1});
    settle();
    for (const auto& c : last.counters)
      if (c->name == name && c->label == label) return c->value;
    throw std::out_of_range(name);
  }

  endpoint here = endpoint::v4(0x7F000001, 50315);
  std::unique_ptr<pair_network> net;
  std::shared_ptr<environment> env;
  transport_actor it;
  caf::actor dht, over, telemetry;
  std::vector<datagram> got;
  std::vector<transport_ready> ready, ready_overlay;
  std::vector<std::shared_ptr<net::stream_link>> accepted;
  fb::ComponentReportT last;
};

TEST_F(transport_actors, opens_both_and_passes_on_what_comes) {
  spawn();
  ASSERT_EQ(ready.size(), 1u);
  ASSERT_EQ(ready_overlay.size(), 1u);
  EXPECT_EQ(ready[0].local, here);
  const auto outside = net->host(endpoint::v4(0x7F000002, 0));
  const auto port = *outside->open_datagrams(endpoint::v4(0, 7000), 10, [](const endpoint&, frame) {});
  port->send(here, frame::copy_of(bytes{1, 2, 3}));
  outside->connect(here, 1s, [](auto) {});
  run_for(100ms);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].from, endpoint::v4(0x7F000002, 7000));
  EXPECT_EQ(to_bytes(got[0].payload.view()), (bytes{1, 2, 3}));
  EXPECT_EQ(accepted.size(), 1u);
  EXPECT_EQ(counter("datagrams_received", ""), 1u);
}

TEST_F(transport_actors, a_receiver_that_does_not_finish_gets_no_more_than_the_credits) {
  spawn();
  const auto outside = net->host(endpoint::v4(0x7F000002, 0));
  const auto port = *outside->open_datagrams(endpoint::v4(0, 7000), 10, [](const endpoint&, frame) {});
  for (int i = 0; i < 1500; ++i) port->send(here, frame::copy_of(bytes{1}));
  run_for(100ms);
  EXPECT_EQ(got.size(), transport::datagram_credits);
  EXPECT_EQ(counter("datagrams_dropped", "reason=\"no_credit\""), 1500 - transport::datagram_credits);
  got.clear();
  for (int i = 0; i < 10; ++i) port->send(here, frame::copy_of(bytes{1}));
  run_for(100ms);
  EXPECT_EQ(got.size(), 10u);
}

TEST_F(transport_actors, credits_of_a_dead_dht_come_back) {
  spawn();
  caf::anon_send_exit(dht, caf::exit_reason::kill);
  settle();
  const auto outside = net->host(endpoint::v4(0x7F000002, 0));
  const auto port = *outside->open_datagrams(endpoint::v4(0, 7000), 10, [](const endpoint&, frame) {});
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) port->send(here, frame::copy_of(bytes{1}));
    run_for(100ms);
  }
  EXPECT_EQ(counter("datagrams_received", ""), 3000u);
  EXPECT_EQ(counter("datagrams_dropped", "reason=\"no_credit\""), 0u);
}

TEST_F(transport_actors, keeps_trying_while_the_port_is_taken_and_says_so) {
  const auto same_host = net->host(here);
  auto squatter = *same_host->listen(here, [](auto) {});
  spawn();
  EXPECT_TRUE(ready.empty());
  run_for(20s);
  EXPECT_GT(counter("port_open_failures", ""), 3u);
  ASSERT_EQ(last.notes.size(), 1u);
  EXPECT_NE(last.notes[0].find("TCP 127.0.0.1:50315 is in use"), std::string::npos) << last.notes[0];
  squatter->close();
  run_for(31s);
  EXPECT_EQ(ready.size(), 1u);
  caf::anon_send(it, report_request{1});
  settle();
  EXPECT_TRUE(last.notes.empty());
  EXPECT_EQ(last.gauges.at(0)->value, 50315);
}

TEST_F(transport_actors, a_restart_opens_the_same_port_again) {
  spawn();
  caf::anon_send_exit(it, caf::exit_reason::kill);
  settle();
  spawn();
  ASSERT_EQ(ready.size(), 2u);
  EXPECT_EQ(ready[1].local, here);
  EXPECT_NE(ready[0].port, ready[1].port);
  EXPECT_EQ(counter("port_open_failures", ""), 0u);
}

TEST_F(transport_actors, port_zero_gives_one_number_for_both_even_when_some_are_taken_for_tcp) {
  const auto same_host = net->host(here);
  std::vector<std::shared_ptr<net::stream_listener>> taken;
  for (std::uint16_t p = 40'000; p < 40'005; ++p)
    taken.push_back(*same_host->listen(endpoint::v4(0x7F000001, p), [](auto) {}));
  env->settings.node.listen.port = 0;
  spawn();
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].local.port, 40'005);
  bool reached = false;
  net->host(endpoint::v4(0x7F000002, 0))->connect(ready[0].local, 1s, [&](const auto& link) {
    reached = link.has_value();
  });
  run_for(100ms);
  EXPECT_TRUE(reached);
}

}  // namespace
}  // namespace vsf::tests
