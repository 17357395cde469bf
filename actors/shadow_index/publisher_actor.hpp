#pragma once

#include <memory>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/shadow_index/publishing.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::shadow_index {

struct publisher_state {
  static inline const char* name = "publisher";

  environment_ptr env;
  component_links links;
  std::optional<publishing> logic;  // none: mesh.shadow_index.enabled is false
  supervisor::single_alarm timer;
};

publisher_actor::behavior_type publisher(publisher_actor::stateful_pointer<publisher_state> self,
                                         environment_ptr env, identity_ptr who);

}  // namespace vsf::shadow_index
