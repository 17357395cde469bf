#pragma once

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"

namespace vsf::port_mapping {

class mapping_runner;

struct port_mapping_state {
  static inline const char* name = "port_mapping";
  port_mapping_state();
  /// Takes back what the router was asked for.
  ~port_mapping_state();
  std::unique_ptr<mapping_runner> runner;
};

/// Has environment::port_mapper map the ports that the components tell of, and tells them what came of it.
port_mapping_actor::behavior_type port_mapping(port_mapping_actor::stateful_pointer<port_mapping_state> self,
                                               environment_ptr env);

}  // namespace vsf::port_mapping
