#include "net/asio/tcp_listener.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "net/asio/asio_network.hpp"
#include "net/asio/socket_address.hpp"
#include "net/asio/tcp_stream.hpp"

namespace vsf::net {

namespace {
constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{2000};
}  // namespace

tcp_listener::tcp_listener(std::shared_ptr<io_core> core, std::shared_ptr<stream_counters> counters,
                           stream_framing framing, accept_handler on_accept)
    : core_(std::move(core)),
      counters_(std::move(counters)),
      framing_(framing),
      acceptor_(core_->context()),
      pause_timer_(core_->context()),
      pause_(first_pause),
      on_accept_(std::move(on_accept)) {}

result<std::shared_ptr<tcp_listener>> tcp_listener::open(const std::shared_ptr<io_core>& core,
                                                         std::shared_ptr<stream_counters> counters,
                                                         const endpoint& at, stream_framing framing,
                                                         accept_handler on_accept,
                                                         const socket_binding& binding) {
  auto listener = std::make_shared<tcp_listener>(core, std::move(counters), framing, std::move(on_accept));
  if (auto bound = listener->bind(at, binding); !bound) return tl::unexpected(bound.error());
  listener->id_ = core->add(listener);
  if (listener->id_ == 0 || !core->post([listener] { listener->accept_next(); }))
    return fail("cannot bind TCP " + to_string(at) + ": the network is stopped; start it again");
  return listener;
}

result<void> tcp_listener::bind(const endpoint& at, const socket_binding& binding) {
  boost::system::error_code why;
  const auto address = to_tcp(at);
  const auto failed = [&] { return tl::unexpected<error>(bind_error("TCP", at, why)); };
  if (acceptor_.open(address.protocol(), why)) return failed();
  if (const auto unheld = binding.hold(acceptor_.native_handle(), address.protocol().family(), true))
    return fail("cannot bind TCP " + to_string(at) + ": " + unheld_reason(unheld));
  // Only against remains of closed connections: two listeners on one port still exclude each other.
  if (acceptor_.set_option(boost::asio::socket_base::reuse_address(true), why)) return failed();
  if (address.protocol() == boost::asio::ip::tcp::v6()) {
    const int off = 0;
    (void)setsockopt(acceptor_.native_handle(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (acceptor_.bind(address, why)) return failed();
  if (acceptor_.listen(boost::asio::socket_base::max_listen_connections, why)) return failed();
  local_ = to_endpoint(acceptor_.local_endpoint(why));
  if (why) return failed();
  return {};
}

void tcp_listener::close() {
  core_->run_and_wait([this] { close_now(); });
}

void tcp_listener::close_now() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_timer_.cancel();
  core_->remove(id_);
  if (!in_callback_) on_accept_ = nullptr;  // else take() does it: a running function must not be destroyed
}

void tcp_listener::accept_next() {
  if (closed_) return;
  acceptor_.async_accept(
      peer_, [self = shared_from_this()](boost::system::error_code why, boost::asio::ip::tcp::socket socket) {
        if (self->closed_) return;
        // The caller was gone before it was taken: nothing is wrong here.
        if (why == boost::asio::error::connection_aborted || why.value() == EPROTO)
          return self->accept_next();
        if (why) return self->pause();
        self->pause_ = first_pause;
        self->take(std::move(socket));
        self->accept_next();
      });
}

void tcp_listener::take(boost::asio::ip::tcp::socket socket) {
  if (half_started_->load() >= asio_limits::half_started_links) {
    counters_->refused.fetch_add(1, std::memory_order_relaxed);
    return;  // the socket closes
  }
  counters_->accepted.fetch_add(1, std::memory_order_relaxed);
  half_started_->fetch_add(1);
  std::shared_ptr<void> until_started(half_started_.get(),
                                      [tally = half_started_](void*) { tally->fetch_sub(1); });
  auto link = tcp_stream::adopt(core_, counters_, std::move(socket), to_endpoint(peer_), framing_,
                                std::move(until_started));
  in_callback_ = true;
  on_accept_(std::move(link));
  in_callback_ = false;
  if (closed_) on_accept_ = nullptr;
}

void tcp_listener::pause() {
  counters_->accept_errors.fetch_add(1, std::memory_order_relaxed);
  pause_timer_.expires_after(pause_);
  pause_ = std::min(pause_ * 2, longest_pause);
  pause_timer_.async_wait([self = shared_from_this()](boost::system::error_code) { self->accept_next(); });
}

}  // namespace vsf::net
