#include "actors/port_mapping/port_mapping_actor.hpp"

#include "net/crypto/random.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::tests {
namespace {

using namespace std::chrono_literals;

/// Keeps what it is asked; the test answers.
struct kept_mapper final : net::port_mapper {
  void map(std::vector<net::wanted_port> ports, std::function<void(net::mapping_report)> done) override {
    asked.push_back(std::move(ports));
    answer = std::move(done);
  }
  void clear() override {
    ++cleared;
    answer = nullptr;
  }
  std::vector<std::vector<net::wanted_port>> asked;
  std::function<void(net::mapping_report)> answer;
  int cleared = 0;
};

class port_mapping_actors : public virtual_time {
 protected:
  void SetUp() override {
    env = std::make_shared<environment>();
    env->port_mapper = mapper;
    env->log = [](log_level, std::string_view, std::string_view) {};
    it = keep(system().spawn(port_mapping::port_mapping, environment_ptr(env)));
    const auto hears = [this](auto behavior) {
      return keep(system().spawn([behavior](caf::event_based_actor* self) -> caf::behavior {
        self->set_default_handler(caf::drop);
        return {behavior};
      }));
    };
    component_links links;
    links.soulseek =
        stand_in<soulseek_actor>(hears([this](const ports_mapped& m) { told.push_back(*m.what); }));
    links.telemetry = stand_in<telemetry_actor>(
        hears([this](const record<fb::ComponentReport>& r, std::uint64_t) { report = r.unpack(); }));
    caf::anon_send(it, links);
    caf::anon_send(it, listening_ports{"soulseek", {wanted}});
    settle();
  }
  void TearDown() override {
    it = nullptr;
    virtual_time::TearDown();
  }
  template <class Handle>
  static Handle stand_in(const caf::actor& actor) {
    return caf::actor_cast<Handle>(caf::actor_cast<caf::strong_actor_ptr>(actor));
  }
  void answers(std::uint16_t external) {
    mapper->answer(
        {"UPnP", endpoint::v4(1, 2), endpoint::v4(0x08080808, 0), {{wanted, external, 3600, {}}}, {}});
    settle();
  }

  const net::wanted_port wanted{net::port_protocol::tcp, endpoint::v4(0, 50300), "Soulseek"};
  std::shared_ptr<kept_mapper> mapper = std::make_shared<kept_mapper>();
  std::shared_ptr<environment> env;
  port_mapping_actor it;
  std::vector<net::mapping_report> told;
  fb::ComponentReportT report;
};

TEST_F(port_mapping_actors, ports_are_mapped_told_and_renewed) {
  ASSERT_EQ(mapper->asked.size(), 1u);
  EXPECT_EQ(mapper->asked[0], std::vector{wanted});
  answers(20000);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].ports.at(0).external, 20000);
  run_for(29min);
  EXPECT_EQ(mapper->asked.size(), 1u);
  run_for(2min);
  ASSERT_EQ(mapper->asked.size(), 2u);
  answers(20000);
  EXPECT_EQ(told.size(), 2u);
  caf::anon_send(it, report_request{7});
  settle();
  EXPECT_EQ(report.path, "port_mapping");
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("8.8.8.8:20000"), std::string::npos);
}

TEST_F(port_mapping_actors, the_end_takes_it_back) {
  answers(50300);
  EXPECT_EQ(mapper->cleared, 0);
  caf::anon_send_exit(it, caf::exit_reason::user_shutdown);
  settle();
  EXPECT_EQ(mapper->cleared, 1);
}

}  // namespace
}  // namespace vsf::tests
