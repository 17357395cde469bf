#include "sim/metrics.hpp"

#include <gtest/gtest.h>

namespace vsf::sim {
namespace {

operation resolve(operation::outcome end, std::size_t alive, std::uint64_t elapsed_us = 1000) {
  operation op;
  op.end = end;
  op.holders_alive.resize(alive);
  op.elapsed_us = elapsed_us;
  return op;
}

TEST(metrics, count_a_resolve_that_found_nobody_only_if_somebody_was_there) {
  const auto m =
      metrics_of({resolve(operation::outcome::ok, 2), resolve(operation::outcome::empty, 1),
                  resolve(operation::outcome::empty, 0), resolve(operation::outcome::node_died, 3)});
  EXPECT_EQ(m.at("resolves"), 2);
  EXPECT_EQ(m.at("resolve_success"), 0.5);
  EXPECT_EQ(m.at("unavailable"), 1);
}

TEST(metrics, an_operation_that_never_ended_is_a_failure) {
  const auto m = metrics_of({resolve(operation::outcome::ok, 2), resolve(operation::outcome::timed_out, 1)});
  EXPECT_EQ(m.at("resolve_success"), 0.5);
}

TEST(metrics, a_fake_is_no_success_and_no_wrong_bytes) {
  auto fake = resolve(operation::outcome::fake, 1);
  fake.what = operation::kind::download;
  const auto m = metrics_of({fake});
  EXPECT_EQ(m.at("download_success"), 0);
  EXPECT_EQ(m.at("downloads"), 1);
  EXPECT_EQ(m.at("fakes_delivered"), 1);
  EXPECT_EQ(m.at("wrong_bytes"), 0);
}

TEST(metrics, percentiles_are_of_what_succeeded) {
  std::vector<operation> ops;
  for (std::uint64_t i = 1; i <= 100; ++i) ops.push_back(resolve(operation::outcome::ok, 1, i * 1000));
  ops.push_back(resolve(operation::outcome::empty, 1, 9'000'000));
  const auto m = metrics_of(ops);
  EXPECT_EQ(m.at("resolve_p50_ms"), 50);
  EXPECT_EQ(m.at("resolve_p95_ms"), 95);
}

TEST(metrics, expectations_name_what_is_missed_and_what_is_missing) {
  const auto failures =
      unmet({{"a", 0.9, {}}, {"a", {}, 0.4}, {"b", 1.0, {}}, {"a", 0.1, 0.8}}, {{"a", 0.5}});
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_NE(failures[0].find("a is 0.5, expected at least 0.9"), std::string::npos);
  EXPECT_NE(failures[2].find("no metric b"), std::string::npos);
}

}  // namespace
}  // namespace vsf::sim
