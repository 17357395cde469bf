#pragma once

#include <bitset>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "net/crypto/random.hpp"
#include "net/network.hpp"
#include "sim/event_queue.hpp"
#include "sim/latency_model.hpp"
#include "sim/link_faults.hpp"
#include "sim/nat.hpp"
#include "sim/scenario.hpp"

namespace vsf::sim {

struct internet_options {
  std::uint64_t seed = 1;
  std::uint32_t retransmit_ms = 200;  // on top of a round trip
  std::size_t stream_window_bytes = 256 * 1024;
  double nat_mapping_s = 120;  // of datagrams; RFC 4787 asks for two minutes at least
};

struct host_options {
  std::uint64_t uplink_bytes_per_s = 0, downlink_bytes_per_s = 0;  // 0: unlimited
  nat_type nat = nat_type::open;                                   // of IPv4 hosts: IPv6 needs none
  bool ipv6 = false;
};

/// Datagrams sent and duplicated are, once none is on its way, those delivered, lost, to_nobody, no_route,
/// partitioned, nat_filtered, nat_full, uplink_full, downlink_full and no_credit together.
struct internet_counters {
  std::uint64_t datagrams_sent = 0, datagrams_lost = 0, datagrams_delivered = 0, datagrams_to_nobody = 0;
  std::uint64_t datagram_bytes = 0;
  std::uint64_t stream_packets = 0, stream_bytes = 0, connects = 0, connects_failed = 0;
  std::uint64_t datagrams_duplicated = 0, datagrams_reordered = 0, datagrams_corrupted = 0;
  std::uint64_t datagrams_no_route = 0;     // IPv4 to IPv6 or the other way round
  std::uint64_t datagrams_partitioned = 0;  // the two could not reach each other
  std::uint64_t datagrams_nat_filtered = 0;
  std::uint64_t datagrams_nat_full = 0;  // the sender's translator had no room for another mapping
  std::uint64_t datagrams_uplink_full = 0, datagrams_downlink_full = 0;
  std::uint64_t datagrams_no_credit = 0;  // the receiving actor did not keep up
  std::uint64_t stream_packets_retransmitted = 0, stream_packets_corrupted = 0, stream_packets_stalled = 0;
  std::uint64_t streams_reset = 0;          // by a translator that forgot them
  std::uint64_t streams_misunderstood = 0;  // raw at one end, packets at the other
};

class host;
class virtual_port;
class virtual_listener;
class virtual_link;
struct dial;

/// The network between simulated hosts, in virtual time on one thread: places on a map, access delay, jitter,
/// access links with queues, translators, partitions, and what may happen to a packet. Every host has one
/// global address, IPv4 or IPv6; behind a translator that is its box's.
class internet : public std::enable_shared_from_this<internet> {
 public:
  internet(event_queue& events, trace& the_trace, std::function<virtual_time()> now,
           internet_options options);

  /// A host at the place that (seed, index) draws, with an address of its own.
  std::shared_ptr<host> add_host(std::uint64_t index, host_options options = {});
  /// From now on, for what is sent from now on.
  void set_conditions(const link_conditions& conditions) { faults_.set(conditions); }
  /// From now on these hosts (by index; more may be added later) and all others can't reach each other;
  /// one_way: the others don't hear them, they hear the others. Datagrams on their way are lost too, streams
  /// stall. At most max_partitions at once. Returns the number for heal().
  std::uint64_t partition(std::set<std::size_t> hosts, bool one_way);
  /// Stalled streams go on with TCP's next try. An unknown number is ignored: it has been healed.
  void heal(std::uint64_t id);
  const internet_counters& counters() const { return counters_; }

  static constexpr std::size_t max_partitions = 256;

 private:
  friend class host;
  friend class virtual_port;
  friend class virtual_listener;
  friend class virtual_link;

  using partition_bits = std::bitset<max_partitions>;
  struct partition_entry {
    std::set<std::size_t> hosts;
    std::size_t bit = 0;
  };

  /// Whose address that is; none also if it has no power.
  std::shared_ptr<host> find(const endpoint& address) const;
  std::shared_ptr<host> by_index(std::uint64_t index) const;
  /// Whether packets from a to b get lost by a partition now.
  bool parted(const host& a, const host& b) const;
  /// One-way delay from a to b; `word` is random.
  virtual_time delay(const host& a, const host& b, std::uint64_t word) const;
  packet_fate draw_fate(std::size_t size) { return faults_.draw(random_, size); }
  void mix_packet(const endpoint& from, const endpoint& to, byte_view payload);
  /// A datagram that has crossed the network, before and behind the receiver's access link.
  void arrive(const host& sender, const std::shared_ptr<host>& receiver, const endpoint& from,
              const endpoint& to, const frame& payload);
  void deliver(host& receiver, const endpoint& from, const endpoint& to, const frame& payload);
  /// A SYN at the host that was dialled.
  void knock(const std::shared_ptr<dial>& d);
  void refuse(const std::shared_ptr<dial>& d, virtual_time when, const std::string& why);

  event_queue& events_;
  trace& trace_;
  std::function<virtual_time()> now_;
  internet_options options_;
  crypto::seeded_random random_;
  crypto::seeded_random cuts_;  // of raw streams: their draws shift nobody else's
  link_faults faults_;
  internet_counters counters_;
  std::map<std::array<std::uint8_t, 16>, std::weak_ptr<host>> hosts_;
  std::map<std::uint64_t, std::weak_ptr<host>> hosts_by_index_;
  std::map<std::uint64_t, partition_entry> partitions_;
  partition_bits used_bits_, one_way_bits_;
  std::map<std::uint64_t, std::weak_ptr<virtual_link>> stalled_;  // by number, as a host's
  std::uint64_t next_partition_ = 1;
  std::uint64_t next_link_ = 1;
};

/// What one simulated machine sees as its network.
class host : public net::network, public std::enable_shared_from_this<host> {
 public:
  host(std::shared_ptr<internet> net, std::uint64_t index, const host_options& options);

  result<std::shared_ptr<net::datagram_port>> open_datagrams(const endpoint& at, std::size_t credits,
                                                             net::datagram_handler on_datagram) override;
  result<std::shared_ptr<net::stream_listener>> listen(
      const endpoint& at, std::function<void(std::shared_ptr<net::stream_link>)> on_accept,
      net::stream_framing framing = net::stream_framing::packets) override;
  void connect(const endpoint& to, std::chrono::milliseconds timeout,
               std::function<void(result<std::shared_ptr<net::stream_link>>)> on_done,
               net::stream_framing framing = net::stream_framing::packets) override;
  void resolve(const std::string& host_and_port,
               std::function<void(result<std::vector<endpoint>>)> on_done) override;

  /// The machine loses power: nothing is sent or received any more, the others learn nothing. Its translator,
  /// another box, keeps its mappings.
  void cut();
  /// The process ends: its links are closed by the kernel, its ports are gone; the machine lives.
  void close_sockets();
  /// After a cut: the machine is there again, without any socket.
  void power_on() { alive_ = true; }
  bool alive() const { return alive_; }
  /// Where the others reach it, if they can: behind a translator that box's. Its port is 0.
  endpoint address() const { return public_address_; }
  /// Its own: behind a translator a private one.
  endpoint own_address() const { return own_address_; }
  bool ipv6() const { return !own_address_.is_v4(); }
  /// Whether anybody of its address family may send to it unasked.
  bool reachable() const { return !nat_; }
  void set_uplink(std::uint64_t bytes_per_s) { uplink_.set_rate(bytes_per_s); }
  /// Its translator restarts: what was mapped gets other ports, connections through it are dead. Its own end
  /// learns that from a reset when it sends next, the other end hears nothing any more.
  void forget_mappings();

 private:
  friend class internet;
  friend class virtual_port;
  friend class virtual_listener;
  friend class virtual_link;

  std::uint16_t ephemeral_port();
  bool same_family(const endpoint& to) const { return to.is_v4() == own_address_.is_v4(); }
  /// As whom the others see what goes from `local` to `to`; none: its translator is full.
  std::optional<endpoint> seen_from_outside(ip_protocol protocol, const endpoint& local, const endpoint& to);
  /// Which of its ports a packet reaches that came to its address; none: filtered.
  std::optional<std::uint16_t> let_in(ip_protocol protocol, const endpoint& from, const endpoint& to) const;

  std::shared_ptr<internet> net_;
  std::uint64_t index_;
  endpoint public_address_, own_address_;  // their port is 0
  latency::place place_;
  bool alive_ = true;
  std::uint64_t boots_ = 0;  // who dialled before has ended
  access_link uplink_, downlink_;
  std::optional<nat_table> nat_;
  internet::partition_bits inside_;  // of which partitions' sets it is
  std::map<std::uint16_t, std::weak_ptr<virtual_port>> ports_;
  std::map<std::uint16_t, std::weak_ptr<virtual_listener>> listeners_;
  std::map<std::uint64_t, std::shared_ptr<virtual_link>> links_;  // by number: no order may hang on pointers
  std::uint16_t next_ephemeral_ = 49152;
};

}  // namespace vsf::sim
