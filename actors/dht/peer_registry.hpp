#pragma once

#include <deque>
#include <map>
#include <set>
#include <utility>

#include "actors/dht/peer_link.hpp"

namespace vsf::dht {

// What a peer's actor is told.
struct peer_ask {
  ask_tag tag;
  contact whom;
  question what;
  bool retry = false;
};
struct peer_reply {
  std::uint32_t session = 0;
  record<fb::DhtMessage> message;
};
struct peer_adopt {
  std::shared_ptr<session> established;
  identity::certified peer;
  std::uint64_t nonce = 0;
};
struct peer_datagram {
  endpoint from;
  frame payload;
  std::shared_ptr<void> credit{};  // of the port, given back when the datagram is done with
};
using peer_input = std::variant<peer_ask, peer_reply, peer_adopt, peer_datagram>;

// Effects.
/// Make an actor for this peer, with its link and what came for it so far.
struct wake_peer {
  std::uint64_t peer = 0;
  std::shared_ptr<peer_link> link;
  std::vector<peer_input> inputs;
};
struct tell_peer {
  std::uint64_t peer = 0;
  peer_input input;
};
/// Ask its actor for the link back; the answer is parked().
struct park_peer {
  std::uint64_t peer = 0;
};
using registry_effect = std::variant<wake_peer, tell_peer, park_peer>;
using registry_effects = std::vector<registry_effect>;

struct registry_limits {
  std::size_t live = 24;
  std::size_t peers = 128;
  std::size_t waiting = 24;  // inputs of one peer while its link changes hands
  nanoseconds idle = std::chrono::seconds(10);
};

/// The peers this node has sessions or handshakes with: a few live, their links in actors, the others parked
/// here with their keys. Peers are told apart by static key. Bounded; the least recently used parked one
/// goes.
class peer_registry {
 public:
  struct entry {
    std::uint64_t id = 0;
    static_key key;
    node_id node;  // hearsay until verified
    endpoint address;
    rtt_estimate rtt;
    nanoseconds last_used{0};
    std::shared_ptr<peer_link> link;  // while parked
    std::vector<std::uint32_t> sessions;
    std::vector<peer_input> waiting;
    enum class phase : std::uint8_t { parked, queued, live, parking } state = phase::parked;
  };

  peer_registry(std::shared_ptr<const link_context> context, registry_limits limits)
      : context_(std::move(context)), limits_(limits) {}

  /// The peer of this contact, made if need be; 0: all are in use.
  std::uint64_t reach(nanoseconds now, const contact& who);
  std::uint64_t by_session(std::uint32_t local_id) const;
  std::vector<std::uint64_t> by_address(const endpoint& address, std::size_t at_most) const;
  const entry* find(std::uint64_t peer) const;
  const entry* find(const static_key& key) const;

  /// false: dropped, its queue is full.
  bool deliver(nanoseconds now, std::uint64_t peer, peer_input input, registry_effects& out);
  void opened(std::uint64_t peer, std::uint32_t session);
  void closed(std::uint64_t peer, std::uint32_t session);
  void verified(std::uint64_t peer, const contact& who, const rtt_estimate& rtt);
  /// Its actor gave the link back.
  void parked(nanoseconds now, std::uint64_t peer, std::shared_ptr<peer_link> link, registry_effects& out);
  /// Its actor crashed: the link is lost, its sessions with it.
  void lost(nanoseconds now, std::uint64_t peer, registry_effects& out);
  /// Parks who is idle.
  void on_time(nanoseconds now, registry_effects& out);
  /// When somebody may have been idle for long enough; never too late.
  nanoseconds next_deadline() const { return next_idle_; }

  std::size_t live() const { return live_.size(); }
  std::size_t size() const { return peers_.size(); }
  std::size_t sessions() const { return by_session_.size(); }

 private:
  entry* find_entry(std::uint64_t peer);
  void set_state(entry& e, entry::phase to);
  void wake(entry& e, registry_effects& out);
  void park_least_used(registry_effects& out);
  void wake_next(registry_effects& out);
  void erase(std::uint64_t peer);

  std::shared_ptr<const link_context> context_;
  registry_limits limits_;
  std::map<std::uint64_t, entry> peers_;
  std::map<static_key, std::uint64_t> by_key_;
  std::map<std::uint32_t, std::uint64_t> by_session_;
  std::deque<std::uint64_t> queue_;  // wait for a live place
  // Few of many: neither who is least used nor who is idle may cost a walk over all.
  std::set<std::pair<nanoseconds, std::uint64_t>> parked_;  // by last use
  std::map<std::uint64_t, entry*> live_;                    // live or parking
  std::size_t parking_ = 0;
  nanoseconds next_idle_ = nanoseconds::max();
  std::uint64_t next_id_ = 1;
};

}  // namespace vsf::dht
