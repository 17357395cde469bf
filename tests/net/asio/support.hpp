#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "net/asio/asio_network.hpp"

namespace vsf::net::test {

inline constexpr std::chrono::seconds patience{20};

/// What callbacks put in and a test takes out, in order.
template <class T>
class mailbox {
 public:
  void put(T value) {
    std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    arrived_.notify_all();
  }
  /// The next value; nothing when it does not come in time.
  std::optional<T> take(std::chrono::milliseconds longest = patience) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, longest, [this] { return !values_.empty(); })) return std::nullopt;
    auto value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  std::size_t size() {
    std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<T> values_;
};

/// Waits for a counter to reach a value: counters make no event. false: it did not in time.
inline bool reaches(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    usleep(500);
  }
  return true;
}

inline endpoint loopback(std::uint16_t port = 0) { return endpoint::v4(0x7F000001, port); }

/// `size` bytes that differ from place to place and from seed to seed.
inline frame pattern(std::size_t size, std::uint32_t seed = 0) {
  auto out = frame::allocate(size);
  auto state = seed * 2654435761u + 12345u;
  for (auto& byte : out.mutable_view()) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return out;
}

inline bool same(const frame& a, const frame& b) {
  return a.size() == b.size() && std::equal(a.view().begin(), a.view().end(), b.view().begin());
}

/// A blocking TCP socket without any of the code under test.
class raw_client {
 public:
  explicit raw_client(const endpoint& to) : raw_client(::socket(AF_INET, SOCK_STREAM, 0)) { connect_to(to); }
  explicit raw_client(int fd) : fd_(fd) {
    if (fd < 0) throw std::runtime_error("no socket");
    const timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~raw_client() { end(); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  void connect_to(const endpoint& to) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("connect failed");
  }
  void write(byte_view raw) {
    while (!raw.empty()) {
      const auto sent = ::send(fd_, raw.data(), raw.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("send failed");
      raw = raw.subspan(static_cast<std::size_t>(sent));
    }
  }
  /// Exactly `size` bytes, fewer when the stream ends before.
  bytes read(std::size_t size) {
    bytes out(size);
    std::size_t got = 0;
    while (got < size) {
      const auto n = ::recv(fd_, out.data() + got, size - got, 0);
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    out.resize(got);
    return out;
  }
  void end() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// The bytes of a packet on the wire.
inline bytes on_wire(const frame& packet) {
  bytes out{static_cast<std::uint8_t>(packet.size() >> 8), static_cast<std::uint8_t>(packet.size() & 0xFF)};
  out.insert(out.end(), packet.view().begin(), packet.view().end());
  return out;
}

/// What a link reports.
struct link_events {
  mailbox<frame> packets;
  mailbox<int> writable;
  mailbox<std::string> closed;

  stream_handlers handlers() {
    return {[this](frame packet) { packets.put(std::move(packet)); }, [this] { writable.put(1); },
            [this](std::string why) { closed.put(std::move(why)); }};
  }
};

/// A listener on loopback and what it accepts.
struct listening {
  explicit listening(network& net, stream_framing framing = stream_framing::packets,
                     const endpoint& at = loopback()) {
    auto opened = net.listen(
        at, [this](std::shared_ptr<stream_link> link) { links.put(std::move(link)); }, framing);
    if (!opened) throw std::runtime_error(opened.error().message);
    listener = *opened;
  }
  mailbox<std::shared_ptr<stream_link>> links;
  std::shared_ptr<stream_listener> listener;
};

inline result<std::shared_ptr<stream_link>> connect_now(network& net, const endpoint& to,
                                                        std::chrono::milliseconds timeout = patience,
                                                        stream_framing framing = stream_framing::packets) {
  mailbox<result<std::shared_ptr<stream_link>>> done;
  net.connect(
      to, timeout, [&](result<std::shared_ptr<stream_link>> outcome) { done.put(std::move(outcome)); },
      framing);
  auto outcome = done.take();
  return outcome ? *outcome : fail("connect() never answered");
}

/// Returns when the io thread has done all that was posted to it before.
inline void settle(network& net) {
  mailbox<int> done;
  net.resolve("127.0.0.1:1", [&](const auto&) { done.put(1); });
  if (!done.take()) throw std::runtime_error("the io thread hangs");
}

}  // namespace vsf::net::test
