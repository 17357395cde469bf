#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/types.hpp"

namespace vsf::sim {

struct fault {
  enum class kind : std::uint8_t { power_cut, process_kill };
  double at_s = 0;
  kind what = kind::power_cut;
  double share = 0;  // of the nodes alive then
  std::optional<double> back_after_s;
};

struct expectation {
  std::string metric;
  std::optional<double> at_least;
  std::optional<double> at_most;
};

/// What a simulation runs; read from YAML (docs/simulator.md), every key with a default and a range.
struct scenario {
  std::string name = "unnamed";
  std::string about;
  std::size_t nodes = 100;

  double loss = 0;
  std::uint64_t uplink_kib_per_s = 0;

  double join_spread_s = 30;
  int puzzle_bits = 8;
  std::size_t bootstrap_contacts = 2;

  std::size_t recordings = 400;
  double zipf_exponent = 0.8;
  std::size_t files_per_node = 5;
  std::uint64_t min_kib = 128;
  std::uint64_t max_kib = 512;

  double warmup_s = 120;
  double workload_s = 300;
  double drain_s = 120;
  double resolves_per_node = 5;
  double downloads_per_node = 1;

  std::vector<fault> faults;
  std::vector<expectation> expectations;
};

/// `name` is for messages. Unknown keys and bad values: file, line and the known keys of that block.
result<scenario> parse_scenario(const std::string& text, const std::string& name);
/// A built-in name or a path ending in .yml or .yaml.
result<scenario> find_scenario(const std::string& name_or_path);
/// Built-in scenarios: name -> YAML text.
const std::map<std::string, std::string>& built_in_scenarios();

}  // namespace vsf::sim
