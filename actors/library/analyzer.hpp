#pragma once

#include "net/analyzer_process/analyzer.hpp"

namespace vsf::library {

/// How the library looks into files; defined in net/, where the process pool behind it is, as networks are.
using analyzer = net::analyzer;
using analyze_options = net::analyze_options;

}  // namespace vsf::library
