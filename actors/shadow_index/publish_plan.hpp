#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "actors/shadow_index/put_budget.hpp"
#include "messages/types.hpp"
#include "net/crypto/random.hpp"

namespace vsf::shadow_index {

struct plan_settings {
  std::chrono::nanoseconds interval = std::chrono::minutes(15);  // of a round, with a tenth of jitter
  std::chrono::nanoseconds lease = std::chrono::hours(1);        // how long holders keep a leaf
  std::uint32_t new_per_round =
      100;  // sweeps with new or changed leaves in one interval; renewals don't count
  std::uint32_t datagrams_per_minute = 100;  // that store or renew; a minute's worth may go at once
  std::size_t keys_per_sweep = 32;
  std::size_t sweeps_in_flight = 4;
  // Holders a put wants (the DHT's k); fewer: it goes again before its lease is due.
  std::uint32_t copies = 16;
  std::chrono::nanoseconds sweep_timeout = std::chrono::seconds(120);
  // What is put this soon after the start goes once more.
  std::chrono::nanoseconds young = std::chrono::seconds(60);
};

/// How it stands with the keys this node publishes.
struct plan_status {
  std::uint64_t keys = 0;         // not counting withdrawn ones
  std::uint64_t alive = 0;        // at holders now
  std::uint64_t pending = 0;      // their present leaf was not yet taken by any holder; withdrawals included
  std::uint64_t withdrawing = 0;  // tombstones
  std::uint64_t beyond_rate = 0;  // more than can be renewed within a lease
  std::uint64_t in_flight = 0;
  std::chrono::nanoseconds full_publish{};  // how long all keys take from nothing
};

/// Leaves to put together; keys ascend.
struct planned_sweep {
  struct item {
    dht_key key;
    bool held;  // holders took this very leaf and should still have it
  };
  std::uint64_t id = 0;
  std::vector<item> items;
};
struct key_outcome {
  dht_key key;
  std::uint32_t holders = 0;
};

/// When to put which keys together. New and changed leaves go as soon as changes pause; the others before
/// their lease ends, those first whose lease ends first, and with what is left those that lapsed; each time
/// with the next keys in order that are due as well or soon, so that neighbours, which have common holders,
/// stay together. All within a budget of datagrams. A leaf that nobody took comes back with growing delay;
/// while the DHT knows nobody to ask, everything waits.
class publish_plan {
 public:
  publish_plan(plan_settings settings, crypto::random_source& random);

  /// A key known from storage: `since_put` is the time since holders took its leaf, nullopt: never; `held`:
  /// they took it as it is now.
  void restore(const dht_key& key, bool tombstone, std::optional<std::chrono::nanoseconds> since_put,
               bool held, std::chrono::nanoseconds now);
  /// The leaf under this key is new or another one. False: max_keys are known already.
  bool changed(const dht_key& key, bool tombstone, std::chrono::nanoseconds now);
  /// The leaf under this key says the same with a new signature: holders need the whole of it next time.
  void resigned(const dht_key& key);
  void forget(const dht_key& key);

  /// What to put now; each is in flight until `done` or its timeout.
  std::vector<planned_sweep> take_due(std::chrono::nanoseconds now);
  /// The leaf of a key in flight couldn't be read: it goes later.
  void not_sent(std::uint64_t id, const dht_key& key, std::chrono::nanoseconds now);
  /// The end of a sweep: how many nodes took which leaf (in the order of the keys; a missing one: none), how
  /// many were asked and what it cost. Of a sweep that is not in flight: ignored.
  void done(std::uint64_t id, std::span<const key_outcome> outcomes, std::uint32_t asked,
            std::uint32_t written, std::chrono::nanoseconds now);
  bool flying(std::uint64_t id) const { return flights_.contains(id); }
  /// No answer will come to what is in flight: it goes again.
  void abandon_in_flight(std::chrono::nanoseconds now);
  /// Tombstones whose lease has ended: all that they withdrew is gone, too. They are forgotten here.
  std::vector<dht_key> take_finished(std::chrono::nanoseconds now);
  /// When to take_due() again; nullopt: nothing to do until something changes.
  std::optional<std::chrono::nanoseconds> next_deadline(std::chrono::nanoseconds now) const;

  plan_status status(std::chrono::nanoseconds now) const;
  /// As in status, but at no cost.
  std::uint64_t pending() const { return pending_; }
  const plan_settings& settings() const { return settings_; }
  bool knows(const dht_key& key) const { return keys_.contains(key); }
  std::uint64_t timeouts() const { return timeouts_; }
  std::uint64_t rounds() const { return rounds_; }

  static constexpr std::size_t max_keys = 200'000;

 private:
  // resting: alive, until `due`; gathering: changed, more may come; queued: goes with the next sweep that has
  // room; retrying: put already or in vain, until `due`.
  enum class phase : std::uint8_t { none, resting, gathering, queued_new, queued_due, retrying, in_flight };
  struct entry {
    phase at = phase::none;
    bool tombstone = false;
    bool is_new = false;         // its present leaf was not taken by anybody yet
    bool held = false;           // holders took exactly the present leaf
    bool changed_again = false;  // while in flight
    std::uint32_t failures = 0;
    std::uint32_t thin_puts = 0;           // in a row that fewer than `copies` took
    std::uint64_t flight = 0;              // in flight: which
    std::chrono::nanoseconds lease_end{};  // 0: none
    std::chrono::nanoseconds due{};        // resting, retrying: when it goes again
  };
  struct draft {
    std::vector<dht_key> keys;
    sweep_size size;
  };
  struct flight {
    std::vector<dht_key> keys;
    sweep_size size;
    bool has_new = false;
    std::chrono::nanoseconds started{};
  };
  /// What is the same for all keys of a sweep that ended, so that they stay together.
  struct ending {
    std::chrono::nanoseconds started{}, now{};
    std::uint32_t asked = 0;
    std::int64_t delay_permille = 1000;
    std::chrono::nanoseconds early{};  // before the end of the lease
  };

  void set_new(entry& e, bool is_new);
  bool holds(const entry& e, std::chrono::nanoseconds now) const { return e.held && e.lease_end > now; }
  /// False: it was forgotten and is another one now.
  static bool is_in(std::uint64_t flight, const entry& e) {
    return e.at == phase::in_flight && e.flight == flight;
  }
  void leave(const dht_key& key, entry& e);
  void wait_until(const dht_key& key, entry& e, phase how, std::chrono::nanoseconds due);
  void gather(const dht_key& key, entry& e, std::chrono::nanoseconds now);
  void queue(const dht_key& key, entry& e);
  void keep_tombstone(const dht_key& key, entry& e);

  void begin_round_if_due(std::chrono::nanoseconds now);
  void release_gathered(std::chrono::nanoseconds now);
  void queue_what_is_due(std::chrono::nanoseconds now);
  void expire_in_flight(std::chrono::nanoseconds now);

  bool joins(const entry& e, std::chrono::nanoseconds now) const;
  dht_key next_new() const;
  std::optional<dht_key> next_first(std::chrono::nanoseconds now);
  bool has_room(const draft& sweep) const;
  draft sweep_from(const dht_key& first, std::chrono::nanoseconds now) const;
  planned_sweep start(const dht_key& first, draft sweep, std::chrono::nanoseconds now);
  /// True: a leaf that was new has its holders.
  bool end_put(const dht_key& key, entry& e, std::uint32_t holders, const ending& how);
  void end_flight(std::uint64_t id, const flight& f, std::span<const key_outcome> outcomes,
                  std::uint32_t asked, std::chrono::nanoseconds now);

  std::int64_t delay_permille();
  std::chrono::nanoseconds draw_early();
  std::chrono::nanoseconds jittered_interval();
  std::optional<std::chrono::nanoseconds> gathered_at() const;

  plan_settings settings_;
  crypto::random_source& random_;
  put_budget budget_;
  std::map<dht_key, entry> keys_;
  std::set<dht_key> gathering_, new_, due_;
  std::set<std::pair<std::chrono::nanoseconds, dht_key>> urgent_, lapsed_;  // due_ by end of lease
  std::set<std::pair<std::chrono::nanoseconds, dht_key>> waiting_;          // resting and retrying, by `due`
  std::set<std::pair<std::chrono::nanoseconds, dht_key>> tombstones_;       // by end of lease
  std::map<std::uint64_t, flight> flights_;                                 // by id, so by timeout
  std::chrono::nanoseconds first_change_{}, last_change_{};                 // of those that gather
  std::optional<std::chrono::nanoseconds> next_round_;
  std::optional<std::chrono::nanoseconds>
      next_start_;                                    // of a sweep, unless one that is in flight ends before
  std::optional<std::chrono::nanoseconds> began_;     // the first time keys were taken
  std::optional<std::chrono::nanoseconds> restored_;  // when the first of what was kept is offered again
  bool look_again_ = false;                           // what take_due() found out no longer holds
  std::uint32_t new_left_ = 0;
  std::optional<dht_key> last_new_;          // new keys take turns from here
  double spent_whole_ = 0, spent_held_ = 0;  // datagrams while both waited
  std::chrono::nanoseconds paused_until_{};
  std::uint32_t pauses_ = 0;
  std::uint64_t next_id_ = 1;
  std::uint64_t pending_ = 0;  // entries with is_new
  std::uint64_t timeouts_ = 0;
  std::uint64_t rounds_ = 0;
};

}  // namespace vsf::shadow_index
