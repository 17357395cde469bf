#pragma once

#include <map>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/shadow_index/resolve.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::shadow_index {

struct resolver_state {
  static inline const char* name = "resolver";
  static constexpr std::size_t max_askers = 16'384;

  struct asker {
    resolve_client_actor client;
    std::uint64_t id = 0;
  };

  environment_ptr env;
  component_links links;
  std::optional<resolve_logic> logic;
  std::map<std::uint64_t, asker> askers;
  std::uint64_t next_asker = 1;
  std::uint64_t answers = 0, refused = 0;
  supervisor::single_alarm timer;
};

resolver_actor::behavior_type resolver(resolver_actor::stateful_pointer<resolver_state> self,
                                       environment_ptr env, identity_ptr who);

}  // namespace vsf::shadow_index
