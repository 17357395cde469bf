#include "sim/mutants.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "net/crypto/crypto.hpp"

namespace vsf::sim {
namespace {

class mutants : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_mutants) GTEST_SKIP() << "built without VSF_MUTANTS";
    crypto::use(crypto::suite::stand_in);
    crypto::memoise(true);
  }
  void TearDown() override {
    use_mutant(mutation::none);
    crypto::use(crypto::suite::real);
  }
};

TEST_F(mutants, each_has_a_name_and_one_row) {
  std::set<mutation> rows;
  for (const auto& row : mutant_table()) {
    EXPECT_TRUE(rows.insert(row.which).second) << to_string(row.which);
    EXPECT_EQ(find_mutation(to_string(row.which)), row.which);
    EXPECT_LE(row.runs, 200u);
    EXPECT_NO_THROW(trial_of(row, 0)) << row.where;
  }
  EXPECT_EQ(rows.size(), mutation_names.size() - 1);
  EXPECT_EQ(find_mutation("no-such"), std::nullopt);
}

TEST_F(mutants, is_on_only_when_it_was_asked_for) {
  EXPECT_FALSE(mutant(mutation::no_ban));
  use_mutant(mutation::no_ban);
  EXPECT_TRUE(mutant(mutation::no_ban));
  EXPECT_FALSE(mutant(mutation::no_restart));
}

/// The others take minutes: vsf-sim mutants.
class quick_mutants : public mutants, public ::testing::WithParamInterface<mutation> {};

TEST_P(quick_mutants, is_noticed_and_the_same_run_without_it_is_clean) {
  const auto& table = mutant_table();
  const auto row =
      *std::find_if(table.begin(), table.end(), [&](const mutant_row& r) { return r.which == GetParam(); });
  const auto found = try_mutant(row);
  ASSERT_NE(found.run, 0u) << "it survived " << row.runs << " runs of " << row.where;
  const auto clean = run_trial(trial_of(row, found.run - 1));
  EXPECT_TRUE(clean.failures.empty()) << clean.failures.front();
}

INSTANTIATE_TEST_SUITE_P(all, quick_mutants,
                         ::testing::Values(mutation::no_token_check, mutation::no_leaf_signature_check,
                                           mutation::no_ttl_expiry, mutation::early_ack,
                                           mutation::wrong_merge_order, mutation::no_republish,
                                           mutation::no_restart, mutation::no_content_check,
                                           mutation::no_proof_check),
                         [](const auto& one) {
                           auto name = std::string(to_string(one.param));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace vsf::sim
