#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/dht/interfaces_actor.hpp"
#include "actors/environment.hpp"

namespace vsf::dht {

struct dht_peer_state {
  static inline const char* name = "dht_peer";
  environment_ptr env;
  std::uint64_t peer = 0;
  std::shared_ptr<peer_link> link;
  std::shared_ptr<net::datagram_port> port;
  dht_inner_actor node;
};

dht_peer_actor::behavior_type dht_peer(dht_peer_actor::stateful_pointer<dht_peer_state> self,
                                       environment_ptr env, std::uint64_t peer,
                                       std::shared_ptr<peer_link> link,
                                       std::shared_ptr<net::datagram_port> port, dht_inner_actor node);

}  // namespace vsf::dht
