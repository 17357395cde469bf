#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "actors/shadow_index/rank.hpp"

namespace vsf::shadow_index {

struct resolve_settings {
  std::chrono::nanoseconds positive_ttl = std::chrono::minutes(10);
  std::chrono::nanoseconds negative_ttl = std::chrono::seconds(30);
  std::size_t cached = 4096;
  std::chrono::nanoseconds answer_within = std::chrono::milliseconds(4'800);    // the promise is 5 s
  std::chrono::nanoseconds contacts_within = std::chrono::milliseconds(1'500);  // after the leaves are there
  std::size_t finds_per_run = 8;                                                // side by side
  std::size_t nodes_per_run = 24;                                               // looked up at all
  std::size_t runs = 256;
  std::size_t askers_per_run = 1024;
};

/// What a run of the resolver wants done.
struct send_get {
  std::uint64_t id = 0;
  dht_key key;
};
struct send_find {
  std::uint64_t id = 0;
  id160 target;
};
/// `askers` are the tokens given to `ask`; the answer's id is to be filled in for each of them.
struct give_answer {
  std::vector<std::uint64_t> askers;
  fb::ResolveResultT answer;
};
using resolve_effect = std::variant<send_get, send_find, give_answer>;

struct resolve_counters {
  std::uint64_t questions = 0, cache_hits = 0, negative_hits = 0, coalesced = 0, refused = 0, runs = 0,
                late_leaves = 0, late_contacts = 0, rejected_leaves = 0, evicted = 0;
};

/// MBID -> ranked candidates, over the DHT: reads the leaves, checks and ranks them, finds where their
/// publishers are, remembers answers. Every question is answered exactly once, within `answer_within`.
class resolve_logic {
 public:
  resolve_logic(resolve_settings settings, identity::network_parameters network, const node_id& self);

  struct question {
    std::uint64_t asker = 0;
    vsf::mbid mbid{};
    fb::LeafKind kind = fb::LeafKind::recording;
    bool fresh = false;  // not from the cache
  };
  using effects = std::vector<resolve_effect>;

  effects ask(const question& q, std::chrono::nanoseconds now, std::uint64_t unix_s);
  effects on_leaves(const fb::DhtGetResult& result, std::chrono::nanoseconds now, std::uint64_t unix_s);
  effects on_contacts(const fb::DhtFindResult& result, std::chrono::nanoseconds now);
  effects on_deadline(std::chrono::nanoseconds now);
  /// The DHT was restarted: what was asked of the old one is asked again.
  effects ask_again();
  std::optional<std::chrono::nanoseconds> next_deadline() const;

  const resolve_counters& counters() const { return counters_; }
  std::size_t running() const { return runs_.size(); }
  std::size_t cached() const { return cache_.size(); }

 private:
  using subject = std::pair<fb::LeafKind, vsf::mbid>;
  /// What is known about a subject; contacts come in one by one.
  struct knowledge {
    std::vector<candidate> candidates;
    std::vector<fb::ReleaseTrack> tracks;
    std::map<node_id, contact> contacts;
    std::vector<id160> hints;  // padded; nodes whose leaf we don't have
    std::uint32_t publishers = 0, replicas = 0, asked = 0;
  };
  struct run {
    subject about;
    std::vector<std::uint64_t> askers;
    std::uint64_t get_id = 0;  // 0: the leaves are there
    knowledge known;
    std::vector<id160> to_find;  // best last
    std::map<std::uint64_t, id160> finds;
    std::chrono::nanoseconds started{}, deadline{};
    std::uint64_t cacheable_until_s = 0;
  };
  struct cached_answer {
    knowledge known;
    std::chrono::nanoseconds until{};
    std::uint64_t until_unix_s = 0;  // the first signature in it ends
    std::list<subject>::iterator age;
  };

  const cached_answer* look_up(const subject& about, std::chrono::nanoseconds now, std::uint64_t unix_s);
  void remember(const run& r, std::chrono::nanoseconds now);
  void forget(const subject& about);
  void take_leaves(run& r, const fb::DhtGetResult& result, std::uint64_t unix_s);
  void plan_finds(run& r) const;
  void more_finds(run& r, effects& out);
  void progress(std::uint64_t id, std::chrono::nanoseconds now, effects& out);
  void finish(run& r, std::chrono::nanoseconds now, effects& out);
  fb::ResolveResultT answer_of(const subject& about, const knowledge& known) const;

  resolve_settings settings_;
  identity::network_parameters network_;
  node_id self_;
  std::map<std::uint64_t, run> runs_;
  std::map<subject, std::uint64_t> by_subject_;
  std::map<std::uint64_t, std::uint64_t> by_request_;  // get or find -> run
  std::map<subject, cached_answer> cache_;
  std::list<subject> by_age_;  // least recently used first
  std::uint64_t next_id_ = 1;
  resolve_counters counters_;
};

}  // namespace vsf::shadow_index
