#pragma once

#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/identity/puzzle.hpp"
#include "actors/interfaces.hpp"

namespace vsf::identity {

/// Searches for the nonce of an identity; ends by itself once solved.
using puzzle_actor = caf::typed_actor<
    // INTERNAL: the next stretch of the search.
    caf::reacts_to<alarm>>;

struct puzzle_state {
  static inline const char* name = "identity";
  environment_ptr env;
  std::optional<puzzle> search;
};

/// Tells `listener` how far it is, a few times a second, and at last the solution.
puzzle_actor::behavior_type puzzle_search(puzzle_actor::stateful_pointer<puzzle_state> self,
                                          environment_ptr env, public_key who, network_parameters network,
                                          node_actor listener);

}  // namespace vsf::identity
