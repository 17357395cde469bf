#include "sim/fuzz_command.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

#include "messages/mutant.hpp"
#include "net/crypto/crypto.hpp"
#include "sim/fuzzer.hpp"
#include "sim/mutants.hpp"
#include "sim/trial_pool.hpp"

namespace vsf::sim {

namespace {

std::string hex_word(std::uint64_t x) {
  std::array<std::uint8_t, 8> raw{};
  for (std::size_t i = 0; i < 8; ++i) raw[i] = static_cast<std::uint8_t>(x >> (56 - 8 * i));
  return to_hex(raw);
}

/// Whoever reads it sees all of it or what was there before.
bool write_text(const std::string& path, const std::string& text) {
  const auto beside = path + ".part";
  std::ofstream file(beside);
  file << text;
  file.close();
  if (file && std::rename(beside.c_str(), path.c_str()) == 0) return true;
  std::cerr << "cannot write " << path << ": no such folder or no permission\n";
  return false;
}

nlohmann::ordered_json to_json(const trial& what, const trial_result& came_of_it) {
  return {{"plan", what.plan.name},
          {"seed", what.seed},
          {"schedule_seed", what.schedule_seed},
          {"nodes", what.plan.nodes},
          {"faults", what.plan.faults.size()},
          {"fault_kinds", fault_kinds(what.plan)},
          {"virtual_s", what.plan.end_s()},
          {"wall_s", came_of_it.wall_s},
          {"cpu_s", came_of_it.cpu_s},
          {"trace_hash", hex_word(came_of_it.trace_hash)},
          {"metrics", came_of_it.metrics},
          {"failures", came_of_it.failures}};
}

/// What came of all runs so far: a line each, and a file that is written after every one.
class fuzz_results {
 public:
  explicit fuzz_results(std::optional<std::string> json) : json_(std::move(json)) {}

  /// Leaves the line open.
  bool add(std::uint64_t number, const trial& what, const trial_result& came) {
    std::cout << what.plan.name << "  seed " << what.seed << "  schedule " << what.schedule_seed << "  "
              << fault_kinds(what.plan) << " kinds of fault  " << came.wall_s << " s  "
              << hex_word(came.trace_hash) << "  " << (came.failures.empty() ? "ok" : "FAILED");
    if (!json_) return true;
    all_[number] = to_json(what, came);
    auto out = nlohmann::ordered_json::array();
    for (const auto& [n, one] : all_) out.push_back(one);
    return write_text(*json_, out.dump(2) + '\n');
  }

 private:
  std::optional<std::string> json_;
  std::map<std::uint64_t, nlohmann::ordered_json> all_;
};

void say_failures(const trial_result& came) {
  for (const auto& f : came.failures) std::cout << "  " << f << '\n';
}

void set_crypto(const std::string& name) {
  crypto::use(name == "real" ? crypto::suite::real : crypto::suite::stand_in);
  crypto::memoise(true);
}

}  // namespace

void add_mutant_option(CLI::App& command, std::string& name) {
  command
      .add_option_function<std::string>(
          "--mutant",
          [&name](const std::string& given) {
            const auto which = find_mutation(given);
            if (!which) throw CLI::ValidationError("--mutant", "no mutant is called " + given);
            if (!has_mutants)
              throw CLI::ValidationError("--mutant", "this build has none: configure with -DVSF_MUTANTS=ON");
            use_mutant(*which);
            name = given;
          },
          "with this deliberate defect (vsf-sim mutants lists them)")
      ->type_name("NAME");
}

fuzz_command::fuzz_command(CLI::App& app)
    : command_(app.add_subcommand("fuzz", "random fault plans and schedules; a failing one is shrunk")) {
  command_->add_option("--runs", runs_, "how many");
  command_->add_option("--seed", seed_, "everything random follows from it; of --plan, the run's own");
  command_->add_option("--nodes", nodes_, "in each run")->check(CLI::Range(8, 5000));
  command_->add_option("--minutes", minutes_, "of virtual time in each run")->check(CLI::Range(10, 100'000));
  command_->add_option("--plan", plan_, "run this scenario once instead: name or .yml file");
  command_->add_option("--schedule-seed", schedule_seed_, "of --plan: whose turn it is; 0: first come");
  command_->add_option("--ops", ops_, "of --plan: write the operation log there");
  command_->add_option("--shrink-runs", shrink_runs_,
                       "at most, for the first failing plan; 0: it stays as it is");
  command_->add_option("--folder", folder_, "where plans of failing runs are written");
  command_->add_option("--json", json_, "write all results there, after every run");
  command_->add_option("--first", first_, "number of the first run; the others count up");
  command_->add_option("--jobs", jobs_, "so many at once")->check(CLI::Range(1, 256));
  command_->add_flag("--keep-going", keep_going_, "go on after a failure");
  command_->add_option("--crypto", crypto_, "real or stand-in (insecure, fast)")
      ->check(CLI::IsMember({"real", "stand-in"}));
  add_mutant_option(*command_, mutant_);
}

std::optional<int> fuzz_command::run() const {
  if (!command_->parsed()) return std::nullopt;
  set_crypto(crypto_);
  return plan_ ? run_plan() : run_many();
}

/// In this process, where a debugger sees it.
int fuzz_command::run_plan() const {
  auto plan = find_scenario(*plan_);
  if (!plan) {
    std::cerr << plan.error().message << '\n';
    return 2;
  }
  fuzz_results results(json_);
  const trial what{*std::move(plan), seed_, schedule_seed_};
  const auto came = run_trial(what, ops_);
  const bool written = results.add(0, what, came);
  std::cout << std::endl;
  say_failures(came);
  return written && came.failures.empty() ? 0 : 1;
}

int fuzz_command::run_many() const {
  const auto suffix = crypto_ == "real" ? std::string(" --crypto real") : std::string();
  fuzz_results results(json_);
  trial_pool pool;
  std::optional<trial_pool::done> failed;  // the first by number
  bool written = true;
  const auto started = std::chrono::steady_clock::now();
  for (std::uint64_t begun = 0, ended = 0; written;) {
    while (begun < runs_ && pool.running() < jobs_ && (!failed || keep_going_)) {
      pool.begin(first_ + begun, draw_trial({seed_, nodes_, minutes_}, first_ + begun));
      ++begun;
    }
    auto next = pool.wait();
    if (!next) break;
    written = results.add(next->number, next->what, next->came);
    const std::chrono::duration<double, std::ratio<60>> passed = std::chrono::steady_clock::now() - started;
    ++ended;
    std::cout << "  (" << ended << " of " << runs_ << ", " << static_cast<double>(ended) / passed.count()
              << " a minute)" << std::endl;
    if (next->came.failures.empty()) continue;
    say_failures(next->came);
    const auto path = folder_ + "/" + next->what.plan.name + ".yml";
    written = write_text(path, to_yaml(next->what.plan)) && written;
    std::cout << "repeat with: " << repeat_command(next->what, path, mutant_) << suffix << std::endl;
    if (!failed || next->number < failed->number) failed = std::move(next);
  }
  if (!failed) return written ? 0 : 1;
  if (shrink_runs_ == 0) return 1;
  std::cout << "shrinking " << failed->what.plan.name << "..." << std::endl;
  const auto small = shrink(
      failed->what,
      [&](const trial& t) { return fails_alike(trial_pool::run(t).failures, failed->came.failures.front()); },
      shrink_runs_);
  const auto path = folder_ + "/" + failed->what.plan.name + "-small.yml";
  if (!write_text(path, to_yaml(small.smallest.plan))) return 1;
  std::cout << "after " << small.runs << " runs: " << small.smallest.plan.nodes << " nodes, "
            << small.smallest.plan.faults.size() << " faults, " << small.smallest.plan.end_s() << " s in "
            << path << '\n'
            << "repeat with: " << repeat_command(small.smallest, path, mutant_) << suffix << '\n';
  return 1;
}

mutants_command::mutants_command(CLI::App& app)
    : command_(app.add_subcommand("mutants", "which run notices which deliberate defect")) {
  command_->add_option("--only", only_, "this one alone")->type_name("NAME");
  command_->add_option("--json", json_, "write the table there too");
}

std::optional<int> mutants_command::run() const {
  if (!command_->parsed()) return std::nullopt;
  if (!has_mutants) {
    std::cerr << "this build has no mutants: configure with -DVSF_MUTANTS=ON\n";
    return 2;
  }
  set_crypto("stand-in");
  auto table = nlohmann::ordered_json::array();
  bool all = true, any = false;
  for (const auto& row : mutant_table()) {
    if (only_ && *only_ != to_string(row.which)) continue;
    any = true;
    const auto caught = try_mutant(row);
    all = all && caught.run != 0;
    std::cout << to_string(row.which) << "  " << (caught.run != 0 ? row.where : std::string("SURVIVED"))
              << "  runs " << (caught.run != 0 ? caught.run : row.runs) << "  " << caught.wall_s << " s  "
              << caught.by << std::endl;
    table.push_back({{"mutant", to_string(row.which)},
                     {"where", row.where},
                     {"caught", caught.run != 0},
                     {"runs", caught.run != 0 ? caught.run : row.runs},
                     {"by", caught.by},
                     {"wall_s", caught.wall_s}});
  }
  if (!any) {
    std::cerr << "no mutant is called " << *only_ << '\n';
    return 2;
  }
  if (json_ && !write_text(*json_, table.dump(2) + '\n')) return 1;
  return all ? 0 : 1;
}

}  // namespace vsf::sim
