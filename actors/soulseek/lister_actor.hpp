#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/soulseek/interfaces_actor.hpp"

namespace vsf::soulseek {

struct lister_state {
  static inline const char* name = "soulseek_lister";
};

lister_actor::behavior_type lister(lister_actor::stateful_pointer<lister_state> self, environment_ptr env,
                                   owner_address owner);

}  // namespace vsf::soulseek
