#pragma once

#include <variant>

#include "net/soulseek/types.hpp"

/// What a client says to the server, by the names of the protocol documentation.
namespace vsf::soulseek::to_server {
/// See make_login().
struct login {
  static constexpr std::uint32_t code = 1;
  std::string username{};
  std::string password{};
  std::uint32_t major_version = 0;
  std::string md5{};  // hex, of username + password
  std::uint32_t minor_version = 0;
  bool operator==(const login&) const = default;
};

struct set_wait_port {
  static constexpr std::uint32_t code = 2;
  std::uint32_t port = 0;
  std::optional<obfuscated_port<std::uint32_t>> obfuscated{};
  bool operator==(const set_wait_port&) const = default;
};

struct get_peer_address {
  static constexpr std::uint32_t code = 3;
  std::string username{};
  bool operator==(const get_peer_address&) const = default;
};

struct watch_user {
  static constexpr std::uint32_t code = 5;
  std::string username{};
  bool operator==(const watch_user&) const = default;
};

struct unwatch_user {
  static constexpr std::uint32_t code = 6;
  std::string username{};
  bool operator==(const unwatch_user&) const = default;
};

struct get_user_status {
  static constexpr std::uint32_t code = 7;
  std::string username{};
  bool operator==(const get_user_status&) const = default;
};

struct say_chatroom {
  static constexpr std::uint32_t code = 13;
  std::string room{};
  std::string message{};
  bool operator==(const say_chatroom&) const = default;
};

struct join_room {
  static constexpr std::uint32_t code = 14;
  std::string room{};
  bool is_private = false;  // when the room is made by this
  bool operator==(const join_room&) const = default;
};

struct leave_room {
  static constexpr std::uint32_t code = 15;
  std::string room{};
  bool operator==(const leave_room&) const = default;
};

struct connect_to_peer {
  static constexpr std::uint32_t code = 18;
  std::uint32_t token = 0;
  std::string username{};
  connection_type type = connection_type::peer;
  bool operator==(const connect_to_peer&) const = default;
};

struct message_user {
  static constexpr std::uint32_t code = 22;
  std::string username{};
  std::string message{};
  bool operator==(const message_user&) const = default;
};

struct message_acked {
  static constexpr std::uint32_t code = 23;
  std::uint32_t id = 0;
  bool operator==(const message_acked&) const = default;
};

struct file_search {
  static constexpr std::uint32_t code = 26;
  std::uint32_t token = 0;
  std::string query{};
  bool operator==(const file_search&) const = default;
};

struct set_status {
  static constexpr std::uint32_t code = 28;
  user_status status = user_status::online;
  bool operator==(const set_status&) const = default;
};

/// At most once a minute; the server doesn't answer.
struct ping {
  static constexpr std::uint32_t code = 32;
  bool operator==(const ping&) const = default;
};

/// Obsolete.
struct send_connect_token {
  static constexpr std::uint32_t code = 33;
  std::string username{};
  std::uint32_t token = 0;
  bool operator==(const send_connect_token&) const = default;
};

/// Obsolete.
struct send_download_speed {
  static constexpr std::uint32_t code = 34;
  std::string username{};
  std::uint32_t speed = 0;
  bool operator==(const send_download_speed&) const = default;
};

struct shared_folders_files {
  static constexpr std::uint32_t code = 35;
  std::uint32_t folders = 0;
  std::uint32_t files = 0;
  bool operator==(const shared_folders_files&) const = default;
};

struct get_user_stats {
  static constexpr std::uint32_t code = 36;
  std::string username{};
  bool operator==(const get_user_stats&) const = default;
};

struct user_search {
  static constexpr std::uint32_t code = 42;
  std::string username{};
  std::uint32_t token = 0;
  std::string query{};
  bool operator==(const user_search&) const = default;
};

struct add_thing_i_like {
  static constexpr std::uint32_t code = 51;
  std::string item{};
  bool operator==(const add_thing_i_like&) const = default;
};

struct remove_thing_i_like {
  static constexpr std::uint32_t code = 52;
  std::string item{};
  bool operator==(const remove_thing_i_like&) const = default;
};

struct recommendations {
  static constexpr std::uint32_t code = 54;
  bool operator==(const recommendations&) const = default;
};

struct global_recommendations {
  static constexpr std::uint32_t code = 56;
  bool operator==(const global_recommendations&) const = default;
};

struct user_interests {
  static constexpr std::uint32_t code = 57;
  std::string username{};
  bool operator==(const user_interests&) const = default;
};

/// Obsolete.
struct admin_command {
  static constexpr std::uint32_t code = 58;
  std::string command{};
  std::vector<std::string> arguments{};
  bool operator==(const admin_command&) const = default;
};

struct room_list {
  static constexpr std::uint32_t code = 64;
  bool operator==(const room_list&) const = default;
};

/// Obsolete.
struct exact_file_search {
  static constexpr std::uint32_t code = 65;
  std::uint32_t token = 0;
  std::string file{};
  std::string folder{};
  std::uint64_t size = 0;
  std::uint32_t checksum = 0;
  std::uint8_t unknown = 0;
  bool operator==(const exact_file_search&) const = default;
};

/// Obsolete.
struct global_user_list {
  static constexpr std::uint32_t code = 67;
  bool operator==(const global_user_list&) const = default;
};

/// Obsolete.
struct tunneled_message {
  static constexpr std::uint32_t code = 68;
  std::string username{};
  std::uint32_t token = 0;
  std::uint32_t kind = 0;
  std::string message{};
  bool operator==(const tunneled_message&) const = default;
};

struct have_no_parent {
  static constexpr std::uint32_t code = 71;
  bool searching = true;
  bool operator==(const have_no_parent&) const = default;
};

/// Deprecated.
struct parent_ip {
  static constexpr std::uint32_t code = 73;
  std::uint32_t ip = 0;
  bool operator==(const parent_ip&) const = default;
};

struct check_privileges {
  static constexpr std::uint32_t code = 92;
  bool operator==(const check_privileges&) const = default;
};

struct accept_children {
  static constexpr std::uint32_t code = 100;
  bool accept = false;
  bool operator==(const accept_children&) const = default;
};

struct wishlist_search {
  static constexpr std::uint32_t code = 103;
  std::uint32_t token = 0;
  std::string query{};
  bool operator==(const wishlist_search&) const = default;
};

struct similar_users {
  static constexpr std::uint32_t code = 110;
  bool operator==(const similar_users&) const = default;
};

struct item_recommendations {
  static constexpr std::uint32_t code = 111;
  std::string item{};
  bool operator==(const item_recommendations&) const = default;
};

struct item_similar_users {
  static constexpr std::uint32_t code = 112;
  std::string item{};
  bool operator==(const item_similar_users&) const = default;
};

/// An empty ticker removes ours.
struct set_room_ticker {
  static constexpr std::uint32_t code = 116;
  std::string room{};
  std::string ticker{};
  bool operator==(const set_room_ticker&) const = default;
};

struct add_thing_i_hate {
  static constexpr std::uint32_t code = 117;
  std::string item{};
  bool operator==(const add_thing_i_hate&) const = default;
};

struct remove_thing_i_hate {
  static constexpr std::uint32_t code = 118;
  std::string item{};
  bool operator==(const remove_thing_i_hate&) const = default;
};

struct room_search {
  static constexpr std::uint32_t code = 120;
  std::string room{};
  std::uint32_t token = 0;
  std::string query{};
  bool operator==(const room_search&) const = default;
};

/// In bytes/s, after each finished upload.
struct send_upload_speed {
  static constexpr std::uint32_t code = 121;
  std::uint32_t speed = 0;
  bool operator==(const send_upload_speed&) const = default;
};

/// Deprecated.
struct user_privileged {
  static constexpr std::uint32_t code = 122;
  std::string username{};
  bool operator==(const user_privileged&) const = default;
};

struct give_privileges {
  static constexpr std::uint32_t code = 123;
  std::string username{};
  std::uint32_t days = 0;
  bool operator==(const give_privileges&) const = default;
};

/// Deprecated.
struct notify_privileges {
  static constexpr std::uint32_t code = 124;
  std::uint32_t token = 0;
  std::string username{};
  bool operator==(const notify_privileges&) const = default;
};

/// Deprecated.
struct ack_notify_privileges {
  static constexpr std::uint32_t code = 125;
  std::uint32_t token = 0;
  bool operator==(const ack_notify_privileges&) const = default;
};

struct branch_level {
  static constexpr std::uint32_t code = 126;
  std::uint32_t level = 0;
  bool operator==(const branch_level&) const = default;
};

struct branch_root {
  static constexpr std::uint32_t code = 127;
  std::string username{};
  bool operator==(const branch_root&) const = default;
};

/// Deprecated.
struct child_depth {
  static constexpr std::uint32_t code = 129;
  std::uint32_t depth = 0;
  bool operator==(const child_depth&) const = default;
};

struct private_room_add_user {
  static constexpr std::uint32_t code = 134;
  std::string room{};
  std::string username{};
  bool operator==(const private_room_add_user&) const = default;
};

struct private_room_remove_user {
  static constexpr std::uint32_t code = 135;
  std::string room{};
  std::string username{};
  bool operator==(const private_room_remove_user&) const = default;
};

struct private_room_drop_membership {
  static constexpr std::uint32_t code = 136;
  std::string room{};
  bool operator==(const private_room_drop_membership&) const = default;
};

struct private_room_drop_ownership {
  static constexpr std::uint32_t code = 137;
  std::string room{};
  bool operator==(const private_room_drop_ownership&) const = default;
};

struct enable_room_invitations {
  static constexpr std::uint32_t code = 141;
  bool enable = false;
  bool operator==(const enable_room_invitations&) const = default;
};

struct change_password {
  static constexpr std::uint32_t code = 142;
  std::string password{};
  bool operator==(const change_password&) const = default;
};

struct private_room_add_operator {
  static constexpr std::uint32_t code = 143;
  std::string room{};
  std::string username{};
  bool operator==(const private_room_add_operator&) const = default;
};

struct private_room_remove_operator {
  static constexpr std::uint32_t code = 144;
  std::string room{};
  std::string username{};
  bool operator==(const private_room_remove_operator&) const = default;
};

struct message_users {
  static constexpr std::uint32_t code = 149;
  std::vector<std::string> usernames{};
  std::string message{};
  bool operator==(const message_users&) const = default;
};

struct join_global_room {
  static constexpr std::uint32_t code = 150;
  bool operator==(const join_global_room&) const = default;
};

struct leave_global_room {
  static constexpr std::uint32_t code = 151;
  bool operator==(const leave_global_room&) const = default;
};

/// Obsolete.
struct related_searches {
  static constexpr std::uint32_t code = 153;
  std::string query{};
  bool operator==(const related_searches&) const = default;
};

struct cant_connect_to_peer {
  static constexpr std::uint32_t code = 1001;
  std::uint32_t token = 0;
  std::string username{};
  bool operator==(const cant_connect_to_peer&) const = default;
};

using message =
    std::variant<login, set_wait_port, get_peer_address, watch_user, unwatch_user, get_user_status,
                 say_chatroom, join_room, leave_room, connect_to_peer, message_user, message_acked,
                 file_search, set_status, ping, send_connect_token, send_download_speed, shared_folders_files,
                 get_user_stats, user_search, add_thing_i_like, remove_thing_i_like, recommendations,
                 global_recommendations, user_interests, admin_command, room_list, exact_file_search,
                 global_user_list, tunneled_message, have_no_parent, parent_ip, check_privileges,
                 accept_children, wishlist_search, similar_users, item_recommendations, item_similar_users,
                 set_room_ticker, add_thing_i_hate, remove_thing_i_hate, room_search, send_upload_speed,
                 user_privileged, give_privileges, notify_privileges, ack_notify_privileges, branch_level,
                 branch_root, child_depth, private_room_add_user, private_room_remove_user,
                 private_room_drop_membership, private_room_drop_ownership, enable_room_invitations,
                 change_password, private_room_add_operator, private_room_remove_operator, message_users,
                 join_global_room, leave_global_room, related_searches, cant_connect_to_peer, unknown>;

}  // namespace vsf::soulseek::to_server
