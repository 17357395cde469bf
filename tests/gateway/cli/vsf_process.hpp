#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace vsf::cli::test {

struct outcome {
  int code = -1;  // -1: it did not end by itself
  std::string out, err;
  double seconds = 0;
};

/// Runs the vsf program to its end, at most 60 s. With `interrupt_after`, SIGINT is sent once its standard
/// output holds that text.
outcome run_vsf(const std::vector<std::string>& arguments, const std::string& interrupt_after = "");

/// The same with standard error on a terminal of 100 columns and 30 rows; what was sent there is in `err`.
outcome run_vsf_on_terminal(const std::vector<std::string>& arguments);

std::vector<std::string> lines_of(const std::string& text);

}  // namespace vsf::cli::test
