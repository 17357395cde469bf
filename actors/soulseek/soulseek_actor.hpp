#pragma once

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"

namespace vsf::soulseek {

class hub;
struct soulseek_state {
  static inline const char* name = "soulseek";
  soulseek_state();
  ~soulseek_state();
  std::unique_ptr<hub> runner;
};

/// Does nothing but answer questions while soulseek.enabled is false.
soulseek_actor::behavior_type soulseek(soulseek_actor::stateful_pointer<soulseek_state> self,
                                       environment_ptr env);

}  // namespace vsf::soulseek
