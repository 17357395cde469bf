#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/swarm/disk_line_actor.hpp"
#include "actors/swarm/interfaces_actor.hpp"

namespace vsf::swarm {

struct disk_worker_state {
  static inline const char* name = "disk_worker";
  disk_line<disk_job> line;
};

disk_worker_actor::behavior_type disk_worker(disk_worker_actor::stateful_pointer<disk_worker_state> self,
                                             environment_ptr env);

/// Carries out one command; what a worker does, without an actor.
disk_answer carry_out(transfer_disk& disk, disk_command command);

}  // namespace vsf::swarm
