#include "actors/swarm/uploads_actor.hpp"

#include <utility>

#include "actors/swarm/file_worker_actor.hpp"

namespace vsf::swarm {

namespace {

using self_pointer = uploads_actor::stateful_pointer<uploads_state>;

void start_worker(self_pointer self, const char* name, file_worker_actor upload_workers::*slot) {
  supervisor::child_spec spec;
  spec.name = name;
  spec.kind = file_worker_state::name;
  spec.spawn = [self, slot] {
    auto& st = self->state;
    auto& handle = st.workers.*slot;
    handle = st.env->inline_workers ? self->system().spawn(file_worker, st.env)
                                    : self->system().spawn<caf::detached>(file_worker, st.env);
    return caf::actor_cast<caf::actor>(handle);
  };
  spec.restarted = [self](const caf::actor&) {
    // What its predecessor was to read is lost, and the engine waits for it: peers open their channels again.
    if (self->state.engine) caf::anon_send_exit(self->state.engine, caf::exit_reason::kill);
  };
  self->state.children->add(std::move(spec));
}

void start_engine(self_pointer self) {
  supervisor::child_spec spec;
  spec.name = "engine";
  spec.kind = upload_engine_state::name;
  spec.spawn = [self] {
    auto& st = self->state;
    st.engine = self->system().spawn(upload_engine, st.env, st.workers);
    if (st.links) self->send(st.engine, *st.links);
    if (st.limits) self->send(st.engine, st.limits);
    return caf::actor_cast<caf::actor>(st.engine);
  };
  self->state.children->add(std::move(spec));
}

}  // namespace

uploads_actor::behavior_type uploads(self_pointer self, environment_ptr env, identity_ptr) {
  supervisor::prepare(self);
  auto& state = self->state;
  state.env = std::move(env);
  state.children.emplace(self, state.env, "swarm/uploads");
  start_worker(self, "reader", &upload_workers::reader);
  start_worker(self, "hasher", &upload_workers::hasher);
  start_engine(self);
  return {
      [self](const session_request& request) { self->send(self->state.engine, request); },
      [self](const part_grew& news) { self->send(self->state.engine, news); },
      [self](const record<fb::TransferLimits>& limits) {
        self->state.limits = limits;
        self->send(self->state.engine, limits);
      },
      [self](const component_links& links) {
        auto& st = self->state;
        st.links = links;
        st.children->report_to(links.telemetry);
        self->send(st.engine, links);
      },
      [self](const report_request& request) { self->send(self->state.engine, request); },
      [](const alarm&) {},
      [self](const restart_child& message) { self->state.children->on_restart(message); },
  };
}

}  // namespace vsf::swarm
