#pragma once

#include <string>
#include <vector>

#include "sim/live_tree.hpp"

namespace vsf::sim {

/// What the design says dies with an actor that was killed and is brought back, too.
struct consequence {
  const char* killed;  // kind
  const char* follows;
  const char* why;
};

/// The whole of it. Children that end because their owner did are no crash and not brought back as such: a
/// new owner begins with what is stored. They need no row here.
inline constexpr consequence consequences[] = {
    {"disk_worker", "transfer", "its jobs for them are lost, so they begin again from what is stored"},
    {"file_worker", "upload_engine", "its reads are lost, for which the engine would wait"},
};

/// The state of one node's tree at some time.
using tree_past = std::map<std::string, live_tree::history>;

/// Compares a node's tree some time after `victim` was killed with what it was before (nobody: without a
/// kill). Each sentence is a breach of what supervision promises: one that has to be brought back was, once,
/// and runs; nothing else crashed or was brought back but by the table above.
std::vector<std::string> breaches(const tree_past& before, const live_tree& after, const live_actor* victim);

}  // namespace vsf::sim
