#pragma once

#include <string>
#include <vector>

#include "sim/log_reader.hpp"

namespace vsf::sim {

// The drawings of sim::html_report(), each an <svg>.

/// Operations by when they ended and how, how many nodes were up, faults as lines.
std::string draw_timeline(const run_log& log);
/// Which share of the successful ones took at most how long.
std::string draw_distribution(const run_log& log, operation::kind what);
/// Nodes at their places, by what they are at the end.
std::string draw_map(const run_log& log);

/// What a user wanted and could have had, but did not get.
bool is_failure(const operation& op);
/// For text and attributes.
std::string escaped(const std::string& text);
/// With that many digits behind the point.
std::string fixed(double value, int digits);

}  // namespace vsf::sim
