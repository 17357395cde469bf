#include <chrono>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "net/crypto/crypto.hpp"
#include "sim/metrics.hpp"
#include "sim/workload.hpp"

namespace {

using namespace vsf;

struct run_options {
  std::string scenario;
  std::optional<std::size_t> nodes;
  std::uint64_t seed = 1;
  std::optional<std::string> json, ops;
  std::string crypto = "real";
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string hex_word(std::uint64_t x) {
  std::array<std::uint8_t, 8> raw{};
  for (std::size_t i = 0; i < 8; ++i) raw[i] = static_cast<std::uint8_t>(x >> (56 - 8 * i));
  return to_hex(raw);
}

nlohmann::ordered_json network_json(const sim::internet_counters& c) {
  return {{"datagrams_sent", c.datagrams_sent},
          {"datagrams_lost", c.datagrams_lost},
          {"datagrams_delivered", c.datagrams_delivered},
          {"datagrams_to_nobody", c.datagrams_to_nobody},
          {"datagram_bytes", c.datagram_bytes},
          {"stream_packets", c.stream_packets},
          {"stream_bytes", c.stream_bytes},
          {"connects", c.connects},
          {"connects_failed", c.connects_failed}};
}

int run(const run_options& options) {
  auto plan = sim::find_scenario(options.scenario);
  if (!plan) {
    std::cerr << plan.error().message << '\n';
    return 2;
  }
  if (options.nodes) plan->nodes = *options.nodes;
  crypto::use(options.crypto == "real" ? crypto::suite::real : crypto::suite::stand_in);
  crypto::memoise(true);
  auto log = sim::operation_log::open(options.ops);
  if (!log) {
    std::cerr << log.error().message << '\n';
    return 1;
  }
  const auto started = std::chrono::steady_clock::now();
  sim::world world(*plan, options.seed);
  sim::workload users(world, *log);
  users.schedule();
  world.run_until(users.end());
  users.close();
  auto metrics = sim::metrics_of(log->operations());
  metrics["actor_restarts"] = static_cast<double>(world.actor_restarts());
  const auto wall_s = seconds_since(started);

  nlohmann::ordered_json out;
  out["scenario"] = plan->name;
  out["metrics"] = metrics;
  out["trace_hash"] = hex_word(world.trace_hash());
  out["seed"] = options.seed;
  out["nodes"] = plan->nodes;
  out["crypto"] = options.crypto;
  out["wall_s"] = wall_s;
  out["virtual_s"] = std::chrono::duration<double>(users.end()).count();
  out["network"] = network_json(world.network_counters());
  out["warnings"] = world.warnings();
  const auto failures = sim::unmet(plan->expectations, metrics);
  out["unmet"] = failures;
  if (options.json) {
    std::ofstream file(*options.json);
    file << out.dump(2) << '\n';
    if (!file) {
      std::cerr << "cannot write " << *options.json << ": no such folder or no permission\n";
      return 1;
    }
  }
  std::cout << out.dump(2) << '\n';
  if (failures.empty()) return 0;
  for (const auto& f : failures) std::cerr << f << '\n';
  std::cerr << "repeat with: vsf-sim run " << options.scenario << " --nodes " << plan->nodes << " --seed "
            << options.seed << " --crypto " << options.crypto << '\n';
  return 1;
}

int list() {
  for (const auto& [name, text] : sim::built_in_scenarios()) {
    const auto plan = sim::parse_scenario(text, name);
    std::cout << name << "  " << (plan ? plan->about : plan.error().message) << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Virtual Soulfind's simulator: hundreds of nodes' own actors in virtual time"};
  app.require_subcommand(1);
  run_options options;
  auto* run_command = app.add_subcommand("run", "run a built-in scenario or a file");
  run_command->add_option("scenario", options.scenario, "name or .yml file")->required();
  run_command->add_option("--nodes", options.nodes, "instead of the scenario's number")
      ->check(CLI::Range(2, 60000));
  run_command->add_option("--seed", options.seed, "everything random follows from it");
  run_command->add_option("--json", options.json, "write the result there too");
  run_command->add_option("--ops", options.ops, "write every operation there, a line of JSON each");
  run_command->add_option("--crypto", options.crypto, "real or stand-in (insecure, fast)")
      ->check(CLI::IsMember({"real", "stand-in"}));
  auto* list_command = app.add_subcommand("list", "the built-in scenarios");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  return list_command->parsed() ? list() : run(options);
}
