#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "messages/types.hpp"
#include "net/crypto/random.hpp"

namespace vsf::shadow_index {

struct plan_settings {
  std::chrono::nanoseconds interval = std::chrono::minutes(15);  // between rounds, with a tenth of jitter
  std::chrono::nanoseconds lease = std::chrono::hours(1);        // how long holders keep a leaf
  std::uint32_t new_per_round = 100;    // new or changed leaves put in one interval; renewals don't count
  std::uint32_t puts_per_minute = 100;  // of any kind; a minute's worth may go at once
  std::uint32_t in_flight = 8;
  std::uint32_t copies =
      16;  // holders a put wants (the DHT's k); fewer: it goes again before its lease is due
  std::chrono::nanoseconds put_timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds young =
      std::chrono::seconds(60);  // what is put this soon after the start goes once more
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

/// When to put which key: new and changed leaves at once, then those whose lease ends before the next round,
/// in key order so that neighbours in the key space follow each other; all within a token bucket. A put that
/// nobody took comes back with growing delay; while the DHT knows nobody to ask, everything waits.
class publish_plan {
 public:
  publish_plan(plan_settings settings, crypto::random_source& random);

  /// A key known from storage: `since_put` is the time since holders took its leaf; nullopt: never.
  void restore(const dht_key& key, bool tombstone, std::optional<std::chrono::nanoseconds> since_put,
               std::chrono::nanoseconds now);
  /// The leaf under this key is new or another one. False: max_keys are known already.
  bool changed(const dht_key& key, bool tombstone, std::chrono::nanoseconds now);
  void forget(const dht_key& key);

  /// Keys to put now; each is in flight until `done` or its timeout.
  std::vector<dht_key> take_due(std::chrono::nanoseconds now);
  /// The end of a put: how many nodes took it of how many that were asked. Of a key that is not in flight:
  /// ignored.
  void done(const dht_key& key, std::uint32_t holders, std::uint32_t asked, std::chrono::nanoseconds now);
  /// No answer will come to what is in flight: it goes again.
  void abandon_in_flight(std::chrono::nanoseconds now);
  /// Tombstones whose lease has ended: all that they withdrew is gone, too. They are forgotten here.
  std::vector<dht_key> take_finished(std::chrono::nanoseconds now);
  /// nullopt: nothing to do until something changes.
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
  enum class phase : std::uint8_t { resting, queued_new, queued_renewal, retrying, in_flight };
  struct entry {
    phase at = phase::resting;
    bool tombstone = false;
    bool is_new = false;         // its present leaf was not taken by anybody yet
    bool changed_again = false;  // while in flight
    std::uint32_t failures = 0;
    std::uint32_t thin_puts = 0;           // in a row that fewer than `copies` took
    std::chrono::nanoseconds lease_end{};  // 0: none
    std::chrono::nanoseconds due{};        // retrying: when; in flight: its timeout
  };

  void set_new(entry& e, bool is_new);
  void enqueue(const dht_key& key, entry& e);
  void start_round(std::chrono::nanoseconds now);
  void expire_in_flight(std::chrono::nanoseconds now);
  void retry_later(const dht_key& key, entry& e, std::chrono::nanoseconds now);
  bool take_token(std::chrono::nanoseconds now);
  std::chrono::nanoseconds next_token(std::chrono::nanoseconds now) const;
  bool has_work() const;
  std::chrono::nanoseconds jittered(std::chrono::nanoseconds around, std::uint64_t tenths);

  plan_settings settings_;
  crypto::random_source& random_;
  std::map<dht_key, entry> keys_;
  std::deque<dht_key> new_;
  std::deque<dht_key> renewals_;
  std::set<std::pair<std::chrono::nanoseconds, dht_key>> retries_;
  std::set<std::pair<std::chrono::nanoseconds, dht_key>> flying_;      // by timeout
  std::set<std::pair<std::chrono::nanoseconds, dht_key>> tombstones_;  // by end of lease
  std::optional<std::chrono::nanoseconds> next_round_;
  std::optional<std::chrono::nanoseconds> began_;  // the first time keys were taken
  std::uint32_t new_left_ = 0;
  std::chrono::nanoseconds bucket_{};  // the bucket is full from then on
  std::chrono::nanoseconds paused_until_{};
  std::uint32_t pauses_ = 0;
  std::uint64_t pending_ = 0;  // entries with is_new
  std::uint64_t timeouts_ = 0;
  std::uint64_t rounds_ = 0;
};

}  // namespace vsf::shadow_index
