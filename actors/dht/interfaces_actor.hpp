#pragma once

// Actors that live inside the DHT component, and what they say to each other.

#include "actors/dht/node_core.hpp"
#include "actors/interfaces.hpp"

namespace vsf::dht {

/// To a peer: work for its link, in order.
struct peer_work {
  std::vector<peer_input> inputs;
};
/// To a peer: give the link back and end.
struct peer_park {};
/// To a peer: the port to send from (again when it was opened anew).
struct peer_port {
  std::shared_ptr<net::datagram_port> port;
};
/// From a peer: what its link has to say; the datagrams among it are on their way already.
struct peer_spoke {
  std::uint64_t peer = 0;
  std::shared_ptr<link_effects> effects;
};
/// From a peer, at its end.
struct peer_returned {
  std::uint64_t peer = 0;
  std::shared_ptr<peer_link> link;
};

/// One contact while it is in use: its sessions, its questions in flight, its round trip. Idle ones are
/// parked in the DHT actor without an actor of their own.
using dht_peer_actor = caf::typed_actor<
    // Asks, answers, takes a session or a datagram.
    caf::reacts_to<peer_work>,
    // The port was opened again.
    caf::reacts_to<peer_port>,
    // Answers peer_returned and ends.
    caf::reacts_to<peer_park>>;

/// From a run: questions for peers.
struct lookup_asks {
  std::uint64_t run = 0;
  std::vector<ask_peer> asks;
};
/// From a run: nothing came back from this contact.
struct lookup_silent {
  contact who;
};
/// From a run, at its end.
struct lookup_over {
  std::uint64_t run = 0;
  std::shared_ptr<const lookup_result> result;
};

/// One run of the lookup routine; ends with its result.
using lookup_actor = caf::typed_actor<
    // A peer's answer to one of its questions.
    caf::reacts_to<run_answer>,
    // That contact can't be asked.
    caf::reacts_to<run_refused>,
    // Its timer.
    caf::reacts_to<alarm>>;

/// What the disk had.
struct disk_contacts {
  std::vector<contact> contacts;  // most recently seen first
};
struct disk_leaves {
  std::vector<std::pair<public_key, record<fb::HeldLeaf>>> leaves;  // with their publishers
  bool last = false;
};
/// To the keeper: follow the memory.
struct disk_changes {
  std::vector<storage_effect> changes;  // in order
};
struct disk_save_contacts {
  std::shared_ptr<const std::vector<fb::KnownContactT>> contacts;
};
struct disk_load {};
struct disk_problem {
  std::string text;
};

/// Names of node.bootstrap that were resolved.
struct names_resolved {
  std::vector<endpoint> where;
};

/// The DHT actor as its own parts see it.
using dht_inner_actor = dht_actor::extend<
    caf::reacts_to<peer_spoke>, caf::reacts_to<peer_returned>, caf::reacts_to<lookup_asks>,
    caf::reacts_to<lookup_silent>, caf::reacts_to<lookup_over>, caf::reacts_to<names_resolved>,
    // From the keeper.
    caf::reacts_to<disk_contacts>, caf::reacts_to<disk_leaves>, caf::reacts_to<disk_problem>>;

/// Writes held leaves and contacts to the store, and reads them at the start; the only one here that touches
/// the disk.
using keeper_actor = caf::typed_actor<
    // Reads everything and sends it to the DHT actor, leaves in portions.
    caf::reacts_to<disk_load>, caf::reacts_to<disk_changes>, caf::reacts_to<disk_save_contacts>>;

}  // namespace vsf::dht

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::peer_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::peer_park)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::peer_port)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::peer_spoke)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::peer_returned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::lookup_asks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::lookup_silent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::lookup_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::run_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::run_refused)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::disk_contacts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::disk_leaves)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::disk_changes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::disk_save_contacts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::disk_load)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::disk_problem)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::dht::names_resolved)
