#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vsf_mutants_option.h"  // generated: defines VSF_MUTANTS or not (CMake option of that name)

namespace vsf {

/// Deliberate defects, one broken line each, by which the simulator's scenarios and fuzzer are tested: what
/// they don't notice, they would not notice in earnest (docs/simulator.md, "Mutants").
enum class mutation : std::uint8_t {
  none,
  // DHT and shadow index
  no_leaf_signature_check,
  no_puzzle_check,
  no_key_check,
  no_token_check,
  no_replay_window,
  no_storage_limit,
  no_ttl_expiry,
  wrong_merge_order,
  no_republish,
  wrong_replica_set,
  ignores_timeouts,
  stale_session_reuse,
  forgets_bootstrap,
  lost_publisher_alarm,
  // overlay
  credits_not_returned,
  no_slot_release,
  // downloads
  no_leaf_hash_check,
  no_proof_check,
  no_ban,
  no_stealing,
  no_resume,
  no_checkpoint_sync,
  early_ack,
  no_content_check,
  // supervision
  no_restart,
};

inline constexpr std::array mutation_names{
    std::string_view("none"),
    std::string_view("no-leaf-signature-check"),
    std::string_view("no-puzzle-check"),
    std::string_view("no-key-check"),
    std::string_view("no-token-check"),
    std::string_view("no-replay-window"),
    std::string_view("no-storage-limit"),
    std::string_view("no-ttl-expiry"),
    std::string_view("wrong-merge-order"),
    std::string_view("no-republish"),
    std::string_view("wrong-replica-set"),
    std::string_view("ignores-timeouts"),
    std::string_view("stale-session-reuse"),
    std::string_view("forgets-bootstrap"),
    std::string_view("lost-publisher-alarm"),
    std::string_view("credits-not-returned"),
    std::string_view("no-slot-release"),
    std::string_view("no-leaf-hash-check"),
    std::string_view("no-proof-check"),
    std::string_view("no-ban"),
    std::string_view("no-stealing"),
    std::string_view("no-resume"),
    std::string_view("no-checkpoint-sync"),
    std::string_view("early-ack"),
    std::string_view("no-content-check"),
    std::string_view("no-restart"),
};
static_assert(mutation_names.size() == static_cast<std::size_t>(mutation::no_restart) + 1);

constexpr std::string_view to_string(mutation which) {
  return mutation_names[static_cast<std::size_t>(which)];
}
constexpr std::optional<mutation> find_mutation(std::string_view name) {
  for (std::size_t i = 0; i < mutation_names.size(); ++i)
    if (mutation_names[i] == name) return static_cast<mutation>(i);
  return std::nullopt;
}

#ifdef VSF_MUTANTS
inline constexpr bool has_mutants = true;
/// Of the whole process; the simulator sets it before a run. Nothing else does.
inline mutation active_mutant = mutation::none;
inline bool mutant(mutation which) { return active_mutant == which; }
inline void use_mutant(mutation which) { active_mutant = which; }
#else
inline constexpr bool has_mutants = false;
constexpr bool mutant(mutation) { return false; }
inline void use_mutant(mutation) {}
#endif

}  // namespace vsf
