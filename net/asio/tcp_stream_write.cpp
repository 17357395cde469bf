#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "net/asio/asio_network.hpp"
#include "net/asio/socket_address.hpp"
#include "net/asio/tcp_stream.hpp"

namespace vsf::net {

namespace {

constexpr std::size_t turn_batches = 4;  // then other sockets get their turn

}  // namespace

bool tcp_stream::send(frame packet) {
  if (packet.empty() || packet.size() > max_send_size(framing_))
    throw std::length_error(std::to_string(packet.size()) + " bytes can't be sent at once: 1 to " +
                            std::to_string(max_send_size(framing_)));
  std::lock_guard lock(sending_);
  if (!accepts_) return false;
  const auto bytes = queued_bytes_ + packet.size();
  if (queued_packets_ >= asio_limits::stream_queue_packets || bytes > asio_limits::stream_queue_bytes) {
    was_full_ = true;
    counters_->queue_full.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  queue_.push_back(std::move(packet));
  ++queued_packets_;
  queued_bytes_ = bytes;
  if (!writing_) writing_ = core_->post([self = shared_from_this()] { self->write_turn(); });
  return true;
}

void tcp_stream::write_turn() {
  if (state_ == state::done || waiting_write_) return;
  for (std::size_t turn = 0; turn < turn_batches; ++turn) {
    if (batch_size_ == 0 && !fill_batch()) return all_written();
    const auto next = send_batched();
    if (next == io_step::stop) return;
    if (next == io_step::wait) {
      waiting_write_ = true;
      socket_.async_wait(boost::asio::socket_base::wait_write,
                         [self = shared_from_this()](boost::system::error_code cancelled) {
                           self->waiting_write_ = false;
                           if (!cancelled) self->write_turn();
                         });
      return;
    }
  }
  core_->post([self = shared_from_this()] { self->write_turn(); });
}

bool tcp_stream::fill_batch() {
  std::lock_guard lock(sending_);
  batch_sent_bytes_ = batch_bytes_ = 0;
  for (; !queue_.empty() && batch_size_ < send_batch; queue_.pop_front(), ++batch_size_) {
    const auto size = queue_.front().size();
    batch_lengths_[batch_size_] = {static_cast<std::uint8_t>(size >> 8),
                                   static_cast<std::uint8_t>(size & 0xFF)};
    batch_[batch_size_] = std::move(queue_.front());
    batch_bytes_ += length_size() + size;
  }
  writing_ = batch_size_ > 0;
  return writing_;
}

tcp_stream::io_step tcp_stream::send_batched() {
  std::array<iovec, 2 * send_batch> parts;
  msghdr message{};
  message.msg_iov = parts.data();
  auto skip = batch_sent_bytes_;
  const auto add = [&](std::uint8_t* data, std::size_t size) {
    const auto sent = std::min(skip, size);
    skip -= sent;
    if (sent < size) parts[message.msg_iovlen++] = {data + sent, size - sent};
  };
  for (std::size_t i = 0; i < batch_size_; ++i) {
    add(batch_lengths_[i].data(), length_size());
    add(batch_[i].mutable_data(), batch_[i].size());
  }
  const auto sent = sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) return io_step::again;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return io_step::wait;
    finish("writing failed: " + reason_of({errno, boost::system::system_category()}));
    return io_step::stop;
  }
  batch_sent_bytes_ += static_cast<std::size_t>(sent);
  counters_->bytes_out.fetch_add(static_cast<std::uint64_t>(sent), std::memory_order_relaxed);
  if (batch_sent_bytes_ < batch_bytes_) return io_step::wait;
  release_batch();
  return io_step::again;
}

void tcp_stream::release_batch() {
  counters_->packets_out.fetch_add(batch_size_, std::memory_order_relaxed);
  bool writable = false;
  {
    std::lock_guard lock(sending_);
    queued_packets_ -= batch_size_;
    queued_bytes_ -= batch_bytes_ - batch_size_ * length_size();
    writable = was_full_ && accepts_ && queued_packets_ <= asio_limits::stream_queue_packets / 2 &&
               queued_bytes_ <= asio_limits::stream_queue_bytes / 2;
    if (writable) was_full_ = false;
  }
  for (std::size_t i = 0; i < batch_size_; ++i) batch_[i] = {};
  batch_size_ = 0;
  if (writable && !silent() && handlers_.on_writable) handlers_.on_writable();
}

/// The queue is empty: while closing, tells the peer.
void tcp_stream::all_written() {
  if (state_ != state::closing || write_ended_) return;
  write_ended_ = true;
  boost::system::error_code ignored;
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  if (read_ended_) finish("closed by this node");
}

}  // namespace vsf::net
