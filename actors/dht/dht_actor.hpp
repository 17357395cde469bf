#pragma once

#include <map>
#include <memory>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/dht/interfaces_actor.hpp"
#include "actors/environment.hpp"

namespace vsf::dht {

class dht_runner;

struct dht_state {
  static inline const char* name = "dht";
  dht_state();
  ~dht_state();
  std::unique_ptr<dht_runner> runner;
};

/// The DHT of a node for the shadow index's leaves, with the settings' bootstrap and limits.
dht_inner_actor::behavior_type dht(dht_inner_actor::stateful_pointer<dht_state> self, environment_ptr env,
                                   identity_ptr who);
/// The same with other values and other limits. What the settings say (bootstrap, requests per minute) is in
/// `options`.
dht_inner_actor::behavior_type dht_with(dht_inner_actor::stateful_pointer<dht_state> self,
                                        environment_ptr env, identity_ptr who,
                                        std::shared_ptr<const value_policy> policy,
                                        std::shared_ptr<const core_options> options);
/// The options that settings ask for.
core_options options_for(const config::settings& settings);

}  // namespace vsf::dht
