#include "sim/mutants.hpp"

#include <stdexcept>

namespace vsf::sim {

namespace {

// Small ones: a defect that shows only among many would be worth a scenario of its own.
constexpr std::size_t fuzz_nodes = 30;
constexpr double fuzz_minutes = 15;

}  // namespace

const std::vector<mutant_row>& mutant_table() {
  using enum mutation;
  static const std::vector<mutant_row> all{
      {no_leaf_signature_check, "fuzz"},
      {no_puzzle_check, "fuzz"},
      {no_key_check, "fuzz"},
      {no_token_check, "fuzz"},
      {no_replay_window, "fuzz"},
      {no_storage_limit, "fuzz"},
      {no_ttl_expiry, "fuzz"},
      {wrong_merge_order, "fuzz"},
      {no_republish, "long-evening"},
      {wrong_replica_set, "fuzz"},
      {ignores_timeouts, "fuzz"},
      {stale_session_reuse, "restarts"},
      {forgets_bootstrap, "fuzz"},
      {lost_publisher_alarm, "fuzz"},
      {credits_not_returned, "albums"},
      {no_slot_release, "rare"},
      {no_leaf_hash_check, "fuzz"},
      {no_proof_check, "fuzz"},
      {no_ban, "fuzz"},
      {no_stealing, "slow-sources"},
      {no_resume, "interrupted"},
      {no_checkpoint_sync, "interrupted"},
      {early_ack, "fuzz"},
      {no_content_check, "fakes"},
      {no_restart, "crashes"},
  };
  return all;
}

trial trial_of(const mutant_row& row, std::size_t run) {
  if (row.where == "fuzz") return draw_trial({row.seed, fuzz_nodes, fuzz_minutes}, run);
  auto plan = find_scenario(row.where);
  if (!plan) throw std::runtime_error(plan.error().message);
  return {*std::move(plan), row.seed + run, 0};
}

caught try_mutant(const mutant_row& row) {
  caught out;
  for (std::size_t run = 0; run < row.runs && out.run == 0; ++run) {
    const auto what = trial_of(row, run);
    use_mutant(row.which);
    const auto came = run_trial(what);
    use_mutant(mutation::none);
    out.wall_s += came.wall_s;
    // What fails without the mutant, too, says nothing about it.
    if (came.failures.empty() || !run_trial(what).failures.empty()) continue;
    out.run = run + 1;
    out.by = came.failures.front();
  }
  return out;
}

}  // namespace vsf::sim
