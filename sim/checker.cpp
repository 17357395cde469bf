#include "sim/checker.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "sim/check_parts.hpp"

namespace vsf::sim {

namespace {

constexpr std::uint64_t max_mailbox = 20'000;
constexpr std::uint64_t max_bytes_per_node = std::uint64_t{2} << 20;
/// Of the simulator itself: catalogue, remembered signatures, the log.
constexpr std::uint64_t fixed_bytes = std::uint64_t{96} << 20;

/// What a node keeps for others is as much as the others publish and has a bound of its own: this for each
/// leaf, with its row.
constexpr std::uint64_t bytes_per_held_leaf = 1024;
constexpr const char* held_leaves_gauge = "dht.held_leaves";

/// A supervisor waits before it brings an actor back, longer each time.
constexpr std::uint64_t restart_window_us = 120'000'000;
/// Events carry milliseconds.
constexpr std::uint64_t event_precision_us = 1000;
/// What a node that just came up may still say of its last session.
constexpr std::uint64_t settle_us = 1'000'000;

struct bound {
  const char* gauge;
  std::int64_t most;
};

/// Generous but finite: what grows beyond these grows without end. `unbounded` ones are no sizes.
constexpr auto unbounded = std::numeric_limits<std::int64_t>::max();
constexpr std::array bounds{
    bound{"dht.contacts", 160 * 20},
    bound{"dht.peers", 4'096},
    bound{"dht.peers_live", 4'096},
    bound{"dht.sessions", 4'096},
    bound{"dht.held_keys", 65'536},
    bound{"dht.held_leaves", 65'536 * 8},
    bound{"dht.held_bytes", 32 << 20},
    bound{"dht.lookups_running", 2'000},
    bound{"dht.requests_pending", 20'000},
    bound{"overlay.sessions", 2'000},
    bound{"overlay.half_open_links", 1'000},
    bound{"overlay.dials_waiting", 5'000},
    bound{"shadow_index/resolver.cached", 20'000},
    bound{"shadow_index/resolver.running", 2'000},
    bound{"shadow_index/publisher.keys", 1'000'000},
    bound{"shadow_index/publisher.keys_alive", 1'000'000},
    bound{"shadow_index/publisher.keys_pending", 1'000'000},
    bound{"shadow_index/publisher.keys_withdrawing", 1'000'000},
    bound{"shadow_index/publisher.keys_beyond_rate", 1'000'000},
    bound{"shadow_index/publisher.puts_in_flight", 1'000},
    bound{"shadow_index/publisher.leaves_to_build", 1'000'000},
    bound{"shadow_index/publisher.full_publish_s", unbounded},
    bound{"library.files", 1'000'000},
    bound{"library.files_shareable", 1'000'000},
    bound{"library.files_to_analyze", 1'000'000},
    bound{"library.bytes_shareable", unbounded},
    bound{"library.scanning", 1},
    bound{"library.fingerprinting", 1},
    bound{"library.last_scan_ms", unbounded},
    bound{"library.folders_watched", 1'000'000},
    bound{"swarm.transfers", 100'000},
    bound{"swarm/uploads.sessions", 2'000},
    bound{"swarm/uploads.channels", 20'000},
    bound{"swarm/uploads.requests_queued", 20'000},
    bound{"swarm/uploads.tree_cache_bytes", 256 << 20},
    bound{"swarm/uploads.slots", 2'000},
    bound{"swarm/uploads.slots_held", 2'000},
    bound{"swarm/uploads.peers_waiting", 20'000},
    bound{"transport.port", 65'535},
    bound{"node.puzzle_tried", unbounded},
    bound{"node.puzzle_expected", unbounded},
};

std::optional<std::int64_t> bound_of(const std::string& gauge) {
  const auto name = gauge.substr(0, gauge.find('{'));  // a label stands behind it
  const auto at = std::find_if(bounds.begin(), bounds.end(), [&](const auto& b) { return name == b.gauge; });
  return at == bounds.end() ? std::nullopt : std::optional(at->most);
}

class health_check {
 public:
  health_check(const run_log& log, verdict& out)
      : log_(log), out_(out), excuses_(log.run().nodes), stopped_at_us_(log.run().nodes) {}

  void run() {
    for (std::size_t i = 0; i < log_.records.size(); ++i) {
      line_ = i + 1;
      std::visit([this](const auto& r) { take(r); }, log_.records[i]);
    }
    for (std::size_t node = 0; node < stopped_at_us_.size(); ++node)
      if (stopped_at_us_[node]) excuses_[node].push_back({*stopped_at_us_[node], log_.end_us()});
    for (const auto& [restart, line] : restarts_) judge(*restart, line);
    out_.metrics["actor_restarts"] = static_cast<double>(restarts_.size());
    out_.looked_at["restarts"] = restarts_.size();
  }

 private:
  struct span {
    std::uint64_t from_us = 0, until_us = 0;
  };

  template <class Other>
  void take(const Other&) {}
  void take(const node_record& r) {
    auto& stopped = stopped_at_us_[r.node];
    if (r.what == "up") {
      if (stopped) excuses_[r.node].push_back({*stopped, r.at_us + settle_us});
      stopped.reset();
    } else if (!stopped) {
      stopped = r.at_us;
    }
  }
  void take(const fault_record& r) {
    if (r.what != "kill_actor") return;
    for (const auto node : r.nodes) excuses_[node].push_back({r.at_us, r.at_us + restart_window_us});
  }
  void take(const restart_record& r) { restarts_.emplace_back(&r, line_); }
  void take(const sample_record& r) {
    ++out_.looked_at["samples"];
    if (r.mailbox > max_mailbox)
      complain("mailbox", r.node, r.at_us,
               r.mailbox_of + " has " + std::to_string(r.mailbox) + " messages waiting, more than " +
                   std::to_string(max_mailbox));
    for (const auto& [gauge, value] : r.gauges) {
      const auto most = bound_of(gauge);
      if (!most) unknown_gauges_.insert(gauge);
      if (most && value > *most)
        complain("queue", r.node, r.at_us,
                 gauge + " is " + std::to_string(value) + ", more than " + std::to_string(*most));
    }
    out_.looked_at["gauges"] += r.gauges.size();
    out_.looked_at["gauges_without_bound"] = unknown_gauges_.size();
    check_memory(r);
  }

  void check_memory(const sample_record& r) {
    const auto nodes = log_.run().nodes;
    const auto apart = log_.run().memory_bytes + r.disk_bytes;
    const auto used = r.memory_bytes - std::min(r.memory_bytes, apart);
    auto& largest = out_.looked_at["memory_bytes_per_node"];
    largest = std::max(largest, used / nodes);
    if (used > fixed_bytes + nodes * (max_bytes_per_node + held_leaves(r) * bytes_per_held_leaf))
      complain("memory", r.node, r.at_us,
               std::to_string(r.memory_bytes) + " bytes in memory for " + std::to_string(nodes) +
                   " nodes are more than " + std::to_string(max_bytes_per_node) + " for each");
  }

  /// By the mean of the nodes that were asked so far.
  std::uint64_t held_leaves(const sample_record& r) {
    const auto gauge = r.gauges.find(held_leaves_gauge);
    if (gauge != r.gauges.end()) held_leaves_[r.node] = std::clamp<std::int64_t>(gauge->second, 0, 1 << 20);
    std::int64_t sum = 0;
    for (const auto& [node, leaves] : held_leaves_) sum += leaves;
    return held_leaves_.empty() ? 0 : static_cast<std::uint64_t>(sum) / held_leaves_.size();
  }

  void judge(const restart_record& r, std::size_t line) {
    const auto excused = std::any_of(excuses_[r.node].begin(), excuses_[r.node].end(), [&](const span& s) {
      return r.at_us + event_precision_us >= s.from_us && r.at_us <= s.until_us;
    });
    line_ = line;
    if (!excused) complain("restart", r.node, r.at_us, r.path + " was restarted with no fault: " + r.reason);
  }

  void complain(const char* check, std::size_t node, std::uint64_t at_us, const std::string& what) {
    out_.violations.push_back({check, node_name(node), what, at_us, line_});
  }

  const run_log& log_;
  verdict& out_;
  std::size_t line_ = 0;
  std::vector<std::vector<span>> excuses_;
  std::vector<std::optional<std::uint64_t>> stopped_at_us_;
  std::vector<std::pair<const restart_record*, std::size_t>> restarts_;
  std::set<std::string> unknown_gauges_;
  std::map<std::size_t, std::int64_t> held_leaves_;
};

bool same(double a, double b) { return std::fabs(a - b) <= 1e-9 * std::max(std::fabs(a), std::fabs(b)); }

void check_expectations(const run_log& log, const scenario& plan, verdict& out) {
  const auto complain = [&](const std::string& what) {
    out.violations.push_back({"expectation", "the run", what, log.end_us(), log.records.size()});
  };
  for (const auto& e : plan.expectations) {
    const auto at = out.metrics.find(e.metric);
    std::ostringstream text;
    if (at == out.metrics.end())
      text << "no metric is called " << e.metric;
    else if (e.at_least && !(at->second >= *e.at_least))
      text << e.metric << " is " << at->second << " and should be at least " << *e.at_least;
    else if (e.at_most && !(at->second <= *e.at_most))
      text << e.metric << " is " << at->second << " and should be at most " << *e.at_most;
    if (!text.str().empty()) complain(text.str());
  }
  out.looked_at["expectations"] = plan.expectations.size();
}

/// What `vsf-sim run` said against what the log says.
result<void> compare(const run_log& log, const std::string& text, verdict& out) {
  const auto said = nlohmann::json::parse(text, nullptr, false);
  if (!said.is_object() || !said.contains("metrics") || !said["metrics"].is_object())
    return fail("the result is no JSON object with `metrics`");
  const auto complain = [&](const std::string& what) {
    out.violations.push_back({"result", "the run", what, log.end_us(), log.records.size()});
  };
  const auto& run = log.run();
  if (said.value("seed", nlohmann::json()) != run.seed ||
      said.value("nodes", nlohmann::json()) != run.nodes ||
      said.value("crypto", nlohmann::json()) != run.crypto)
    complain("the result is of another run: seed, nodes or crypto differ");
  for (const auto& [name, value] : said["metrics"].items()) {
    const auto at = out.metrics.find(name);
    std::ostringstream text_of;
    if (!value.is_number())
      text_of << name << " is no number in the result";
    else if (at == out.metrics.end())
      text_of << name << " is in the result, but can't be computed from the log";
    else if (!same(at->second, value.get<double>()))
      text_of << name << " is " << value.get<double>() << " in the result, by the log " << at->second;
    if (!text_of.str().empty()) complain(text_of.str());
  }
  for (const auto& [name, value] : out.metrics)
    if (!said["metrics"].contains(name)) complain(name + " is missing in the result");
  return {};
}

}  // namespace

void check_health(const run_log& log, verdict& out) { health_check(log, out).run(); }

result<verdict> check(const run_log& log, const std::optional<std::string>& result_json) {
  const auto plan = parse_scenario(log.run().scenario, "the log's scenario");
  if (!plan) return tl::unexpected(plan.error());
  verdict out;
  check_operations(log, *plan, out);
  check_leaves(log, *plan, out);
  check_health(log, out);
  check_expectations(log, *plan, out);
  if (result_json)
    if (const auto compared = compare(log, *result_json, out); !compared)
      return tl::unexpected(compared.error());
  return out;
}

std::string to_string(const violation& v) {
  std::array<char, 64> at{};
  std::snprintf(at.data(), at.size(), " (at %.3f s, line %zu)", static_cast<double>(v.at_us) / 1e6, v.line);
  return v.check + ": " + v.where + ": " + v.what + at.data();
}

}  // namespace vsf::sim
