#pragma once

#include <functional>

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>

namespace vsf::sim {

/// Something to be done in the name of an actor, so that requests have an asker.
struct asker_task {
  std::function<void(caf::event_based_actor*)> run;
};

}  // namespace vsf::sim

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::sim::asker_task)

namespace vsf::sim {

inline caf::actor spawn_asker(caf::actor_system& system) {
  return system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[=](asker_task& task) { task.run(self); }};
  });
}

}  // namespace vsf::sim
