#pragma once

#include <map>
#include <memory>
#include <set>
#include <variant>
#include <vector>

#include "actors/dht/contacts.hpp"
#include "actors/dht/leaf_storage.hpp"
#include "actors/dht/value_policy.hpp"

namespace vsf::dht {

/// find: the nodes nearest to a target. first: the first verified leaf. quorum: leaves from 3 holders.
/// holders: as find, all k of them and each with a token; what a sweep makes of its keys one after the other.
enum class lookup_goal : std::uint8_t { find, first, quorum, holders };

struct lookup_options {
  std::size_t k = bucket_size;
  std::size_t in_flight = 4;          // of reads
  std::size_t in_flight_holders = 8;  // nobody waits for the first answer: all k are wanted
  std::size_t quorum = 3;
  nanoseconds initial_rto = rtt_estimate::first_rto;
  nanoseconds deadline = std::chrono::seconds(9);  // of the whole run
  std::size_t max_known = 512;                     // contacts heard of
  std::size_t max_leaves = 64;
  std::size_t max_hints = 64;
  std::size_t pages_per_holder = 8;
  std::size_t pages = 16;  // beyond the first of each holder, in all
};

/// A contact to begin with or that was told by somebody, with what is known of its round trip.
struct known_peer {
  contact who;
  rtt_estimate rtt;
};

/// A value on its way to the nodes nearest to its key.
struct sweep_item {
  dht_key key;
  bytes value;
  bool held = false;  // nodes took this very value before
  digest hash{};      // value_facts::order
};
enum class question_kind : std::uint8_t { ping, find, get, renew, store };
/// What one node asks another; renew and store are about `which` of a sweep's items.
struct question {
  question_kind kind = question_kind::ping;
  id160 target;
  std::uint64_t cursor = 0;
  bytes token;
  std::shared_ptr<const std::vector<sweep_item>> items;
  std::vector<std::uint16_t> which;
};

/// What came back, already verified as a message and free of contacts that mustn't be taken.
struct peer_answer {
  bool refused = false;
  std::vector<known_peer> contacts;
  bytes token;
  bytes shard;                           // ShadowIndexShard, empty: none
  std::vector<fb::PutVerdict> verdicts;  // of a store
  std::vector<bool> held;                // of a renewal
};

/// What became of one item of a sweep.
struct sweep_outcome {
  dht_key key;
  std::vector<node_id> stored_at;  // hold the value under a fresh lease
  std::uint32_t refused = 0, unanswered = 0;
  bool ours = false;  // this node is one of the nearest itself
};

struct lookup_result {
  std::vector<contact> contacts;     // answered in this run, nearest first, at most k
  std::vector<bytes> leaves;         // one per publisher, in the order of the publishers' keys; no tombstones
  std::vector<std::uint64_t> hints;  // publishers known by their first 8 bytes (big-endian) only
  std::uint32_t replicas = 0, asked = 0, timeouts = 0;
  std::vector<sweep_outcome> outcomes;  // of a sweep: one for each item
  std::uint32_t written = 0;            // of a sweep: questions that renew or store
  nanoseconds elapsed{0};
  bool complete = true;  // false: the deadline ended it
};

// Effects.
/// `ask` comes back with the answer. A retry is known to be one: it must not rely on a session that may be
/// gone.
struct ask_peer {
  std::uint32_t ask = 0;
  contact who;
  question what;
  bool retry = false;
};
/// All questions to it were lost.
struct peer_silent {
  contact who;
};
struct lookup_finished {
  lookup_result result;
};
using lookup_effect = std::variant<ask_peer, peer_silent, lookup_finished>;
using lookup_effects = std::vector<lookup_effect>;

/// Something that asks nodes in turn until it has its result: a lookup or a sweep.
class run_logic {
 public:
  virtual ~run_logic() = default;
  virtual lookup_effects start(nanoseconds now, const std::vector<known_peer>& seeds) = 0;
  virtual lookup_effects on_answer(nanoseconds now, std::uint64_t unix_s, std::uint32_t ask,
                                   const peer_answer& answer) = 0;
  /// The contact is not who it was said to be, or can't be asked.
  virtual lookup_effects on_refused(nanoseconds now, std::uint32_t ask) = 0;
  virtual lookup_effects on_time(nanoseconds now) = 0;
  /// When on_time() wants to be called; max(): done.
  virtual nanoseconds next_deadline() const = 0;
  virtual bool done() const = 0;
};

/// How long to wait for the answer to the `attempt`th question (1 is the first).
nanoseconds question_rto(const rtt_estimate& rtt, nanoseconds initial, std::uint8_t attempt);

/// One run of Kademlia's iterative lookup, for reads and for the holders of a write alike: a few questions in
/// flight to the nearest known contacts, until the k nearest that are alive have answered (or a read has what
/// it wants). A question that isn't answered within its contact's RTO frees its place and is asked once more;
/// a late answer still counts. It doesn't wait for silent contacts once k others answered, except for the
/// very node it looks for.
class lookup final : public run_logic {
 public:
  lookup(lookup_goal goal, const id160& target, const node_id& self, lookup_options options,
         std::shared_ptr<const value_policy> policy);

  /// A contact that answered a question near the target already, before start(): it isn't asked again.
  void answered_before(const known_peer& peer);
  lookup_effects start(nanoseconds now, const std::vector<known_peer>& seeds) override;
  /// A value this node holds itself, before start(); ours don't satisfy a `first`.
  void hold(std::uint64_t unix_s, byte_view leaf);
  lookup_effects on_answer(nanoseconds now, std::uint64_t unix_s, std::uint32_t ask,
                           const peer_answer& answer) override;
  lookup_effects on_refused(nanoseconds now, std::uint32_t ask) override;
  lookup_effects on_time(nanoseconds now) override;
  nanoseconds next_deadline() const override;
  bool done() const override { return done_; }

 private:
  enum class standing : std::uint8_t { fresh, asked, late, answered, failed };
  enum class purpose : std::uint8_t { search, page };
  struct node {
    contact who;
    rtt_estimate rtt;
    standing state = standing::fresh;
    std::uint8_t attempts = 0;
    bool is_replica = false;
    std::size_t pages = 0;
  };
  struct pending {
    id160 distance;
    purpose why = purpose::search;
    std::uint64_t cursor = 0;
    std::uint8_t attempt = 1;
    nanoseconds deadline{0};
    bool overdue = false;
  };
  struct merged {
    value_facts facts;
    bytes raw;
  };

  void learn(const known_peer& peer);
  void search(nanoseconds now, node& whom, const id160& distance, lookup_effects& out);
  std::uint32_t track(nanoseconds now, const node& whom, pending what);
  void ask_page(nanoseconds now, const id160& distance, std::uint64_t cursor, std::uint8_t attempt,
                lookup_effects& out);
  std::uint8_t attempts_for(const node& whom) const;
  std::size_t in_flight_limit() const {
    return goal_ == lookup_goal::holders ? options_.in_flight_holders : options_.in_flight;
  }
  bool is_wanted(const node& whom) const { return goal_ == lookup_goal::find && names(target_, whom.who.id); }
  bool near_enough(const id160& distance) const;
  bool settled() const;
  bool satisfied() const;
  void take_shard(nanoseconds now, std::uint64_t unix_s, node& from, const id160& distance, byte_view shard,
                  lookup_effects& out);
  bool merge(std::uint64_t unix_s, byte_view raw);
  void lose(nanoseconds now, const pending& what, lookup_effects& out);
  void step(nanoseconds now, lookup_effects& out);
  void finish(nanoseconds now, lookup_effects& out);

  lookup_goal goal_;
  id160 target_;
  node_id self_;
  lookup_options options_;
  std::shared_ptr<const value_policy> policy_;
  std::map<id160, node> nodes_;  // by distance
  std::map<std::uint32_t, pending> pending_;
  std::map<public_key, merged> leaves_;
  std::set<std::uint64_t> hints_;
  std::uint32_t next_ask_ = 1;
  std::size_t in_flight_ = 0;  // searches within their RTO
  std::size_t pages_open_ = 0, pages_asked_ = 0;
  std::size_t answered_ = 0;
  std::size_t publishers_seen_ = 0;
  std::size_t foreign_leaves_ = 0;
  bool found_ = false;  // the very node looked for has answered
  nanoseconds started_{0};
  bool done_ = false, timed_out_ = false;
  lookup_result result_;
};

}  // namespace vsf::dht
