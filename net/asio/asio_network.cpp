#include "net/asio/asio_network.hpp"

#include "net/asio/io_core.hpp"
#include "net/asio/name_resolver.hpp"
#include "net/asio/tcp_connector.hpp"
#include "net/asio/tcp_listener.hpp"
#include "net/asio/udp_port.hpp"

namespace vsf::net {

namespace {

class asio_network final : public network {
 public:
  explicit asio_network(std::shared_ptr<io_runtime> runtime) : runtime_(std::move(runtime)) {}

  result<std::shared_ptr<datagram_port>> open_datagrams(const endpoint& at, std::size_t credits,
                                                        datagram_handler on_datagram) override {
    return udp_port::open(runtime_->core(), at, credits, std::move(on_datagram)).map([](auto port) {
      return owner_handle<datagram_port>(std::move(port));
    });
  }

  result<std::shared_ptr<stream_listener>> listen(const endpoint& at,
                                                  std::function<void(std::shared_ptr<stream_link>)> on_accept,
                                                  stream_framing framing) override {
    return tcp_listener::open(runtime_->core(), streams_, at, framing, std::move(on_accept))
        .map([](auto listener) { return owner_handle<stream_listener>(std::move(listener)); });
  }

  void connect(const endpoint& to, std::chrono::milliseconds timeout,
               std::function<void(result<std::shared_ptr<stream_link>>)> on_done,
               stream_framing framing) override {
    start_connect(runtime_->core(), streams_, to, timeout, framing, std::move(on_done));
  }

  void resolve(const std::string& host_and_port,
               std::function<void(result<std::vector<endpoint>>)> on_done) override {
    start_resolve(runtime_->core(), streams_, host_and_port, std::move(on_done));
  }

 private:
  const std::shared_ptr<io_runtime> runtime_;
};

}  // namespace

std::shared_ptr<network> make_asio_network() { return make_asio_network(std::make_shared<io_runtime>()); }

std::shared_ptr<network> make_asio_network(std::shared_ptr<io_runtime> runtime) {
  return std::make_shared<asio_network>(std::move(runtime));
}

}  // namespace vsf::net
