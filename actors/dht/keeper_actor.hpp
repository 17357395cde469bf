#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/dht/interfaces_actor.hpp"
#include "actors/environment.hpp"
#include "storage/contact_store.hpp"
#include "storage/leaf_stores.hpp"

namespace vsf::dht {

struct keeper_state {
  static inline const char* name = "dht_keeper";
  std::unique_ptr<storage::held_leaf_store> leaves;
  std::unique_ptr<storage::contact_store> contacts;
  std::size_t unsynced = 0;  // changes written since the last that was synced
  caf::actor_addr node;
};

/// Spawned detached in a daemon, inline in a simulation.
keeper_actor::behavior_type keeper(keeper_actor::stateful_pointer<keeper_state> self, environment_ptr env,
                                   caf::actor_addr node);

}  // namespace vsf::dht
