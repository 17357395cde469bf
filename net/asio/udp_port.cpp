#include "net/asio/udp_port.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "net/asio/asio_network.hpp"
#include "net/asio/socket_address.hpp"

namespace vsf::net {

namespace {

constexpr int kernel_buffer_bytes = 4 << 20;
constexpr std::size_t turn_batches = 4;  // then other sockets get their turn
constexpr std::chrono::milliseconds error_pause{50};
constexpr std::chrono::milliseconds no_buffers_pause{2};

void enlarge_buffer(int fd, int forced, int plain) {
  // The forced form passes the system's limit where the program may; refusals are no error, only a smaller
  // buffer.
  const int size = kernel_buffer_bytes;
  if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) != 0)
    (void)setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

void count(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) {
  counter.fetch_add(n, std::memory_order_relaxed);
}

bool kernel_full(int code) {
  return code == EAGAIN || code == EWOULDBLOCK || code == ENOBUFS || code == ENOMEM;
}

}  // namespace

struct udp_port::receive_buffers {
  std::array<mmsghdr, receive_batch> messages{};
  std::array<iovec, receive_batch> parts{};
  std::array<sockaddr_storage, receive_batch> from{};
  std::array<std::array<std::uint8_t, max_datagram_size>, receive_batch> data;

  void arm() {
    for (std::size_t i = 0; i < receive_batch; ++i) {
      parts[i] = {data[i].data(), data[i].size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &from[i];
      messages[i].msg_hdr.msg_namelen = sizeof from[i];
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

udp_port::udp_port(std::shared_ptr<io_core> core, std::size_t credits, datagram_handler on_datagram,
                   datagram_calls calls)
    : core_(std::move(core)),
      credits_(credits),
      calls_(calls),
      socket_(core_->context()),
      receive_pause_(core_->context()),
      send_pause_(core_->context()),
      on_datagram_(std::move(on_datagram)),
      buffers_(std::make_unique<receive_buffers>()) {}

result<std::shared_ptr<udp_port>> udp_port::open(const std::shared_ptr<io_core>& core, const endpoint& at,
                                                 std::size_t credits, datagram_handler on_datagram,
                                                 datagram_calls calls, const socket_binding& binding) {
  auto port = std::make_shared<udp_port>(core, credits, std::move(on_datagram), calls);
  if (auto bound = port->bind(at, binding); !bound) return tl::unexpected(bound.error());
  port->id_ = core->add(port);
  if (port->id_ == 0 || !core->post([port] { port->wait_readable(); }))
    return fail("cannot bind UDP " + to_string(at) + ": the network is stopped; start it again");
  return port;
}

result<void> udp_port::bind(const endpoint& at, const socket_binding& binding) {
  boost::system::error_code why;
  const auto address = to_udp(at);
  const auto failed = [&] { return tl::unexpected<error>(bind_error("UDP", at, why)); };
  if (socket_.open(address.protocol(), why)) return failed();
  family_ = address.protocol().family();
  fd_ = socket_.native_handle();
  if (const auto unheld = binding.hold(fd_, family_, true))
    return fail("cannot bind UDP " + to_string(at) + ": " + unheld_reason(unheld));
  if (family_ == AF_INET6) {  // "[::]" serves IPv4 too, whatever the system's default
    const int off = 0;
    (void)setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  enlarge_buffer(fd_, SO_RCVBUFFORCE, SO_RCVBUF);
  enlarge_buffer(fd_, SO_SNDBUFFORCE, SO_SNDBUF);
  if (socket_.bind(address, why)) return failed();
  local_ = to_endpoint(socket_.local_endpoint(why));
  if (why) return failed();
  return {};
}

void udp_port::close() {
  core_->run_and_wait([this] { close_now(); });
}

void udp_port::close_now() {
  if (closed_) return;
  closed_ = true;
  {
    std::lock_guard lock(sending_);
    fd_ = -1;
    queue_.clear();
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
  receive_pause_.cancel();
  send_pause_.cancel();
  core_->remove(id_);
  if (!in_callback_)
    on_datagram_ = nullptr;  // else receive_turn does it: a running function must not be destroyed
}

void udp_port::wait_readable() {
  if (closed_) return;
  socket_.async_wait(boost::asio::socket_base::wait_read,
                     [self = shared_from_this()](boost::system::error_code) { self->receive_turn(); });
}

void udp_port::receive_turn() {
  for (std::size_t turn = 0; turn < turn_batches; ++turn) {
    if (closed_) return;
    buffers_->arm();
    const int got =
        recvmmsg(socket_.native_handle(), buffers_->messages.data(), receive_batch, MSG_DONTWAIT, nullptr);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return wait_readable();
      receive_pause_.expires_after(error_pause);  // a lasting error must not spin
      receive_pause_.async_wait(
          [self = shared_from_this()](boost::system::error_code) { self->receive_turn(); });
      return;
    }
    const auto messages = static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < messages; ++i) {
      if (!hand_over(i, buffers_->messages[i])) return;
    }
    if (messages < receive_batch) return wait_readable();
  }
  core_->post([self = shared_from_this()] { self->receive_turn(); });
}

/// false: the port was closed meanwhile.
bool udp_port::hand_over(std::size_t index, const mmsghdr& message) {
  if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
    count(counters_.dropped_oversize);
    return true;
  }
  if (!take_credit()) {
    count(counters_.dropped_no_credit);
    return true;
  }
  count(counters_.received);
  count(counters_.received_bytes, message.msg_len);
  in_callback_ = true;
  on_datagram_(from_sockaddr(buffers_->from[index]),
               frame::copy_of({buffers_->data[index].data(), message.msg_len}));
  in_callback_ = false;
  if (!closed_) return true;
  on_datagram_ = nullptr;
  return false;
}

bool udp_port::take_credit() {
  // Only the io thread adds, so the bound holds without a loop.
  if (in_flight_.load(std::memory_order_relaxed) >= credits_) return false;
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void udp_port::consumed(std::size_t count_back) {
  auto now = in_flight_.load(std::memory_order_relaxed);
  while (!in_flight_.compare_exchange_weak(now, now - std::min(now, count_back), std::memory_order_relaxed)) {
  }
}

bool udp_port::send(const endpoint& to, frame payload) {
  if (payload.size() > max_datagram_size) {
    count(counters_.dropped_oversize);
    return false;
  }
  sockaddr_storage address;
  const auto length = to_sockaddr(to, family_, address);
  if (length == 0) {
    count(counters_.send_errors);
    return false;
  }
  std::lock_guard lock(sending_);
  if (fd_ < 0) return false;
  if (!queue_.empty()) return enqueue(to, std::move(payload));
  for (;;) {
    const auto sent = calls_.send_to(fd_, payload.data(), payload.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                     reinterpret_cast<const sockaddr*>(&address), length);
    if (sent >= 0) {
      count(counters_.sent);
      count(counters_.sent_bytes, payload.size());
      return true;
    }
    if (errno == EINTR) continue;
    if (kernel_full(errno)) return enqueue(to, std::move(payload));
    count(counters_.send_errors);
    return false;
  }
}

bool udp_port::enqueue(const endpoint& to, frame payload) {
  if (queue_.size() >= asio_limits::datagram_queue) {
    count(counters_.dropped_queue_full);
    return false;
  }
  queue_.push_back({to, std::move(payload)});
  if (!flushing_) flushing_ = core_->post([self = shared_from_this()] { self->flush(); });
  return true;
}

void udp_port::flush() {
  int code = 0;
  {
    std::lock_guard lock(sending_);
    while (fd_ >= 0 && !queue_.empty() && code == 0) code = send_queued_batch();
    if (code == 0) flushing_ = false;
  }
  if (code == 0) return;
  if (code == EAGAIN || code == EWOULDBLOCK) {
    socket_.async_wait(boost::asio::socket_base::wait_write,
                       [self = shared_from_this()](boost::system::error_code) { self->flush(); });
    return;
  }
  flush_later();
}

/// 0, or the error that says the kernel has no room. Called with the lock held.
int udp_port::send_queued_batch() {
  std::array<mmsghdr, send_batch> messages{};
  std::array<iovec, send_batch> parts;
  std::array<sockaddr_storage, send_batch> to;
  const auto size = std::min(queue_.size(), send_batch);
  for (std::size_t i = 0; i < size; ++i) {
    parts[i] = {queue_[i].payload.mutable_data(), queue_[i].payload.size()};
    messages[i].msg_hdr.msg_name = &to[i];
    messages[i].msg_hdr.msg_namelen = to_sockaddr(queue_[i].to, family_, to[i]);
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent =
      calls_.send_many(fd_, messages.data(), static_cast<unsigned>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) return 0;
    if (kernel_full(errno)) return errno;
    count(counters_.send_errors);  // the first one's own error
    queue_.pop_front();
    return 0;
  }
  for (int i = 0; i < sent; ++i) {
    count(counters_.sent);
    count(counters_.sent_bytes, queue_.front().payload.size());
    queue_.pop_front();
  }
  return 0;
}

/// A full device queue (ENOBUFS) makes no socket event: asks again after a while.
void udp_port::flush_later() {
  send_pause_.expires_after(no_buffers_pause);
  send_pause_.async_wait([self = shared_from_this()](boost::system::error_code) { self->flush(); });
}

}  // namespace vsf::net
