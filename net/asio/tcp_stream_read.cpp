#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/asio/socket_address.hpp"
#include "net/asio/tcp_stream.hpp"

namespace vsf::net {

namespace {

constexpr std::size_t turn_bytes = 1u << 20;  // then other sockets get their turn

std::string read_failure(int code) {
  return "reading failed: " + reason_of({code, boost::system::system_category()});
}

}  // namespace

void tcp_stream::grant(std::size_t packets) {
  credits_.fetch_add(packets);
  if (read_paused_.exchange(false)) core_->post([self = shared_from_this()] { self->read_turn(); });
}

bool tcp_stream::have_credit() {
  while (credits_.load() == 0) {
    read_paused_.store(true);
    if (credits_.load() == 0) return false;
    if (!read_paused_.exchange(false)) return false;  // the grant in between has posted a turn
  }
  return true;
}

void tcp_stream::read_turn() {
  if (waiting_read_) return;
  for (std::size_t got = 0; got < turn_bytes; got += staging_size) {
    auto next = io_step::stop;
    if (state_ == state::closing && !read_ended_) {
      next = discard();
    } else if (raw()) {
      next = receive_raw(got);
    } else if (state_ == state::open && started_ && take_staged()) {
      got += packet_.size();
      next = receive();
    }
    if (next == io_step::stop) return;
    if (next == io_step::wait) return wait_readable();
  }
  core_->post([self = shared_from_this()] { self->read_turn(); });
}

void tcp_stream::wait_readable() {
  waiting_read_ = true;
  socket_.async_wait(boost::asio::socket_base::wait_read,
                     [self = shared_from_this()](boost::system::error_code cancelled) {
                       self->waiting_read_ = false;
                       if (!cancelled) self->read_turn();
                     });
}

/// Hands over all packets that are whole. true: more bytes are needed and may be read.
bool tcp_stream::take_staged() {
  while (state_ == state::open && !abandoned_ && !close_asked_.load(std::memory_order_relaxed)) {
    if (packet_.empty()) {
      if (!have_credit()) return false;
      if (!take_length()) return state_ == state::open && staged_end_ - staged_begin_ < length_size();
    }
    const auto part = std::min(packet_.size() - packet_got_, staged_end_ - staged_begin_);
    std::memcpy(packet_.mutable_data() + packet_got_, staged_.data() + staged_begin_, part);
    packet_got_ += part;
    staged_begin_ += part;
    if (packet_got_ < packet_.size()) return true;
    deliver();
  }
  return false;
}

/// false: the length isn't here yet, or it is bad and the link is closed, or no buffer is free.
bool tcp_stream::take_length() {
  if (staged_end_ - staged_begin_ < length_size()) return false;
  const auto size = static_cast<std::size_t>(staged_[staged_begin_] << 8 | staged_[staged_begin_ + 1]);
  if (size == 0) {
    counters_->protocol_errors.fetch_add(1, std::memory_order_relaxed);
    finish("the peer sent a packet of length zero");
    return false;
  }
  if (!take_buffer(size)) return false;
  staged_begin_ += length_size();
  credits_.fetch_sub(1);
  packet_got_ = 0;
  return true;
}

/// Into packet_. false: none is free; read_turn() follows when one is.
bool tcp_stream::take_buffer(std::size_t size) {
  packet_ = core_->buffers->take(size, held_, [core = core_, weak = weak_from_this()] {
    core->post([weak] {
      if (const auto self = weak.lock()) self->read_turn();
    });
  });
  if (packet_.empty()) counters_->buffer_waits.fetch_add(1, std::memory_order_relaxed);
  return !packet_.empty();
}

void tcp_stream::deliver() {
  counters_->packets_in.fetch_add(1, std::memory_order_relaxed);
  auto packet = std::exchange(packet_, {});
  if (!silent() && handlers_.on_packet) handlers_.on_packet(std::move(packet));
}

tcp_stream::io_step tcp_stream::receive() {
  std::array<iovec, 2> parts;
  msghdr message{};
  message.msg_iov = parts.data();
  std::size_t wanted = 0, rest = 0;
  if (!packet_.empty()) {
    staged_begin_ = staged_end_ = 0;
    rest = packet_.size() - packet_got_;
    parts[message.msg_iovlen++] = {packet_.mutable_data() + packet_got_, rest};
    wanted = rest;
  } else {  // at most one byte of a length
    std::memmove(staged_.data(), staged_.data() + staged_begin_, staged_end_ - staged_begin_);
    staged_end_ -= staged_begin_;
    staged_begin_ = 0;
  }
  const auto behind = rest >= staged_.size() ? length_size() : staged_.size() - staged_end_;
  parts[message.msg_iovlen++] = {staged_.data() + staged_end_, behind};
  wanted += behind;

  const auto got = recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT);
  if (got < 0) {
    if (errno == EINTR) return io_step::again;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return io_step::wait;
    finish(read_failure(errno));
    return io_step::stop;
  }
  if (got == 0) {
    peer_ended();
    return io_step::stop;
  }
  const auto size = static_cast<std::size_t>(got);
  counters_->bytes_in.fetch_add(size, std::memory_order_relaxed);
  packet_got_ += std::min(size, rest);
  staged_end_ += size - std::min(size, rest);
  // A short read has emptied the kernel's buffer: only what is here needs looking at before the next wait.
  return size < wanted && !take_staged() ? io_step::stop : size < wanted ? io_step::wait : io_step::again;
}

/// One recv of what has come, handed on at once; `size` grows by it.
tcp_stream::io_step tcp_stream::receive_raw(std::size_t& size) {
  if (state_ != state::open || !started_ || abandoned_ || close_asked_.load(std::memory_order_relaxed) ||
      !have_credit() || (packet_.empty() && !take_buffer(max_raw_chunk))) {
    packet_ = {};
    return io_step::stop;
  }
  const auto got = recv(socket_.native_handle(), packet_.mutable_data(), packet_.size(), MSG_DONTWAIT);
  if (got <= 0) {
    const auto why = got == 0 ? 0 : errno;
    if (why == EINTR) return io_step::again;
    packet_ = {};
    if (why == EAGAIN || why == EWOULDBLOCK) return io_step::wait;
    finish(why == 0 ? "closed by the peer" : read_failure(why));
    return io_step::stop;
  }
  const auto taken = static_cast<std::size_t>(got);
  const bool emptied = taken < packet_.size();  // the kernel's buffer
  size += taken;
  counters_->bytes_in.fetch_add(taken, std::memory_order_relaxed);
  counters_->packets_in.fetch_add(1, std::memory_order_relaxed);
  credits_.fetch_sub(1);
  auto chunk = taken <= receive_buffers::small_packet ? frame::copy_of(packet_.view().first(taken))
                                                      : std::exchange(packet_, {}).slice(0, taken);
  if (emptied) packet_ = {};
  if (handlers_.on_packet) handlers_.on_packet(std::move(chunk));
  return emptied ? io_step::wait : io_step::again;
}

void tcp_stream::peer_ended() {
  if (packet_.empty() && staged_begin_ == staged_end_) return finish("closed by the peer");
  counters_->protocol_errors.fetch_add(1, std::memory_order_relaxed);
  if (packet_.empty()) return finish("the peer closed in the middle of a packet's length");
  finish("the peer closed in the middle of a packet (" + std::to_string(packet_got_) + " of " +
         std::to_string(packet_.size()) + " bytes)");
}

tcp_stream::io_step tcp_stream::discard() {
  const auto got = recv(socket_.native_handle(), staged_.data(), staged_.size(), MSG_DONTWAIT);
  if (got > 0 || (got < 0 && errno == EINTR)) return io_step::again;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return io_step::wait;
  read_ended_ = true;
  if (got < 0 || write_ended_) finish("closed by this node");
  return io_step::stop;
}

}  // namespace vsf::net
