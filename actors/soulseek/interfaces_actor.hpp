#pragma once

// Actors that live inside the Soulseek component, and what they say to each other.

#include <variant>

#include <caf/send.hpp>

#include "actors/interfaces.hpp"
#include "actors/soulseek/downloads.hpp"
#include "actors/soulseek/peer_dialer.hpp"
#include "actors/soulseek/session.hpp"
#include "actors/soulseek/social_effects.hpp"
#include "actors/soulseek/uploads.hpp"
#include "net/files/file_walk.hpp"

namespace vsf::soulseek {

// ---- The session with the server

struct say_to_server {
  bytes message;
};
struct be_online {
  account who;
};
struct be_offline {};
/// As others reach them; 0: there is none.
struct listen_ports {
  std::uint16_t port = 0, obfuscated = 0;
};
struct shared_counts {
  std::uint32_t folders = 0, files = 0;
};
struct be_away {
  bool away = false;
};
struct probe_server {};
/// To the session's actor: what it is to do, or what the io thread has for it.
struct session_order {
  std::variant<say_to_server, be_online, be_offline, listen_ports, shared_counts, be_away, probe_server> what;
};
struct server_resolved {
  attempt_id attempt = 0;
  result<std::vector<endpoint>> where;
};
struct server_connected {
  attempt_id attempt = 0;
  result<std::shared_ptr<net::stream_link>> link;
};
struct server_packet {
  attempt_id attempt = 0;
  frame chunk;
};
struct server_closed {
  attempt_id attempt = 0;
  std::string why;
};
/// Owns the connection to the server.
using session_actor =
    caf::typed_actor<caf::reacts_to<session_order>, caf::reacts_to<server_resolved>,
                     caf::reacts_to<server_connected>, caf::reacts_to<server_packet>,
                     caf::reacts_to<server_closed>, caf::reacts_to<link_writable>, caf::reacts_to<alarm>>;

// ---- A connection with another client

/// What is written on it next.
struct write_message {
  shared_bytes message;
  bool init = false;
  bool counted = true;  // link_took is told of it
};
/// It is established; from here on it speaks the protocol of this type.
struct take_role {
  connection_type type = connection_type::peer;
  bool receives_file =
      false;  // F: the other side begins with a token; otherwise it answers ours with an offset
};
/// F: this goes out as it is.
struct write_raw {
  bytes data;
};
/// F: a piece of the file; `chunk_written` is told when the network took it.
struct write_chunk {
  frame data;
  uploads::upload_id upload = 0;
};
/// F: that much more may come.
struct grant_chunks {
  std::size_t count = 0;
};
struct end_link {
  std::string why;
};
struct link_order {
  std::variant<write_message, take_role, write_raw, write_chunk, grant_chunks, end_link> what;
};
/// One TCP connection with another client from its first byte to its last: init message, then messages (P),
/// frames of the tree (D) or a file (F).
using link_actor = caf::typed_actor<caf::reacts_to<link_order>,
                                    // From the io thread.
                                    caf::reacts_to<packet_received>, caf::reacts_to<link_writable>,
                                    caf::reacts_to<link_closed>>;

// ---- The disk

struct read_piece {
  uploads::upload_id upload = 0;
  std::string local;
  std::uint64_t offset_bytes = 0;
  std::uint32_t length_bytes = 0;
};
struct open_partial {
  link_id link = 0;
  downloads::take_file what;
};
struct write_piece {
  link_id link = 0;
  std::string partial;
  std::uint64_t offset_bytes = 0;
  frame data;
  std::size_t length_bytes = 0;
};
struct finish_partial {
  downloads::finish_file what;
};
struct put_aside {
  std::string partial;
  std::uint64_t unix_ms = 0;
  bool discard = false;
};
struct keep_row {
  downloads::store what;
};
struct forget_row {
  downloads::transfer_id id = 0;
};
/// What the library knows of its files: answered with files_described, in portions.
struct read_library {};
// keep_social and forget_social: see social_effects.hpp.
/// To the desk: in order.
struct desk_job {
  std::variant<read_piece, open_partial, write_piece, finish_partial, put_aside, keep_row, forget_row,
               read_library, keep_social, forget_social>
      what;
};
/// The only one here that touches files and the store; may take its time.
using desk_actor = caf::typed_actor<caf::reacts_to<desk_job>>;

/// To the lister: these folders.
struct list_folders {
  std::uint64_t scan = 0;
  std::vector<std::string> folders;
};
/// Walks folders; may take its time.
using lister_actor = caf::typed_actor<caf::reacts_to<list_folders>>;

// ---- News for the component

struct peer_connected {
  link_id link = 0;
  result<std::shared_ptr<net::stream_link>> stream;
};
struct peer_accepted {
  std::shared_ptr<net::stream_link> stream;
  bool obfuscated = false;
};
struct init_came {
  link_id link = 0;
  bytes message;
};
/// Holds a read credit of its link, as all that came of one chunk: a link can't fill the component's mailbox.
using read_credit = std::shared_ptr<void>;
struct peer_said {
  link_id link = 0;
  peer::message message;
  read_credit credit{};
};
struct tree_said {
  link_id link = 0;
  bytes message;
  read_credit credit{};
};
/// The network took this many messages.
struct link_took {
  link_id link = 0;
  std::size_t count = 0;
};
struct file_token_came {
  link_id link = 0;
  std::uint32_t token = 0;
};
struct file_offset_came {
  link_id link = 0;
  std::uint64_t offset_bytes = 0;
};
struct file_bytes_came {
  link_id link = 0;
  frame chunk;
};
struct chunk_written {
  link_id link = 0;
  uploads::upload_id upload = 0;
  std::uint32_t length_bytes = 0;
};
struct link_ended {
  link_id link = 0;
  std::string why;
};
struct piece_read {
  uploads::upload_id upload = 0;
  result<frame> data;
};
struct partial_opened {
  link_id link = 0;
  downloads::take_file what;
  result<void> done;
  bool lost = false;  // what it was to go on with is gone
};
struct piece_written {
  link_id link = 0;
  std::size_t length_bytes = 0;
  result<void> done;
};
struct partial_finished {
  downloads::transfer_id id = 0;
  result<std::string> path;
  std::string lost{};  // the partial file, when it is gone
};
struct desk_problem {
  std::string text;
};
/// What was to be kept with this receipt is on the disk, or isn't.
struct social_kept {
  std::uint64_t receipt = 0;
  bool done = false;
};
/// What the session has counted so far; at each change of it and each probe.
struct session_counted {
  session_counters counters;
};
struct rows_read {
  std::vector<std::pair<record<fb::SoulseekDownload>, std::optional<std::uint64_t>>>
      rows;  // with partial sizes
  std::vector<record<fb::SoulseekRow>> social{};
};
struct files_described {
  std::vector<record<fb::FileEntry>> files;
};
/// A part of a share list that was asked for; the last one has no folders.
struct shares_came {
  link_id link = 0;
  std::vector<folder> folders;
  bool restricted = false, last = false;
  std::optional<fault> broken{};  // of the last
  read_credit credit{};
};
struct files_listed {
  std::uint64_t scan = 0;
  std::vector<net::walked_file> files;
};
struct listing_over {
  std::uint64_t scan = 0;
  bool complete = true;
  std::vector<std::string> unread;
};
/// From itself: the share lists that users wait for are worked on.
struct list_turn {};
struct news {
  std::variant<list_turn, session_changed, logged_in, logged_out, server_said, probe_result, peer_connected,
               peer_accepted, init_came, peer_said, tree_said, link_took, file_token_came, file_offset_came,
               file_bytes_came, chunk_written, link_ended, piece_read, partial_opened, piece_written,
               partial_finished, desk_problem, social_kept, session_counted, rows_read, files_listed,
               listing_over, files_described, shares_came>
      what;
};

/// The component as its parts see it, held weakly: it holds them.
using owner_address = caf::actor_addr;
template <class What>
void tell_owner(const owner_address& owner, What what) {
  if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(owner))
    caf::anon_send(caf::actor_cast<soulseek_actor>(strong),
                   soulseek_news{std::make_shared<const news>(news{std::move(what)})});
}

}  // namespace vsf::soulseek

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::soulseek::session_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::soulseek::server_resolved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::soulseek::server_connected)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::soulseek::server_packet)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::soulseek::server_closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::soulseek::link_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::soulseek::desk_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::soulseek::list_folders)
