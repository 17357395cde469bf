#include "net/asio/asio_network.hpp"

#include "net/asio/io_core.hpp"
#include "net/asio/name_resolver.hpp"
#include "net/asio/socket_binding.hpp"
#include "net/asio/tcp_connector.hpp"
#include "net/asio/tcp_listener.hpp"
#include "net/asio/udp_port.hpp"

namespace vsf::net {

namespace {

class asio_network final : public network {
 public:
  asio_network(std::shared_ptr<io_runtime> runtime, const std::string& bind)
      : runtime_(std::move(runtime)), binding_(bind) {}

  result<std::shared_ptr<datagram_port>> open_datagrams(const endpoint& at, std::size_t credits,
                                                        datagram_handler on_datagram) override {
    return udp_port::open(runtime_->core(), binding_.narrowed(at), credits, std::move(on_datagram), {},
                          binding_)
        .map([](auto port) { return owner_handle<datagram_port>(std::move(port)); });
  }

  result<std::shared_ptr<stream_listener>> listen(const endpoint& at,
                                                  std::function<void(std::shared_ptr<stream_link>)> on_accept,
                                                  stream_framing framing) override {
    return tcp_listener::open(runtime_->core(), streams_, binding_.narrowed(at), framing,
                              std::move(on_accept), binding_)
        .map([](auto listener) { return owner_handle<stream_listener>(std::move(listener)); });
  }

  void connect(const endpoint& to, std::chrono::milliseconds timeout,
               std::function<void(result<std::shared_ptr<stream_link>>)> on_done,
               stream_framing framing) override {
    start_connect(runtime_->core(), streams_, to, timeout, framing, std::move(on_done), binding_);
  }

  void resolve(const std::string& host_and_port,
               std::function<void(result<std::vector<endpoint>>)> on_done) override {
    start_resolve(runtime_->core(), streams_, host_and_port, std::move(on_done));
  }

 private:
  const std::shared_ptr<io_runtime> runtime_;
  const socket_binding binding_;
};

}  // namespace

std::shared_ptr<network> make_asio_network(const std::string& bind) {
  return make_asio_network(std::make_shared<io_runtime>(), bind);
}

std::shared_ptr<network> make_asio_network(std::shared_ptr<io_runtime> runtime, const std::string& bind) {
  return std::make_shared<asio_network>(std::move(runtime), bind);
}

}  // namespace vsf::net
