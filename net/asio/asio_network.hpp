#pragma once

#include <memory>

#include "net/asio/io_runtime.hpp"
#include "net/network.hpp"

namespace vsf::net {

/// How many of everything an Asio network holds at most.
struct asio_limits {
  static constexpr std::size_t datagram_queue = 4096;      // outgoing, while the kernel's buffer is full
  static constexpr std::size_t stream_queue_packets = 64;  // outgoing per link, whichever comes first
  static constexpr std::size_t stream_queue_bytes = 1u << 20;
  static constexpr std::size_t receive_buffers = 384;     // large packets of all links: 18 MiB of data frames
  static constexpr std::size_t half_started_links = 512;  // accepted per listener, start() not yet called
  static constexpr std::size_t pending_connects = 1024;
  static constexpr std::size_t pending_resolves = 64;
  static constexpr std::size_t resolved_addresses = 16;  // per name
  static constexpr int close_timeout_ms = 1000;
  static constexpr int resolve_timeout_ms = 10000;
};

/// Real sockets on an io thread of its own. Destroying the network stops that thread (io_runtime::stop).
///
/// Rules beyond net/network.hpp: close() of a port or listener, and dropping the last reference to a port,
/// listener or link, wait for the callback under way when called from another thread; so don't do it while
/// holding a lock that a callback takes. After stream_link::close() on_closed comes when the peer has closed
/// too, a second later at most; packets that still arrive are thrown away. A link dropped without close() is
/// closed the same way, without on_closed. stream_link::send throws std::length_error for a packet of no or
/// too many bytes.
///
/// `bind` is network.bind: an interface or an address of this machine that all ports, listeners and
/// connections are held to; those that can't be say so. Lookups of names go as the system's do.
std::shared_ptr<network> make_asio_network(const std::string& bind = {});
/// The same on a runtime shared with others; whoever owns the runtime stops it.
std::shared_ptr<network> make_asio_network(std::shared_ptr<io_runtime> runtime, const std::string& bind = {});

}  // namespace vsf::net
