#include "sim/scenario.hpp"

#include <fstream>
#include <functional>
#include <sstream>

#include <yaml-cpp/yaml.h>

namespace vsf::sim {

namespace {

/// Reads one block: every key is offered to a reader by name; what is left over is an error.
class block_reader {
 public:
  using reader = std::function<void(const YAML::Node&)>;

  block_reader(std::string file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  block_reader& key(const std::string& name, reader read) {
    readers_[name] = std::move(read);
    return *this;
  }

  template <class T>
  block_reader& number(const std::string& name, T& out, double low, double high) {
    return key(name, [this, name, &out, low, high](const YAML::Node& node) {
      const auto value = node.as<double>();
      if (!(value >= low && value <= high))
        throw std::runtime_error(where(node, name) + " must be between " + text(low) + " and " + text(high));
      if constexpr (std::is_floating_point_v<T>) {
        out = value;
      } else {
        if (value != static_cast<double>(static_cast<std::int64_t>(value)))
          throw std::runtime_error(where(node, name) + " must be a whole number");
        out = static_cast<T>(value);
      }
    });
  }

  block_reader& text_value(const std::string& name, std::string& out) {
    return key(name, [&out](const YAML::Node& node) { out = node.as<std::string>(); });
  }

  void read(const YAML::Node& block) {
    if (!block.IsMap()) throw std::runtime_error(where(block, path_) + " must be a block of keys");
    for (const auto& item : block) {
      const auto name = item.first.as<std::string>();
      const auto it = readers_.find(name);
      if (it == readers_.end()) {
        std::string known;
        for (const auto& [k, r] : readers_) known += (known.empty() ? "" : ", ") + k;
        throw std::runtime_error(where(item.first, name) + " is not a key here; known are: " + known);
      }
      it->second(item.second);
    }
  }

  std::string where(const YAML::Node& node, const std::string& name) const {
    return file_ + ":" + std::to_string(node.Mark().line + 1) + ": " + (path_.empty() ? "" : path_ + ".") +
           name;
  }

 private:
  static std::string text(double x) {
    std::ostringstream out;
    out << x;
    return out.str();
  }
  std::string file_, path_;
  std::map<std::string, reader> readers_;
};

fault read_fault(const std::string& file, const YAML::Node& node) {
  fault out;
  block_reader block(file, "faults");
  block.number("at_s", out.at_s, 0, 1e6).number("share", out.share, 0, 1);
  block.key("what", [&](const YAML::Node& value) {
    const auto word = value.as<std::string>();
    if (word == "power_cut")
      out.what = fault::kind::power_cut;
    else if (word == "process_kill")
      out.what = fault::kind::process_kill;
    else
      throw std::runtime_error(block.where(value, "what") + " must be power_cut or process_kill");
  });
  block.key("back_after_s", [&](const YAML::Node& value) { out.back_after_s = value.as<double>(); });
  block.read(node);
  return out;
}

expectation read_expectation(const std::string& file, const std::string& metric, const YAML::Node& node) {
  expectation out;
  out.metric = metric;
  block_reader block(file, "expect." + metric);
  block.key("at_least", [&](const YAML::Node& value) { out.at_least = value.as<double>(); });
  block.key("at_most", [&](const YAML::Node& value) { out.at_most = value.as<double>(); });
  block.read(node);
  return out;
}

}  // namespace

result<scenario> parse_scenario(const std::string& text, const std::string& name) try {
  scenario out;
  block_reader network(name, "network"), population(name, "population"), catalogue(name, "catalogue");
  block_reader file_kib(name, "catalogue.file_kib"), timeline(name, "timeline"), workload(name, "workload");
  network.number("loss", out.loss, 0, 0.9).number("uplink_kib_per_s", out.uplink_kib_per_s, 0, 1e9);
  population.number("join_spread_s", out.join_spread_s, 0, 1e5)
      .number("puzzle_bits", out.puzzle_bits, 0, 20)
      .number("bootstrap_contacts", out.bootstrap_contacts, 1, 8);
  file_kib.number("min", out.min_kib, 1, 1 << 20).number("max", out.max_kib, 1, 1 << 20);
  catalogue.number("recordings", out.recordings, 1, 1e6)
      .number("zipf_exponent", out.zipf_exponent, 0, 4)
      .number("files_per_node", out.files_per_node, 0, 1e5)
      .key("file_kib", [&](const YAML::Node& node) { file_kib.read(node); });
  timeline.number("warmup_s", out.warmup_s, 0, 1e6)
      .number("workload_s", out.workload_s, 1, 1e7)
      .number("drain_s", out.drain_s, 0, 1e5);
  workload.number("resolves_per_node", out.resolves_per_node, 0, 1e5)
      .number("downloads_per_node", out.downloads_per_node, 0, 1e5);

  block_reader top(name, "");
  top.text_value("name", out.name).text_value("about", out.about).number("nodes", out.nodes, 2, 60'000);
  top.key("network", [&](const YAML::Node& node) { network.read(node); });
  top.key("population", [&](const YAML::Node& node) { population.read(node); });
  top.key("catalogue", [&](const YAML::Node& node) { catalogue.read(node); });
  top.key("timeline", [&](const YAML::Node& node) { timeline.read(node); });
  top.key("workload", [&](const YAML::Node& node) { workload.read(node); });
  top.key("faults", [&](const YAML::Node& node) {
    for (const auto& item : node) out.faults.push_back(read_fault(name, item));
  });
  top.key("expect", [&](const YAML::Node& node) {
    for (const auto& item : node)
      out.expectations.push_back(read_expectation(name, item.first.as<std::string>(), item.second));
  });
  top.read(YAML::Load(text));
  if (out.min_kib > out.max_kib) return fail(name + ": catalogue.file_kib.min is larger than max");
  return out;
} catch (const YAML::Exception& problem) {
  return fail(name + ":" + std::to_string(problem.mark.line + 1) + ": " + problem.msg);
} catch (const std::exception& problem) {
  return fail(problem.what());
}

result<scenario> find_scenario(const std::string& name_or_path) {
  const auto& known = built_in_scenarios();
  if (const auto it = known.find(name_or_path); it != known.end())
    return parse_scenario(it->second, it->first);
  if (name_or_path.ends_with(".yml") || name_or_path.ends_with(".yaml")) {
    std::ifstream in(name_or_path);
    if (!in) return fail("cannot read the scenario " + name_or_path + ": no such file or no permission");
    std::ostringstream text;
    text << in.rdbuf();
    return parse_scenario(text.str(), name_or_path);
  }
  std::string names;
  for (const auto& [name, text] : known) names += (names.empty() ? "" : ", ") + name;
  return fail("no scenario is called " + name_or_path + "; built in are: " + names + "; or give a .yml file");
}

}  // namespace vsf::sim
