#include "sim/commands_run.hpp"

#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "net/crypto/crypto.hpp"
#include "sim/fuzz_command.hpp"
#include "sim/metrics.hpp"
#include "sim/recorder.hpp"
#include "sim/report.hpp"
#include "sim/workload.hpp"

namespace vsf::sim {

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string hex_word(std::uint64_t x) {
  std::array<std::uint8_t, 8> raw{};
  for (std::size_t i = 0; i < 8; ++i) raw[i] = static_cast<std::uint8_t>(x >> (56 - 8 * i));
  return to_hex(raw);
}

nlohmann::ordered_json network_json(const internet_counters& c) {
  return {{"datagrams_sent", c.datagrams_sent},
          {"datagrams_lost", c.datagrams_lost},
          {"datagrams_delivered", c.datagrams_delivered},
          {"datagrams_to_nobody", c.datagrams_to_nobody},
          {"datagrams_no_route", c.datagrams_no_route},
          {"datagrams_partitioned", c.datagrams_partitioned},
          {"datagrams_nat_filtered", c.datagrams_nat_filtered},
          {"datagrams_nat_full", c.datagrams_nat_full},
          {"datagrams_uplink_full", c.datagrams_uplink_full},
          {"datagrams_downlink_full", c.datagrams_downlink_full},
          {"datagrams_no_credit", c.datagrams_no_credit},
          {"datagrams_duplicated", c.datagrams_duplicated},
          {"datagrams_reordered", c.datagrams_reordered},
          {"datagrams_corrupted", c.datagrams_corrupted},
          {"datagram_bytes", c.datagram_bytes},
          {"stream_packets", c.stream_packets},
          {"stream_packets_retransmitted", c.stream_packets_retransmitted},
          {"stream_packets_corrupted", c.stream_packets_corrupted},
          {"stream_packets_stalled", c.stream_packets_stalled},
          {"streams_reset", c.streams_reset},
          {"streams_misunderstood", c.streams_misunderstood},
          {"stream_bytes", c.stream_bytes},
          {"connects", c.connects},
          {"connects_failed", c.connects_failed}};
}

bool cannot_write(const std::string& path) {
  std::cerr << "cannot write " << path << ": no such folder, no permission or no space\n";
  return false;
}

/// The log's lines as a web page.
bool write_report(const std::string& path, const operation_log& log) {
  std::stringstream lines;
  for (const auto& line : log.lines()) lines << line << '\n';
  const auto read = read_log(lines, "the log of this run");
  const auto judged = read ? check(*read) : tl::unexpected(read.error());
  if (!judged) {
    std::cerr << judged.error().message << '\n';
    return false;
  }
  std::ofstream file(path);
  file << html_report(*read, *judged);
  file.flush();
  return file ? true : cannot_write(path);
}

}  // namespace

run_command::run_command(CLI::App& app)
    : command_(app.add_subcommand("run", "run a built-in scenario or a file")) {
  command_->add_option("scenario", scenario_, "name or .yml file")->required();
  command_->add_option("--nodes", nodes_, "instead of the scenario's number")->check(CLI::Range(2, 60000));
  command_->add_option("--seed", seed_, "everything random follows from it");
  command_->add_option("--json", json_, "write the result there too");
  command_->add_option("--ops", ops_, "write the operation log there, a line of JSON for each record");
  command_->add_option("--report", report_, "write a web page about the run there");
  command_->add_option("--crypto", crypto_, "real or stand-in (insecure, fast)")
      ->check(CLI::IsMember({"real", "stand-in"}));
  add_mutant_option(*command_, mutant_);
}

std::optional<int> run_command::run() const {
  return command_->parsed() ? std::optional(simulate()) : std::nullopt;
}

int run_command::simulate() const {
  auto plan = find_scenario(scenario_);
  if (!plan) {
    std::cerr << plan.error().message << '\n';
    return 2;
  }
  if (nodes_) plan->nodes = *nodes_;
  crypto::use(crypto_ == "real" ? crypto::suite::real : crypto::suite::stand_in);
  crypto::memoise(true);
  auto log = operation_log::open(ops_, report_.has_value());
  if (!log) {
    std::cerr << log.error().message << '\n';
    return 1;
  }
  const auto started = std::chrono::steady_clock::now();
  world the_world(*plan, seed_);
  recorder notes(the_world, *log, seed_, crypto_);
  notes.begin();
  workload users(the_world, *log);
  users.schedule();
  the_world.run_until(users.end());
  users.close();
  if (!notes.close()) return cannot_write(*ops_) ? 0 : 1;
  auto metrics = metrics_of(log->operations());
  if (auto* server = the_world.soulseek_server())
    metrics["soulseek_users_online"] =
        static_cast<double>(server->online().size()) / static_cast<double>(the_world.live_nodes());
  metrics["actor_restarts"] = static_cast<double>(notes.restarts());
  const auto wall_s = seconds_since(started);

  nlohmann::ordered_json out;
  out["scenario"] = plan->name;
  out["metrics"] = metrics;
  out["trace_hash"] = hex_word(the_world.trace_hash());
  out["seed"] = seed_;
  out["nodes"] = plan->nodes;
  out["crypto"] = crypto_;
  out["wall_s"] = wall_s;
  out["virtual_s"] = std::chrono::duration<double>(users.end()).count();
  out["network"] = network_json(the_world.network_counters());
  out["warnings"] = the_world.warnings();
  const auto failures = unmet(plan->expectations, metrics);
  out["unmet"] = failures;
  if (json_) {
    std::ofstream file(*json_);
    file << out.dump(2) << '\n';
    file.flush();
    if (!file) return cannot_write(*json_) ? 0 : 1;
  }
  std::cout << out.dump(2) << '\n';
  if (report_ && !write_report(*report_, *log)) return 1;
  if (failures.empty()) return 0;
  for (const auto& f : failures) std::cerr << f << '\n';
  std::cerr << "repeat with: vsf-sim run " << scenario_ << " --nodes " << plan->nodes << " --seed " << seed_
            << " --crypto " << crypto_ << (mutant_.empty() ? "" : " --mutant " + mutant_) << '\n';
  return 1;
}

list_command::list_command(CLI::App& app) : command_(app.add_subcommand("list", "the built-in scenarios")) {}

std::optional<int> list_command::run() const {
  if (!command_->parsed()) return std::nullopt;
  for (const auto& [name, text] : built_in_scenarios()) {
    const auto plan = parse_scenario(text, name);
    std::cout << name << "  " << (plan ? plan->about : plan.error().message) << '\n';
  }
  return 0;
}

}  // namespace vsf::sim
