#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/overlay/counter_board.hpp"
#include "actors/overlay/frame_cipher.hpp"
#include "actors/overlay/link_handshake.hpp"
#include "actors/overlay/overlay_frame.hpp"

namespace vsf::overlay {

using nanoseconds = std::chrono::nanoseconds;

inline constexpr std::uint16_t protocol_version = 1;
inline constexpr std::size_t max_features = 32;
inline constexpr std::size_t max_feature_length = 64;

/// The bounds of one session (docs/protocol.md, "Overlay").
struct session_limits {
  nanoseconds opening = std::chrono::seconds(10);  // handshake and both Hellos
  nanoseconds read_timeout = std::chrono::seconds(60);
  nanoseconds write_timeout = std::chrono::seconds(60);  // of a link that takes nothing
  nanoseconds keepalive = std::chrono::seconds(25);
  nanoseconds idle = std::chrono::minutes(5);  // without a channel
  nanoseconds superseded_grace =
      std::chrono::seconds(2);  // without a channel, once another session took over
  std::size_t control_queue = 64;
  std::size_t bulk_queue = 8;
  std::size_t credits = 32;    // packets on their way to us
  std::size_t channels = 256;  // of each side
  std::uint64_t control_per_s = 2000;
  std::uint64_t control_burst = 4000;
  std::uint64_t rekey_interval = frames_per_key;
};

struct session_setup {
  std::shared_ptr<const local_side> self;
  std::optional<expected_peer> whom;  // absent: the other side dialled
  endpoint remote;
  std::uint16_t listen_port = 0;  // of our mesh port; 0: can't be dialled
  session_limits limits{};
};

/// What the peer says of itself; not proven.
struct peer_hello {
  std::uint16_t version = 0;
  std::uint64_t capabilities = 0;
  std::uint16_t listen_port = 0;
  std::vector<std::string> features;
  std::optional<endpoint> you;
};

// What a session wants done.
/// The peer is proven and said hello.
struct came_up {
  identity::certified who;
  peer_hello hello;
};
/// An answer for whoever owns this channel of ours.
struct to_channel {
  std::uint16_t channel = 0;
  record<fb::OverlayMessage> message;
};
/// Leaves for whoever owns the channel. The read credit goes back when they are done with it.
struct data_to_channel {
  bulk_frame data;
};
/// A request on a channel of the peer's.
struct to_uploads {
  record<fb::OverlayMessage> message;
};
/// The link took this data frame, or (`dropped`) the queue was full.
struct data_sent {
  std::uint64_t ticket = 0;
  bool dropped = false;
};
struct give_credit {
  std::size_t packets = 0;
};
/// The session is over: send what next_packet() still gives, then close the link. Once, last.
struct session_over {
  std::string why;
};
using session_effect =
    std::variant<came_up, to_channel, data_to_channel, to_uploads, data_sent, give_credit, session_over>;
using session_effects = std::vector<session_effect>;

/// One side of one link: handshake, Hello, frames, channels, bounds. Pure; the owner carries out the effects,
/// hands next_packet() to the link and calls on_alarm at next_deadline().
class session {
 public:
  /// `random` and `counters` must outlive it.
  session(session_setup setup, nanoseconds now, crypto::random_source& random, counter_board& counters);

  /// Once, first: grants the first packet, and the dialling side begins.
  void start(session_effects& out);
  /// Decrypts in place: the packet is ours alone.
  void on_packet(frame packet, nanoseconds now, session_effects& out);
  void on_link_closed(const std::string& why, session_effects& out);
  void on_alarm(nanoseconds now, session_effects& out);
  /// When on_alarm is due; nullopt when over.
  std::optional<nanoseconds> next_deadline() const;

  /// Queues a message. Beyond 64 waiting ones the session ends: the peer does not read.
  void send(const record<fb::OverlayMessage>& message, nanoseconds now, session_effects& out);
  /// Queues a frame of build_bulk or allocate_bulk; data_sent names the ticket when it is on its way or
  /// dropped.
  void send_bulk(std::optional<frame> whole, std::uint64_t ticket, session_effects& out);
  /// Claims a channel of ours; the reason why it can't be, or nothing.
  std::optional<std::string> attach(std::uint16_t channel);
  void detach(std::uint16_t channel, nanoseconds now);
  /// Another session with this peer took over: this one ends when its channels did.
  void supersede(nanoseconds now);
  /// Says goodbye and is over.
  void end(fb::GoodbyeReason reason, const std::string& why, session_effects& out);

  /// The next packet for the link, sealed; nullptr: none, or the link is full. The same until taken().
  /// Control goes before data.
  const frame* next_packet();
  /// The link took the packet that next_packet() gave.
  void taken(session_effects& out);
  /// The link refused it; it is offered again after link_writable(). A link that stays full ends the session.
  void link_full(nanoseconds now);
  void link_writable() { full_since_.reset(); }

  bool up() const { return phase_ == phase::up; }
  bool over() const { return phase_ == phase::over; }
  bool dialled() const { return dialled_; }
  std::size_t own_channels() const { return mine_.size(); }
  /// Channels in use, ours and the peer's.
  std::size_t channels() const { return mine_.size() + theirs_.size(); }
  /// Since when no channel is in use; nullopt: one is.
  std::optional<nanoseconds> idle_since() const;
  std::uint32_t rtt_us() const { return rtt_us_; }
  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }
  std::size_t bulk_waiting() const { return bulk_.size(); }

 private:
  enum class phase : std::uint8_t { handshake, hello, up, over };
  struct waiting_bulk {
    frame whole;
    std::uint64_t ticket;
  };

  void on_handshake_packet(byte_view packet, session_effects& out);
  void on_frame(frame packet, nanoseconds now, session_effects& out);
  void on_message(const record<fb::OverlayMessage>& message, nanoseconds now, session_effects& out);
  void on_hello(const fb::Hello& hello, nanoseconds now, session_effects& out);
  void on_request(const record<fb::OverlayMessage>& message, nanoseconds now, session_effects& out);
  void on_answer(std::uint16_t channel, const record<fb::OverlayMessage>& message, session_effects& out);
  void on_keepalive_ack(std::uint64_t nonce, nanoseconds now);
  void note_outgoing(const fb::OverlayMessage& message, nanoseconds now);
  void queue(const record<fb::OverlayMessage>& message, session_effects& out);
  void say_hello(session_effects& out);
  void say_keepalive(nanoseconds now, session_effects& out);
  void charge(nanoseconds now);
  bool throttled(nanoseconds now) const;
  void finish(const std::string& why, count kind, session_effects& out);
  void violation(const std::string& what, session_effects& out);

  session_setup setup_;
  session_limits limits_;
  crypto::random_source* random_;
  counter_board* counters_;
  link_handshake handshake_;
  bool dialled_;
  phase phase_ = phase::handshake;

  std::optional<frame_cipher> sealer_, opener_;
  std::deque<frame> clear_;    // handshake packets
  std::deque<frame> control_;  // not yet sealed
  std::deque<waiting_bulk> bulk_;
  std::optional<frame> ready_;  // sealed, not yet taken
  std::optional<std::uint64_t> ready_ticket_;

  std::set<std::uint16_t> mine_;
  std::map<std::uint16_t, bool> theirs_;  // -> was opened by an answer of ours

  nanoseconds began_, last_read_, last_keepalive_, last_busy_;
  std::optional<nanoseconds> superseded_;
  std::optional<nanoseconds> full_since_;
  std::optional<std::uint64_t> keepalive_nonce_;
  nanoseconds bucket_{0};     // the time up to which control messages are paid for
  std::size_t withheld_ = 0;  // credits not given back yet
  std::uint32_t rtt_us_ = 0;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
};

}  // namespace vsf::overlay
