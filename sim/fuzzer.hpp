#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario.hpp"

namespace vsf::sim {

/// Everything that one run follows from.
struct trial {
  scenario plan;
  std::uint64_t seed = 1;
  std::uint64_t schedule_seed = 0;  // world::schedule_by
  bool operator==(const trial&) const = default;
};

struct trial_result {
  std::map<std::string, double> metrics;
  std::vector<std::string> failures;  // sentences; none: everything held
  std::uint64_t trace_hash = 0;
  double wall_s = 0;
  double cpu_s = 0;  // of a process of its own
};

/// Runs it with an auditor beside the scenario's own users, and judges it by the plan's expectations and by
/// those that must hold under any plan. `ops`: a file for the operation log.
trial_result run_trial(const trial& what, const std::optional<std::string>& ops = {});

/// What must hold under any plan.
std::vector<expectation> promises_of(const scenario& plan);

struct fuzz_options {
  std::uint64_t seed = 1;
  std::size_t nodes = 50;
  double minutes = 30;  // virtual
};

/// The trial of that number: a small music collection, modest links, at least five kinds of fault that are
/// all over in time for the network to be itself again before the end.
trial draw_trial(const fuzz_options& options, std::uint64_t number);

/// How many kinds of fault a plan has.
std::size_t fault_kinds(const scenario& plan);

struct shrunk {
  trial smallest;
  std::size_t runs = 0;
};
/// Leaves out whatever a failing trial fails without: faults, nodes, time, conditions of the network. Ends
/// when no single step is left or after `most_runs`.
shrunk shrink(trial failing, const std::function<bool(const trial&)>& still_fails, std::size_t most_runs);

/// Whether one of them begins with the same word as `wanted`: a plan that fails for another reason is no
/// smaller case of it.
bool fails_alike(const std::vector<std::string>& failures, const std::string& wanted);

/// The command that repeats it, given the file its plan is in.
std::string repeat_command(const trial& what, const std::string& file, const std::string& mutant);

}  // namespace vsf::sim
