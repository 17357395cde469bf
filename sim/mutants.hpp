#pragma once

#include <string>
#include <vector>

#include "messages/mutant.hpp"
#include "sim/fuzzer.hpp"

namespace vsf::sim {

/// Which runs are to notice a mutant.
struct mutant_row {
  mutation which = mutation::none;
  std::string where;  // a scenario, or "fuzz"
  std::size_t runs = 200;
  std::uint64_t seed = 1;  // of the first run; the others count up
};
const std::vector<mutant_row>& mutant_table();

/// The run of that number of a row.
trial trial_of(const mutant_row& row, std::size_t run);

struct caught {
  std::size_t run = 0;  // counted from 1; 0: it survived
  std::string by;       // the first sentence of the verdict
  double wall_s = 0;
};
/// Runs a row's runs with its mutant until one fails that does not fail without it.
caught try_mutant(const mutant_row& row);

}  // namespace vsf::sim
