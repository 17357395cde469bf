#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "actors/soulseek/social_effects.hpp"
#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

struct room_options {
  std::size_t joined = 50;
  std::size_t listed = 20'000;
  std::size_t users = 10'000;  // of one room
  std::size_t tickers = 1000;  // of one room
  std::size_t staff = 1000;
  std::size_t messages = 200;  // of one room; the oldest go
  std::size_t text_bytes = 2048;
  std::size_t name_bytes = 128;
  nanoseconds list_age = std::chrono::seconds(30);  // older ones are asked for anew
};

struct room_counters {
  std::uint64_t joined = 0, refused = 0, put_out = 0;
  std::uint64_t messages = 0, messages_dropped = 0;  // the oldest
  std::uint64_t dropped = 0;                         // users, tickers, staff and rooms beyond the bounds
  std::uint64_t unasked = 0;                         // about rooms this user isn't in
};

/// The server's chat rooms, and those this user is in: who is there, what they say. Pure. A joined room is
/// joined again after each login.
class rooms {
 public:
  explicit rooms(room_options options = {}) : options_(options) {}

  void restore(const fb::SoulseekJoinedRoomT& kept) { mine_[kept.room].is_private = kept.is_private; }
  void on_online(social_effects& out);
  void on_offline();

  // Fail with what to do.
  result<void> join(const std::string& room, bool is_private, social_effects& out);
  result<void> leave(const std::string& room, social_effects& out);
  result<void> say(const std::string& room, const std::string& text, social_effects& out);
  /// An empty one removes ours.
  result<void> set_ticker(const std::string& room, const std::string& text, social_effects& out);
  /// Asks for the list when it is old.
  void refresh(nanoseconds now, social_effects& out);

  // From the server.
  void hear(const from_server::room_list& m);
  void hear(const from_server::join_room& m, social_effects& out);
  void hear(const from_server::leave_room& m, social_effects& out);
  void hear(const from_server::cant_create_room& m, social_effects& out);
  void hear(const from_server::user_joined_room& m);
  void hear(const from_server::user_left_room& m);
  void hear(const from_server::say_chatroom& m, std::uint64_t unix_ms, social_effects& out);
  void hear(const from_server::room_tickers& m);
  void hear(const from_server::room_ticker_added& m);
  void hear(const from_server::room_ticker_removed& m);
  void hear(const from_server::private_room_operators& m);
  void hear(const from_server::private_room_add_operator& m);
  void hear(const from_server::private_room_remove_operator& m);
  void hear(const from_server::get_user_status& m);
  void hear(const from_server::get_user_stats& m);

  bool has(const std::string& room) const { return mine_.contains(room); }
  /// Those this user is in first, then by users, then by name.
  fb::SoulseekRoomsAnswerT list(std::uint32_t offset, std::uint32_t limit) const;
  /// A page of its users. Only for a room that has().
  fb::SoulseekRoomAnswerT describe(const std::string& room, std::uint32_t offset, std::uint32_t limit) const;
  std::size_t joined() const { return mine_.size(); }
  const room_counters& counters() const { return counters_; }

 private:
  struct mine {
    bool is_private = false, joined = false;
    std::string owner;
    std::set<std::string> operators;
    std::map<std::string, fb::SoulseekRoomUserT> users;
    std::map<std::string, std::string> tickers;
    std::deque<fb::SoulseekRoomMessageT> messages;
  };
  struct listed {
    std::uint32_t users = 0;
    fb::SoulseekRoomKind kind = fb::SoulseekRoomKind::open;
    bool operated = false;
  };
  mine* entered(const std::string& room);
  result<mine*> to_speak_in(const std::string& room, const std::string& text);
  void add_user(mine& room, const from_server::room_user& user);
  template <class Set, class Item>
  void add_staff(Set& to, const Item& item);
  void add_ticker(mine& room, const std::string& user, const std::string& text);
  void let_go(const std::string& room, social_effects& out);

  room_options options_;
  bool online_ = false;
  std::map<std::string, mine> mine_;
  std::map<std::string, listed> listed_;
  std::optional<nanoseconds> asked_;
  room_counters counters_;
};

}  // namespace vsf::soulseek
