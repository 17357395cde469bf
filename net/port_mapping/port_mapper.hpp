#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "messages/types.hpp"

/// Asks the router in front of this machine to let others in.
namespace vsf::net {

enum class port_protocol : std::uint8_t { tcp, udp };

/// A port of this machine that others are to reach.
struct wanted_port {
  port_protocol protocol = port_protocol::tcp;
  endpoint listens;      // never mapped when it is a loopback address, unless the router is named
  std::string what_for;  // "Soulseek", for the router's table
  auto operator<=>(const wanted_port&) const = default;
};

struct mapped_port {
  wanted_port wanted;
  std::uint16_t external = 0;  // 0: not mapped, see problem
  std::uint32_t lease_s = 0;   // 0 with an external port: until the router restarts
  std::string problem;         // also of a mapping that isn't as wished
};

/// What came of a round.
struct mapping_report {
  std::string method;               // "UPnP", "NAT-PMP"; empty: nobody answered
  std::optional<endpoint> router;   // who answered
  std::optional<endpoint> outside;  // this machine's address beyond the router; port 0
  std::vector<mapped_port> ports;
  std::string problem;  // nobody answered, or not as it should: what to do
};

/// Works through one round after the other on a thread of its own.
class port_mapper {
 public:
  static constexpr std::size_t max_ports = 16;

  virtual ~port_mapper() = default;
  /// Maps these, renews what is mapped, and takes back what was mapped and is wanted no more. `done` is
  /// called once, on the mapper's thread; a round that a newer one replaced before it began is dropped
  /// without. More than max_ports: the rest is refused in the report.
  virtual void map(std::vector<wanted_port> ports, std::function<void(mapping_report)> done) = 0;
  /// Takes everything back, which needs a few seconds at most, and calls nobody any more. map() may follow.
  virtual void clear() = 0;
};

}  // namespace vsf::net
