#pragma once

#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/swarm/disk_line_actor.hpp"
#include "actors/swarm/interfaces_actor.hpp"

namespace vsf::swarm {

struct file_worker_state {
  static inline const char* name = "file_worker";
  std::optional<shared_files> files;
  disk_line<file_job> line;
};

file_worker_actor::behavior_type file_worker(file_worker_actor::stateful_pointer<file_worker_state> self,
                                             environment_ptr env);

}  // namespace vsf::swarm
