#include "actors/dht/lookup_actor.hpp"

namespace vsf::dht {
namespace {

using self_pointer = lookup_actor::stateful_pointer<lookup_state>;

std::uint64_t unix_s(self_pointer self) { return self->state.env->unix_ms(supervisor::now(self)) / 1000; }

/// Tells the environment who holds each value of this sweep now.
void tell_acknowledged(self_pointer self, const value_policy& policy, const start_run& what,
                       const lookup_result& result) {
  for (std::size_t i = 0; i < std::min(what.items.size(), result.outcomes.size()); ++i)
    self->state.env->on_put_acknowledged(
        {what.items[i].key, policy.parse(what.items[i].key, what.items[i].value, unix_s(self)).seq,
         result.outcomes[i].stored_at});
}

void carry_out(self_pointer self, lookup_effects effects) {
  auto& state = self->state;
  lookup_asks asks{state.run, {}};
  for (auto& e : effects) {
    if (auto* ask = std::get_if<ask_peer>(&e)) {
      asks.asks.push_back(std::move(*ask));
    } else if (auto* silent = std::get_if<peer_silent>(&e)) {
      self->send(state.node, lookup_silent{silent->who});
    } else if (auto* over = std::get_if<lookup_finished>(&e)) {
      if (state.on_put) state.on_put(over->result);
      self->send(state.node,
                 lookup_over{state.run, std::make_shared<const lookup_result>(std::move(over->result))});
      self->quit();
      return;
    }
  }
  if (!asks.asks.empty()) self->send(state.node, std::move(asks));
  state.timer.arm(self, state.logic->next_deadline());
}

}  // namespace

lookup_actor::behavior_type lookup_run(self_pointer self, environment_ptr env, node_id me,
                                       std::shared_ptr<const value_policy> policy,
                                       std::shared_ptr<const start_run> what, dht_inner_actor node) {
  supervisor::prepare(self);
  auto& state = self->state;
  state.env = std::move(env);
  state.run = what->run;
  state.node = std::move(node);
  if (what->goal == lookup_goal::holders && state.env->on_put_acknowledged)
    state.on_put = [self, policy, what](const lookup_result& result) {
      tell_acknowledged(self, *policy, *what, result);
    };
  state.logic = make_run(*what, me, std::move(policy), unix_s(self));
  carry_out(self, state.logic->start(supervisor::now(self), what->seeds));
  return {
      [self](const run_answer& m) {
        carry_out(self, self->state.logic->on_answer(supervisor::now(self), unix_s(self), m.ask, m.answer));
      },
      [self](const run_refused& m) {
        carry_out(self, self->state.logic->on_refused(supervisor::now(self), m.ask));
      },
      [self](const alarm& m) {
        if (self->state.timer.take(m)) carry_out(self, self->state.logic->on_time(supervisor::now(self)));
      },
  };
}

}  // namespace vsf::dht
