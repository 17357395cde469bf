#include "net/asio/tcp_stream.hpp"

#include <chrono>

#include "net/asio/asio_network.hpp"

namespace vsf::net {

std::shared_ptr<stream_link> tcp_stream::adopt(std::shared_ptr<io_core> core,
                                               std::shared_ptr<stream_counters> counters,
                                               boost::asio::ip::tcp::socket socket, const endpoint& remote,
                                               stream_framing framing, std::shared_ptr<void> until_started) {
  auto link = std::make_shared<tcp_stream>(std::move(core), std::move(counters), std::move(socket), remote,
                                           framing, std::move(until_started));
  boost::system::error_code ignored;  // a peer gone already shows at the first read
  link->socket_.native_non_blocking(true, ignored);
  link->socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  link->id_ = link->core_->add(link);
  if (link->id_ == 0) link->finish("the network is stopping");
  return owner_handle<stream_link>(std::move(link));
}

tcp_stream::tcp_stream(std::shared_ptr<io_core> core, std::shared_ptr<stream_counters> counters,
                       boost::asio::ip::tcp::socket socket, const endpoint& remote, stream_framing framing,
                       std::shared_ptr<void> until_started)
    : core_(std::move(core)),
      counters_(std::move(counters)),
      remote_(remote),
      framing_(framing),
      socket_(std::move(socket)),
      close_timer_(core_->context()),
      until_started_(std::move(until_started)) {}

void tcp_stream::start(stream_handlers handlers) {
  core_->post([self = shared_from_this(), handlers = std::move(handlers)]() mutable {
    self->begin(std::move(handlers));
  });
}

void tcp_stream::begin(stream_handlers handlers) {
  if (started_) return;
  started_ = true;
  until_started_.reset();
  if (state_ == state::done) {
    if (!abandoned_ && handlers.on_closed) handlers.on_closed(closed_why_);
    return;
  }
  handlers_ = std::move(handlers);
  read_turn();  // a grant may have come first
}

void tcp_stream::close() {
  close_asked_.store(true);
  {
    std::lock_guard lock(sending_);
    accepts_ = false;
  }
  core_->post([self = shared_from_this()] { self->begin_close(); });
}

void tcp_stream::released() {
  if (finished_.load()) return;  // on_closed was the last callback
  core_->run_and_wait([this] { abandoned_ = true; });
  close();
}

void tcp_stream::begin_close() {
  if (state_ != state::open) return;
  state_ = state::closing;
  packet_ = {};
  if (!started_ && abandoned_)
    return finish("refused by this node");  // nothing was said, nothing is to be waited for
  close_timer_.expires_after(std::chrono::milliseconds(asio_limits::close_timeout_ms));
  close_timer_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    if (!cancelled)
      self->finish(self->write_ended_ ? "closed by this node" : "closed by this node; not all was sent");
  });
  write_turn();
  read_turn();  // what still comes is thrown away: closing over unread bytes would reset what is on its way
                // out
}

void tcp_stream::shut_down() {
  if (state_ == state::done) return;
  {
    std::lock_guard lock(sending_);
    accepts_ = false;
  }
  while ((batch_size_ > 0 || fill_batch()) && send_batched() == io_step::again) {
  }
  finish("the network is stopping");
}

/// Ends everything; never called from within a callback, so handlers_ may be destroyed here.
void tcp_stream::finish(const std::string& why) {
  if (state_ == state::done) return;
  state_ = state::done;
  closed_why_ = why;
  std::deque<frame> dropped;
  {
    std::lock_guard lock(sending_);
    accepts_ = false;
    dropped.swap(queue_);
    queued_packets_ = queued_bytes_ = 0;
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
  close_timer_.cancel();
  packet_ = {};
  core_->buffers->forget(held_);
  batch_ = {};
  batch_size_ = 0;
  until_started_.reset();
  core_->remove(id_);
  counters_->closed.fetch_add(1, std::memory_order_relaxed);
  const auto handlers = std::exchange(handlers_, {});
  if (!silent() && handlers.on_closed) handlers.on_closed(why);
  if (started_) finished_.store(true);
}

}  // namespace vsf::net
