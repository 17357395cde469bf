#pragma once

#include <map>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "actors/swarm/interfaces_actor.hpp"

namespace vsf::swarm {

struct upload_workers {
  file_worker_actor reader;
  file_worker_actor hasher;  // reads whole files: kept apart so that nobody waits for it
};

/// Gets a session's credits on behalf of the engine, and notices its end. Credits are lost with it, so the
/// engine then begins anew with that session.
struct session_relay_state {
  static inline const char* name = "session_relay";
};

struct upload_engine_state {
  static inline const char* name = "upload_engine";
  upload_engine_state() = default;
  upload_engine_state(const upload_engine_state&) = delete;
  upload_engine_state& operator=(const upload_engine_state&) = delete;
  ~upload_engine_state();

  struct session {
    node_id who;
    overlay_peer_actor peer;
    session_sender_actor relay;
    supervisor::child_mark mark;
  };
  environment_ptr env;
  upload_workers workers;
  std::optional<component_links> links;
  std::optional<upload_logic> logic;
  std::map<std::uint64_t, session> sessions;
  std::map<node_id, std::uint64_t> by_node;
  std::map<caf::actor_addr, std::uint64_t> by_relay;  // only looked up in
  std::uint64_t next_session = 1;
  supervisor::single_alarm timer;
};

upload_engine_actor::behavior_type upload_engine(
    upload_engine_actor::stateful_pointer<upload_engine_state> self, environment_ptr env,
    upload_workers workers);

}  // namespace vsf::swarm
