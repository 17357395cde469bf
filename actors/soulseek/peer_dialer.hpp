#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/soulseek/link_effects.hpp"
#include "net/crypto/random.hpp"
#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

struct dialer_options {
  nanoseconds direct_timeout = std::chrono::seconds(10);  // of one attempt to connect
  nanoseconds hidden_timeout = std::chrono::seconds(4);   // of an obfuscated one, when a plain one may follow
  bool prefer_obfuscated = true;                          // where the other side has such a port
  nanoseconds dial_timeout = std::chrono::seconds(30);    // of the whole dial, so of the indirect way
  /// ConnectToPeer is sent once more after this: Nicotine+ ignores it, without a word, for the 10 s in which
  /// it waits for an answer to its own.
  nanoseconds ask_again = std::chrono::seconds(12);
  nanoseconds init_timeout = std::chrono::seconds(10);  // of an accepted link's first message
  nanoseconds idle = std::chrono::seconds(60);          // of a P link
  nanoseconds idle_unused = std::chrono::seconds(10);   // of a P or F link that never carried anything
  nanoseconds stalled = std::chrono::seconds(60);       // of a link that takes nothing of its queue
  std::size_t links = 2048;                             // in all, with those not yet established
  std::size_t links_per_address = 16;                   // accepted, of one global IPv4 address
  std::size_t links_per_user = 4;                       // P, at once; the oldest unneeded gives way
  std::size_t half_open_in = 512;
  std::uint32_t accepts_per_s = 256;  // and as many at once
  std::size_t dials = 1024;
  std::size_t waiters_per_dial = 64;
  std::size_t answers = 256;             // ConnectToPeer being answered
  std::uint32_t answers_per_user = 8;    // at once; then one a second
  std::uint32_t answers_per_s = 64;      // in all, and 256 at once
  std::size_t queued_messages = 256;     // for one user
  std::size_t queued_bytes = 64U << 20;  // for one user; a single one may be larger
  std::size_t all_queued_bytes = 256U << 20;
  std::size_t in_flight = 8;  // messages handed to a link and not yet taken
};

using ticket_id = std::uint64_t;

enum class dial_problem : std::uint8_t {
  offline,      // the user is
  unreachable,  // neither way worked in time
  no_server,    // nobody can be asked where the user is
  refused,      // a bound, or nonsense
  cancelled,    // shutdown, or the link broke before it could be used
};

// What the dialer wants done, beside tell_server and close_link.
/// Connect; tell on_connected or on_connect_failed. An obfuscated link is obfuscated for all of P and for the
/// init message of D and F, both ways.
struct connect_peer {
  link_id link = 0;
  endpoint where;
  bool obfuscated = false;
};
/// This goes out on a link: tell on_taken when the network took it. `init`: the init message; nothing is told
/// of it.
struct write_link {
  link_id link = 0;
  shared_bytes message;
  bool init = false;
};
/// The link is established: from here on it speaks the protocol of its type. Comes before link_ready.
struct link_opened {
  link_id link = 0;
  std::string user;
  connection_type type = connection_type::peer;
  bool inbound = false;  // asked for by the other side, whoever connected
  bool claimed = false;  // nobody but the link itself says that it's this user
};
/// An established link ended; no close_link for it comes any more.
struct link_over {
  link_id link = 0;
  std::string user;
  connection_type type = connection_type::peer;
  std::string why;
};
/// request() succeeded. An F link belongs to this ticket alone.
struct link_ready {
  ticket_id ticket = 0;
  link_id link = 0;
};
/// request() or tell() failed. `text` says what happened, to whom and what to do.
struct dial_failed {
  ticket_id ticket = 0;
  std::string user;
  dial_problem problem = dial_problem::unreachable;
  std::string text;
};
/// The message of tell() is with the network.
struct message_taken {
  ticket_id ticket = 0;
};
using dialer_effect = std::variant<tell_server, connect_peer, write_link, close_link, link_opened, link_over,
                                   link_ready, dial_failed, message_taken>;
using dialer_effects = std::vector<dialer_effect>;

struct dialer_counters {
  std::uint64_t dials = 0, dials_direct = 0, dials_indirect = 0, dials_inbound = 0;  // how they succeeded
  std::uint64_t dials_failed = 0, dials_refused = 0;
  std::uint64_t accepted = 0, refused_rate = 0, refused_half_open = 0, refused_full = 0, refused_address = 0;
  std::uint64_t init_timeouts = 0, init_malformed = 0;
  std::uint64_t unknown_tokens = 0;  // PierceFirewall that nobody waits for
  std::uint64_t late = 0;            // PierceFirewall of a dial that was won otherwise
  std::uint64_t hidden_failed = 0;   // obfuscated attempts that a plain one followed
  std::uint64_t answered = 0, answers_failed = 0, answers_refused = 0, answers_repeated = 0;  // ConnectToPeer
  std::uint64_t closed_idle = 0, evicted = 0, stalled = 0, refused_per_user = 0;
  std::uint64_t moved = 0;          // messages that another link took over
  std::uint64_t refused_queue = 0;  // messages beyond the bounds of a queue
};

/// The links to other users: who is dialled, both ways at once; who dials us; which link to a user is used;
/// what waits to be sent. Pure; the owner carries out the effects, reads the links, and calls on_alarm at
/// next_deadline().
///
/// P: a user's messages go through tell(), over whatever link there is; several links to one user may exist
/// when both sides dialled, all are read, the newest whose user is proven is written to, and what a dying
/// link didn't take another takes over. F: every request gets a link of its own. D: at most one request at a
/// time a user.
class peer_dialer {
 public:
  /// `random` must outlive it.
  peer_dialer(dialer_options options, crypto::random_source& random);

  /// There is a session as this user; or there isn't any more. Links stay.
  void on_online(std::string self, nanoseconds now, dialer_effects& out);
  void on_offline(nanoseconds now, dialer_effects& out);

  /// Wants an established link; exactly one link_ready or dial_failed. `where`: its address as the server
  /// told it already (code 102).
  void request(ticket_id ticket, const std::string& user, connection_type type, nanoseconds now,
               dialer_effects& out, std::optional<endpoint> where = std::nullopt);
  /// Sends a P message with its length; exactly one message_taken or dial_failed. Dials when there is no
  /// link.
  void tell(ticket_id ticket, const std::string& user, shared_bytes message, nanoseconds now,
            dialer_effects& out);
  /// This request or message isn't wanted any more: nothing is said of it after this.
  void cancel(ticket_id ticket, nanoseconds now, dialer_effects& out);
  /// While held a link isn't closed for idleness nor to make room. Each hold wants one release.
  void hold(link_id link);
  void release(link_id link, nanoseconds now);
  /// The same for all P links of a user, those to come too: a browse or transfer with them is under way.
  void hold_user(const std::string& user);
  void release_user(const std::string& user, nanoseconds now);
  /// The owner is done with this established link. link_over follows.
  void close(link_id link, const std::string& why, nanoseconds now, dialer_effects& out);
  /// Ends everything; each ticket is told.
  void shut_down(nanoseconds now, dialer_effects& out);

  // From the server.
  void on_peer_address(const from_server::get_peer_address& answer, nanoseconds now, dialer_effects& out);
  void on_connect_to_peer(const from_server::connect_to_peer& wish, nanoseconds now, dialer_effects& out);
  void on_cant_connect(const from_server::cant_connect_to_peer& answer, nanoseconds now, dialer_effects& out);

  // From the network.
  /// Somebody connected to the listener. The new link, of which the first message is awaited; nullopt: close
  /// it.
  std::optional<link_id> on_accepted(const endpoint& remote, nanoseconds now, dialer_effects& out);
  /// The first message of an accepted link, without its length. link_opened or close_link follows.
  void on_init(link_id link, byte_view message, nanoseconds now, dialer_effects& out);
  /// A connection of connect_peer is there. false: nobody wants it any more, close it.
  bool on_connected(link_id link, nanoseconds now, dialer_effects& out);
  void on_connect_failed(link_id link, const std::string& why, nanoseconds now, dialer_effects& out);
  /// The network took the oldest `count` messages of write_link, not counting the init message.
  void on_taken(link_id link, std::size_t count, nanoseconds now, dialer_effects& out);
  /// A message or data came on an established link, or its owner wrote data itself.
  void on_traffic(link_id link, nanoseconds now);
  /// The other side closed it, or it broke.
  void on_closed(link_id link, const std::string& why, nanoseconds now, dialer_effects& out);

  void on_alarm(nanoseconds now, dialer_effects& out);
  /// When on_alarm is due; nullopt: nothing to wait for.
  std::optional<nanoseconds> next_deadline() const;

  /// The user of an established link; nullptr: there is no such link.
  const std::string* user_of(link_id link) const;
  /// The P link a message to this user would go over; 0: none.
  link_id link_to(const std::string& user) const;
  /// All links, with those not yet established.
  std::size_t links() const { return links_.size(); }
  std::size_t established() const;
  std::size_t dials() const { return dials_.size(); }
  std::size_t queued_bytes() const { return queued_bytes_; }
  const dialer_counters& counters() const { return counters_; }

 private:
  using dial_key = std::pair<std::string, connection_type>;
  enum class phase : std::uint8_t {
    awaiting_init,  // accepted
    connecting,     // of a dial, or answering ConnectToPeer
    established,
  };
  struct queued {
    ticket_id ticket = 0;  // 0: cancelled
    shared_bytes message;
    std::uint8_t moves = 0;  // times a link died under it
  };
  struct link_row {
    phase at = phase::connecting;
    connection_type type = connection_type::peer;
    std::string user;
    endpoint remote;
    bool inbound = false;
    bool accepted = false;
    bool claimed = false;
    bool used = false;
    std::uint32_t holds = 0;
    std::optional<std::uint32_t> answers;  // the token of the ConnectToPeer that this answers
    std::optional<endpoint> plain;         // connecting: to be tried when this obfuscated way fails
    nanoseconds deadline{0};               // until established
    nanoseconds since{0};                  // established
    nanoseconds last_use{0};
    nanoseconds last_taken{0};
    std::deque<queued> in_flight;  // P: handed to the link, not yet taken
  };
  struct dial_row {
    std::uint32_t token = 0;
    std::deque<ticket_id> waiters;
    link_id direct = 0;  // the attempt under way
    bool address_asked = false;
    bool direct_over = false;  // won't work
    bool indirect_over = false;
    std::string direct_why, indirect_why;
    nanoseconds again{0};  // when ConnectToPeer is repeated
    nanoseconds deadline{0};
  };
  /// What waits for a user's next P link, or for the one there is to take what it has.
  struct outbox {
    std::deque<queued> waiting;
    std::size_t bytes = 0;  // with those in flight
  };
  struct bucket {                               // a rate: `burst` at once, then one every `each`
    nanoseconds paid = std::chrono::hours(-1);  // up to this time
    bool take(nanoseconds now, nanoseconds each, std::uint32_t burst);
  };

  void start_dial(const dial_key& whom, std::deque<ticket_id> waiters, std::optional<endpoint> where,
                  nanoseconds now, dialer_effects& out);
  std::uint32_t fresh_token();
  /// A user's ports in the order in which they are tried.
  struct ways {
    endpoint first;
    bool obfuscated = false;
    std::optional<endpoint> plain{};  // after the first
  };
  template <class Told>
  ways ways_to(const Told& told) const;
  void try_direct(const dial_key& whom, const ways& where, nanoseconds now, dialer_effects& out);
  void begin_connecting(link_row link, const ways& where, nanoseconds now, dialer_effects& out);
  void direct_failed(const dial_key& whom, const std::string& why, nanoseconds now, dialer_effects& out);
  void end_if_hopeless(const dial_key& whom, nanoseconds now, dialer_effects& out);
  void fail_dial(const dial_key& whom, dial_problem problem, const std::string& text, nanoseconds now,
                 dialer_effects& out);
  void win_dial(const dial_key& whom, link_id link, nanoseconds now, dialer_effects& out);
  dial_row take_dial(const dial_key& whom);
  void abandon_attempt(const dial_row& dial, dialer_effects& out);
  std::optional<std::string> dial_refusal(const dial_key& whom, dial_problem& problem) const;
  void establish(link_id link, nanoseconds now, dialer_effects& out);
  bool place_for(const std::string& user, nanoseconds now, dialer_effects& out);
  void on_pierce(link_id link, std::uint32_t token, nanoseconds now, dialer_effects& out);
  void on_peer_init(link_id link, const init::peer_init& hello, nanoseconds now, dialer_effects& out);
  void cant_connect(const std::string& user, std::uint32_t token, dialer_effects& out);
  bool make_room(nanoseconds now, dialer_effects& out);
  bool needed(link_id id, const link_row& link) const;
  nanoseconds due(link_id id, const link_row& link) const;
  void overdue(link_id id, nanoseconds now, dialer_effects& out);
  void drop(link_id link, const std::string& why, bool close, nanoseconds now, dialer_effects& out);
  void pump(const std::string& user, nanoseconds now, dialer_effects& out);
  void reroute(const std::string& user, std::deque<queued> untaken, nanoseconds now, dialer_effects& out);
  void done_with(const std::string& user, const queued& what);
  void fail_queue(const std::string& user, dial_problem problem, const std::string& text,
                  dialer_effects& out);
  void refuse(ticket_id ticket, const std::string& user, dial_problem problem, std::string text,
              dialer_effects& out);

  dialer_options options_;
  crypto::random_source* random_;
  std::string self_;
  bool online_ = false;
  link_id next_link_ = 1;
  std::map<link_id, link_row> links_;
  std::map<dial_key, dial_row> dials_;
  std::map<std::uint32_t, dial_key> tokens_;                       // of dials
  std::map<std::uint32_t, std::pair<dial_key, nanoseconds>> won_;  // tokens of dials won otherwise -> until
  std::map<std::string, std::set<link_id>> peer_links_;            // established P links
  std::map<std::string, outbox> outboxes_;
  std::map<std::string, std::uint32_t> held_users_;
  std::map<std::string, bucket> answer_rates_;
  bucket answer_rate_, accept_rate_;
  std::size_t queued_bytes_ = 0;
  dialer_counters counters_;
};

}  // namespace vsf::soulseek
