#pragma once

#include <deque>

#include "net/soulseek/frame_splitter.hpp"
#include "sim/soulseek_server/server_core.hpp"

namespace vsf::soulseek::test_server {

struct account {
  std::string password;
  user_stats stats;
  std::uint64_t speeds_told = 0;
  time_ms privileged_until{0};
  std::set<std::string> liked, hated;
  std::deque<from_server::message_user> unacknowledged;
  bool takes_invitations = false;
};

/// A connection, and from its login on whose.
struct session {
  session(connection_id number, std::uint32_t address)
      : id(number), ip(address), splitter(server_bounds::frame_bytes, wide_code) {}

  connection_id id;
  std::uint32_t ip;
  frame_splitter splitter;
  std::string user;
  bool silenced = false;  // what it says is dropped, and nothing is sent
  time_ms last_due{0};    // of what is delayed: the order is kept
  std::uint32_t port = 0;
  obfuscated_port<std::uint32_t> obfuscated;
  user_status status = user_status::online;
  std::set<std::string> watched;
  bool in_global_room = false;

  bool wants_parent = false, accepts_children = false, is_root = false;
  std::uint32_t level = 0;
  std::string root;
  time_ms next_parents{0};
};

struct room {
  bool is_private = false;
  std::string owner;
  std::set<std::string> members, operators;  // of a private room, here or not
  std::set<std::string> users;               // here
  std::map<std::string, std::string> tickers;

  bool open_to(const std::string& user) const {
    return !is_private || user == owner || members.contains(user);
  }
  bool governed_by(const std::string& user) const { return user == owner || operators.contains(user); }
};

class server_state {
 public:
  explicit server_state(server_options chosen) : options(std::move(chosen)) {
    for (const auto& [name, password] : options.accounts) accounts[name].password = password;
  }

  // server_core.cpp: frames, effects
  void take(connection_id connection, byte_view raw);
  template <class M>
  void say(session& to, const M& message) {
    send(to, encode(message));
  }
  template <class M>
  void say(const std::string& user, const M& message) {
    if (auto* to = find(user)) say(*to, message);
  }
  void send(session& to, bytes raw);
  void close(connection_id connection, const std::string& why);
  void run_due();
  void note(const session* whose, const std::string& what, std::map<std::string, std::string> details = {});
  session* find(const std::string& user);
  account* find_account(const std::string& user);

  // login.cpp
  void on(session& s, const to_server::login& m);
  void on(session& s, const to_server::change_password& m);
  std::optional<refusal> refuses(const to_server::login& m);
  void welcome(session& s);
  /// The session ends, its connection perhaps not.
  void log_out(session& s);

  // users.cpp
  void on(session& s, const to_server::set_wait_port& m);
  void on(session& s, const to_server::get_peer_address& m);
  void on(session& s, const to_server::watch_user& m);
  void on(session& s, const to_server::unwatch_user& m);
  void on(session& s, const to_server::get_user_status& m);
  void on(session& s, const to_server::get_user_stats& m);
  void on(session& s, const to_server::set_status& m);
  void on(session& s, const to_server::shared_folders_files& m);
  void on(session& s, const to_server::send_upload_speed& m);
  void on(session& s, const to_server::connect_to_peer& m);
  void on(session& s, const to_server::cant_connect_to_peer& m);
  void on(session& s, const to_server::check_privileges& m);
  void on(session& s, const to_server::give_privileges& m);
  void on(session& s, const to_server::user_privileged& m);
  user_status status_of(const std::string& user);
  std::uint32_t port_of(const session& s) const;
  obfuscated_port<std::uint32_t> obfuscated_port_of(const session& s) const;
  bool privileged(const std::string& user);
  std::uint32_t seconds_left(const std::string& user);
  from_server::get_user_status status_message(const std::string& user);
  void tell_status(const std::string& user);
  void tell_stats(const std::string& user);
  std::set<std::string> who_see(const std::string& user);

  // search.cpp
  void on(session& s, const to_server::file_search& m);
  void on(session& s, const to_server::wishlist_search& m);
  void on(session& s, const to_server::user_search& m);
  void on(session& s, const to_server::room_search& m);
  void on(session& s, const to_server::have_no_parent& m);
  void on(session& s, const to_server::accept_children& m);
  void on(session& s, const to_server::branch_level& m);
  void on(session& s, const to_server::branch_root& m);
  void fan_out(session& from, std::uint32_t token, const std::string& query, const std::string& kind);
  std::vector<session*> roots();
  void offer_parents(session& s);

  // messages.cpp
  void on(session& s, const to_server::message_user& m);
  void on(session& s, const to_server::message_users& m);
  void on(session& s, const to_server::message_acked& m);
  void deliver(const std::string& from, const std::string& to, const std::string& text);
  void resend(session& s);

  // interests.cpp
  void on(session& s, const to_server::add_thing_i_like& m);
  void on(session& s, const to_server::remove_thing_i_like& m);
  void on(session& s, const to_server::add_thing_i_hate& m);
  void on(session& s, const to_server::remove_thing_i_hate& m);
  void on(session& s, const to_server::recommendations& m);
  void on(session& s, const to_server::global_recommendations& m);
  void on(session& s, const to_server::user_interests& m);
  void on(session& s, const to_server::similar_users& m);
  void on(session& s, const to_server::item_recommendations& m);
  void on(session& s, const to_server::item_similar_users& m);

  // rooms.cpp, private_rooms.cpp
  void on(session& s, const to_server::room_list& m);
  void on(session& s, const to_server::join_room& m);
  void on(session& s, const to_server::leave_room& m);
  void on(session& s, const to_server::say_chatroom& m);
  void on(session& s, const to_server::set_room_ticker& m);
  void on(session& s, const to_server::join_global_room& m);
  void on(session& s, const to_server::leave_global_room& m);
  void on(session& s, const to_server::enable_room_invitations& m);
  void on(session& s, const to_server::private_room_add_user& m);
  void on(session& s, const to_server::private_room_remove_user& m);
  void on(session& s, const to_server::private_room_drop_membership& m);
  void on(session& s, const to_server::private_room_drop_ownership& m);
  void on(session& s, const to_server::private_room_add_operator& m);
  void on(session& s, const to_server::private_room_remove_operator& m);
  void leave(const std::string& name, const std::string& user);
  void leave_all(const std::string& user);
  void tell_private_lists(const std::string& name);
  void take_membership(const std::string& name, const std::string& user);
  from_server::room_user room_user_of(const std::string& user);
  template <class M>
  void say_in(const room& where, const M& message, const std::string& except = {}) {
    for (const auto& user : where.users)
      if (user != except) say(user, message);
  }

  /// Obsolete messages, and those that need no answer.
  template <class M>
  void on(session&, const M&) {}

  server_options options;
  time_ms now{0}, slow{0};
  std::optional<refusal> refuse_all;
  bool dead = false, refusing = false;
  std::set<std::string> banned;
  std::set<std::uint32_t> banned_addresses;
  std::map<std::string, told_ports> firewalled;

  std::map<connection_id, session> sessions;
  std::map<std::string, connection_id> online;
  std::map<std::string, account> accounts;
  std::map<std::string, room> rooms;
  std::uint32_t next_message = 1;

  std::vector<effect> effects;
  std::multimap<time_ms, effect> delayed;
  std::size_t delayed_bytes = 0;
  std::vector<event> events;
};

}  // namespace vsf::soulseek::test_server
