#pragma once

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/soulseek/interfaces_actor.hpp"

namespace vsf::soulseek {

class session_runner;
struct session_state_holder {
  static inline const char* name = "soulseek_session";
  session_state_holder();
  ~session_state_holder();
  std::unique_ptr<session_runner> runner;
};

session_actor::behavior_type session(session_actor::stateful_pointer<session_state_holder> self,
                                     environment_ptr env, owner_address owner);

}  // namespace vsf::soulseek
