#include "net/asio/name_resolver.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <optional>

#include "net/asio/asio_network.hpp"
#include "net/asio/socket_address.hpp"

namespace vsf::net {

namespace {

constexpr std::size_t longest_name = 253;

/// A look-up can't be broken off and its handler may wait in the context until that is destroyed: a request
/// must not hold the core, or the two would keep each other.
class resolve_request final : public io_object, public std::enable_shared_from_this<resolve_request> {
 public:
  resolve_request(std::shared_ptr<stream_counters> counters, std::string what, resolve_handler on_done)
      : counters_(std::move(counters)), what_(std::move(what)), on_done_(std::move(on_done)) {}

  void begin(const std::shared_ptr<io_core>& core) {
    if (auto known = parse_endpoint(what_)) return report(std::vector<endpoint>{*known});
    const auto colon = what_.rfind(':');
    const auto host = what_.substr(0, std::min(colon, what_.size()));
    if (!parse_port(colon))
      return finish("it isn't of the form name:port; give both, such as example.org:50315");
    if (host.empty() || host.size() > longest_name || host.find_first_of("[]: ") != std::string::npos)
      return finish("'" + host.substr(0, longest_name) +
                    "' is no host name; check its spelling (IPv6 goes in brackets)");
    core_ = core;
    id_ = core->add(weak_from_this());
    if (id_ == 0) return shut_down();
    if (core->resolves->load() >= asio_limits::pending_resolves)
      return finish("too many names are being looked up at once; try again later");
    core->resolves->fetch_add(1);
    timer_.emplace(core->context(), std::chrono::milliseconds(asio_limits::resolve_timeout_ms));
    timer_->async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled)
        self->finish("no answer within " + std::to_string(asio_limits::resolve_timeout_ms / 1000) +
                     " s; check the DNS settings of this machine");
    });
    resolver_.emplace(core->context());
    using resolver = boost::asio::ip::tcp::resolver;
    resolver_->async_resolve(
        host, what_.substr(colon + 1), resolver::numeric_service,
        [self = shared_from_this(), tally = core->resolves](boost::system::error_code failed,
                                                            resolver::results_type found) {
          tally->fetch_sub(1);  // not before: a timed-out look-up still occupies the resolver
          self->take(failed, found);
        });
  }

  void shut_down() override { finish("the network is stopping; start it again"); }

  void refuse() {  // in the caller's thread, never begun
    finish("the network is stopped; start it again");
  }

 private:
  bool parse_port(std::size_t colon) const {
    if (colon == std::string::npos) return false;
    std::uint16_t port = 0;
    const auto* end = what_.data() + what_.size();
    const auto [stop, bad] = std::from_chars(what_.data() + colon + 1, end, port);
    return bad == std::errc{} && stop == end && port != 0;
  }

  void take(const boost::system::error_code& failed,
            const boost::asio::ip::tcp::resolver::results_type& found) {
    if (done_) return;
    if (failed) return finish(reason_of(failed) + "; check the name and the DNS settings of this machine");
    std::vector<endpoint> out;
    for (const auto& entry : found) {
      const auto address = to_endpoint(entry.endpoint());
      if (out.size() < asio_limits::resolved_addresses &&
          std::find(out.begin(), out.end(), address) == out.end())
        out.push_back(address);
    }
    report(std::move(out));
  }

  void finish(const std::string& why) {
    if (done_) return;
    counters_->resolve_failed.fetch_add(1, std::memory_order_relaxed);
    report(fail("cannot resolve " + what_.substr(0, longest_name + 6) + ": " + why));
  }

  void report(result<std::vector<endpoint>> outcome) {
    done_ = true;
    if (timer_) timer_->cancel();
    if (auto core = core_.lock()) core->remove(id_);
    std::exchange(on_done_, nullptr)(std::move(outcome));
  }

  const std::shared_ptr<stream_counters> counters_;
  const std::string what_;
  resolve_handler on_done_;
  std::weak_ptr<io_core> core_;
  std::optional<boost::asio::steady_timer> timer_;
  std::optional<boost::asio::ip::tcp::resolver> resolver_;
  std::uint64_t id_ = 0;
  bool done_ = false;
};

}  // namespace

void start_resolve(const std::shared_ptr<io_core>& core, std::shared_ptr<stream_counters> counters,
                   const std::string& host_and_port, resolve_handler on_done) {
  auto request = std::make_shared<resolve_request>(std::move(counters), host_and_port, std::move(on_done));
  // The task holds the core only until it has run: what runs once is never left in the queue (io_core::run).
  if (!core->post([request, core] { request->begin(core); })) request->refuse();
}

}  // namespace vsf::net
