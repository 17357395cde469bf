#include "actors/identity/puzzle_actor.hpp"

#include <utility>

#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::identity {

namespace {

// About a quarter of a second of work: often enough for a progress bar, and an exit request is obeyed soon.
constexpr std::uint64_t attempts_per_step = 1'000'000;

}  // namespace

puzzle_actor::behavior_type puzzle_search(puzzle_actor::stateful_pointer<puzzle_state> self,
                                          environment_ptr env, public_key who, network_parameters network,
                                          node_actor listener) {
  supervisor::prepare(self);
  self->state.env = std::move(env);
  self->state.search.emplace(who, network, *self->state.env->random);
  self->send(self, alarm{0});
  return {[=](const alarm& message) {
    auto& search = *self->state.search;
    const auto nonce = search.step(attempts_per_step);
    self->send(listener,
               puzzle_progress{search.tried(), search.expected(), nonce.has_value(), nonce.value_or(0)});
    if (nonce)
      self->quit();
    else
      self->send(self, message);
  }};
}

}  // namespace vsf::identity
