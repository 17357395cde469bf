#pragma once

#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <atomic>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "net/asio/io_core.hpp"
#include "net/asio/socket_binding.hpp"
#include "net/network.hpp"

namespace vsf::net {

/// The kernel's side of sending, replaced in tests: a loopback socket's buffer never fills.
struct datagram_calls {
  ssize_t (*send_to)(int, const void*, std::size_t, int, const sockaddr*, socklen_t) = &::sendto;
  int (*send_many)(int, mmsghdr*, unsigned, int) = &::sendmmsg;
};

/// One UDP socket. Receiving is the io thread's alone, many datagrams a wake-up (recvmmsg). Sending goes
/// straight to the kernel from the calling thread; when the kernel's buffer is full a bounded queue takes
/// over, which the io thread empties in order (sendmmsg).
class udp_port final : public datagram_port, public io_object, public std::enable_shared_from_this<udp_port> {
 public:
  static result<std::shared_ptr<udp_port>> open(const std::shared_ptr<io_core>& core, const endpoint& at,
                                                std::size_t credits, datagram_handler on_datagram,
                                                datagram_calls calls = {},
                                                const socket_binding& binding = {});
  udp_port(std::shared_ptr<io_core> core, std::size_t credits, datagram_handler on_datagram,
           datagram_calls calls);

  endpoint local() const override { return local_; }
  bool send(const endpoint& to, frame payload) override;
  void consumed(std::size_t count) override;
  void close() override;
  void shut_down() override { close_now(); }
  void released() { close(); }

 private:
  static constexpr std::size_t receive_batch = 64;
  static constexpr std::size_t send_batch = 32;
  struct outgoing {
    endpoint to;
    frame payload;
  };
  struct receive_buffers;

  result<void> bind(const endpoint& at, const socket_binding& binding);
  void close_now();
  void wait_readable();
  void receive_turn();
  bool hand_over(std::size_t index, const mmsghdr& message);
  bool take_credit();
  bool enqueue(const endpoint& to, frame payload);
  void flush();
  int send_queued_batch();
  void flush_later();

  const std::shared_ptr<io_core> core_;
  const std::size_t credits_;
  const datagram_calls calls_;
  endpoint local_;
  int family_ = AF_INET;
  std::atomic<std::size_t> in_flight_{0};

  // The io thread's.
  boost::asio::ip::udp::socket socket_;
  boost::asio::steady_timer receive_pause_;
  boost::asio::steady_timer send_pause_;
  datagram_handler on_datagram_;
  std::unique_ptr<receive_buffers> buffers_;
  std::uint64_t id_ = 0;
  bool closed_ = false;
  bool in_callback_ = false;

  std::mutex
      sending_;  // guards what follows; the descriptor is closed under it, so that no send hits a reused one
  int fd_ = -1;
  std::deque<outgoing> queue_;
  bool flushing_ = false;
};

}  // namespace vsf::net
