#pragma once

#include <istream>
#include <string>
#include <vector>

#include "sim/log_records.hpp"

namespace vsf::sim {

/// A whole log in the order of its lines: record i is line i + 1.
struct run_log {
  std::vector<log_record> records;

  const run_record& run() const { return std::get<run_record>(records.front()); }
  std::uint64_t end_us() const { return std::get<end_record>(records.back()).at_us; }
};

/// Takes only what is complete: a run record first, an end record last, none missing between them, every node
/// within the run's number. An error names file, line and reason.
result<run_log> read_log(const std::string& path);
/// `name` is for messages.
result<run_log> read_log(std::istream& in, const std::string& name);

}  // namespace vsf::sim
