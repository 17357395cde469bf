#pragma once

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/overlay/interfaces_actor.hpp"

namespace vsf::overlay {

class peer_runner;

struct overlay_peer_state {
  static inline const char* name = "overlay_peer";
  overlay_peer_state();
  /// However the actor ends: says goodbye, closes the link, and tells everybody who has a channel.
  ~overlay_peer_state();
  std::unique_ptr<peer_runner> runner;
};

/// One session over one link; the only writer of that link. Ends with it.
overlay_peer_actor::behavior_type overlay_peer(overlay_peer_actor::stateful_pointer<overlay_peer_state> self,
                                               environment_ptr env, std::shared_ptr<const peer_setup> setup);

}  // namespace vsf::overlay
