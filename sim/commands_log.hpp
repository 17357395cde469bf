#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace vsf::sim {

/// `vsf-sim check OPS`: judges a run by its log.
class check_command {
 public:
  explicit check_command(CLI::App& app);
  /// The exit code, if it was this command that was given.
  std::optional<int> run() const;

 private:
  CLI::App* command_;
  std::string ops_;
  std::optional<std::string> json_;
};

/// `vsf-sim report OPS FILE.html`.
class report_command {
 public:
  explicit report_command(CLI::App& app);
  std::optional<int> run() const;

 private:
  CLI::App* command_;
  std::string ops_, page_;
};

/// `vsf-sim diff A.json B.json`: two results side by side.
class diff_command {
 public:
  explicit diff_command(CLI::App& app);
  std::optional<int> run() const;

 private:
  CLI::App* command_;
  std::string before_, after_;
  std::optional<double> fail_over_percent_;
};

}  // namespace vsf::sim
