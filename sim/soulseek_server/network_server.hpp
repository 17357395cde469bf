#pragma once

#include <deque>
#include <functional>

#include "net/network.hpp"
#include "sim/soulseek_server/server_core.hpp"

namespace vsf::soulseek::test_server {

/// The server over a network: real sockets, or a simulated host's. All calls and all callbacks of that
/// network belong to one thread; on an Asio network that is its io thread.
class network_server : public std::enable_shared_from_this<network_server> {
 public:
  struct hooks {
    std::function<time_ms()> now;
    /// tick() is wanted then; may be called with the same time again. Empty: somebody ticks often enough.
    std::function<void(time_ms)> wake_at;
    std::function<void(const event&)> on_event;
  };
  /// What may wait for a slow client until it is closed.
  static constexpr std::size_t most_queued_bytes = 4u << 20;

  network_server(std::shared_ptr<net::network> network, hooks given, server_options options = {});

  /// Port 0 picks one, which stays the same when the server comes back.
  result<endpoint> open(const endpoint& at);
  /// Ends all connections and the listener.
  void close();
  void tick();
  /// Misbehaviour and the like: `what` may call anything of the core; its effects are carried out.
  void control(const std::function<void(server_core&, time_ms now)>& what);
  const endpoint& local() const { return local_; }

 private:
  struct connection {
    std::shared_ptr<net::stream_link> link;
    std::deque<frame> queue;
    std::size_t queued_bytes = 0;
  };
  result<endpoint> listen();
  void accept(std::shared_ptr<net::stream_link> link);
  void received(connection_id id, const frame& chunk);
  void lost(connection_id id);
  void write(connection_id id);
  void queue(connection_id id, byte_view data);
  void carry_out();

  std::shared_ptr<net::network> network_;
  hooks hooks_;
  server_core core_;
  endpoint local_;
  std::shared_ptr<net::stream_listener> listener_;
  std::map<connection_id, connection> connections_;
  connection_id next_ = 1;
  bool carrying_out_ = false;
};

}  // namespace vsf::soulseek::test_server
