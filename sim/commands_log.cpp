#include "sim/commands_log.hpp"

#include <fstream>
#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "sim/checker.hpp"
#include "sim/report.hpp"
#include "sim/run_diff.hpp"

namespace vsf::sim {

namespace {

/// Of each check; a broken run would drown the rest.
constexpr std::size_t max_lines_per_check = 20;

int unusable(const error& why) {
  std::cerr << why.message << '\n';
  return 2;
}

result<std::string> read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) return fail(path + ": no such file, no permission or empty");
  return text.str();
}

void print_violations(const std::vector<violation>& all) {
  std::map<std::string, std::size_t> printed;
  for (const auto& v : all)
    if (++printed[v.check] <= max_lines_per_check) std::cerr << to_string(v) << '\n';
  for (const auto& [check, count] : printed)
    if (count > max_lines_per_check)
      std::cerr << check << ": " << count - max_lines_per_check << " more like these\n";
}

}  // namespace

check_command::check_command(CLI::App& app)
    : command_(app.add_subcommand("check",
                                  "compute a run's metrics again from its log and look for what "
                                  "must not happen")) {
  command_->add_option("ops", ops_, "log written by run --ops")->required();
  command_->add_option("--json", json_, "what the run said with --json, to be compared");
}

std::optional<int> check_command::run() const {
  if (!command_->parsed()) return std::nullopt;
  const auto log = read_log(ops_);
  if (!log) return unusable(log.error());
  std::optional<std::string> said;
  if (json_) {
    auto text = read_file(*json_);
    if (!text) return unusable(text.error());
    said = std::move(*text);
  }
  const auto judged = check(*log, said);
  if (!judged) return unusable({(json_ ? *json_ + " or " : "") + ops_ + ": " + judged.error().message});
  nlohmann::ordered_json out;
  out["metrics"] = judged->metrics;
  out["looked_at"] = judged->looked_at;
  std::map<std::string, std::size_t> violations;
  for (const auto& v : judged->violations) ++violations[v.check];
  out["violations"] = violations;
  std::cout << out.dump(2) << '\n';
  print_violations(judged->violations);
  return judged->good() ? 0 : 1;
}

report_command::report_command(CLI::App& app)
    : command_(app.add_subcommand("report", "a web page about a run from its log")) {
  command_->add_option("ops", ops_, "log written by run --ops")->required();
  command_->add_option("page", page_, ".html file to write")->required();
}

std::optional<int> report_command::run() const {
  if (!command_->parsed()) return std::nullopt;
  const auto log = read_log(ops_);
  if (!log) return unusable(log.error());
  const auto judged = check(*log);
  if (!judged) return unusable({ops_ + ": " + judged.error().message});
  std::ofstream file(page_);
  file << html_report(*log, *judged);
  file.flush();
  if (file) return 0;
  return unusable({"cannot write " + page_ + ": no such folder, no permission or no space"});
}

diff_command::diff_command(CLI::App& app)
    : command_(app.add_subcommand("diff", "the metrics of two results side by side")) {
  command_->add_option("before", before_, "written by run --json")->required();
  command_->add_option("after", after_, "written by run --json")->required();
  command_->add_option("--fail-over", fail_over_percent_, "exit code 1 if a metric changed by more percent")
      ->check(CLI::NonNegativeNumber);
}

std::optional<int> diff_command::run() const {
  if (!command_->parsed()) return std::nullopt;
  std::vector<metric_map> sides;
  for (const auto& path : {before_, after_}) {
    const auto text = read_file(path);
    if (!text) return unusable(text.error());
    auto metrics = read_metrics(*text);
    if (!metrics) return unusable({path + ": " + metrics.error().message});
    sides.push_back(std::move(*metrics));
  }
  const auto rows = diff(sides[0], sides[1]);
  std::cout << to_text(rows);
  if (!fail_over_percent_) return 0;
  const auto over = beyond(rows, *fail_over_percent_);
  for (const auto& name : over)
    std::cerr << name << " changed by more than " << *fail_over_percent_ << " %\n";
  return over.empty() ? 0 : 1;
}

}  // namespace vsf::sim
