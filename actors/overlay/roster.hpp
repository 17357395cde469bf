#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/overlay/counter_board.hpp"
#include "actors/overlay/session.hpp"

namespace vsf::overlay {

struct roster_limits {
  std::size_t sessions = 512;
  std::size_t half_open_in = 64;
  std::size_t half_open_out = 64;
  std::size_t per_group = 3;  // sessions; and, apart from them, half-open accepted links
  std::size_t waiters_per_dial = 64;
  nanoseconds dial_answer = std::chrono::seconds(10);
  /// Sessions of one peer that came up within this time of each other were dialled at once from both sides; a
  /// later one means that the peer lost the earlier.
  nanoseconds simultaneous = std::chrono::seconds(15);
  /// A session without channels for so long makes room when all places are taken.
  nanoseconds evictable = std::chrono::seconds(10);
};

/// The part of an address that one holder has many of: /24 of global IPv4, /48 of global IPv6. Others have no
/// group.
using address_group = std::array<std::uint8_t, 7>;
std::optional<address_group> group_of(const endpoint& address);

using link_key = std::uint64_t;

// What the roster wants done.
/// Connect to this contact; tell on_connected with the key.
struct connect_link {
  link_key key = 0;
  contact whom;
};
/// The dial `ticket` has its session.
struct dial_done {
  std::uint64_t ticket = 0;
  link_key key = 0;
};
struct dial_failed {
  std::uint64_t ticket = 0;
  std::string reason;
};
/// End this session with a goodbye.
struct end_session {
  link_key key = 0;
  fb::GoodbyeReason reason = fb::GoodbyeReason::unwanted;
  std::string why;
};
/// Another session with the same peer is the one to use; this one ends when its channels do.
struct supersede_session {
  link_key key = 0;
};
struct node_came {
  vsf::node_id id;
  link_key key = 0;
};
struct node_went {
  vsf::node_id id;
  std::string why;
};
/// A contact proven by a handshake, with the address it can be dialled at.
struct node_met {
  contact who;
};
using roster_effect = std::variant<connect_link, dial_done, dial_failed, end_session, supersede_session,
                                   node_came, node_went, node_met>;
using roster_effects = std::vector<roster_effect>;

/// Who this node has sessions with: dials under way and those who wait for them, half-open links, limits, and
/// which of two sessions with one peer counts. Pure.
///
/// Of two sessions that both sides dialled at once, the one dialled by the lower NodeId stays, on both sides.
/// The other isn't cut off: it ends when its channels do, and while it has some of ours, dials keep
/// giving it, so that all our requests to a peer go over one session.
class roster {
 public:
  /// Since when a session has no channel; nullopt: it has one.
  using idle_lookup = std::function<std::optional<nanoseconds>(link_key)>;
  /// Has a session channels of ours?
  using use_lookup = std::function<bool(link_key)>;

  roster(vsf::node_id self, roster_limits limits, counter_board& counters);

  /// Somebody connected. The key of the new half-open link, or nullopt: close it.
  std::optional<link_key> on_accepted(const endpoint& remote);
  /// Somebody wants a session; `ticket` is answered exactly once.
  void on_dial(std::uint64_t ticket, const contact& whom, nanoseconds now, const use_lookup& in_use,
               roster_effects& out);
  /// The connection of connect_link came or (with an error) didn't. false: nobody knows it any more, close
  /// it.
  bool on_connected(link_key key, const std::optional<std::string>& problem, roster_effects& out);
  /// A session's peer is proven.
  void on_up(link_key key, const identity::certified& who, const peer_hello& hello, nanoseconds now,
             const idle_lookup& idle_since, roster_effects& out);
  /// A link's session ended, whether it ever was up or not.
  void on_over(link_key key, const std::string& why, roster_effects& out);
  void on_alarm(nanoseconds now, roster_effects& out);
  std::optional<nanoseconds> next_deadline() const;

  struct session_row {
    vsf::node_id id;
    vsf::static_key key;
    endpoint remote;
    bool dialled = false;
    bool superseded = false;
    nanoseconds since{0};
    bool twin = false;  // superseded by one dialled at the same time: as good as the other
  };
  const std::map<link_key, session_row>& sessions() const { return sessions_; }
  /// Peers with a session.
  std::size_t nodes() const { return primary_.size(); }
  std::size_t half_open() const { return half_open_.size(); }

 private:
  struct half_open_link {
    endpoint remote;
    std::optional<vsf::node_id> dialled;
  };
  struct waiter {
    std::uint64_t ticket;
    nanoseconds deadline;
  };
  struct pending_dial {
    link_key key = 0;
    std::vector<waiter> waiters;
  };

  std::size_t sessions_in(const address_group& group, const vsf::node_id& except) const;
  std::optional<std::string> refusal(const vsf::node_id& id, const endpoint& remote, nanoseconds now,
                                     const idle_lookup& idle_since, roster_effects& out);
  bool newer_wins(const session_row& old, const session_row& fresh) const;
  void retire(link_key key, bool twin, roster_effects& out);
  link_key preferred(const vsf::node_id& id, link_key primary, const use_lookup& in_use) const;
  bool at_once(const session_row& old, const session_row& fresh) const;
  void answer(const vsf::node_id& id, link_key key, roster_effects& out);
  void fail_dial(const vsf::node_id& id, const std::string& why, roster_effects& out);

  vsf::node_id self_;
  roster_limits limits_;
  counter_board* counters_;
  link_key next_key_ = 1;
  std::map<link_key, half_open_link> half_open_;
  std::map<vsf::node_id, pending_dial> dials_;
  std::map<link_key, session_row> sessions_;
  std::map<vsf::node_id, link_key> primary_;
};

}  // namespace vsf::overlay
