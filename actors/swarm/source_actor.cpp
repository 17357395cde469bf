#include "actors/swarm/source_actor.hpp"

#include <utility>

namespace vsf::swarm {

namespace {

using self_pointer = source_actor::stateful_pointer<source_state>;

void run(self_pointer self, source_logic::effects effects) {
  auto& st = self->state;
  for (auto& e : effects) {
    if (const auto* words = std::get_if<source_logic::say>(&e)) {
      if (st.peer) self->send(st.peer, session_send{words->message});
      continue;
    }
    self->send(st.setup.transfer, source_report{st.setup.what.source, std::move(e), st.logic->pace()});
  }
  if (st.logic->is_over()) {
    self->quit();
    return;
  }
  if (const auto at = st.logic->next_deadline()) st.timer.arm(self, *at);
}

}  // namespace

source_state::~source_state() {
  if (!peer || !logic) return;
  fb::CloseRootT close;
  close.channel = logic->channel();
  caf::anon_send(peer, session_send{overlay_message(std::move(close))});
  caf::anon_send(peer, channel_detach{logic->channel()});
}

source_actor::behavior_type source(self_pointer self, source_setup setup) {
  supervisor::prepare(self);
  auto& state = self->state;
  state.setup = std::move(setup);
  const auto& what = state.setup.what;
  source_logic::options how;
  how.shares = what.shares;
  state.logic.emplace(state.setup.channel, what.root, what.size_bytes, how);
  self->set_down_handler(
      [self](const caf::down_msg&) { run(self, self->state.logic->channel_closed("its session failed")); });
  state.logic->start(supervisor::now(self));
  self->send(state.setup.overlay,
             overlay_dial{what.source, what.who, caf::actor_cast<overlay_client_actor>(self)});
  state.timer.arm(self, *state.logic->next_deadline());
  return {
      [self](const source_order& order) {
        auto& st = self->state;
        const auto now = supervisor::now(self);
        if (const auto* proof = std::get_if<transfer_logic::ask_proof>(&order.what))
          run(self, st.logic->ask_proof(now, proof->piece));
        else if (const auto* data = std::get_if<transfer_logic::ask_data>(&order.what))
          run(self, st.logic->ask_data(now, data->what.id, data->what.first_leaf, data->what.count));
        else if (const auto* no = std::get_if<transfer_logic::cancel_data>(&order.what))
          run(self, st.logic->cancel_data(now, no->request));
      },
      [self](const overlay_up& up) {
        auto& st = self->state;
        if (st.peer) return;
        st.peer = up.peer;
        self->monitor(st.peer);
        self->send(st.peer, channel_attach{st.logic->channel(), caf::actor_cast<channel_client_actor>(self)});
        run(self, st.logic->dialled(supervisor::now(self)));
      },
      [self](const overlay_failed& failed) { run(self, self->state.logic->dial_failed(failed.reason)); },
      [self](const channel_message& m) {
        run(self, self->state.logic->message(supervisor::now(self), m.message));
      },
      [self](channel_data& d) {
        run(self, self->state.logic->data(supervisor::now(self), d.request, d.first_leaf, d.count,
                                          std::move(d.body)));
      },
      [self](const channel_closed& closed) { run(self, self->state.logic->channel_closed(closed.reason)); },
      [self](const alarm& message) {
        auto& st = self->state;
        if (st.timer.take(message)) run(self, st.logic->tick(supervisor::now(self)));
      },
  };
}

}  // namespace vsf::swarm
