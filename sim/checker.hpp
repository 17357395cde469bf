#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/log_reader.hpp"

namespace vsf::sim {

/// Something that must not happen, and where the log says that it did.
struct violation {
  std::string check;
  std::string where;  // "node 12" or "the run"
  std::string what;
  std::uint64_t at_us = 0;
  std::size_t line = 0;
};

struct verdict {
  std::map<std::string, double> metrics;  // computed again
  std::vector<violation> violations;
  std::map<std::string, std::uint64_t> looked_at;  // how much each check had to look at

  bool good() const { return violations.empty(); }
};

/// Judges a run by its log alone. It shares the form of the records with the simulator and nothing that
/// computes: metrics, truth and invariants are worked out again here. `result_json`: what `vsf-sim run` said,
/// for comparison. Fails when the log's scenario or the JSON can't be read.
result<verdict> check(const run_log& log, const std::optional<std::string>& result_json = std::nullopt);

/// "check: where: what (at 12.345 s, line 67)".
std::string to_string(const violation& v);

}  // namespace vsf::sim
