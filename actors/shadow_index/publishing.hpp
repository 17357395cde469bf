#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/shadow_index/build.hpp"
#include "actors/shadow_index/publish_plan.hpp"
#include "storage/leaf_stores.hpp"
#include "storage/library_store.hpp"

namespace vsf::shadow_index {

/// How puts of keys ended.
struct put_endings {
  std::uint64_t taken = 0, refused = 0, unheard = 0, unanswered = 0;
};
struct publishing_counters {
  put_endings puts;      // of any kind
  put_endings renewals;  // those of them whose leaf was held
  std::uint64_t sweeps = 0, keys_put = 0, datagrams = 0, leaves_signed = 0, leaves_renewed = 0,
                tombstones = 0, unchanged = 0, store_errors = 0, over_limit = 0, alien_leaves = 0;
};

/// Everything a publisher decides, over the node's stores: what the library says becomes signed leaves in
/// own_leaf_store, those become sweeps at the right time. Works in short steps; after a restart it goes on
/// where the stores are.
class publishing {
 public:
  /// `random` outlives this.
  publishing(const std::shared_ptr<storage::kv_store>& store, std::shared_ptr<const identity::identity> who,
             plan_settings settings, crypto::random_source& random);

  /// The library's files for this MBID changed.
  void changed(fb::LeafKind kind, const mbid& id);

  struct step_result {
    std::vector<record<fb::DhtSweep>> sweeps;
    std::vector<std::string> problems;  // for the log
    bool all_published = false;         // the last new leaf has reached its holders
  };
  /// Does a small part of what there is to do.
  step_result step(std::chrono::nanoseconds now, std::uint64_t unix_ms);
  void on_sweep(const fb::DhtSweepResult& result, std::chrono::nanoseconds now, std::uint64_t unix_ms);
  /// No answer will come to earlier sweeps.
  void dht_restarted(std::chrono::nanoseconds now);
  /// When to call step() again; nullopt: not before something happens.
  std::optional<std::chrono::nanoseconds> next_deadline(std::chrono::nanoseconds now) const;

  plan_status status(std::chrono::nanoseconds now) const { return plan_.status(now); }
  const plan_settings& settings() const { return plan_.settings(); }
  const publishing_counters& counters() const { return counters_; }
  std::uint64_t sweep_timeouts() const { return plan_.timeouts(); }
  std::uint64_t rounds() const { return plan_.rounds(); }
  std::size_t to_build() const { return to_build_.size(); }
  /// What a person should know.
  std::vector<std::string> notes(std::chrono::nanoseconds now) const;

 private:
  using subject = std::pair<fb::LeafKind, mbid>;
  enum class phase : std::uint8_t { restoring, listing, following };
  /// What a sweep under way carries; kept, so that nothing has to be read again to note that it was taken.
  struct sent_leaf {
    dht_key key;
    fb::OwnLeafT stored;
    bool held = false;
    bool replaced = false;  // by another leaf of ours meanwhile
  };
  struct own {
    fb::OwnLeafT stored;
    record<fb::Leaf> leaf;
  };

  void restore_some(std::chrono::nanoseconds now, std::uint64_t unix_ms, step_result& out);
  void list_some(step_result& out);
  void build_some(std::chrono::nanoseconds now, std::uint64_t unix_ms, step_result& out);
  void forget_finished(std::chrono::nanoseconds now, step_result& out);
  void sweep(const planned_sweep& planned, std::chrono::nanoseconds now, std::uint64_t unix_ms,
             step_result& out);
  /// The leaf to put, signed again if that is due; nullopt: it can't go now.
  std::optional<sent_leaf> leaf_to_send(std::uint64_t id, const planned_sweep::item& item,
                                        std::chrono::nanoseconds now, std::uint64_t unix_ms,
                                        step_result& out);
  void drop_unanswered();
  void count_ending(bool held, std::uint64_t put_endings::*how);
  void note_replaced(const dht_key& key);

  std::optional<leaf_content> content_of(const subject& about, step_result& out);
  /// The leaf under a key as stored; nullopt: none, unreadable or of another identity.
  std::optional<own> own_leaf(const dht_key& key, step_result& out);
  /// Builds one anew; a changed leaf is appended to `changed`. False: storage failed.
  bool rebuild(const subject& about, std::uint64_t unix_ms,
               std::vector<std::pair<build_verdict, fb::OwnLeafT>>& changed, step_result& out);
  bool save(const std::vector<std::pair<build_verdict, fb::OwnLeafT>>& changed, std::chrono::nanoseconds now,
            step_result& out);
  void problem(std::string text, step_result& out);

  std::shared_ptr<storage::kv_store> store_;
  storage::own_leaf_store own_leaves_;
  storage::library_store library_;
  std::shared_ptr<const identity::identity> who_;
  publish_plan plan_;
  seq_source seqs_;
  std::set<subject> to_build_;
  std::map<std::uint64_t, std::vector<sent_leaf>> flights_;  // keys ascend, as in the plan
  phase phase_ = phase::restoring;
  dht_key restore_from_{};
  std::string list_from_;
  std::optional<std::chrono::nanoseconds> paused_until_;  // storage failed
  bool unpublished_ = false;
  publishing_counters counters_;
};

}  // namespace vsf::shadow_index
