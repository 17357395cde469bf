#pragma once

#include <optional>

#include "messages/frame.hpp"
#include "net/crypto/random.hpp"
#include "sim/event_queue.hpp"
#include "sim/scenario.hpp"

namespace vsf::sim {

/// What one packet meets on its way.
struct packet_fate {
  bool lost = false;
  bool duplicated = false;
  virtual_time held_back{0};
  std::optional<std::uint64_t> flipped;  // number of the bit
  std::uint64_t delay_word = 0, copy_delay_word = 0;

  /// Received bytes are the receiver's own: an actor may decrypt in place what another host still keeps.
  frame received(byte_view sent) const;
};

/// Draws fates. Always the same number of words, so that neither a change of conditions nor what happens to
/// one packet shifts the draws of the next.
class link_faults {
 public:
  static constexpr std::size_t words_per_packet = 4;
  void set(const link_conditions& conditions);
  packet_fate draw(crypto::random_source& random, std::size_t size_bytes) const;

 private:
  std::uint64_t loss_ = 0, duplicate_ = 0, reorder_ = 0, corrupt_ = 0;  // thresholds for 32-bit draws
  std::uint64_t reorder_us_ = 0;
};

/// One direction of a host's access link with the queue before it: one byte after another.
class access_link {
 public:
  /// What waits is at most worth this; later datagrams are dropped (drop tail). Streams adapt: they fill no
  /// more than half of it and keep the rest of what they have in their sockets.
  static constexpr virtual_time queue = std::chrono::seconds(1);

  explicit access_link(std::uint64_t bytes_per_s) : bytes_per_s_(bytes_per_s) {}
  /// 0: unlimited. What has been queued keeps its time.
  void set_rate(std::uint64_t bytes_per_s) { bytes_per_s_ = bytes_per_s; }
  bool limited() const { return bytes_per_s_ != 0; }
  /// When the last byte is through if it is handed over now; none: the queue is full.
  std::optional<virtual_time> datagram(virtual_time now, std::size_t size_bytes);
  virtual_time stream(virtual_time now, std::size_t size_bytes);

 private:
  virtual_time takes(std::size_t size_bytes) const;

  std::uint64_t bytes_per_s_;
  virtual_time free_{0};            // when all that was handed over is through
  virtual_time datagrams_free_{0};  // likewise, of datagrams
};

/// When TCP tries again first after `now` what got lost at `since`: its timer doubles up to two minutes
/// (RFC 6298).
virtual_time next_retransmission(virtual_time since, virtual_time first_timeout, virtual_time now);

}  // namespace vsf::sim
