#pragma once

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "sim/log_records.hpp"

namespace vsf::sim {

/// Collects the operations of a run and writes them, and everything else that a checker needs, as lines of
/// JSON when they happen.
class operation_log {
 public:
  /// Without a path nothing is written; `keep_lines`: nevertheless keeps what would be (lines()). Fails when
  /// the file can't be created.
  static result<operation_log> open(const std::optional<std::string>& path, bool keep_lines = false);

  /// Whether anybody reads records other than operations.
  bool listening() const { return out_ || keep_lines_; }
  void write(const log_record& what);
  /// Ends the log. False: a line could not be written.
  bool close(std::uint64_t at_us);

  const std::vector<operation>& operations() const { return done_; }
  const std::vector<std::string>& lines() const { return lines_; }
  /// Of this process when the log was opened.
  std::uint64_t memory_bytes_before() const { return memory_bytes_before_; }

 private:
  std::vector<operation> done_;
  std::optional<std::ofstream> out_;
  bool keep_lines_ = false;
  std::vector<std::string> lines_;
  std::uint64_t records_ = 0;
  std::uint64_t memory_bytes_before_ = 0;
};

/// What this process has in memory; 0 if the system does not say or a sanitizer would distort it.
std::uint64_t resident_memory_bytes();

}  // namespace vsf::sim
