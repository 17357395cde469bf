#pragma once

#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sim/checker.hpp"
#include "sim/metrics.hpp"
#include "sim/recorder.hpp"
#include "sim/workload.hpp"

namespace vsf::sim::testing {

using json = nlohmann::ordered_json;

/// A short run with every kind of record in its log.
inline constexpr const char* sample_plan = R"(
name: sample
about: a short run
nodes: 14
network: {loss: 0.01}
population: {join_spread_s: 5}
catalogue: {recordings: 25, files_per_node: 5}
timeline: {warmup_s: 70, workload_s: 60, drain_s: 40}
workload: {resolves_per_node: 4, downloads_per_node: 1}
faults:
  - {at_s: 90, what: kill_actor, share: 0.5}
  - {at_s: 100, what: power_cut, share: 0.2, back_after_s: 10}
  - {at_s: 110, what: process_kill, share: 0.1}
expect:
  resolve_success: {at_least: 0.1}
)";

struct sample_run {
  std::vector<std::string> lines;
  std::map<std::string, double> metrics;
  std::vector<identity::identity> who;
  std::uint64_t trace_hash = 0;
};

inline sample_run simulate(const scenario& plan, std::uint64_t seed, std::uint64_t schedule_seed,
                           bool listen) {
  crypto::memoise(true);
  auto log = operation_log::open({}, listen).value();
  sample_run out;
  world w(plan, seed);
  w.schedule_by(schedule_seed);
  recorder notes(w, log, seed, "real");
  notes.begin();
  workload users(w, log);
  users.schedule();
  w.run_until(users.end());
  users.close();
  notes.close();
  out.lines = log.lines();
  out.metrics = metrics_of(log.operations());
  out.metrics["actor_restarts"] = static_cast<double>(notes.restarts());
  out.trace_hash = w.trace_hash();
  for (const auto& node : w.nodes()) out.who.push_back(node->who);
  return out;
}

inline const sample_run& sample() {
  static const auto run = simulate(parse_scenario(sample_plan, "sample").value(), 11, 0, true);
  return run;
}

/// The sample's log, to be edited.
class edited_log {
 public:
  std::vector<std::string> lines = sample().lines;

  using predicate = std::function<bool(const json&)>;

  static predicate kind(const std::string& name) {
    return [=](const json& r) { return r.contains("op") ? r["op"] == name : r["record"] == name; };
  }
  /// The first record that fits, from that line (from 0) on.
  std::size_t find(const predicate& fits, std::size_t from = 0) const {
    for (auto i = from; i < lines.size(); ++i)
      if (fits(json::parse(lines[i]))) return i;
    throw std::runtime_error("no such record in the sample");
  }
  json at(std::size_t line) const { return json::parse(lines[line]); }
  void change(std::size_t line, const std::function<void(json&)>& how) {
    auto record = at(line);
    how(record);
    lines[line] = record.dump();
  }
  void insert(std::size_t line, const std::string& record) {
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(line), record);
  }
  void erase(std::size_t line) { lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(line)); }
  void replace_everywhere(const std::string& old_text, const std::string& new_text) {
    for (auto& line : lines)
      for (auto at = line.find(old_text); at != std::string::npos;
           at = line.find(old_text, at + new_text.size()))
        line.replace(at, old_text.size(), new_text);
  }
  std::size_t end() const { return lines.size() - 1; }

  result<run_log> read() {
    change(end(), [&](json& r) { r["records"] = lines.size(); });
    std::stringstream text;
    for (const auto& line : lines) text << line << '\n';
    return read_log(text, "sample");
  }
  verdict judge(const std::optional<std::string>& result_json = std::nullopt) {
    return check(read().value(), result_json).value();
  }
  /// The names of the checks that complain.
  std::set<std::string> complaints(const std::optional<std::string>& result_json = std::nullopt) {
    std::set<std::string> out;
    for (const auto& v : judge(result_json).violations) out.insert(v.check);
    return out;
  }
};

}  // namespace vsf::sim::testing
