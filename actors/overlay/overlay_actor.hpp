#pragma once

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/overlay/interfaces_actor.hpp"

namespace vsf::overlay {

class overlay_runner;

struct overlay_state {
  static inline const char* name = "overlay";
  overlay_state();
  ~overlay_state();
  std::unique_ptr<overlay_runner> runner;
};

/// Bounds other than the production ones, for tests.
struct overlay_options {
  roster_limits roster{};
  session_limits session{};
};

/// Encrypted sessions with other nodes: dials, accepts, decides which live. Sessions are its children; when
/// it ends they say goodbye and end too.
overlay_actor::behavior_type overlay(overlay_actor::stateful_pointer<overlay_state> self, environment_ptr env,
                                     identity_ptr who);
overlay_actor::behavior_type overlay_with(overlay_actor::stateful_pointer<overlay_state> self,
                                          environment_ptr env, identity_ptr who, overlay_options options);

}  // namespace vsf::overlay
