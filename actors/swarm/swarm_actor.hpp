#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "actors/swarm/interfaces_actor.hpp"
#include "actors/swarm/peer_traffic.hpp"
#include "actors/swarm/swarm_registry.hpp"

namespace vsf::swarm {

struct swarm_state {
  static inline const char* name = "swarm";
  static constexpr std::size_t workers = 2;

  environment_ptr env;
  identity_ptr who;
  std::optional<component_links> links;
  std::optional<supervisor::child_set> children;
  std::optional<storage::transfer_store> store;
  swarm_registry registry;
  struct running {
    transfer_actor handle;
    std::size_t worker = 0;
    std::uint64_t controls = 0;  // forwarded to it
    std::uint64_t share_bytes_per_s = 0;
  };
  std::map<std::string, running> transfers;
  std::array<disk_worker_actor, workers> disks;
  std::size_t next_worker = 0;
  std::shared_ptr<std::atomic<std::uint32_t>> channels;
  fb::TransferLimitsT limits;  // as configured at first; a change lasts until the node ends
  transfer_counters totals;
  peer_traffic traffic;
  std::uint64_t started = 0;
  std::uint64_t joined = 0;  // FetchStart for what was already running
  std::uint64_t store_errors = 0;
  std::string store_problem;
  supervisor::single_alarm timer;
};

swarm_actor::behavior_type swarm(swarm_actor::stateful_pointer<swarm_state> self, environment_ptr env,
                                 identity_ptr who);

}  // namespace vsf::swarm
