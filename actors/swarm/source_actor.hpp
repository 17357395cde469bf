#pragma once

#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "actors/swarm/interfaces_actor.hpp"

namespace vsf::swarm {

struct source_setup {
  transfer_actor transfer;
  overlay_actor overlay;
  transfer_logic::connect what;
  std::uint16_t channel = 0;
};

struct source_state {
  static inline const char* name = "source";
  source_state() = default;
  source_state(const source_state&) = delete;
  source_state& operator=(const source_state&) = delete;
  /// Whatever ended the source, the peer is told that its channel is no longer needed.
  ~source_state();

  source_setup setup;
  std::optional<source_logic> logic;
  overlay_peer_actor peer;
  supervisor::single_alarm timer;
};

source_actor::behavior_type source(source_actor::stateful_pointer<source_state> self, source_setup setup);

}  // namespace vsf::swarm
