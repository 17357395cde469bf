#pragma once

#include <variant>

#include "net/soulseek/types.hpp"

/// The first message of a connection between clients. Frames with a code of one byte.
namespace vsf::soulseek::init {
/// The first message of a connection that was asked for by ConnectToPeer with this token.
struct pierce_firewall {
  static constexpr std::uint32_t code = 0;
  std::uint32_t token = 0;
  bool operator==(const pierce_firewall&) const = default;
};

/// The first message of any other connection.
struct peer_init {
  static constexpr std::uint32_t code = 1;
  std::string username{};  // the sender's
  connection_type type = connection_type::peer;
  std::uint32_t token = 0;  // 0; kept, but without meaning
  bool operator==(const peer_init&) const = default;
};

using message = std::variant<pierce_firewall, peer_init, unknown>;

}  // namespace vsf::soulseek::init

/// What clients say to each other on a P connection.
namespace vsf::soulseek::peer {
struct shared_file_list_request {
  static constexpr std::uint32_t code = 4;
  std::optional<std::uint32_t> token{};
  bool operator==(const shared_file_list_request&) const = default;
};

/// A zlib body. For lists that may be large use shares_writer and shares_reader.
struct shared_file_list_response {
  static constexpr std::uint32_t code = 5;
  std::vector<folder> folders{};
  std::uint32_t unknown = 0;
  std::optional<std::vector<folder>> private_folders{};
  bool operator==(const shared_file_list_response&) const = default;
};

/// Obsolete.
struct file_search_request {
  static constexpr std::uint32_t code = 8;
  std::uint32_t token = 0;
  std::string query{};
  bool operator==(const file_search_request&) const = default;
};

/// A zlib body.
struct file_search_response {
  static constexpr std::uint32_t code = 9;
  std::string username{};
  std::uint32_t token = 0;
  std::vector<file> files{};
  bool slot_free = false;
  std::uint32_t speed = 0;  // bytes/s
  std::uint32_t queue_length = 0;
  std::uint32_t unknown = 0;
  std::optional<std::vector<file>> private_files{};
  bool operator==(const file_search_response&) const = default;
};

struct user_info_request {
  static constexpr std::uint32_t code = 15;
  bool operator==(const user_info_request&) const = default;
};

struct user_info_response {
  static constexpr std::uint32_t code = 16;
  std::string description{};
  std::optional<bytes> picture{};
  std::uint32_t upload_slots = 0;
  std::uint32_t queue_length = 0;
  bool slot_free = false;
  std::optional<upload_permission> permitted{};
  bool operator==(const user_info_response&) const = default;
};

struct folder_contents_request {
  static constexpr std::uint32_t code = 36;
  std::uint32_t token = 0;
  std::string folder{};
  bool operator==(const folder_contents_request&) const = default;
};

/// A zlib body.
struct folder_contents_response {
  static constexpr std::uint32_t code = 37;
  std::uint32_t token = 0;
  std::string folder{};
  std::vector<soulseek::folder> folders{};  // the one asked for, perhaps with those below
  bool operator==(const folder_contents_response&) const = default;
};

struct transfer_request {
  static constexpr std::uint32_t code = 40;
  transfer_direction direction = transfer_direction::upload;
  std::uint32_t token = 0;
  std::string file{};
  std::optional<std::uint64_t> size{};  // of an upload; 0: use the size known
  bool operator==(const transfer_request&) const = default;
};

struct transfer_response {
  static constexpr std::uint32_t code = 41;
  std::uint32_t token = 0;
  bool allowed = false;
  std::optional<std::uint64_t> size{};  // only when allowed, and from legacy clients
  std::optional<std::string> reason{};  // only when denied
  bool operator==(const transfer_response&) const = default;
};

/// Obsolete.
struct placehold_upload {
  static constexpr std::uint32_t code = 42;
  std::string file{};
  bool operator==(const placehold_upload&) const = default;
};

struct queue_upload {
  static constexpr std::uint32_t code = 43;
  std::string file{};
  bool operator==(const queue_upload&) const = default;
};

struct place_in_queue_response {
  static constexpr std::uint32_t code = 44;
  std::string file{};
  std::uint32_t place = 0;
  bool operator==(const place_in_queue_response&) const = default;
};

struct upload_failed {
  static constexpr std::uint32_t code = 46;
  std::string file{};
  bool operator==(const upload_failed&) const = default;
};

struct upload_denied {
  static constexpr std::uint32_t code = 50;
  std::string file{};
  std::string reason{};
  bool operator==(const upload_denied&) const = default;
};

struct place_in_queue_request {
  static constexpr std::uint32_t code = 51;
  std::string file{};
  bool operator==(const place_in_queue_request&) const = default;
};

/// Deprecated.
struct upload_queue_notification {
  static constexpr std::uint32_t code = 52;
  bool operator==(const upload_queue_notification&) const = default;
};

using message =
    std::variant<shared_file_list_request, shared_file_list_response, file_search_request,
                 file_search_response, user_info_request, user_info_response, folder_contents_request,
                 folder_contents_response, transfer_request, transfer_response, placehold_upload,
                 queue_upload, place_in_queue_response, upload_failed, upload_denied, place_in_queue_request,
                 upload_queue_notification, unknown>;

}  // namespace vsf::soulseek::peer

/// The distributed network, on D connections. Frames with a code of one byte.
namespace vsf::soulseek::distributed {
/// Deprecated.
struct ping {
  static constexpr std::uint32_t code = 0;
  bool operator==(const ping&) const = default;
};

struct search {
  static constexpr std::uint32_t code = 3;
  std::uint32_t unknown = 49;
  std::string username{};
  std::uint32_t token = 0;
  std::string query{};
  bool operator==(const search&) const = default;
};

struct branch_level {
  static constexpr std::uint32_t code = 4;
  std::int32_t level = 0;
  bool operator==(const branch_level&) const = default;
};

struct branch_root {
  static constexpr std::uint32_t code = 5;
  std::string username{};
  bool operator==(const branch_root&) const = default;
};

/// Obsolete.
struct child_depth {
  static constexpr std::uint32_t code = 7;
  std::uint32_t depth = 0;
  bool operator==(const child_depth&) const = default;
};

/// A message of the server's that a branch root passed on as it was; decode_embedded() reads it.
struct embedded_message {
  static constexpr std::uint32_t code = 93;
  std::uint8_t inner_code = 0;
  bytes body{};
  bool wide = false;  // it came as the server frames it, with a code of four bytes
  bool operator==(const embedded_message&) const = default;
};

using message = std::variant<ping, search, branch_level, branch_root, child_depth, embedded_message, unknown>;

}  // namespace vsf::soulseek::distributed
