// The ports on which other clients reach us, in the plain and obfuscated, and how the router maps them.
#include "actors/soulseek/hub_actor.hpp"

namespace vsf::soulseek {

result<std::shared_ptr<net::stream_listener>> hub::listen_at(const endpoint& at, bool obfuscated) {
  return env_->network->listen(
      at,
      [me = me_, obfuscated](std::shared_ptr<net::stream_link> stream) {
        tell_owner(me, peer_accepted{std::move(stream), obfuscated});
      },
      net::stream_framing::raw);
}

void hub::listen() {
  auto at = settings().soulseek.listen;
  const auto plain = listen_at(at, false);
  relisten_at_.reset();
  if (!plain) {
    // The other program may end, and the interface of network.bind come up.
    relisten_at_ = now() + std::chrono::seconds(30);
    if (std::exchange(listen_problem_, plain.error().message) != plain.error().message)
      log(log_level::error, listen_problem_);
    return;
  }
  listen_problem_.clear();
  listener_ = *plain;
  if (settings().soulseek.obfuscation) {
    const auto wanted = static_cast<std::uint16_t>(settings().soulseek.obfuscated_port);
    // Clients take the port after the plain one for it. One that is taken was nobody's wish: any other does.
    at.port = wanted != 0 ? wanted : static_cast<std::uint16_t>(listener_->local().port + 1);
    auto hidden = listen_at(at, true);
    if (!hidden && wanted == 0) {
      at.port = 0;
      hidden = listen_at(at, true);
    }
    if (hidden) {
      hidden_listener_ = *hidden;
    } else {
      listen_problem_ = "no obfuscated connections are taken: " + hidden.error().message;
      log(log_level::warning, listen_problem_);
    }
  }
  tell_ports();
  ask_for_mapping();
}

std::uint16_t hub::outside_port(const std::shared_ptr<net::stream_listener>& listener) const {
  if (!listener) return 0;
  const auto port = listener->local().port;
  const auto mapped = mapped_.find(port);
  return mapped == mapped_.end() ? port : mapped->second;
}

void hub::tell_ports() {
  self_->send(session_, session_order{listen_ports{outside_port(listener_), outside_port(hidden_listener_)}});
}

void hub::ask_for_mapping() {
  if (!links_.port_mapping) return;
  listening_ports out{"soulseek", {}};
  if (listener_) out.ports.push_back({net::port_protocol::tcp, listener_->local(), "Soulseek"});
  if (hidden_listener_)
    out.ports.push_back({net::port_protocol::tcp, hidden_listener_->local(), "Soulseek obfuscated"});
  self_->send(links_.port_mapping, std::move(out));
}

/// Other clients are told the port at which the router takes their connections.
void hub::on_ports_mapped(const net::mapping_report& report) {
  mapped_.clear();
  for (const auto& port : report.ports)
    if (port.wanted.protocol == net::port_protocol::tcp && port.external != 0)
      mapped_[port.wanted.listens.port] = port.external;
  tell_ports();
}

}  // namespace vsf::soulseek
