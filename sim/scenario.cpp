#include "sim/scenario.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include <yaml-cpp/yaml.h>

namespace vsf::sim {

namespace {

constexpr std::array<const char*, fault::kinds> fault_names{
    "power_cut", "process_kill", "partition",  "one_way",     "loss",
    "duplicate", "reorder",      "corrupt",    "slow_uplink", "slow_disk",
    "disk_full", "clock_jump",   "nat_rebind", "kill_actor",  "server_down"};
constexpr std::array<const char*, nat_types> nat_names{"open", "full_cone", "address_restricted",
                                                       "port_restricted", "symmetric"};

std::string text_of(double x) {
  std::ostringstream out;
  out.precision(12);
  out << x;
  return out.str();
}

// ---- What a scenario consists of: described once, read and written by the two visitors below

template <class V>
void describe(V& v, link_conditions*) {
  v.number("loss", &link_conditions::loss, 0, 0.9);
  v.number("duplicate", &link_conditions::duplicate, 0, 1);
  v.number("reorder", &link_conditions::reorder, 0, 1);
  v.number("reorder_ms", &link_conditions::reorder_ms, 0, 1e5);
  v.number("corrupt", &link_conditions::corrupt, 0, 1);
}

template <class V>
void describe(V& v, network_plan*) {
  describe(v, static_cast<link_conditions*>(nullptr));
  v.number("uplink_kib_per_s", &network_plan::uplink_kib_per_s, 0, 1e9);
  v.number("downlink_kib_per_s", &network_plan::downlink_kib_per_s, 0, 1e9);
  v.number("ipv6", &network_plan::ipv6, 0, 1);
  v.shares("nat", &network_plan::nat, nat_names);
  v.number("nat_mapping_s", &network_plan::nat_mapping_s, 1, 1e5);
}

template <class V>
void describe(V& v, churn_plan*) {
  v.number("session_mean_s", &churn_plan::session_mean_s, 0, 1e7);
  v.number("session_shape", &churn_plan::session_shape, 0.1, 10);
  v.number("absence_mean_s", &churn_plan::absence_mean_s, 0, 1e7);
  v.number("power_cut", &churn_plan::power_cut, 0, 1);
}

template <class V>
void describe(V& v, population_plan*) {
  v.number("join_spread_s", &population_plan::join_spread_s, 0, 1e5);
  v.number("puzzle_bits", &population_plan::puzzle_bits, 0, 20);
  v.number("bootstrap_contacts", &population_plan::bootstrap_contacts, 1, 8);
  v.number("clock_skew_s", &population_plan::clock_skew_s, 0, 1e6);
  v.block("churn", &population_plan::churn);
}

template <class V>
void describe(V& v, catalogue_plan*) {
  v.number("recordings", &catalogue_plan::recordings, 1, 1e6);
  v.number("zipf_exponent", &catalogue_plan::zipf_exponent, 0, 4);
  v.number("files_per_node", &catalogue_plan::files_per_node, 0, 1e5);
  v.number("tracks_per_release", &catalogue_plan::tracks_per_release, 1, 1000);
  v.range("file_kib", &catalogue_plan::min_kib, &catalogue_plan::max_kib, 1, 1 << 20);
  v.number("second_encoding", &catalogue_plan::second_encoding, 0, 1);
  v.number("fake", &catalogue_plan::fake, 0, 1);
}

template <class V>
void describe(V& v, soulseek_plan*) {
  v.flag("server", &soulseek_plan::server);
}

template <class V>
void describe(V& v, timeline_plan*) {
  v.number("warmup_s", &timeline_plan::warmup_s, 0, 1e6);
  v.number("workload_s", &timeline_plan::workload_s, 1, 1e7);
  v.number("drain_s", &timeline_plan::drain_s, 0, 1e5);
}

template <class V>
void describe(V& v, flash_crowd*) {
  v.number("at_s", &flash_crowd::at_s, 0, 1e7);
  v.number("share", &flash_crowd::share, 0, 1);
  v.number("over_s", &flash_crowd::over_s, 0, 1e6);
}

template <class V>
void describe(V& v, workload_plan*) {
  v.number("resolves_per_node", &workload_plan::resolves_per_node, 0, 1e5);
  v.number("downloads_per_node", &workload_plan::downloads_per_node, 0, 1e5);
  v.number("resolves_per_node_hour", &workload_plan::resolves_per_node_hour, 0, 1e5);
  v.number("downloads_per_node_hour", &workload_plan::downloads_per_node_hour, 0, 1e5);
  v.number("soulseek_downloads_per_node", &workload_plan::soulseek_downloads_per_node, 0, 1e5);
  v.list("flash_crowds", &workload_plan::flash_crowds);
}

template <class V>
void describe(V& v, fault*) {
  v.number("at_s", &fault::at_s, 0, 1e7);
  v.word("what", &fault::what, fault_names);
  v.number("share", &fault::share, 0, 1);
  v.number("for_s", &fault::for_s, 0, 1e7);
  v.number("back_after_s", &fault::back_after_s, 0, 1e7);
  v.number("value", &fault::value, -1e9, 1e9);
}

template <class V>
void describe(V& v, expectation*) {
  v.optional_number("at_least", &expectation::at_least);
  v.optional_number("at_most", &expectation::at_most);
}

template <class V>
void describe(V& v, scenario*) {
  v.text("name", &scenario::name);
  v.text("about", &scenario::about);
  v.number("nodes", &scenario::nodes, 2, 60'000);
  v.block("network", &scenario::network);
  v.block("population", &scenario::population);
  v.block("catalogue", &scenario::catalogue);
  v.block("soulseek", &scenario::soulseek);
  v.block("timeline", &scenario::timeline);
  v.block("workload", &scenario::workload);
  v.list("faults", &scenario::faults);
  v.by_name("expect", &scenario::expectations, &expectation::metric);
}

// ---- Reading

/// Reads one block into a T: every key is offered to a reader by name; what is left over is an error.
template <class T>
class block_reader {
 public:
  block_reader(std::string file, std::string path, T& out)
      : file_(std::move(file)), path_(std::move(path)), out_(out) {
    describe(*this, static_cast<T*>(nullptr));
  }

  template <class C, class M>
  void number(const std::string& name, M C::*member, double low, double high) {
    readers_[name] = [=, this](const YAML::Node& node) {
      out_.*member = as_number<M>(node, name, low, high);
    };
  }
  template <class M>
  void range(const std::string& name, M T::*least, M T::*most, double low, double high) {
    readers_[name] = [=, this](const YAML::Node& node) {
      if (!node.IsMap()) throw std::runtime_error(where(node, name) + " must be {min: NUMBER, max: NUMBER}");
      for (const auto& item : node) {
        const auto key = item.first.as<std::string>();
        if (key != "min" && key != "max")
          throw std::runtime_error(where(item.first, name + "." + key) +
                                   " is not a key here; known are: max, min");
        out_.*(key == "min" ? least : most) = as_number<M>(item.second, name + "." + key, low, high);
      }
      if (out_.*least > out_.*most) throw std::runtime_error(where(node, name) + ".min is larger than max");
    };
  }
  template <class C, std::size_t N>
  void shares(const std::string& name, std::array<double, N> C::*member,
              const std::array<const char*, N>& names) {
    readers_[name] = [=, this, &names](const YAML::Node& node) {
      auto& out = out_.*member;
      out = {};
      double sum = 0;
      for (const auto& item : node) {
        const auto at = index_of(item.first, name, names);
        out[at] = as_number<double>(item.second, name + "." + names[at], 0, 1);
        sum += out[at];
      }
      if (sum < 0.999 || sum > 1.001)
        throw std::runtime_error(where(node, name) + ": the shares add up to " + text_of(sum) + ", not to 1");
    };
  }
  template <class M, std::size_t N>
  void word(const std::string& name, M T::*member, const std::array<const char*, N>& names) {
    readers_[name] = [=, this, &names](const YAML::Node& node) {
      out_.*member = static_cast<M>(index_of(node, name, names));
    };
  }
  void optional_number(const std::string& name, std::optional<double> T::*member) {
    readers_[name] = [=, this](const YAML::Node& node) {
      out_.*member = as_number<double>(node, name, -1e18, 1e18);
    };
  }
  void flag(const std::string& name, bool T::*member) {
    readers_[name] = [=, this](const YAML::Node& node) {
      if (!node.IsScalar() || !YAML::convert<bool>::decode(node, out_.*member))
        throw std::runtime_error(where(node, name) + " must be true or false");
    };
  }
  void text(const std::string& name, std::string T::*member) {
    readers_[name] = [=, this](const YAML::Node& node) { out_.*member = node.as<std::string>(); };
  }
  template <class M>
  void block(const std::string& name, M T::*member) {
    readers_[name] = [=, this](const YAML::Node& node) {
      block_reader<M>(file_, below(name), out_.*member).read(node);
    };
  }
  template <class M>
  void list(const std::string& name, std::vector<M> T::*member) {
    readers_[name] = [=, this](const YAML::Node& node) {
      if (!node.IsSequence()) throw std::runtime_error(where(node, name) + " must be a list");
      for (const auto& item : node)
        block_reader<M>(file_, below(name), (out_.*member).emplace_back()).read(item);
    };
  }
  template <class M>
  void by_name(const std::string& name, std::vector<M> T::*member, std::string M::*key) {
    readers_[name] = [=, this](const YAML::Node& node) {
      for (const auto& item : node) {
        auto& made = (out_.*member).emplace_back();
        made.*key = item.first.as<std::string>();
        block_reader<M>(file_, below(name) + "." + made.*key, made).read(item.second);
      }
    };
  }

  void read(const YAML::Node& node) {
    if (!node.IsMap()) throw std::runtime_error(where(node, "") + " must be a block of keys");
    for (const auto& item : node) {
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

 private:
  std::string below(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }
  std::string where(const YAML::Node& node, const std::string& name) const {
    const auto full = name.empty() ? path_ : below(name);
    return file_ + ":" + std::to_string(node.Mark().line + 1) + ": " + (full.empty() ? "the file" : full);
  }
  template <class M>
  M as_number(const YAML::Node& node, const std::string& name, double low, double high) const {
    double value = 0;
    if (!node.IsScalar() || !YAML::convert<double>::decode(node, value))
      throw std::runtime_error(where(node, name) + " must be a number");
    if (!(value >= low && value <= high))
      throw std::runtime_error(where(node, name) + " must be between " + text_of(low) + " and " +
                               text_of(high));
    if constexpr (!std::is_floating_point_v<M>)
      if (value != static_cast<double>(static_cast<std::int64_t>(value)))
        throw std::runtime_error(where(node, name) + " must be a whole number");
    return static_cast<M>(value);
  }
  template <std::size_t N>
  std::size_t index_of(const YAML::Node& node, const std::string& name,
                       const std::array<const char*, N>& names) const {
    const auto text = node.as<std::string>();
    const auto it = std::find(names.begin(), names.end(), text);
    if (it != names.end()) return static_cast<std::size_t>(it - names.begin());
    std::string known;
    for (const auto* n : names) known += (known.empty() ? "" : ", ") + std::string(n);
    throw std::runtime_error(where(node, name) + ": \"" + text.substr(0, 40) + "\" is none of " + known);
  }

  std::string file_, path_;
  T& out_;
  std::map<std::string, std::function<void(const YAML::Node&)>> readers_;
};

// ---- Writing

/// The keys of a T that differ from their defaults.
template <class T>
class block_writer {
 public:
  explicit block_writer(const T& from) : from_(from), out_(YAML::NodeType::Map) {
    describe(*this, static_cast<T*>(nullptr));
  }
  const YAML::Node& node() const { return out_; }

  template <class C, class M>
  void number(const std::string& name, M C::*member, double, double) {
    if (from_.*member != usual_.*member) out_[name] = text_of(static_cast<double>(from_.*member));
  }
  template <class M>
  void range(const std::string& name, M T::*least, M T::*most, double, double) {
    if (from_.*least == usual_.*least && from_.*most == usual_.*most) return;
    out_[name]["min"] = text_of(static_cast<double>(from_.*least));
    out_[name]["max"] = text_of(static_cast<double>(from_.*most));
  }
  template <class C, std::size_t N>
  void shares(const std::string& name, std::array<double, N> C::*member,
              const std::array<const char*, N>& names) {
    if (from_.*member == usual_.*member) return;
    for (std::size_t i = 0; i < N; ++i)
      if ((from_.*member)[i] != 0) out_[name][names[i]] = text_of((from_.*member)[i]);
  }
  template <class M, std::size_t N>
  void word(const std::string& name, M T::*member, const std::array<const char*, N>& names) {
    out_[name] = names[static_cast<std::size_t>(from_.*member)];
  }
  void optional_number(const std::string& name, std::optional<double> T::*member) {
    if (from_.*member) out_[name] = text_of(*(from_.*member));
  }
  void flag(const std::string& name, bool T::*member) {
    if (from_.*member != usual_.*member) out_[name] = from_.*member;
  }
  void text(const std::string& name, std::string T::*member) {
    if (from_.*member != usual_.*member) out_[name] = from_.*member;
  }
  template <class M>
  void block(const std::string& name, M T::*member) {
    if (!(from_.*member == usual_.*member)) out_[name] = block_writer<M>(from_.*member).node();
  }
  template <class M>
  void list(const std::string& name, std::vector<M> T::*member) {
    for (const auto& item : from_.*member) {
      auto node = block_writer<M>(item).node();
      node.SetStyle(YAML::EmitterStyle::Flow);
      out_[name].push_back(node);
    }
  }
  template <class M>
  void by_name(const std::string& name, std::vector<M> T::*member, std::string M::*key) {
    for (const auto& item : from_.*member) out_[name][item.*key] = block_writer<M>(item).node();
  }

 private:
  const T& from_;
  T usual_{};
  YAML::Node out_;
};

}  // namespace

std::string to_string(fault::kind what) { return fault_names[static_cast<std::size_t>(what)]; }
std::string to_string(nat_type what) { return nat_names[static_cast<std::size_t>(what)]; }

result<scenario> parse_scenario(const std::string& text, const std::string& name) try {
  scenario out;
  block_reader<scenario>(name, "", out).read(YAML::Load(text));
  const bool server_dies = std::any_of(out.faults.begin(), out.faults.end(),
                                       [](const fault& f) { return f.what == fault::kind::server_down; });
  if (!out.soulseek.server && (server_dies || out.workload.soulseek_downloads_per_node > 0))
    throw std::runtime_error(
        name + (server_dies ? ": faults: server_down" : ": workload.soulseek_downloads_per_node") +
        " needs a server: soulseek: {server: true}");
  return out;
} catch (const YAML::Exception& problem) {
  return fail(name + ":" + std::to_string(problem.mark.line + 1) + ": " + problem.msg);
} catch (const std::exception& problem) {
  return fail(problem.what());
}

std::string to_yaml(const scenario& plan) {
  YAML::Emitter out;
  out << block_writer<scenario>(plan).node();
  return std::string(out.c_str()) + '\n';
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
