#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "net/crypto/random.hpp"
#include "net/network.hpp"

namespace vsf::transport {

inline constexpr std::size_t datagram_credits = 1024;
/// With port 0 the kernel picks UDP's number, which may be taken for TCP: so many are tried.
inline constexpr int port_attempts = 16;

/// UDP and TCP of one number.
struct mesh_port {
  std::shared_ptr<net::datagram_port> datagrams;
  std::shared_ptr<net::stream_listener> listener;
};

/// Opens both, or neither: the error says which address is taken and what to do.
result<mesh_port> open_mesh_port(net::network& network, const endpoint& at,
                                 const net::datagram_handler& on_datagram,
                                 const std::function<void(std::shared_ptr<net::stream_link>)>& on_accept);

/// When a port that could not be opened is tried again: 0.5 s, doubling up to 30 s, with jitter. Pure.
class retry_plan {
 public:
  /// In [d/2, d] for the back-off d.
  std::chrono::milliseconds on_failure(std::string why, crypto::random_source& random);
  void on_success();
  /// What a person should know; nullopt while the port is open.
  std::optional<std::string> note() const;
  std::uint64_t failures() const { return failures_; }

 private:
  unsigned in_a_row_ = 0;
  std::uint64_t failures_ = 0;
  std::string why_;
};

}  // namespace vsf::transport
