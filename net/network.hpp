#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "messages/frame.hpp"
#include "messages/types.hpp"

/// What a node needs of a network, free of Asio and CAF: net/asio implements it on real sockets, sim/ in
/// virtual time. Methods may be called from any thread. Callbacks come from one thread (the io thread, or the
/// simulator's loop); they must not block and may call back into the object.
namespace vsf::net {

inline constexpr std::size_t max_datagram_size = 1200;
/// A packet of a stream: u16 big-endian length, then that many bytes (a Noise message).
inline constexpr std::size_t max_packet_size = 65535;
inline constexpr std::size_t max_raw_chunk = 64 * 1024;  // received at a time
inline constexpr std::size_t max_raw_send = 256 * 1024;

enum class stream_framing {
  packets,
  raw,  // plain TCP: bytes in order, without boundaries. What is read may be cut and joined anywhere.
};

/// What stream_link::send takes at most at a time.
constexpr std::size_t max_send_size(stream_framing framing) {
  return framing == stream_framing::raw ? max_raw_send : max_packet_size;
}

struct datagram_counters {
  std::atomic<std::uint64_t> received{0}, received_bytes{0}, sent{0}, sent_bytes{0};
  std::atomic<std::uint64_t> dropped_no_credit{0};   // the actor did not keep up
  std::atomic<std::uint64_t> dropped_oversize{0};    // longer than max_datagram_size
  std::atomic<std::uint64_t> dropped_queue_full{0};  // outgoing
  std::atomic<std::uint64_t> send_errors{0};
};

using datagram_handler = std::function<void(const endpoint& from, frame payload)>;

/// A bound UDP port.
class datagram_port {
 public:
  virtual ~datagram_port() = default;
  virtual endpoint local() const = 0;
  /// Sends at most max_datagram_size bytes, never blocks; false: dropped and counted.
  virtual bool send(const endpoint& to, frame payload) = 0;
  /// Gives back the credit of `count` received datagrams: at most `credits` are ever on their way to the
  /// owner.
  virtual void consumed(std::size_t count) = 0;
  /// After close() returns no further callback begins.
  virtual void close() = 0;
  const datagram_counters& counters() const { return counters_; }

 protected:
  datagram_counters counters_;
};

struct stream_handlers {
  /// One whole packet without its length; of a raw stream the next 1 to max_raw_chunk bytes. Consumes one
  /// credit; the frame is the receiver's to change (decrypt in place).
  std::function<void(frame packet)> on_packet;
  /// The outgoing queue has room again after a send() that returned false.
  std::function<void()> on_writable;
  /// Last call. `why` is for a log.
  std::function<void(std::string why)> on_closed;
};

/// One TCP connection. Reads only against credits (grant), so a slow owner slows the sender down; without a
/// credit it doesn't learn of the other side's end either. A side that ended its half counts as closed, once
/// what it sent before has been delivered.
class stream_link {
 public:
  virtual ~stream_link() = default;
  virtual endpoint remote() const = 0;
  /// Once, before anything else. Reading starts with the first grant().
  virtual void start(stream_handlers handlers) = 0;
  virtual void grant(std::size_t packets) = 0;
  /// Queues one packet (payload without length, 1..65535 bytes), or 1..max_raw_send bytes of a raw stream.
  /// false: the queue is full, nothing was taken; wait for on_writable. The order of calls is the order on
  /// the wire.
  virtual bool send(frame packet) = 0;
  /// Sends what is queued, at most for a second, then closes; on_closed follows unless it was already called.
  virtual void close() = 0;
};

/// Of all links of a network together.
struct stream_counters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};        // closed at once: too many accepted links not yet started
  std::atomic<std::uint64_t> accept_errors{0};  // each followed by a pause (out of file descriptors)
  std::atomic<std::uint64_t> connected{0};
  std::atomic<std::uint64_t> connect_failed{0};
  std::atomic<std::uint64_t> resolve_failed{0};
  std::atomic<std::uint64_t> closed{0};
  std::atomic<std::uint64_t> protocol_errors{0};  // links closed for a packet of length zero or a cut packet
  std::atomic<std::uint64_t> queue_full{0};       // send() returned false
  std::atomic<std::uint64_t> buffer_waits{0};     // a link had to wait for one of the node's receive buffers
  // Packets: of raw streams what on_packet got and send() took. Bytes: with the lengths.
  std::atomic<std::uint64_t> packets_in{0}, bytes_in{0}, packets_out{0}, bytes_out{0};
};

class stream_listener {
 public:
  virtual ~stream_listener() = default;
  virtual endpoint local() const = 0;
  virtual void close() = 0;
};

class network {
 public:
  virtual ~network() = default;
  /// Port 0 picks one. Fails with a message naming the address and what to do.
  virtual result<std::shared_ptr<datagram_port>> open_datagrams(const endpoint& at, std::size_t credits,
                                                                datagram_handler on_datagram) = 0;
  virtual result<std::shared_ptr<stream_listener>> listen(
      const endpoint& at, std::function<void(std::shared_ptr<stream_link>)> on_accept,
      stream_framing framing = stream_framing::packets) = 0;
  virtual void connect(const endpoint& to, std::chrono::milliseconds timeout,
                       std::function<void(result<std::shared_ptr<stream_link>>)> on_done,
                       stream_framing framing = stream_framing::packets) = 0;
  /// Resolves "host:port" (a name or an address) without blocking the caller.
  virtual void resolve(const std::string& host_and_port,
                       std::function<void(result<std::vector<endpoint>>)> on_done) = 0;
  const stream_counters& streams() const { return *streams_; }

 protected:
  /// Shared: links may outlive the network.
  const std::shared_ptr<stream_counters> streams_ = std::make_shared<stream_counters>();
};

}  // namespace vsf::net
