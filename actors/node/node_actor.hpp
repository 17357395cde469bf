#pragma once

#include <optional>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::node {

struct node_options {
  /// As loaded or newly made; if its puzzle is unsolved the node solves it in the background first.
  identity::identity identity;
  /// Keeps the identity once its puzzle is solved. Fails with a message for the user.
  std::function<result<void>(const identity::identity&)> save_identity;
};

struct node_state {
  static inline const char* name = "node";
  environment_ptr env;
  node_options options;
  identity_ptr who;  // null until solved
  component_links links;
  std::vector<links_listener_actor> listeners;
  std::optional<supervisor::child_set> children;
  std::uint64_t puzzle_tried = 0;
  std::uint64_t puzzle_expected = 0;
  std::vector<std::string> notes;
};

/// The root of the tree: telemetry and library at once, the mesh as soon as the node has an id.
node_actor::behavior_type node(node_actor::stateful_pointer<node_state> self, environment_ptr env,
                               node_options options);

}  // namespace vsf::node
