#pragma once

#include <map>
#include <memory>

#include "actors/interfaces.hpp"
#include "actors/swarm/hash_tree.hpp"

namespace vsf::sim {

/// Hash trees that fit what a villain sends instead of what it published, by the root that it published.
using forged_trees = std::map<digest, std::shared_ptr<const swarm::hash_tree>>;

/// Stands between a node's sessions and its uploads: answers whoever asks for hashes of a forged file with
/// forged ones, and passes everything else on.
struct forger_state {
  static inline const char* name = "sim-forger";

  std::map<std::pair<node_id, std::uint16_t>, digest> opened;  // by asker and channel
};
uploads_actor::behavior_type forger(uploads_actor::stateful_pointer<forger_state> self, uploads_actor honest,
                                    forged_trees trees);

}  // namespace vsf::sim
