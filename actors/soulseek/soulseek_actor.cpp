#include "actors/soulseek/soulseek_actor.hpp"

#include "actors/soulseek/hub_actor.hpp"

namespace vsf::soulseek {

soulseek_state::soulseek_state() = default;
soulseek_state::~soulseek_state() = default;

soulseek_actor::behavior_type soulseek(hub_pointer self, environment_ptr env) {
  supervisor::prepare(self);
  self->state.runner = std::make_unique<hub>(self, std::move(env));
  self->state.runner->start();
  const auto run = [self]() -> hub& { return *self->state.runner; };
  return {
      [run](const record<fb::SoulseekAsk>& ask) { return run().on_ask(ask); },
      [run](const record<fb::LibraryChanged>& change) { run().on_library(*change); },
      [run](const soulseek_news& m) { run().on_news(*m.what); },
      [run](const ports_mapped& m) { run().on_ports_mapped(*m.what); },
      [run](const component_links& m) { run().on_links(m); },
      [run](const report_request& m) { run().on_report(m.round); },
      [run](const alarm& m) { run().on_alarm(m); },
      [run](const restart_child& m) { run().on_restart(m); },
  };
}

}  // namespace vsf::soulseek
