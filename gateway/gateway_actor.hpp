#pragma once

#include <functional>
#include <map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "gateway/routes.hpp"

namespace vsf::gateway {

/// A request that a component has to answer; `done` is called exactly once, from the actor, and must not
/// block.
struct http_query {
  want what;
  std::function<void(response)> done;
};
/// Where events go as JSON texts; nullptr: nowhere.
struct event_sink {
  std::function<void(const std::string&)> deliver;
};

/// Asks the components in the name of HTTP clients.
using gateway_actor = caf::typed_actor<
    // From the server's thread.
    caf::reacts_to<http_query>, caf::reacts_to<event_sink>,
    // From telemetry.
    caf::reacts_to<record<fb::Event>>,
    // From the resolver.
    caf::reacts_to<record<fb::ResolveResult>>,
    // From the node.
    caf::reacts_to<component_links>,
    // INTERNAL: a resolve that was not answered in time; id as in the question.
    caf::reacts_to<alarm>>;

struct gateway_state {
  static inline const char* name = "gateway";
  static constexpr std::size_t max_resolves = 256;

  struct pending_resolve {
    std::function<void(const record<fb::ResolveResult>&)> answer;
    std::function<void(response)> give_up;
  };
  environment_ptr env;
  component_links links;
  event_sink sink;
  std::map<std::uint64_t, pending_resolve> resolves;
  std::uint64_t next_id = 1;
};

gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self,
                                     environment_ptr env);

}  // namespace vsf::gateway

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::gateway::http_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::gateway::event_sink)
