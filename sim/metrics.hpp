#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/operation_log.hpp"
#include "sim/scenario.hpp"

namespace vsf::sim {

/// Figures of a run by name, computed from the operation log alone.
std::map<std::string, double> metrics_of(const std::vector<operation>& operations);

/// The expectations that do not hold, each as a sentence; a metric that is missing does not hold.
std::vector<std::string> unmet(const std::vector<expectation>& expectations,
                               const std::map<std::string, double>& metrics);

}  // namespace vsf::sim
