#include "net/asio/tcp_connector.hpp"

#include <algorithm>

#include "net/asio/asio_network.hpp"
#include "net/asio/socket_address.hpp"
#include "net/asio/tcp_stream.hpp"

namespace vsf::net {

namespace {

class connector final : public io_object, public std::enable_shared_from_this<connector> {
 public:
  connector(std::shared_ptr<io_core> core, std::shared_ptr<stream_counters> counters, const endpoint& to,
            stream_framing framing, connect_handler on_done, const socket_binding& binding)
      : core_(std::move(core)),
        counters_(std::move(counters)),
        to_(to),
        framing_(framing),
        on_done_(std::move(on_done)),
        binding_(binding),
        socket_(core_->context()),
        timer_(core_->context()) {}

  void begin(std::chrono::milliseconds timeout) {
    if (core_->connects->fetch_add(1) >= asio_limits::pending_connects)
      return finish(error{text("too many connections are being made at once; try again later")});
    id_ = core_->add(weak_from_this());
    if (id_ == 0) return shut_down();
    boost::system::error_code why;
    if (to_.port == 0) why = boost::asio::error::invalid_argument;
    if (!why) socket_.open(to_tcp(to_).protocol(), why);
    if (why) return finish(connect_error(to_, why));
    if (const auto unheld = binding_.hold(socket_.native_handle(), to_tcp(to_).protocol().family(), false))
      return finish(error{text(unheld_reason(unheld))});
    timer_.expires_after(timeout);
    timer_.async_wait([self = shared_from_this(), timeout](boost::system::error_code cancelled) {
      if (!cancelled)
        self->finish(error{self->text("no answer within " + std::to_string(timeout.count()) +
                                      " ms; check that it is reachable (firewall, port forwarding)")});
    });
    socket_.async_connect(to_tcp(to_), [self = shared_from_this()](boost::system::error_code failed) {
      if (self->done_) return;
      if (failed) return self->finish(connect_error(self->to_, failed));
      self->counters_->connected.fetch_add(1, std::memory_order_relaxed);
      self->report(tcp_stream::adopt(self->core_, self->counters_, std::move(self->socket_), self->to_,
                                     self->framing_, nullptr));
    });
  }

  void shut_down() override { finish(error{text("the network is stopping; start it again")}); }

  void refuse() {  // in the caller's thread, never begun
    counters_->connect_failed.fetch_add(1, std::memory_order_relaxed);
    on_done_(tl::unexpected<error>(error{text("the network is stopped; start it again")}));
  }

 private:
  std::string text(const std::string& why) const {
    return "cannot connect to TCP " + to_string(to_) + ": " + why;
  }

  void finish(error why) {
    if (done_) return;
    counters_->connect_failed.fetch_add(1, std::memory_order_relaxed);
    boost::system::error_code ignored;
    socket_.close(ignored);
    report(tl::unexpected<error>(std::move(why)));
  }

  void report(result<std::shared_ptr<stream_link>> outcome) {
    done_ = true;
    timer_.cancel();
    core_->connects->fetch_sub(1);
    core_->remove(id_);
    std::exchange(on_done_, nullptr)(std::move(outcome));
  }

  const std::shared_ptr<io_core> core_;
  const std::shared_ptr<stream_counters> counters_;
  const endpoint to_;
  const stream_framing framing_;
  connect_handler on_done_;
  const socket_binding binding_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::uint64_t id_ = 0;
  bool done_ = false;
};

}  // namespace

void start_connect(const std::shared_ptr<io_core>& core, std::shared_ptr<stream_counters> counters,
                   const endpoint& to, std::chrono::milliseconds timeout, stream_framing framing,
                   connect_handler on_done, const socket_binding& binding) {
  auto attempt =
      std::make_shared<connector>(core, std::move(counters), to, framing, std::move(on_done), binding);
  timeout = std::max(timeout, std::chrono::milliseconds(1));
  if (!core->post([attempt, timeout] { attempt->begin(timeout); })) attempt->refuse();
}

}  // namespace vsf::net
