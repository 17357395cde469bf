#include "actors/dht/dht_peer_actor.hpp"

#include <type_traits>

#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::dht {
namespace {

using self_pointer = dht_peer_actor::stateful_pointer<dht_peer_state>;

link_effects work(self_pointer self, link_time t, const peer_input& input) {
  auto& link = *self->state.link;
  auto& random = *self->state.env->random;
  return std::visit(
      [&](const auto& x) -> link_effects {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, peer_ask>) return link.ask(t, x.tag, x.whom, x.what, x.retry, random);
        if constexpr (std::is_same_v<T, peer_reply>) return link.reply(t, x.session, x.message.raw().view());
        if constexpr (std::is_same_v<T, peer_adopt>)
          return link.adopt(t, std::move(*x.established), x.peer, x.nonce);
        if constexpr (std::is_same_v<T, peer_datagram>)
          return link.on_datagram(t, x.from, parse_datagram(x.payload.view(), link.network()), random);
      },
      input);
}

void carry_out(self_pointer self, link_effects effects) {
  std::vector<send_datagram> to_send;
  auto rest = std::make_shared<link_effects>();
  for (auto& e : effects) {
    if (auto* sent = std::get_if<send_datagram>(&e))
      to_send.push_back(std::move(*sent));
    else
      rest->push_back(std::move(e));
  }
  // First the news of a session id, then the datagram that makes others use it.
  if (!rest->empty()) self->send(self->state.node, peer_spoke{self->state.peer, std::move(rest)});
  for (auto& d : to_send) self->state.port->send(d.to, std::move(d.payload));
}

}  // namespace

dht_peer_actor::behavior_type dht_peer(self_pointer self, environment_ptr env, std::uint64_t peer,
                                       std::shared_ptr<peer_link> link,
                                       std::shared_ptr<net::datagram_port> port, dht_inner_actor node) {
  supervisor::prepare(self);
  self->state.env = std::move(env);
  self->state.peer = peer;
  self->state.link = std::move(link);
  self->state.port = std::move(port);
  self->state.node = std::move(node);
  const auto time = [self] {
    const auto now = supervisor::now(self);
    return link_time{now, self->state.env->unix_ms(now)};
  };
  return {
      [self, time](const peer_work& message) {
        for (const auto& input : message.inputs) carry_out(self, work(self, time(), input));
      },
      [self](const peer_port& message) { self->state.port = message.port; },
      [self, time](const peer_park&) {
        carry_out(self, self->state.link->compact(time()));
        self->send(self->state.node, peer_returned{self->state.peer, std::move(self->state.link)});
        self->quit();
      },
  };
}

}  // namespace vsf::dht
