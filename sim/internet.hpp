#pragma once

#include <map>
#include <memory>
#include <string>

#include "net/crypto/random.hpp"
#include "net/network.hpp"
#include "sim/event_queue.hpp"
#include "sim/latency_model.hpp"

namespace vsf::sim {

struct internet_options {
  std::uint64_t seed = 1;
  std::uint32_t loss_per_million = 0;    // of datagrams; a lost stream segment costs a retransmission instead
  std::uint64_t uplink_bytes_per_s = 0;  // per host, 0: unlimited
  std::uint32_t retransmit_ms = 200;     // on top of a round trip
  std::size_t stream_window_bytes = 256 * 1024;
};

struct internet_counters {
  std::uint64_t datagrams_sent = 0, datagrams_lost = 0, datagrams_delivered = 0, datagrams_to_nobody = 0;
  std::uint64_t datagram_bytes = 0;
  std::uint64_t stream_packets = 0, stream_bytes = 0, connects = 0, connects_failed = 0;
};

class host;
class virtual_port;
class virtual_listener;
class virtual_link;

/// The network between simulated hosts, in virtual time on one thread: places on a map, access delay, jitter,
/// loss, uplink queues. Every host has one global IPv4 address.
class internet : public std::enable_shared_from_this<internet> {
 public:
  internet(event_queue& events, trace& the_trace, std::function<virtual_time()> now,
           internet_options options);

  /// A host at the place that (seed, index) draws, with an address of its own.
  std::shared_ptr<host> add_host(std::uint64_t index);
  const internet_counters& counters() const { return counters_; }
  /// Gives a datagram a way to be seen before it is sent (checkers).
  std::function<void(const endpoint& from, const endpoint& to, byte_view payload)> on_datagram;

 private:
  friend class host;
  friend class virtual_port;
  friend class virtual_listener;
  friend class virtual_link;

  host* find(const endpoint& address);
  /// One-way delay from a to b for a datagram sent now; draws one word.
  virtual_time delay(const host& a, const host& b);
  /// When the last byte of `size` leaves a's access link if handed to it now.
  virtual_time departure(host& a, std::size_t size);
  bool draw_loss();
  void mix_packet(const endpoint& from, const endpoint& to, byte_view payload);

  event_queue& events_;
  trace& trace_;
  std::function<virtual_time()> now_;
  internet_options options_;
  crypto::seeded_random random_;
  internet_counters counters_;
  std::map<std::array<std::uint8_t, 16>, std::weak_ptr<host>> hosts_;
  std::uint64_t next_link_ = 1;
};

/// What one simulated machine sees as its network.
class host : public net::network, public std::enable_shared_from_this<host> {
 public:
  host(std::shared_ptr<internet> net, std::uint64_t index, endpoint address, latency::place place);

  result<std::shared_ptr<net::datagram_port>> open_datagrams(const endpoint& at, std::size_t credits,
                                                             net::datagram_handler on_datagram) override;
  result<std::shared_ptr<net::stream_listener>> listen(
      const endpoint& at, std::function<void(std::shared_ptr<net::stream_link>)> on_accept) override;
  void connect(const endpoint& to, std::chrono::milliseconds timeout,
               std::function<void(result<std::shared_ptr<net::stream_link>>)> on_done) override;
  void resolve(const std::string& host_and_port,
               std::function<void(result<std::vector<endpoint>>)> on_done) override;

  /// The machine loses power: nothing is sent or received any more, the others learn nothing.
  void cut();
  /// The process ends: its links are closed by the kernel, its ports are gone; the machine lives.
  void close_sockets();
  /// After a cut: the machine is there again, without any socket.
  void power_on() { alive_ = true; }
  bool alive() const { return alive_; }
  endpoint address() const { return address_; }

 private:
  friend class internet;
  friend class virtual_port;
  friend class virtual_listener;
  friend class virtual_link;

  std::shared_ptr<internet> net_;
  std::uint64_t index_;
  endpoint address_;  // its port is 0
  latency::place place_;
  bool alive_ = true;
  virtual_time uplink_free_{0};
  std::map<std::uint16_t, std::weak_ptr<virtual_port>> ports_;
  std::map<std::uint16_t, std::weak_ptr<virtual_listener>> listeners_;
  std::map<std::uint64_t, std::shared_ptr<virtual_link>> links_;  // by number: no order may hang on pointers
  std::uint16_t next_ephemeral_ = 49152;
};

}  // namespace vsf::sim
