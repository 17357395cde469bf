#include "actors/transport/port_plan.hpp"

#include <algorithm>
#include <utility>

namespace vsf::transport {

result<mesh_port> open_mesh_port(net::network& network, const endpoint& at,
                                 const net::datagram_handler& on_datagram,
                                 const std::function<void(std::shared_ptr<net::stream_link>)>& on_accept) {
  std::string why;
  for (int attempt = 0; attempt < (at.port == 0 ? port_attempts : 1); ++attempt) {
    auto udp = network.open_datagrams(at, datagram_credits, on_datagram);
    if (!udp) return fail(udp.error().message);
    auto same = at;
    same.port = (*udp)->local().port;
    auto tcp = network.listen(same, on_accept);
    if (tcp) return mesh_port{*std::move(udp), *std::move(tcp)};
    (*udp)->close();
    why = tcp.error().message;
  }
  return fail(why);
}

std::chrono::milliseconds retry_plan::on_failure(std::string why, crypto::random_source& random) {
  const std::int64_t delay_ms = std::min<std::int64_t>(30'000, std::int64_t{500} << std::min(in_a_row_, 10u));
  ++in_a_row_;
  ++failures_;
  why_ = std::move(why);
  return std::chrono::milliseconds(
      delay_ms - static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(delay_ms / 2 + 1))));
}

void retry_plan::on_success() {
  in_a_row_ = 0;
  why_.clear();
}

std::optional<std::string> retry_plan::note() const {
  if (in_a_row_ == 0) return std::nullopt;
  return "the mesh port can't be opened (tried " + std::to_string(in_a_row_) + " times, trying on): " + why_;
}

}  // namespace vsf::transport
