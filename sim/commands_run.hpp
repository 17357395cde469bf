#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace vsf::sim {

/// `vsf-sim run`.
class run_command {
 public:
  explicit run_command(CLI::App& app);
  /// The exit code, if it was this command that was given.
  std::optional<int> run() const;

 private:
  int simulate() const;

  CLI::App* command_;
  std::string scenario_;
  std::optional<std::size_t> nodes_;
  std::uint64_t seed_ = 1;
  std::optional<std::string> json_, ops_, report_;
  std::string crypto_ = "real", mutant_;
};

/// `vsf-sim list`.
class list_command {
 public:
  explicit list_command(CLI::App& app);
  std::optional<int> run() const;

 private:
  CLI::App* command_;
};

}  // namespace vsf::sim
