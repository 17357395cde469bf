#include "actors/port_mapping/port_mapping_actor.hpp"

#include <utility>

#include "actors/port_mapping/mapping_plan.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::port_mapping {

using self_pointer = port_mapping_actor::stateful_pointer<port_mapping_state>;

class mapping_runner {
 public:
  mapping_runner(self_pointer self, environment_ptr env) : self_(self), env_(std::move(env)) {}
  ~mapping_runner() { env_->port_mapper->clear(); }
  mapping_runner(const mapping_runner&) = delete;
  mapping_runner& operator=(const mapping_runner&) = delete;

  void on_ports(const listening_ports& m) {
    plan_.set(m.owner, m.ports, now());
    turn();
  }
  void on_mapped(const ports_mapped& m) {
    const auto before = plan_.notes();
    plan_.on_report(*m.what, now());
    const auto after = plan_.notes();
    // A renewal that changes nothing is no news.
    if (after != before) {
      const auto level = m.what->problem.empty() ? log_level::info : log_level::warning;
      for (const auto& note : after) env_->log(level, "port_mapping", note);
    }
    if (links_.soulseek) self_->send(links_.soulseek, m);
    turn();
  }
  void on_links(const component_links& links) { links_ = links; }
  void on_alarm(const alarm& m) {
    if (timer_.take(m)) turn();
  }
  void on_report(std::uint64_t round) {
    if (!links_.telemetry) return;
    fb::ComponentReportT out;
    out.path = "port_mapping";
    out.kind = port_mapping_state::name;
    out.mailbox = supervisor::mailbox_size(self_);
    const auto count = [&](const char* name, std::uint64_t value) {
      auto c = std::make_unique<fb::CounterT>();
      c->name = name;
      c->value = value;
      out.counters.push_back(std::move(c));
    };
    const auto gauge = [&](const char* name, std::size_t value) {
      auto g = std::make_unique<fb::GaugeT>();
      g->name = name;
      g->value = static_cast<std::int64_t>(value);
      out.gauges.push_back(std::move(g));
    };
    count("rounds", plan_.counters().rounds);
    count("rounds_failed", plan_.counters().rounds_failed);
    count("ports_refused", plan_.counters().refused_ports);
    gauge("ports_wanted", plan_.wanted());
    gauge("ports_mapped", plan_.mapped());
    out.notes = plan_.notes();
    self_->send(links_.telemetry, record<fb::ComponentReport>::pack(out), round);
  }

 private:
  std::chrono::nanoseconds now() const { return supervisor::now(self_); }

  void turn() {
    if (auto ports = plan_.take_round(now()))
      env_->port_mapper->map(*std::move(ports), [me = self_->address()](net::mapping_report report) {
        if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(me))
          caf::anon_send(caf::actor_cast<port_mapping_actor>(strong),
                         ports_mapped{std::make_shared<const net::mapping_report>(std::move(report))});
      });
    if (const auto at = plan_.next_deadline()) timer_.arm(self_, *at);
  }

  self_pointer self_;
  environment_ptr env_;
  component_links links_;
  mapping_plan plan_;
  supervisor::single_alarm timer_;
};

port_mapping_state::port_mapping_state() = default;
port_mapping_state::~port_mapping_state() = default;

port_mapping_actor::behavior_type port_mapping(self_pointer self, environment_ptr env) {
  supervisor::prepare(self);
  self->state.runner = std::make_unique<mapping_runner>(self, std::move(env));
  const auto run = [self]() -> mapping_runner& { return *self->state.runner; };
  return {
      [run](const listening_ports& m) { run().on_ports(m); },
      [run](const ports_mapped& m) { run().on_mapped(m); },
      [run](const component_links& m) { run().on_links(m); },
      [run](const report_request& m) { run().on_report(m.round); },
      [run](const alarm& m) { run().on_alarm(m); },
  };
}

}  // namespace vsf::port_mapping
