#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace vsf::sim {

/// --mutant NAME, which takes effect as it is read.
void add_mutant_option(CLI::App& command, std::string& name);

/// `vsf-sim fuzz`: random plans, random schedules, each run in a process of its own.
class fuzz_command {
 public:
  explicit fuzz_command(CLI::App& app);
  /// The exit code, if it was this command that was given.
  std::optional<int> run() const;

 private:
  int run_plan() const;
  int run_many() const;

  CLI::App* command_;
  std::size_t runs_ = 10, jobs_ = 1;
  std::uint64_t first_ = 0;
  bool keep_going_ = false;
  std::uint64_t seed_ = 1, schedule_seed_ = 0;
  std::size_t nodes_ = 50;
  double minutes_ = 30;
  std::size_t shrink_runs_ = 40;
  std::string mutant_, crypto_ = "stand-in", folder_ = ".";
  std::optional<std::string> plan_, ops_, json_;
};

/// `vsf-sim mutants`: what notices each of them.
class mutants_command {
 public:
  explicit mutants_command(CLI::App& app);
  std::optional<int> run() const;

 private:
  CLI::App* command_;
  std::optional<std::string> only_, json_;
};

}  // namespace vsf::sim
