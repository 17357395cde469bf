#pragma once

#include <optional>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "actors/telemetry/status_round.hpp"
#include "storage/event_store.hpp"

namespace vsf::telemetry {

struct telemetry_state {
  static inline const char* name = "telemetry";
  static constexpr std::size_t max_subscribers = 64;
  static constexpr std::size_t max_waiting = 64;

  environment_ptr env;
  std::optional<component_links> links;
  std::optional<storage::event_store> events;
  std::vector<event_client_actor> subscribers;
  std::optional<status_round> round;
  std::vector<caf::typed_response_promise<record<fb::NodeStatus>>> waiting;
  std::uint64_t next_round = 1;
  std::uint64_t started_ms = 0;
  std::uint64_t events_seen = 0;
  std::uint64_t events_lost = 0;
  std::uint64_t subscribers_refused = 0;
  actor_tree tree;
  supervisor::single_alarm timer;
};

telemetry_actor::behavior_type telemetry(telemetry_actor::stateful_pointer<telemetry_state> self,
                                         environment_ptr env);

}  // namespace vsf::telemetry
