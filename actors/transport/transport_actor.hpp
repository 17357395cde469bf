#pragma once

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"

namespace vsf::transport {

class transport_runner;

struct transport_state {
  static inline const char* name = "transport";
  transport_state();
  /// Closes the port, so that a successor can open it.
  ~transport_state();
  std::unique_ptr<transport_runner> runner;
};

/// The mesh port at settings.node.listen: UDP for the DHT, TCP of the same number for the overlay.
transport_actor::behavior_type transport(transport_actor::stateful_pointer<transport_state> self,
                                         environment_ptr env);

}  // namespace vsf::transport
