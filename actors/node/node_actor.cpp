#include "actors/node/node_actor.hpp"

#include <utility>

#include <caf/actor_system.hpp>

#include "actors/dht/dht_actor.hpp"
#include "actors/identity/puzzle_actor.hpp"
#include "actors/library/library_actor.hpp"
#include "actors/overlay/overlay_actor.hpp"
#include "actors/port_mapping/port_mapping_actor.hpp"
#include "actors/shadow_index/publisher_actor.hpp"
#include "actors/shadow_index/resolver_actor.hpp"
#include "actors/soulseek/soulseek_actor.hpp"
#include "actors/swarm/swarm_actor.hpp"
#include "actors/swarm/uploads_actor.hpp"
#include "actors/telemetry/telemetry_actor.hpp"
#include "actors/transport/transport_actor.hpp"

namespace vsf::node {

namespace {

using self_pointer = node_actor::stateful_pointer<node_state>;

void tell_links(self_pointer self) {
  auto& st = self->state;
  const auto& l = st.links;
  const auto tell = [&](const auto& handle) {
    if (handle) self->send(handle, l);
  };
  tell(l.telemetry);
  tell(l.port_mapping);
  tell(l.transport);
  tell(l.dht);
  tell(l.overlay);
  tell(l.resolver);
  tell(l.publisher);
  tell(l.library);
  tell(l.swarm);
  tell(l.uploads);
  tell(l.soulseek);
  for (const auto& listener : st.listeners) self->send(listener, l);
}

/// Spawns one component into its slot of the links; a restart fills the slot again and tells everybody.
template <class Handle, class Spawn>
void component(self_pointer self, const char* path, Handle component_links::*slot, Spawn spawn) {
  supervisor::child_spec spec;
  spec.name = path;
  spec.kind = path;
  spec.spawn = [self, slot, spawn] {
    auto handle = spawn(self->system());
    self->state.links.*slot = handle;
    return caf::actor_cast<caf::actor>(handle);
  };
  spec.restarted = [self](const caf::actor&) {
    self->state.children->report_to(self->state.links.telemetry);
    tell_links(self);
  };
  self->state.children->add(std::move(spec));
}

void start_mesh(self_pointer self) {
  auto& st = self->state;
  const auto env = st.env;
  const auto who = st.who;
  st.links.who = who;
  if (env->settings.mesh.enabled) {
    component(self, "transport", &component_links::transport,
              [=](caf::actor_system& sys) { return sys.spawn(transport::transport, env); });
    component(self, "dht", &component_links::dht,
              [=](caf::actor_system& sys) { return sys.spawn(dht::dht, env, who); });
    component(self, "overlay", &component_links::overlay,
              [=](caf::actor_system& sys) { return sys.spawn(overlay::overlay, env, who); });
    component(self, "shadow_index/resolver", &component_links::resolver,
              [=](caf::actor_system& sys) { return sys.spawn(shadow_index::resolver, env, who); });
    component(self, "shadow_index/publisher", &component_links::publisher,
              [=](caf::actor_system& sys) { return sys.spawn(shadow_index::publisher, env, who); });
    component(self, "swarm/uploads", &component_links::uploads,
              [=](caf::actor_system& sys) { return sys.spawn(swarm::uploads, env, who); });
    component(self, "swarm", &component_links::swarm,
              [=](caf::actor_system& sys) { return sys.spawn(swarm::swarm, env, who); });
  }
  tell_links(self);
  fb::EventT event;
  event.kind = fb::EventKind::mesh_up;
  event.subject = to_hex(who->node_id);
  event.text = env->settings.mesh.enabled ? "the mesh is up" : "the mesh is switched off by mesh.enabled";
  self->send(st.links.telemetry, record<fb::Event>::pack(event));
}

void start_puzzle(self_pointer self) {
  auto& st = self->state;
  supervisor::child_spec spec;
  spec.name = "identity";
  spec.kind = "identity";
  spec.mode = supervisor::restart_mode::transient;
  spec.spawn = [self] {
    const auto& s = self->state;
    const auto& who = s.options.identity;
    auto& sys = self->system();
    const auto me = node_actor(self);
    const auto handle =
        s.env->inline_workers
            ? sys.spawn(identity::puzzle_search, s.env, who.signing_key.identity, who.network, me)
            : sys.spawn<caf::detached>(identity::puzzle_search, s.env, who.signing_key.identity, who.network,
                                       me);
    return caf::actor_cast<caf::actor>(handle);
  };
  st.children->add(std::move(spec));
}

void on_progress(self_pointer self, const puzzle_progress& progress) {
  auto& st = self->state;
  st.puzzle_tried = progress.tried;
  st.puzzle_expected = progress.expected;
  if (!progress.solved || st.who || !st.options.identity.accept(progress.nonce)) return;
  st.who = std::make_shared<const identity::identity>(st.options.identity);
  if (st.options.save_identity) {
    const auto saved = st.options.save_identity(st.options.identity);
    if (!saved) {
      st.notes.push_back(saved.error().message);
      st.env->log(log_level::error, "node", saved.error().message);
    }
  }
  start_mesh(self);
}

void report(self_pointer self, std::uint64_t round) {
  auto& st = self->state;
  fb::ComponentReportT out;
  out.path = "node";
  out.kind = "node";
  out.mailbox = supervisor::mailbox_size(self);
  out.children = st.children->report();
  out.notes = st.notes;
  const auto gauge = [&](const char* name, std::uint64_t value) {
    auto g = std::make_unique<fb::GaugeT>();
    g->name = name;
    g->value = static_cast<std::int64_t>(value);
    out.gauges.push_back(std::move(g));
  };
  gauge("puzzle_tried", st.puzzle_tried);
  gauge("puzzle_expected", st.puzzle_expected);
  if (!st.who) out.notes.push_back("solving the id puzzle; the mesh starts when it is solved");
  self->send(st.links.telemetry, record<fb::ComponentReport>::pack(out), round);
}

}  // namespace

node_actor::behavior_type node(self_pointer self, environment_ptr env, node_options options) {
  supervisor::prepare(self);
  auto& st = self->state;
  st.env = env;
  st.options = std::move(options);
  st.children.emplace(self, env, "");
  component(self, "telemetry", &component_links::telemetry,
            [=](caf::actor_system& sys) { return sys.spawn(telemetry::telemetry, env); });
  component(self, "library", &component_links::library,
            [=](caf::actor_system& sys) { return sys.spawn(library::library, env); });
  if (env->port_mapper)
    component(self, "port_mapping", &component_links::port_mapping,
              [=](caf::actor_system& sys) { return sys.spawn(port_mapping::port_mapping, env); });
  if (env->settings.soulseek.enabled)
    component(self, "soulseek", &component_links::soulseek,
              [=](caf::actor_system& sys) { return sys.spawn(soulseek::soulseek, env); });
  st.children->report_to(st.links.telemetry);
  st.links.node = self;
  if (st.options.identity.solved()) {
    st.who = std::make_shared<const identity::identity>(st.options.identity);
    start_mesh(self);
  } else {
    tell_links(self);
    start_puzzle(self);
  }
  return {
      [=](const add_listener& request) {
        self->state.listeners.push_back(request.listener);
        self->send(request.listener, self->state.links);
      },
      [=](const puzzle_progress& progress) { on_progress(self, progress); },
      [=](shut_down) { self->quit(caf::exit_reason::user_shutdown); },
      [=](report_request request) { report(self, request.round); },
      [=](const restart_child& message) { self->state.children->on_restart(message); },
  };
}

}  // namespace vsf::node
