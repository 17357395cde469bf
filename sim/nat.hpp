#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "messages/types.hpp"
#include "sim/event_queue.hpp"
#include "sim/scenario.hpp"

namespace vsf::sim {

enum class ip_protocol : std::uint8_t { udp, tcp };

struct nat_limits {
  virtual_time udp_lifetime = std::chrono::seconds(120);  // RFC 4787, REQ-5
  virtual_time tcp_lifetime = std::chrono::minutes(124);  // RFC 5382, REQ-5
  std::size_t entries = 32 * 1024;                        // mappings and permissions together
};

/// The translator of one host: which public port stands for which of its own, and who may send to it
/// (RFC 4787). Only what goes out renews a timer. A cone keeps the host's port number as long as it was never
/// made to forget; a symmetric one counts up. Pure: the caller brings the clock.
class nat_table {
 public:
  nat_table(nat_type type, std::uint16_t first_port, nat_limits limits = {});

  /// The public port under which a packet from the host's port `inside` to `to` leaves; none: the table is
  /// full and nothing of it has expired.
  std::optional<std::uint16_t> outgoing(ip_protocol protocol, std::uint16_t inside, const endpoint& to,
                                        virtual_time now);
  /// The host's port that a packet from `from` to the public `port` reaches; none: it is filtered.
  std::optional<std::uint16_t> incoming(ip_protocol protocol, const endpoint& from, std::uint16_t port,
                                        virtual_time now) const;
  /// As after a restart of the box: no mapping is left, and the same host ports get other public ones.
  void forget();
  /// Mappings and permissions kept, expired ones that were not swept yet among them.
  std::size_t size() const { return mappings_.size() + permissions_; }

 private:
  /// Destination only where a mapping is for one (symmetric).
  using inside_key = std::tuple<ip_protocol, std::uint16_t, endpoint>;
  using public_key = std::pair<ip_protocol, std::uint16_t>;
  struct mapping {
    inside_key inside;
    virtual_time used;
    std::map<endpoint, virtual_time> permissions;  // to whom something was sent, and when the last time
  };

  bool expired(ip_protocol protocol, virtual_time used, virtual_time now) const;
  bool has_permissions() const {
    return type_ == nat_type::address_restricted || type_ == nat_type::port_restricted;
  }
  endpoint permission_of(endpoint other) const;
  mapping* map(const inside_key& key, virtual_time now);
  std::optional<std::uint16_t> free_port(ip_protocol protocol, std::uint16_t wanted);
  void make_room(virtual_time now);
  void sweep(virtual_time now);

  nat_type type_;
  nat_limits limits_;
  std::uint16_t next_port_;
  bool keeps_port_;
  std::map<inside_key, std::uint16_t> by_inside_;
  std::map<public_key, mapping> mappings_;
  std::size_t permissions_ = 0;
  std::size_t sweep_at_;
  virtual_time next_sweep_{0};
};

}  // namespace vsf::sim
