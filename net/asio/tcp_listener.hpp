#pragma once

#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "net/asio/io_core.hpp"
#include "net/asio/socket_binding.hpp"
#include "net/network.hpp"

namespace vsf::net {

/// A bound TCP port. Links that were accepted but not yet started are bounded
/// (asio_limits::half_started_links): more are closed at once. An error of accept (no file descriptor left)
/// pauses accepting, 0.1 s doubling to 2 s, while the kernel's backlog keeps the callers.
class tcp_listener final : public stream_listener,
                           public io_object,
                           public std::enable_shared_from_this<tcp_listener> {
 public:
  using accept_handler = std::function<void(std::shared_ptr<stream_link>)>;

  static result<std::shared_ptr<tcp_listener>> open(const std::shared_ptr<io_core>& core,
                                                    std::shared_ptr<stream_counters> counters,
                                                    const endpoint& at, stream_framing framing,
                                                    accept_handler on_accept,
                                                    const socket_binding& binding = {});
  tcp_listener(std::shared_ptr<io_core> core, std::shared_ptr<stream_counters> counters,
               stream_framing framing, accept_handler on_accept);

  endpoint local() const override { return local_; }
  void close() override;
  void shut_down() override { close_now(); }
  void released() { close(); }

 private:
  result<void> bind(const endpoint& at, const socket_binding& binding);
  void accept_next();
  void take(boost::asio::ip::tcp::socket socket);
  void pause();
  void close_now();

  const std::shared_ptr<io_core> core_;
  const std::shared_ptr<stream_counters> counters_;
  const stream_framing framing_;
  endpoint local_;

  // The io thread's.
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::endpoint peer_;
  boost::asio::steady_timer pause_timer_;
  std::chrono::milliseconds pause_;
  accept_handler on_accept_;
  const std::shared_ptr<io_core::tally> half_started_ = std::make_shared<io_core::tally>(0);
  std::uint64_t id_ = 0;
  bool closed_ = false;
  bool in_callback_ = false;
};

}  // namespace vsf::net
