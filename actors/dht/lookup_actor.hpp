#pragma once

#include <functional>
#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/dht/interfaces_actor.hpp"
#include "actors/environment.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::dht {

struct lookup_state {
  static inline const char* name = "lookup";
  environment_ptr env;
  std::uint64_t run = 0;
  std::unique_ptr<run_logic> logic;
  std::function<void(const lookup_result&)> on_put;  // of a sweep, if the environment wants to hear of it
  supervisor::single_alarm timer;
  dht_inner_actor node;
};

lookup_actor::behavior_type lookup_run(lookup_actor::stateful_pointer<lookup_state> self, environment_ptr env,
                                       node_id me, std::shared_ptr<const value_policy> policy,
                                       std::shared_ptr<const start_run> what, dht_inner_actor node);

}  // namespace vsf::dht
