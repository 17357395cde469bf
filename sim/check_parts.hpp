#pragma once

#include "actors/shadow_index/merge.hpp"
#include "sim/checker.hpp"
#include "sim/scenario.hpp"

namespace vsf::sim {

// The parts of sim::check().

/// Metrics, outcomes, holders and delivered files.
void check_operations(const run_log& log, const scenario& plan, verdict& out);
/// Signed leaves: who signed them, whether replicas agree, whether what was acknowledged is still there.
void check_leaves(const run_log& log, const scenario& plan, verdict& out);
/// Restarts, bounds of queues and tables, memory.
void check_health(const run_log& log, verdict& out);

/// Leaves of one key, in some order, to what is known then: the production merge, or another in tests.
using merge_function =
    std::function<shadow_index::leaf_map(const std::vector<const shadow_index::checked_leaf*>&)>;
shadow_index::leaf_map merge_leaves(const std::vector<const shadow_index::checked_leaf*>& leaves);
/// Whether several orders of these copies give the same map, and the one that the rule says: of each
/// publisher the highest seq, then the larger hash.
bool orders_agree(std::vector<const shadow_index::checked_leaf*> leaves, const merge_function& merge);

inline std::string node_name(std::size_t node) { return "node " + std::to_string(node); }

}  // namespace vsf::sim
