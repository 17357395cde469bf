#pragma once

#include <memory>

#include <caf/actor_system.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"

namespace vsf::gateway {

/// The HTTP side of a node: a Beast server on its own thread, and an actor that asks the components in its
/// name.
class service {
 public:
  virtual ~service() = default;
  /// Where it listens (port 0 in the settings picks one).
  virtual endpoint local() const = 0;
  /// Stops accepting, ends sessions, joins the thread. Idempotent; also done by the destructor.
  virtual void stop() = 0;
};

/// Starts it with env->settings.gateway. Fails with a message naming the address and what to do: address in
/// use, or a non-loopback address without an API key.
result<std::unique_ptr<service>> start(caf::actor_system& system, environment_ptr env, node_actor root);

}  // namespace vsf::gateway
