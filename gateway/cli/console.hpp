#pragma once

#include <ostream>
#include <string>

namespace vsf::cli {

/// Where a command writes: what was asked for to `out`, progress and complaints to `err`.
struct console {
  std::ostream& out;
  std::ostream& err;
  /// `err` is a terminal, so a line may be written over.
  bool live = false;
};

/// Exit codes (docs: user guide).
inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

inline int complain(const console& to, const std::string& message) {
  to.err << "vsf: " << message << std::endl;
  return exit_failed;
}

}  // namespace vsf::cli
