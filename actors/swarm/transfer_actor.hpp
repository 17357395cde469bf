#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "actors/swarm/interfaces_actor.hpp"

namespace vsf::swarm {

struct transfer_setup {
  std::string id;
  environment_ptr env;
  identity_ptr who;
  swarm_actor swarm;
  disk_worker_actor worker;
  component_links links;
  /// Channel numbers for all sources of this node, so that two transfers never share one in a session.
  std::shared_ptr<std::atomic<std::uint32_t>> channels;
  std::uint64_t rate_bytes_per_s = 0;
};

struct transfer_state {
  static inline const char* name = "transfer";

  transfer_setup setup;
  std::optional<transfer_logic> logic;
  std::shared_ptr<transfer_disk> disk;
  std::optional<supervisor::child_set> children;
  std::map<source_number, source_actor> sources;
  std::uint64_t resolve_id = 0;
  std::uint64_t jobs = 0;  // with the disk worker
  std::uint64_t controls = 0;
  supervisor::single_alarm timer;
};

/// Loads its record; begins at once unless the record is at its end, then waits for a command.
transfer_actor::behavior_type transfer(transfer_actor::stateful_pointer<transfer_state> self,
                                       transfer_setup setup);

}  // namespace vsf::swarm
