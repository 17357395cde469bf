#pragma once

#include <deque>
#include <variant>

#include "actors/dht/session.hpp"
#include "actors/dht/wire_messages.hpp"

namespace vsf::dht {

/// Who asked: a run of this node (0: the node itself) and its number for the question.
struct ask_tag {
  std::uint64_t run = 0;
  std::uint32_t ask = 0;
  bool operator==(const ask_tag&) const = default;
};

// Effects of a link.
struct send_datagram {
  endpoint to;
  frame payload;
};
/// Datagrams to this session id are for this link from now on; or no longer.
struct session_opened {
  std::uint32_t local_id = 0;
};
struct session_closed {
  std::uint32_t local_id = 0;
};
/// A question in a session whose address is proven.
struct heard_question {
  std::uint32_t session = 0;
  endpoint from;
  record<fb::DhtMessage> message;
};
struct heard_answer {
  ask_tag tag;
  endpoint from;
  nanoseconds rtt{0};
  record<fb::DhtMessage> message;
};
/// The peer answered: this is who it is and where.
struct peer_verified {
  contact who;
  public_key identity;
  std::uint64_t nonce = 0;
  rtt_estimate rtt;
};
/// It can't be asked: its key is unusable, or it proved to be somebody else than `who`.
struct ask_refused {
  ask_tag tag;
};
struct impostor {
  contact who;
};
struct datagram_dropped {
  drop_reason why;
};
using link_effect = std::variant<send_datagram, session_opened, session_closed, heard_question, heard_answer,
                                 peer_verified, ask_refused, impostor, datagram_dropped>;
using link_effects = std::vector<link_effect>;

struct link_time {
  nanoseconds now{0};
  std::uint64_t unix_ms = 0;
};

/// Everything between this node and one other: at most two sessions, handshakes under way, questions in
/// flight, round trip. Knows no timer: who asks has the patience; what was lost is forgotten when it is old.
/// Both sides may open a session at once, either works. A peer that lost its sessions is met again by the
/// next retry, or sooner by its hint.
class peer_link {
 public:
  static constexpr std::size_t max_in_flight = 32;
  static constexpr std::size_t max_waiting = 16;
  static constexpr std::size_t max_early = 2;
  static constexpr nanoseconds memory = std::chrono::seconds(10);  // of questions
  static constexpr nanoseconds handshake_patience = std::chrono::seconds(1);
  static constexpr nanoseconds hint_pause = std::chrono::seconds(5);

  /// `who.id` zero: not known yet (bootstrap by address).
  peer_link(std::shared_ptr<const link_context> context, const contact& who)
      : context_(std::move(context)), who_(who) {}

  /// Asks; exactly one datagram leaves unless the question has to wait for a handshake.
  link_effects ask(link_time t, const ask_tag& tag, const contact& whom, const question& what, bool retry,
                   crypto::random_source& random);
  /// Answers a heard_question in its session.
  link_effects reply(link_time t, std::uint32_t session, byte_view message);
  /// A datagram of type 2, 3 or 6 for one of this link's ids.
  link_effects on_datagram(link_time t, const endpoint& from, const datagram_view& datagram,
                           crypto::random_source& random);
  /// A session that this node answered; its peer is certified.
  link_effects adopt(link_time t, session established, const identity::certified& peer, std::uint64_t nonce);
  /// Forgets what is old and what can be made again.
  link_effects compact(link_time t);

  const contact& who() const { return who_; }
  const network_tag& network() const { return context_->network; }
  const rtt_estimate& rtt() const { return rtt_; }
  bool has_session() const { return !sessions_.empty(); }
  std::size_t in_flight() const { return in_flight_.size(); }

 private:
  struct asked {
    std::uint32_t tx = 0;
    ask_tag tag;
    nanoseconds at{0};
    bool is_write = false;
    bytes message;
  };
  session* usable(nanoseconds now);
  session* find(std::uint32_t local_id);
  void handshake(link_time t, const contact& whom, byte_view message, crypto::random_source& random,
                 link_effects& out);
  void keep(session established, link_effects& out);
  void send(link_time t, session& in, byte_view message, link_effects& out);
  void expire(nanoseconds now, link_effects& out);
  void on_handshake(link_time t, const endpoint& from, const handshake_2_view& datagram,
                    crypto::random_source& random, link_effects& out);
  void on_transport(link_time t, const endpoint& from, const transport_view& datagram,
                    crypto::random_source& random, link_effects& out);
  void on_hint(link_time t, const endpoint& from, const unknown_session_view& datagram,
               crypto::random_source& random, link_effects& out);
  void on_answer(nanoseconds now, const endpoint& from, record<fb::DhtMessage> message, link_effects& out);
  void flush(link_time t, link_effects& out);
  std::uint32_t new_id(crypto::random_source& random) const;

  std::shared_ptr<const link_context> context_;
  contact who_;
  public_key identity_{};
  std::uint64_t nonce_ = 0;
  rtt_estimate rtt_;
  std::vector<session> sessions_;  // at most 2, the one heard from last is used
  std::vector<opening> openings_;  // at most 2
  std::vector<asked> in_flight_;
  std::vector<std::uint32_t> waiting_;  // tx of questions that wait for a handshake
  std::uint32_t next_tx_ = 0;
  nanoseconds last_hint_ = nanoseconds::min();
  struct probe {
    endpoint address;
    std::uint32_t tx = 0;
    std::uint32_t session = 0;
  };
  std::optional<probe> probe_;
  // What overtook the message 2 of its session.
  struct early {
    endpoint from;
    bytes datagram;
  };
  std::vector<early> early_;
};

}  // namespace vsf::dht
