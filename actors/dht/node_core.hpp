#pragma once

#include <set>

#include "actors/dht/peer_registry.hpp"
#include "actors/dht/query_service.hpp"

namespace vsf::dht {

struct core_options {
  table_limits table;
  storage_limits storage;
  service_limits service;
  registry_limits registry;
  lookup_options lookup;
  rate handshakes{64, 16};         // per source, before any cryptography
  rate all_handshakes{1000, 500};  // of everybody
  rate introductions{8, 1};        // "who are you" answered per source
  rate hints{16, 4};               // "unknown session" sent per source
  rate verifications{32, 8};       // pings of ours to candidates
  std::size_t max_runs = 64;
  std::size_t max_pending = 256;
  nanoseconds hold = std::chrono::seconds(3);        // a request waits this long for a first contact
  nanoseconds hold_limit = std::chrono::seconds(6);  // and this long for its turn
  nanoseconds refresh = std::chrono::hours(1);
  nanoseconds save = std::chrono::minutes(5);
  nanoseconds save_first = std::chrono::seconds(5);
  std::vector<std::string> bootstrap;  // host:port
};

// Effects, beside those of the registry and the storage.
struct start_run {
  std::uint64_t run = 0;
  std::uint64_t instead_of = 0;  // a run that was lost; whoever asked for it waits for this one
  lookup_goal goal = lookup_goal::find;
  id160 target;
  std::vector<sweep_item> items;  // of a sweep; target is then the first one's key
  lookup_options options;
  std::vector<known_peer> seeds;
  std::vector<std::shared_ptr<const bytes>> held;
};
/// The lookup or sweep that `what` describes, before its start.
std::unique_ptr<run_logic> make_run(const start_run& what, const node_id& self,
                                    std::shared_ptr<const value_policy> policy, std::uint64_t unix_s);

struct run_answer {
  std::uint64_t run = 0;
  std::uint32_t ask = 0;
  peer_answer answer;
};
struct run_refused {
  std::uint64_t run = 0;
  std::uint32_t ask = 0;
};
/// A request that won't be run: its asker gets an empty answer.
struct request_refused {
  std::uint64_t run = 0;
};
struct resolve_name {
  std::string host_and_port;
};
struct save_contacts {
  std::vector<fb::KnownContactT> contacts;
};
/// The first contact answered.
struct network_reached {
  contact who;
};
using core_effect =
    std::variant<send_datagram, wake_peer, tell_peer, park_peer, start_run, run_answer, run_refused,
                 request_refused, keep_leaf, drop_leaf, resolve_name, save_contacts, network_reached>;
using core_effects = std::vector<core_effect>;

/// A DHT node without its actors: table, storage, peers, what is asked of it and what it does on its own
/// (bootstrap, self lookups, bucket refresh, saving contacts). Every call returns what is to be done.
class node_core {
 public:
  node_core(std::shared_ptr<const identity::identity> me, std::shared_ptr<const value_policy> policy,
            crypto::random_source& random, core_options options);

  const std::shared_ptr<const link_context>& context() const { return context_; }

  /// The port is open.
  core_effects on_ready(link_time t, const endpoint& local);
  /// From disk, most recently seen first.
  core_effects on_known_contacts(link_time t, std::vector<contact> contacts);
  core_effects on_held_leaf(link_time t, const dht_key& key, const public_key& publisher, byte_view raw,
                            const endpoint& from, std::uint64_t lease_ends_ms);
  core_effects on_datagram(link_time t, const endpoint& from, const frame& payload,
                           std::shared_ptr<void> credit = {});
  core_effects on_link(link_time t, std::uint64_t peer, link_effects effects);
  core_effects on_parked(link_time t, std::uint64_t peer, std::shared_ptr<peer_link> link);
  core_effects on_peer_lost(link_time t, std::uint64_t peer);
  /// A contact that proved itself elsewhere.
  core_effects on_candidate(link_time t, const contact& who);
  core_effects on_resolved(link_time t, const std::vector<endpoint>& where);

  std::uint64_t next_run() { return next_run_++; }
  /// A request of this node's components; it starts now or a little later, or is refused.
  core_effects on_request(link_time t, std::uint64_t run, lookup_goal goal, const id160& target,
                          std::vector<sweep_item> items = {});
  core_effects on_ask(link_time t, std::uint64_t run, const ask_peer& ask);
  core_effects on_silent(link_time t, const contact& who);
  core_effects on_run_finished(link_time t, std::uint64_t run, const lookup_result& result);
  /// It crashed. What a component asked for is run once more: what a peer said may have crashed it, but need
  /// not come again.
  core_effects on_run_lost(link_time t, std::uint64_t run);
  /// The disk may have missed some of what it was to keep.
  core_effects on_keeper_restarted(link_time t);

  core_effects on_time(link_time t);
  /// max(): nothing to wait for.
  nanoseconds next_deadline(link_time t) const;

  void report(fb::ComponentReportT& out) const;
  const routing_table& table() const { return table_; }
  const leaf_storage& storage() const { return storage_; }
  const peer_registry& peers() const { return peers_; }
  std::uint64_t dropped(drop_reason why) const { return dropped_[static_cast<std::size_t>(why)]; }

 private:
  enum class run_kind : std::uint8_t { request, bootstrap, self, refresh };
  struct run_state {
    run_kind kind = run_kind::request;
    lookup_goal goal = lookup_goal::find;
    id160 target;
    std::vector<sweep_item> items;
    nanoseconds asked_at{0};
    bool again = false;  // its predecessor was lost
  };
  struct pending_request {
    std::uint64_t run = 0;
    lookup_goal goal = lookup_goal::find;
    id160 target;
    std::vector<sweep_item> items;
    nanoseconds since{0};
  };
  struct introduction {
    endpoint to;
    nanoseconds at{0};
  };

  void drop(drop_reason why) { ++dropped_[static_cast<std::size_t>(why)]; }
  void take(registry_effects effects, core_effects& out);
  void take(link_time t, std::vector<storage_effect> effects, core_effects& out);
  static nanoseconds when_to_expire(link_time t, std::uint64_t lease_ends_ms);
  void accept(link_time t, const endpoint& from, const handshake_1_view& datagram, core_effects& out);
  void on_i_am(link_time t, const endpoint& from, const i_am_view& datagram, core_effects& out);
  void to_peer(link_time t, std::uint64_t peer, peer_input input, core_effects& out);
  void serve(link_time t, std::uint64_t peer, const heard_question& asked, core_effects& out);
  void on_answer(heard_answer answered, core_effects& out);
  void on_verified(link_time t, std::uint64_t peer, const peer_verified& who, core_effects& out);
  void consider(link_time t, const contact& who, core_effects& out);
  void verify(link_time t, const contact& who, core_effects& out);
  void start(link_time t, std::uint64_t run, run_state what, std::vector<known_peer> seeds,
             nanoseconds waited, core_effects& out, std::uint64_t instead_of = 0);
  void start_pending(link_time t, core_effects& out);
  bool could_bootstrap() const { return !options_.bootstrap.empty() || !known_.empty(); }
  void bootstrap(link_time t, core_effects& out);
  void bootstrap_from(link_time t, std::vector<known_peer> seeds, core_effects& out);
  void maintain(link_time t, core_effects& out);
  void save(link_time t, core_effects& out);
  std::size_t running(run_kind kind) const;
  nanoseconds jittered(nanoseconds span);
  std::vector<known_peer> seeds_for(const id160& target, std::size_t keys = 1) const;
  void store_own(link_time t, const std::vector<sweep_item>& items, const lookup_result& result,
                 core_effects& out);

  std::shared_ptr<const link_context> context_;
  node_id self_;
  crypto::random_source& random_;
  core_options options_;
  routing_table table_;
  leaf_storage storage_;
  query_service service_;
  peer_registry peers_;
  replay_filter replays_;
  rate_limiter handshakes_, introductions_, hints_;
  token_bucket all_handshakes_, verifications_;

  endpoint local_;
  bool ready_ = false;
  std::vector<contact> known_;  // from disk, rotated
  std::map<cookie, introduction> introductions_open_;
  std::map<std::uint64_t, run_state> runs_;
  std::deque<pending_request> pending_;
  std::uint64_t next_run_ = 1;
  std::uint32_t next_ping_ = 1;
  std::uint32_t bootstrap_rounds_ = 0;  // without success
  std::size_t self_lookups_ = 0;
  nanoseconds next_bootstrap_ = nanoseconds::max();
  nanoseconds next_self_ = nanoseconds::max();
  nanoseconds next_refresh_ = nanoseconds::max();
  nanoseconds next_save_ = nanoseconds::max();
  nanoseconds next_expiry_ = nanoseconds::max();
  std::array<std::uint64_t, drop_reason_count> dropped_{};
  std::array<std::uint64_t, 4> runs_started_{};  // by goal
  std::uint64_t asked_ = 0, timeouts_ = 0, handshakes_taken_ = 0, requests_refused_ = 0, runs_lost_ = 0,
                peers_lost_ = 0, impostors_ = 0;
};

}  // namespace vsf::dht
