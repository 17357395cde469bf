#pragma once

#include <variant>

#include "net/soulseek/from_server_parts.hpp"

/// What the server says to a client.
namespace vsf::soulseek::from_server {
/// A banned address or user gets no answer at all.
struct login {
  static constexpr std::uint32_t code = 1;
  std::variant<login_success, login_refusal> outcome{};
  bool operator==(const login&) const = default;
};

struct get_peer_address {
  static constexpr std::uint32_t code = 3;
  std::string username{};
  std::uint32_t ip = 0;  // 0: offline
  std::uint32_t port = 0;
  std::optional<obfuscated_port<std::uint16_t>> obfuscated{};
  bool operator==(const get_peer_address&) const = default;
};

struct watch_user {
  static constexpr std::uint32_t code = 5;
  std::string username{};
  std::optional<watched_user> known{};  // nothing: there is no such user
  bool operator==(const watch_user&) const = default;
};

struct get_user_status {
  static constexpr std::uint32_t code = 7;
  std::string username{};
  user_status status = user_status::offline;
  bool privileged = false;
  bool operator==(const get_user_status&) const = default;
};

struct say_chatroom {
  static constexpr std::uint32_t code = 13;
  std::string room{};
  std::string username{};
  std::string message{};
  bool operator==(const say_chatroom&) const = default;
};

struct join_room {
  static constexpr std::uint32_t code = 14;
  std::string room{};
  std::vector<room_user> users{};
  std::optional<private_room_staff> staff{};  // of a private room
  bool operator==(const join_room&) const = default;
};

struct leave_room {
  static constexpr std::uint32_t code = 15;
  std::string room{};
  bool operator==(const leave_room&) const = default;
};

struct user_joined_room {
  static constexpr std::uint32_t code = 16;
  std::string room{};
  room_user user{};
  bool operator==(const user_joined_room&) const = default;
};

struct user_left_room {
  static constexpr std::uint32_t code = 17;
  std::string room{};
  std::string username{};
  bool operator==(const user_left_room&) const = default;
};

/// Always to be answered, and soon: by a connection with PierceFirewall, or by CantConnectToPeer.
struct connect_to_peer {
  static constexpr std::uint32_t code = 18;
  std::string username{};
  connection_type type = connection_type::peer;
  std::uint32_t ip = 0;
  std::uint32_t port = 0;
  std::uint32_t token = 0;
  bool privileged = false;
  std::optional<obfuscated_port<std::uint32_t>> obfuscated{};
  bool operator==(const connect_to_peer&) const = default;
};

/// Sent again until acknowledged.
struct message_user {
  static constexpr std::uint32_t code = 22;
  std::uint32_t id = 0;
  std::uint32_t timestamp = 0;  // Unix, s
  std::string username{};
  std::string message{};
  std::optional<bool> is_new{};  // false: kept for us while we were away
  bool operator==(const message_user&) const = default;
};

struct file_search {
  static constexpr std::uint32_t code = 26;
  std::string username{};
  std::uint32_t token = 0;
  std::string query{};
  bool operator==(const file_search&) const = default;
};

/// Obsolete.
struct send_connect_token {
  static constexpr std::uint32_t code = 33;
  std::string username{};
  std::uint32_t token = 0;
  bool operator==(const send_connect_token&) const = default;
};

struct get_user_stats {
  static constexpr std::uint32_t code = 36;
  std::string username{};
  user_stats stats{};
  bool operator==(const get_user_stats&) const = default;
};

/// Our name logged in elsewhere; the connection ends. Not to be answered by connecting again.
struct relogged {
  static constexpr std::uint32_t code = 41;
  bool operator==(const relogged&) const = default;
};

struct recommendations {
  static constexpr std::uint32_t code = 54;
  std::vector<recommendation> liked{};
  std::vector<recommendation> hated{};
  bool operator==(const recommendations&) const = default;
};

struct global_recommendations {
  static constexpr std::uint32_t code = 56;
  std::vector<recommendation> liked{};
  std::vector<recommendation> hated{};
  bool operator==(const global_recommendations&) const = default;
};

struct user_interests {
  static constexpr std::uint32_t code = 57;
  std::string username{};
  std::vector<std::string> liked{};
  std::vector<std::string> hated{};
  bool operator==(const user_interests&) const = default;
};

struct room_list {
  static constexpr std::uint32_t code = 64;
  std::vector<listed_room> rooms{};
  std::vector<listed_room> owned{};
  std::vector<listed_room> member_of{};
  std::vector<std::string> operated{};
  bool operator==(const room_list&) const = default;
};

/// Obsolete.
struct exact_file_search {
  static constexpr std::uint32_t code = 65;
  std::string username{};
  std::uint32_t token = 0;
  std::string file{};
  std::string folder{};
  std::uint64_t size = 0;
  std::uint32_t checksum = 0;
  bool operator==(const exact_file_search&) const = default;
};

struct admin_message {
  static constexpr std::uint32_t code = 66;
  std::string message{};
  bool operator==(const admin_message&) const = default;
};

/// Obsolete.
struct global_user_list {
  static constexpr std::uint32_t code = 67;
  std::vector<room_user> users{};
  bool operator==(const global_user_list&) const = default;
};

/// Obsolete.
struct tunneled_message {
  static constexpr std::uint32_t code = 68;
  std::string username{};
  std::uint32_t token = 0;
  std::uint32_t kind = 0;
  std::uint32_t ip = 0;
  std::uint32_t port = 0;
  std::string message{};
  bool operator==(const tunneled_message&) const = default;
};

struct privileged_users {
  static constexpr std::uint32_t code = 69;
  std::vector<std::string> usernames{};
  bool operator==(const privileged_users&) const = default;
};

struct parent_min_speed {
  static constexpr std::uint32_t code = 83;
  std::uint32_t speed = 0;
  bool operator==(const parent_min_speed&) const = default;
};

struct parent_speed_ratio {
  static constexpr std::uint32_t code = 84;
  std::uint32_t ratio = 0;
  bool operator==(const parent_speed_ratio&) const = default;
};

/// Obsolete, as are 87 to 91.
struct parent_inactivity_timeout {
  static constexpr std::uint32_t code = 86;
  std::uint32_t seconds = 0;
  bool operator==(const parent_inactivity_timeout&) const = default;
};

struct search_inactivity_timeout {
  static constexpr std::uint32_t code = 87;
  std::uint32_t seconds = 0;
  bool operator==(const search_inactivity_timeout&) const = default;
};

struct min_parents_in_cache {
  static constexpr std::uint32_t code = 88;
  std::uint32_t amount = 0;
  bool operator==(const min_parents_in_cache&) const = default;
};

struct distributed_alive_interval {
  static constexpr std::uint32_t code = 90;
  std::uint32_t seconds = 0;
  bool operator==(const distributed_alive_interval&) const = default;
};

struct add_privileged_user {
  static constexpr std::uint32_t code = 91;
  std::string username{};
  bool operator==(const add_privileged_user&) const = default;
};

struct check_privileges {
  static constexpr std::uint32_t code = 92;
  std::uint32_t seconds_left = 0;
  bool operator==(const check_privileges&) const = default;
};

/// A message of the distributed network for a branch root; decode_embedded() reads it.
struct embedded_message {
  static constexpr std::uint32_t code = 93;
  std::uint8_t inner_code = 0;
  bytes body{};
  bool operator==(const embedded_message&) const = default;
};

/// At most ten.
struct possible_parents {
  static constexpr std::uint32_t code = 102;
  std::vector<possible_parent> parents{};
  bool operator==(const possible_parents&) const = default;
};

struct wishlist_interval {
  static constexpr std::uint32_t code = 104;
  std::uint32_t seconds = 0;
  bool operator==(const wishlist_interval&) const = default;
};

struct similar_users {
  static constexpr std::uint32_t code = 110;
  std::vector<similar_user> users{};
  bool operator==(const similar_users&) const = default;
};

struct item_recommendations {
  static constexpr std::uint32_t code = 111;
  std::string item{};
  std::vector<recommendation> recommended{};
  bool operator==(const item_recommendations&) const = default;
};

struct item_similar_users {
  static constexpr std::uint32_t code = 112;
  std::string item{};
  std::vector<std::string> usernames{};
  bool operator==(const item_similar_users&) const = default;
};

struct room_tickers {
  static constexpr std::uint32_t code = 113;
  std::string room{};
  std::vector<ticker> tickers{};
  bool operator==(const room_tickers&) const = default;
};

struct room_ticker_added {
  static constexpr std::uint32_t code = 114;
  std::string room{};
  std::string username{};
  std::string text{};
  bool operator==(const room_ticker_added&) const = default;
};

struct room_ticker_removed {
  static constexpr std::uint32_t code = 115;
  std::string room{};
  std::string username{};
  bool operator==(const room_ticker_removed&) const = default;
};

/// Deprecated.
struct user_privileged {
  static constexpr std::uint32_t code = 122;
  std::string username{};
  bool privileged = false;
  bool operator==(const user_privileged&) const = default;
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

/// Drop the parent and the children.
struct reset_distributed {
  static constexpr std::uint32_t code = 130;
  bool operator==(const reset_distributed&) const = default;
};

struct private_room_users {
  static constexpr std::uint32_t code = 133;
  std::string room{};
  std::vector<std::string> usernames{};
  bool operator==(const private_room_users&) const = default;
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

struct private_room_added {
  static constexpr std::uint32_t code = 139;
  std::string room{};
  bool operator==(const private_room_added&) const = default;
};

struct private_room_removed {
  static constexpr std::uint32_t code = 140;
  std::string room{};
  bool operator==(const private_room_removed&) const = default;
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

struct private_room_operator_added {
  static constexpr std::uint32_t code = 145;
  std::string room{};
  bool operator==(const private_room_operator_added&) const = default;
};

struct private_room_operator_removed {
  static constexpr std::uint32_t code = 146;
  std::string room{};
  bool operator==(const private_room_operator_removed&) const = default;
};

struct private_room_operators {
  static constexpr std::uint32_t code = 148;
  std::string room{};
  std::vector<std::string> usernames{};
  bool operator==(const private_room_operators&) const = default;
};

struct global_room_message {
  static constexpr std::uint32_t code = 152;
  std::string room{};
  std::string username{};
  std::string message{};
  bool operator==(const global_room_message&) const = default;
};

/// Obsolete.
struct related_searches {
  static constexpr std::uint32_t code = 153;
  std::string query{};
  std::vector<std::string> terms{};
  bool operator==(const related_searches&) const = default;
};

/// Paths that hold one of them must never be returned.
struct excluded_search_phrases {
  static constexpr std::uint32_t code = 160;
  std::vector<std::string> phrases{};
  bool operator==(const excluded_search_phrases&) const = default;
};

struct cant_connect_to_peer {
  static constexpr std::uint32_t code = 1001;
  std::uint32_t token = 0;
  std::optional<std::string> username{};
  bool operator==(const cant_connect_to_peer&) const = default;
};

struct cant_create_room {
  static constexpr std::uint32_t code = 1003;
  std::string room{};
  bool operator==(const cant_create_room&) const = default;
};

using message = std::variant<
    login, get_peer_address, watch_user, get_user_status, say_chatroom, join_room, leave_room,
    user_joined_room, user_left_room, connect_to_peer, message_user, file_search, send_connect_token,
    get_user_stats, relogged, recommendations, global_recommendations, user_interests, room_list,
    exact_file_search, admin_message, global_user_list, tunneled_message, privileged_users, parent_min_speed,
    parent_speed_ratio, parent_inactivity_timeout, search_inactivity_timeout, min_parents_in_cache,
    distributed_alive_interval, add_privileged_user, check_privileges, embedded_message, possible_parents,
    wishlist_interval, similar_users, item_recommendations, item_similar_users, room_tickers,
    room_ticker_added, room_ticker_removed, user_privileged, notify_privileges, ack_notify_privileges,
    reset_distributed, private_room_users, private_room_add_user, private_room_remove_user,
    private_room_added, private_room_removed, enable_room_invitations, change_password,
    private_room_add_operator, private_room_remove_operator, private_room_operator_added,
    private_room_operator_removed, private_room_operators, global_room_message, related_searches,
    excluded_search_phrases, cant_connect_to_peer, cant_create_room, unknown>;

}  // namespace vsf::soulseek::from_server
