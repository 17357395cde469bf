#include <cstdlib>

#include <gtest/gtest.h>

#include "sim/metrics.hpp"
#include "sim/workload.hpp"

namespace vsf::sim {
namespace {

struct outcome {
  std::map<std::string, double> metrics;
  std::uint64_t trace_hash = 0;
  std::vector<std::string> unmet;
};

outcome run(std::uint64_t seed, std::size_t nodes) {
  crypto::memoise(true);
  auto plan = find_scenario("first-light").value();
  plan.nodes = nodes;
  auto log = operation_log::open({}).value();
  world w(plan, seed);
  workload users(w, log);
  users.schedule();
  w.run_until(users.end());
  users.close();
  outcome out;
  out.metrics = metrics_of(log.operations());
  out.metrics["actor_restarts"] = static_cast<double>(w.actor_restarts());
  out.trace_hash = w.trace_hash();
  out.unmet = unmet(plan.expectations, out.metrics);
  return out;
}

std::size_t size(std::size_t reduced, std::size_t full) {
  return std::getenv("VSF_FULL") != nullptr ? full : reduced;
}

TEST(first_light, resolves_and_downloads_over_a_lossy_network) {
  const auto result = run(7, size(60, 200));
  for (const auto& failure : result.unmet)
    ADD_FAILURE() << failure << "; repeat: vsf-sim run first-light --seed 7";
  EXPECT_GT(result.metrics.at("resolves"), 100);
  EXPECT_GT(result.metrics.at("bytes_moved"), 1e6);
}

TEST(first_light, the_same_seed_gives_the_same_trace_and_another_does_not) {
  const auto first = run(3, 20), again = run(3, 20), other = run(4, 20);
  EXPECT_EQ(first.trace_hash, again.trace_hash);
  EXPECT_EQ(first.metrics, again.metrics);
  EXPECT_NE(first.trace_hash, other.trace_hash);
}

}  // namespace
}  // namespace vsf::sim
