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
                           "expect: {x: {at_lest: 1}}"})
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

TEST(scenario, names_the_built_in_ones_when_there_is_none) {
  const auto found = find_scenario("no-such");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("first-light"), std::string::npos);
}

}  // namespace
}  // namespace vsf::sim
