#pragma once

#include <memory>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/library/fingerprint_pass.hpp"
#include "actors/library/library_index.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::library {

/// Shared with the worker that lists folders: it may be this many batches ahead, and it ends when told so.
class walk_control;

struct library_state {
  static inline const char* name = "library";
  ~library_state();

  environment_ptr env;
  component_links links;
  std::optional<library_index> index;
  std::optional<fingerprint_pass> fingerprints;
  std::unique_ptr<net::folder_watch> watch;
  std::string watch_problem;
  std::shared_ptr<walk_control> walk;
  std::size_t credits_held = 0;  // batches not given back yet, since the analyzer is behind
  std::optional<std::chrono::nanoseconds> next_scan;
  std::optional<std::chrono::nanoseconds> changes_due;
  scan_summary last_scan;
  bool scanned = false;
  supervisor::single_alarm timer;
};

library_actor::behavior_type library(library_actor::stateful_pointer<library_state> self,
                                     environment_ptr env);

}  // namespace vsf::library
