#pragma once

#include <memory>
#include <optional>

#include "actors/dht/contacts.hpp"
#include "actors/dht/datagram.hpp"
#include "actors/identity/certificate.hpp"
#include "messages/schemas.hpp"
#include "net/crypto/crypto.hpp"
#include "net/noise/handshake.hpp"

namespace vsf::dht {

/// Which counters were seen: the highest and the 64 before it (RFC 6479's idea, one word).
class replay_window {
 public:
  static constexpr std::uint64_t width = 64;
  bool is_fresh(std::uint64_t counter) const;
  void mark(std::uint64_t counter);

 private:
  std::uint64_t next_ = 0;  // highest seen + 1
  std::uint64_t seen_ = 0;  // bit i: next_ - 1 - i
};

/// What all of a node's sessions share.
struct link_context {
  std::shared_ptr<const identity::identity> me;
  network_tag network{};
  bytes prologue;
  bytes certificate;  // fb::Certificate
};
std::shared_ptr<const link_context> make_link_context(std::shared_ptr<const identity::identity> me);

inline constexpr nanoseconds session_idle_limit = std::chrono::hours(2);
inline constexpr std::uint64_t session_message_limit = std::uint64_t{1} << 32;
/// A handshake's clock may be off this much from ours.
inline constexpr std::uint64_t handshake_clock_ms = 3'600'000;

/// The most that goes to an address before it has shown that it receives: message 1 has datagram_limit bytes,
/// and a ping of ours may follow the answer.
inline constexpr std::size_t unproven_answer_size = datagram_limit - 112;

/// An established session: two directions' keys and counters, 170 bytes while nobody uses it.
class session {
 public:
  session(std::uint32_t local_id, std::uint32_t remote_id, const noise::split_keys& keys,
          const endpoint& address, bool address_proven, nanoseconds now);

  std::uint32_t local_id() const { return local_id_; }
  std::uint32_t remote_id() const { return remote_id_; }
  const endpoint& address() const { return address_; }
  bool address_proven() const { return address_proven_; }
  void prove(const endpoint& address) {
    address_ = address;
    address_proven_ = true;
  }
  nanoseconds last_received() const { return last_received_; }
  std::uint64_t sent() const { return send_counter_; }
  bool expired(nanoseconds now) const;

  /// nullopt: the text does not fit a datagram or the session is used up.
  std::optional<frame> seal(byte_view text, nanoseconds now);
  /// A fresh frame with the text, or why there is none.
  tl::expected<frame, drop_reason> open(const transport_view& datagram, nanoseconds now);
  /// Forgets what can be made again from the keys.
  void compact();

 private:
  digest send_key_, receive_key_;
  endpoint address_;
  bool address_proven_;
  std::uint32_t local_id_, remote_id_;
  std::uint64_t send_counter_ = 0;
  replay_window window_;
  nanoseconds last_received_, last_sent_;
  std::unique_ptr<crypto::aead> sealer_, opener_;
};

/// Our side of a handshake that waits for message 2.
class opening {
 public:
  /// nullopt: the contact's key is unusable or the message does not fit.
  static std::optional<opening> begin(const link_context& context, const contact& whom,
                                      std::uint32_t local_id, byte_view message, std::uint64_t unix_ms,
                                      nanoseconds now, crypto::random_source& random);
  struct result {
    session established;
    identity::certified peer;
    std::uint64_t nonce = 0;
    record<fb::DhtMessage> message;
  };
  /// Message 2 from the address message 1 went to.
  tl::expected<result, drop_reason> finish(const link_context& context, const handshake_2_view& datagram,
                                           nanoseconds now);
  const frame& datagram() const { return datagram_; }
  std::uint32_t local_id() const { return local_id_; }
  const contact& whom() const { return whom_; }
  nanoseconds started() const { return started_; }

 private:
  opening(noise::handshake noise, const contact& whom, std::uint32_t local_id, nanoseconds now)
      : noise_(std::move(noise)), whom_(whom), local_id_(local_id), started_(now) {}
  noise::handshake noise_;
  contact whom_;
  std::uint32_t local_id_;
  nanoseconds started_;
  frame datagram_;
};

/// Somebody's message 1, understood; answered by answer_opening().
struct opened {
  noise::handshake noise;
  identity::certified peer;
  std::uint64_t nonce = 0;
  std::uint32_t remote_id = 0;
  std::uint64_t time_ms = 0;
  record<fb::DhtMessage> message;
};
/// Does not look for replays: `replay_filter` does, on noise's first bytes, before anything costly.
tl::expected<opened, drop_reason> read_opening(const link_context& context, const handshake_1_view& datagram,
                                               std::uint64_t unix_ms, crypto::random_source& random);
/// Bytes of DhtMessage that fit message 2.
std::size_t opening_answer_budget(const link_context& context);
inline constexpr std::size_t transport_budget = datagram_limit - transport_header - crypto::tag_size;
struct opening_answer {
  frame datagram;
  session established;
};
/// nullopt: the answer does not fit.
std::optional<opening_answer> answer_opening(const link_context& context, opened what, std::uint32_t local_id,
                                             byte_view message, const endpoint& from, nanoseconds now);

/// Remembers the message-1 datagrams taken within the clock window, by the first 8 bytes of their ephemeral
/// key. Two generations, each bounded; a flood shortens the memory, and what is then replayed gets an answer
/// only its first sender can read.
class replay_filter {
 public:
  static constexpr std::size_t max_generation = 4096;
  bool seen(std::uint64_t mark) const;
  void add(std::uint64_t mark, nanoseconds now);
  static std::uint64_t mark_of(const handshake_1_view& datagram);

 private:
  std::vector<std::uint64_t> current_, previous_;  // sorted
  nanoseconds since_ = nanoseconds::min();
};

}  // namespace vsf::dht
