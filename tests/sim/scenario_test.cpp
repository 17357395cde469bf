#include "sim/scenario.hpp"

#include <gtest/gtest.h>

namespace vsf::sim {
namespace {

TEST(scenario, every_built_in_one_is_valid_and_named_as_its_file) {
  EXPECT_FALSE(built_in_scenarios().empty());
  for (const auto& [name, text] : built_in_scenarios()) {
    const auto parsed = parse_scenario(text, name);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->name, name);
    EXPECT_FALSE(parsed->expectations.empty());
  }
}

TEST(scenario, says_file_line_and_known_keys_for_an_unknown_one) {
  const auto parsed = parse_scenario("nodes: 5\nnetwork:\n  los: 0.1\n", "x.yml");
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("x.yml:3"), std::string::npos) << parsed.error().message;
  EXPECT_NE(parsed.error().message.find("loss"), std::string::npos) << parsed.error().message;
}

TEST(scenario, refuses_bad_values) {
  for (const auto* text : {"nodes: 1", "nodes: many", "nodes: 2.5", "network: 5", "network: {loss: 1.5}",
                           "faults: [{what: nap}]", "catalogue: {file_kib: {min: 9, max: 3}}", "nodes: [",
                           "expect: {x: {at_lest: 1}}", "network: {nat: {open: 0.5}}",
                           "network: {nat: {opened: 1}}", "workload: {flash_crowds: 3}"})
    EXPECT_FALSE(parse_scenario(text, "x.yml")) << text;
}

TEST(scenario, reads_what_is_given) {
  const auto parsed = parse_scenario(
      "nodes: 7\nfaults:\n  - {at_s: 3, what: process_kill, share: 0.5, back_after_s: 9}\nexpect:\n  x: "
      "{at_most: 2}\n",
      "x.yml");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->nodes, 7u);
  ASSERT_EQ(parsed->faults.size(), 1u);
  EXPECT_EQ(parsed->faults[0].what, fault::kind::process_kill);
  EXPECT_EQ(parsed->faults[0].back_after_s, 9);
  ASSERT_EQ(parsed->expectations.size(), 1u);
  EXPECT_EQ(parsed->expectations[0].at_most, 2);
}

TEST(scenario, what_is_written_is_read_back) {
  for (const auto& [name, text] : built_in_scenarios()) {
    const auto plan = parse_scenario(text, name).value();
    const auto again = parse_scenario(to_yaml(plan), name);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(plan == *again) << to_yaml(plan);
  }
  scenario odd;
  odd.name = "odd: \"one\"";
  odd.network.nat = {0.25, 0.25, 0, 0, 0.5};
  odd.network.reorder_ms = 12.5;
  odd.population.churn.session_mean_s = 1234.5;
  odd.catalogue.min_kib = 1;
  odd.soulseek.server = true;
  odd.workload.flash_crowds = {{3, 0.5, 1}, {9, 1, 2}};
  for (std::size_t k = 0; k < fault::kinds; ++k)
    odd.faults.push_back({1.0 + static_cast<double>(k), static_cast<fault::kind>(k), 0.1, 5, 7, -2.5});
  odd.expectations = {{"x", 1, {}}, {"y", {}, 2}};
  const auto again = parse_scenario(to_yaml(odd), "odd");
  ASSERT_TRUE(again) << again.error().message << to_yaml(odd);
  EXPECT_TRUE(odd == *again) << to_yaml(odd);
}

TEST(scenario, what_needs_a_soulseek_server_says_so) {
  const auto dies = parse_scenario("faults: [{at_s: 1, what: server_down}]", "x.yml");
  ASSERT_FALSE(dies);
  EXPECT_EQ(dies.error().message, "x.yml: faults: server_down needs a server: soulseek: {server: true}");
  EXPECT_FALSE(parse_scenario("workload: {soulseek_downloads_per_node: 1}", "x.yml"));
  EXPECT_FALSE(parse_scenario("soulseek: {server: 3}", "x.yml"));
  EXPECT_TRUE(parse_scenario("soulseek: {server: true}\nfaults: [{at_s: 1, what: server_down}]", "x.yml"));
}

TEST(scenario, names_the_built_in_ones_when_there_is_none) {
  const auto found = find_scenario("no-such");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("first-light"), std::string::npos);
}

}  // namespace
}  // namespace vsf::sim
