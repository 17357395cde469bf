#pragma once

#include <string>

#include "sim/checker.hpp"

namespace vsf::sim {

/// One web page about a run, complete in itself: timeline, distributions, map, tables. Needs no network and
/// no script.
std::string html_report(const run_log& log, const verdict& judged);

}  // namespace vsf::sim
