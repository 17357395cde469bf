#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "net/port_mapping/port_mapper.hpp"

namespace vsf::net {

/// How long a round may take, and whether it is wanted at all: the mapper's thread waits by it.
class round_watch {
 public:
  using clock = std::chrono::steady_clock;
  round_watch(clock::time_point until, const std::atomic<bool>& stop) : until_(until), stop_(&stop) {}
  bool over() const { return stop_->load(std::memory_order_relaxed) || clock::now() >= until_; }
  /// Of a step that would take `most`: what is left for it, in ms, 0 when the round is over.
  int left_ms(std::chrono::milliseconds most) const;

 private:
  clock::time_point until_;
  const std::atomic<bool>* stop_;
};

/// A router that answered, by one of the protocols. Blocks; used by one thread.
class router {
 public:
  virtual ~router() = default;
  virtual std::string_view method() const = 0;
  virtual endpoint address() const = 0;
  /// Its address on the other side, with port 0.
  virtual result<endpoint> outside(const round_watch& watch) = 0;
  /// `external` is what would be liked; it may become another. What failed is in the answer's problem.
  virtual mapped_port map(const wanted_port& what, std::uint16_t external, const round_watch& watch) = 0;
  virtual result<void> unmap(const mapped_port& what, const round_watch& watch) = 0;
};

struct mapping_options {
  enum class protocols : std::uint8_t { any, upnp, nat_pmp };
  protocols ask = protocols::any;
  /// As network.router: empty, an http:// address, or an IP address for NAT-PMP, perhaps with a port.
  std::string router;
  /// As network.bind. Without a named router nobody is asked then: the usual one leads elsewhere.
  std::string bind;
  std::uint32_t lease_s = 3600;
  std::chrono::milliseconds search_time{2000};  // for a router's first answer, each protocol
  std::chrono::milliseconds answer_time{5000};  // for each further one
  std::chrono::milliseconds round_time{30000};
  std::chrono::milliseconds clear_time{3000};
  endpoint ssdp = endpoint::v4(0xEFFFFFFA, 1900);  // 239.255.255.250
};

result<std::unique_ptr<router>> find_upnp(const mapping_options& options, const round_watch& watch);
result<std::unique_ptr<router>> find_nat_pmp(const mapping_options& options, const round_watch& watch);

/// True: an address from which a router asks, or that it has outside, can't be reached by everyone.
bool behind_another(const endpoint& outside);

}  // namespace vsf::net
