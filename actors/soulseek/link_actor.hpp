#pragma once

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/soulseek/interfaces_actor.hpp"

namespace vsf::soulseek {

struct link_setup {
  link_id id = 0;
  std::shared_ptr<net::stream_link> stream;
  bool accepted = false;    // the other side speaks first
  bool obfuscated = false;  // all of P, the init message of D and F
};

class link_runner;
struct link_state {
  static inline const char* name = "soulseek_link";
  link_state();
  ~link_state();
  std::unique_ptr<link_runner> runner;
};

link_actor::behavior_type link(link_actor::stateful_pointer<link_state> self, environment_ptr env,
                               owner_address owner, link_setup setup);

}  // namespace vsf::soulseek
