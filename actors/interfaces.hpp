#pragma once

// Every component of a node as the others see it. What crosses from one to another is a record; plain structs
// carry only handles, socket control and timers. Actors that live inside one component (a lookup, a session,
// a source) are declared in that component's interfaces_actor.hpp.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/actor_addr.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "actors/identity/identity.hpp"
#include "messages/schemas.hpp"
#include "net/network.hpp"
#include "net/port_mapping/port_mapper.hpp"

namespace vsf {

// ---- Messages that every component understands

/// INTERNAL: a timer of the receiver's own; `id` tells a live timer from a stale one (delayed_send can't be
/// cancelled).
struct alarm {
  std::uint64_t id = 0;
};
/// INTERNAL, to a supervising actor: the back-off of a child has passed.
struct restart_child {
  std::string name;
  std::uint64_t epoch = 0;
};
/// The current handles of all components; sent to each of them at the start and whenever one was restarted.
struct component_links;
/// Telemetry wants a report; the answer is a `record<fb::ComponentReport>` with the same round to telemetry.
struct report_request {
  std::uint64_t round = 0;
};

// ---- Transport

/// A UDP datagram came in. Exactly one per credit; the credit goes back to the port when the message is done
/// with, so a slow receiver's mailbox stays bounded. Nobody has to do anything for it.
struct datagram {
  endpoint from;
  frame payload;
  std::shared_ptr<void> credit{};
};
/// Somebody connected to our TCP port; not yet started.
struct link_accepted {
  std::shared_ptr<net::stream_link> link;
};
/// The mesh port is bound; sent to dht and overlay, again after a restart of either side.
struct transport_ready {
  std::shared_ptr<net::datagram_port> port;
  endpoint local;
};

/// Owns the UDP port and the TCP listener; keeps trying while the address is in use and says so in its
/// report.
using transport_actor = caf::typed_actor<
    // From the io thread.
    caf::reacts_to<datagram>, caf::reacts_to<link_accepted>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>>;

// ---- Port mapping

/// The ports that this component listens on, instead of those it told before; others are to get in there.
struct listening_ports {
  std::string owner;
  std::vector<net::wanted_port> ports;
};
/// What the router does for all components, after each round of asking it.
struct ports_mapped {
  std::shared_ptr<const net::mapping_report> what;
};
/// Asks the router to let others in, renews that before it lapses, and takes it back at the end.
using port_mapping_actor =
    caf::typed_actor<caf::reacts_to<listening_ports>,
                     // From the mapper's thread.
                     caf::reacts_to<ports_mapped>,
                     // Common.
                     caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>>;

// ---- DHT

/// Whoever asks the DHT something gets the answer here; exactly one for each question.
using dht_client_actor =
    caf::typed_actor<caf::reacts_to<record<fb::DhtGetResult>>, caf::reacts_to<record<fb::DhtSweepResult>>,
                     caf::reacts_to<record<fb::DhtFindResult>>>;

/// The DHT endpoint of a node: routing table, storage for others, lookups.
using dht_actor = caf::typed_actor<
    // Reads the leaves under a key. Answered within 10 s even if nobody does.
    caf::reacts_to<record<fb::DhtGet>, dht_client_actor>,
    // Brings values to the nodes closest to their keys and keeps them there. Answered within 110 s.
    caf::reacts_to<record<fb::DhtSweep>, dht_client_actor>,
    // Finds the nodes closest to a target; a node's own id gives its verified contact first.
    caf::reacts_to<record<fb::DhtFind>, dht_client_actor>,
    // A peer proved this contact over the overlay: a candidate for the routing table.
    caf::reacts_to<contact>,
    // From transport.
    caf::reacts_to<transport_ready>, caf::reacts_to<datagram>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>,
    caf::reacts_to<restart_child>>;

// ---- Overlay

struct overlay_dial;
namespace overlay {
struct news;
struct order;
}  // namespace overlay
/// INTERNAL, to overlay: from the io thread (a connection came or didn't) or from a session (it is up, it is
/// over).
struct overlay_news {
  std::shared_ptr<overlay::news> what;
};
/// INTERNAL, to a session: what overlay decided about it.
struct overlay_order {
  std::shared_ptr<overlay::order> what;
};
/// Encrypted sessions over TCP, shared by all components.
using overlay_actor = caf::typed_actor<
    // Gives a session with that node, dialling if there is none. Answered once, within 10 s: overlay_up or
    // overlay_failed.
    caf::reacts_to<overlay_dial>,
    // From transport.
    caf::reacts_to<transport_ready>, caf::reacts_to<link_accepted>,
    // From its own sessions and connections.
    caf::reacts_to<overlay_news>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>,
    caf::reacts_to<restart_child>>;

// ---- Shadow index

/// Whoever asks the resolver gets the answer here.
using resolve_client_actor = caf::typed_actor<caf::reacts_to<record<fb::ResolveResult>>>;

/// MBID -> ranked (peer, variant) candidates.
using resolver_actor = caf::typed_actor<
    // Exactly one answer, within 5 s; no candidates: nobody has it.
    caf::reacts_to<record<fb::Resolve>, resolve_client_actor>,
    // Answers from the DHT.
    caf::reacts_to<record<fb::DhtGetResult>>, caf::reacts_to<record<fb::DhtSweepResult>>,
    caf::reacts_to<record<fb::DhtFindResult>>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>>;

/// Turns the library into signed leaves (own_leaf_store) and keeps them alive in the DHT.
using publisher_actor = caf::typed_actor<
    // The files of these MBIDs changed.
    caf::reacts_to<record<fb::LibraryChanged>>,
    // Answers from the DHT.
    caf::reacts_to<record<fb::DhtGetResult>>, caf::reacts_to<record<fb::DhtSweepResult>>,
    caf::reacts_to<record<fb::DhtFindResult>>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>>;

// ---- Library

/// INTERNAL: the analyzer's answer for one file.
struct file_analyzed {
  std::uint64_t id = 0;
  std::string path;
  result<record<fb::FileEntry>> entry;
};
/// INTERNAL: a part of a directory walk, made by the walking worker.
struct files_walked;
/// Look at the folders now instead of at the next interval; without any, at all that are configured.
struct rescan {
  std::vector<std::string> folders{};
};

/// Knows the files this node shares; writes library_store and tells the publisher what changed.
using library_actor =
    caf::typed_actor<caf::reacts_to<rescan>, caf::reacts_to<files_walked>, caf::reacts_to<file_analyzed>,
                     // Common.
                     caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>>;

// ---- Swarm

struct list_transfers {
  std::uint32_t offset = 0;
  std::uint32_t limit = 100;  // at most 1,000
  std::string only{};         // this transfer alone, or nothing if there is none of that id
};
namespace storage {
class shared_part;
}
namespace swarm {
struct transfer_news;
}  // namespace swarm
/// INTERNAL, from a transfer: its status changed, or (then without one) only what `news` says.
struct transfer_progress {
  record<fb::TransferStatus> status;
  std::shared_ptr<const swarm::transfer_news> news{};
};

/// Which limits hold?
struct limits_request {};

/// Downloads: one supervised transfer actor each, persisted.
using swarm_actor = caf::typed_actor<
    // Begins a download (or gives the one that runs for this MBID). The answer is its status at once.
    caf::replies_to<record<fb::FetchStart>>::with<record<fb::TransferStatus>>,
    // Cancels, retries or forgets one; an error names an unknown id.
    caf::replies_to<record<fb::FetchControl>>::with<record<fb::TransferStatus>>,
    // Newest first.
    caf::replies_to<list_transfers>::with<record<fb::TransferList>>, caf::reacts_to<transfer_progress>,
    // Sets all limits until the node ends, or asks for them; the answer is what holds now.
    caf::replies_to<record<fb::TransferLimits>>::with<record<fb::TransferLimits>>,
    caf::replies_to<limits_request>::with<record<fb::TransferLimits>>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>,
    caf::reacts_to<restart_child>>;

struct session_request;
struct part_grew;
/// The serving side: answers what peers ask on overlay channels, within the upload limit.
using uploads_actor = caf::typed_actor<
    // A peer's message on a channel of its own (OpenRoot, GetProof, GetData, Cancel, CloseRoot) or the end of
    // its session.
    caf::reacts_to<session_request>,
    // From a transfer: what peers may have of it.
    caf::reacts_to<part_grew>,
    // From the swarm: the limits that hold from now on.
    caf::reacts_to<record<fb::TransferLimits>>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>,
    caf::reacts_to<restart_child>>;

// ---- Soulseek

namespace soulseek {
struct news;
}
namespace fb {
struct SoulseekAsk;  // soulseek_schemas.hpp
struct SoulseekReply;
}  // namespace fb
/// INTERNAL, to soulseek: from its server session, its links and its transfers, or from the io thread.
struct soulseek_news {
  std::shared_ptr<const soulseek::news> what;
};
/// The client of a Soulseek server and its users: searches, browsing, downloads, uploads, chat.
using soulseek_actor = caf::typed_actor<
    // What a person or a program wants. Exactly one answer; a SoulseekProblem says what can't be done. What
    // needs another user (browse, user info) is answered when it is here, or after 60 s.
    caf::replies_to<record<fb::SoulseekAsk>>::with<record<fb::SoulseekReply>>,
    // The files of these MBIDs changed, and others with them: what is shared is looked up again.
    caf::reacts_to<record<fb::LibraryChanged>>,
    // From its own session, links and transfers.
    caf::reacts_to<soulseek_news>,
    // Under which ports others reach it.
    caf::reacts_to<ports_mapped>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>,
    caf::reacts_to<restart_child>>;

// ---- Telemetry

/// Gets every event as it happens.
using event_client_actor = caf::typed_actor<caf::reacts_to<record<fb::Event>>>;
struct status_request {};
struct subscribe {
  event_client_actor client;
};
/// From a supervising actor: a child came, went or came back. `path` is unique while it runs
/// ("dht/lookup-17").
struct child_changed {
  std::string path, kind;
  bool running = false;
  std::uint32_t restarts = 0;
  std::string reason;
};

/// Collects what the components say about themselves, keeps events, answers status.
using telemetry_actor = caf::typed_actor<
    // Asks every component for a report; answered when all did or after 400 ms with those that did.
    caf::replies_to<status_request>::with<record<fb::NodeStatus>>,
    caf::reacts_to<record<fb::ComponentReport>, std::uint64_t>,
    // Something happened; seq and time are filled in here.
    caf::reacts_to<record<fb::Event>>, caf::reacts_to<subscribe>, caf::reacts_to<child_changed>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<alarm>>;

// ---- Identity

/// Progress of the id puzzle; solved ends it.
struct puzzle_progress {
  std::uint64_t tried = 0;
  std::uint64_t expected = 0;
  bool solved = false;
  std::uint64_t nonce = 0;
};

// ---- Node

/// Wants the handles of all components, now and whenever they change.
using links_listener_actor = caf::typed_actor<caf::reacts_to<component_links>>;
struct add_listener {
  links_listener_actor listener;
};
/// Ends the node in order: transfers sync, sessions say goodbye, stores close.
struct shut_down {};

/// The root: solves the puzzle, spawns and supervises the components.
using node_actor =
    caf::typed_actor<caf::reacts_to<add_listener>, caf::reacts_to<puzzle_progress>, caf::reacts_to<shut_down>,
                     // Common.
                     caf::reacts_to<report_request>, caf::reacts_to<restart_child>>;

struct component_links {
  /// Null while the id puzzle is being solved; the mesh components exist only afterwards.
  std::shared_ptr<const identity::identity> who;
  port_mapping_actor port_mapping;  // null: nobody is asked
  transport_actor transport;
  dht_actor dht;
  overlay_actor overlay;
  resolver_actor resolver;
  publisher_actor publisher;
  library_actor library;
  swarm_actor swarm;
  uploads_actor uploads;
  soulseek_actor soulseek;
  telemetry_actor telemetry;
  node_actor node;
};

// ---- Overlay sessions (used by swarm and, later, scenes)

struct session_send;
struct session_send_data;
struct channel_attach;
struct channel_detach;
struct packet_received;
struct link_closed;
struct link_writable {};

/// One session with one node. Ends when its link does; it is never restarted, whoever needs it dials again.
using overlay_peer_actor = caf::typed_actor<
    // Writes a message. Dropped and counted when the peer is not taking any (64 messages are kept).
    caf::reacts_to<session_send>,
    // Writes a bulk data frame; `session_sent` comes back when it is on its way.
    caf::reacts_to<session_send_data>,
    // What the peer says on this channel goes to that client. Refused (in use, too many, over):
    // channel_closed.
    caf::reacts_to<channel_attach>, caf::reacts_to<channel_detach>,
    // From the io thread.
    caf::reacts_to<packet_received>, caf::reacts_to<link_writable>, caf::reacts_to<link_closed>,
    // From overlay.
    caf::reacts_to<overlay_order>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>>;

struct overlay_up {
  std::uint64_t id = 0;
  node_id who;
  overlay_peer_actor peer;
};
struct overlay_failed {
  std::uint64_t id = 0;
  std::string reason;
};
/// Whoever dials gets the session or the reason here.
using overlay_client_actor = caf::typed_actor<caf::reacts_to<overlay_up>, caf::reacts_to<overlay_failed>>;
struct overlay_dial {
  std::uint64_t id = 0;
  contact who;
  overlay_client_actor client;
};

/// A message of the peer's that concerns one channel.
struct channel_message {
  record<fb::OverlayMessage> message;
};
/// A bulk data frame: `first_leaf`, `count` leaves (1..3 of 16 KiB, the last of a file shorter), the bytes
/// behind the header. A received one holds a read credit of its link (of 32): keep it while the bytes are
/// being worked on, drop it to let the peer send more. Never wait for further data while holding many.
struct channel_data {
  std::uint16_t channel = 0;
  std::uint32_t request = 0;
  std::uint32_t first_leaf = 0;
  std::uint16_t count = 0;
  frame body;
  std::shared_ptr<void> credit{};
};
struct channel_closed {
  std::uint16_t channel = 0;
  std::string reason;
};
/// Whoever owns a channel.
using channel_client_actor = caf::typed_actor<caf::reacts_to<channel_message>, caf::reacts_to<channel_data>,
                                              caf::reacts_to<channel_closed>>;
struct session_send {
  record<fb::OverlayMessage> message;
};
/// A data frame is on its way. `bytes` 0: it was dropped (8 frames wait already, or the session is over).
struct session_sent {
  std::size_t bytes = 0;
  std::uint16_t channel = 0;
  std::uint32_t request = 0;
  std::uint32_t first_leaf = 0;
};
/// Gets a `session_sent` for each data frame that left or was dropped. Keep at most 8 under way in one
/// session.
using session_sender_actor = caf::typed_actor<caf::reacts_to<session_sent>>;
struct session_send_data {
  channel_data data;
  session_sender_actor sender;
  /// Instead of data.body: a frame of overlay::allocate_bulk() with the leaves read into its bulk_room();
  /// spares a copy.
  frame whole{};
};
/// channel 0 never exists; the attaching side picks another (its own namespace, since it is the one who
/// downloads).
struct channel_attach {
  std::uint16_t channel = 0;
  channel_client_actor client;
};
struct channel_detach {
  std::uint16_t channel = 0;
};
struct packet_received {
  frame packet;
};
struct link_closed {
  std::string reason;
};
/// To uploads: `message` is empty when the session ended.
struct session_request {
  node_id who;
  overlay_peer_actor peer;
  record<fb::OverlayMessage> message;
  std::optional<contact> reachable{};  // how it is dialled, if it can be
};

/// From a transfer: pieces that are whole since, and where they are.
struct part_grew {
  std::shared_ptr<const storage::shared_part> part;
  std::vector<std::uint32_t> pieces;
};

/// A part of a directory walk: at most 256 entries; `finished` with the last.
struct files_walked {
  struct entry {
    std::string path;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
  };
  std::uint64_t walk = 0;
  std::vector<entry> entries;
  std::vector<std::string> problems;
  bool finished = false;
  /// With the last: all that was not listed is gone, unless it lies beneath one of `unread`.
  bool complete = true;
  std::vector<std::string> unread{};
};

}  // namespace vsf

#define VSF_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::type)
VSF_MESSAGE(alarm)
VSF_MESSAGE(restart_child)
VSF_MESSAGE(component_links)
VSF_MESSAGE(report_request)
VSF_MESSAGE(datagram)
VSF_MESSAGE(link_accepted)
VSF_MESSAGE(transport_ready)
VSF_MESSAGE(listening_ports)
VSF_MESSAGE(ports_mapped)
VSF_MESSAGE(contact)
VSF_MESSAGE(overlay_dial)
VSF_MESSAGE(overlay_up)
VSF_MESSAGE(overlay_failed)
VSF_MESSAGE(overlay_news)
VSF_MESSAGE(overlay_order)
VSF_MESSAGE(file_analyzed)
VSF_MESSAGE(files_walked)
VSF_MESSAGE(rescan)
VSF_MESSAGE(list_transfers)
VSF_MESSAGE(limits_request)
VSF_MESSAGE(transfer_progress)
VSF_MESSAGE(session_request)
VSF_MESSAGE(part_grew)
VSF_MESSAGE(soulseek_news)
VSF_MESSAGE(status_request)
VSF_MESSAGE(subscribe)
VSF_MESSAGE(child_changed)
VSF_MESSAGE(puzzle_progress)
VSF_MESSAGE(add_listener)
VSF_MESSAGE(shut_down)
VSF_MESSAGE(session_send)
VSF_MESSAGE(session_send_data)
VSF_MESSAGE(session_sent)
VSF_MESSAGE(channel_attach)
VSF_MESSAGE(channel_detach)
VSF_MESSAGE(channel_message)
VSF_MESSAGE(channel_data)
VSF_MESSAGE(channel_closed)
VSF_MESSAGE(packet_received)
VSF_MESSAGE(link_closed)
VSF_MESSAGE(link_writable)
VSF_MESSAGE(record<vsf::fb::DhtGet>)
VSF_MESSAGE(record<vsf::fb::DhtGetResult>)
VSF_MESSAGE(record<vsf::fb::DhtSweep>)
VSF_MESSAGE(record<vsf::fb::DhtSweepResult>)
VSF_MESSAGE(record<vsf::fb::DhtFind>)
VSF_MESSAGE(record<vsf::fb::DhtFindResult>)
VSF_MESSAGE(record<vsf::fb::Resolve>)
VSF_MESSAGE(record<vsf::fb::ResolveResult>)
VSF_MESSAGE(record<vsf::fb::LibraryChanged>)
VSF_MESSAGE(record<vsf::fb::FetchStart>)
VSF_MESSAGE(record<vsf::fb::FetchControl>)
VSF_MESSAGE(record<vsf::fb::SoulseekAsk>)
VSF_MESSAGE(record<vsf::fb::SoulseekReply>)
VSF_MESSAGE(record<vsf::fb::TransferStatus>)
VSF_MESSAGE(record<vsf::fb::TransferList>)
VSF_MESSAGE(record<vsf::fb::TransferLimits>)
VSF_MESSAGE(record<vsf::fb::ComponentReport>)
VSF_MESSAGE(record<vsf::fb::NodeStatus>)
VSF_MESSAGE(record<vsf::fb::Event>)
#undef VSF_MESSAGE
