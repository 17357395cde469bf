#pragma once

#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "actors/swarm/upload_engine_actor.hpp"

namespace vsf::swarm {

struct uploads_state {
  static inline const char* name = "uploads";

  environment_ptr env;
  std::optional<component_links> links;
  std::optional<supervisor::child_set> children;
  upload_workers workers;
  upload_engine_actor engine;
  record<fb::TransferLimits> limits;  // empty: as configured
};

/// Supervises the serving side: the engine and its two file workers.
uploads_actor::behavior_type uploads(uploads_actor::stateful_pointer<uploads_state> self, environment_ptr env,
                                     identity_ptr who);

}  // namespace vsf::swarm
