#include "actors/soulseek/rooms.hpp"

#include <algorithm>

namespace vsf::soulseek {
namespace {

std::string cut(const std::string& text, std::size_t most) {
  return text.size() > most ? text.substr(0, most) : text;
}

record<fb::SoulseekRow> row_of(const std::string& room, bool is_private) {
  fb::SoulseekJoinedRoomT row;
  row.room = room;
  row.is_private = is_private;
  return social_row(std::move(row));
}

}  // namespace

// ---- What a person wants

void rooms::on_online(social_effects& out) {
  online_ = true;
  for (const auto& [name, room] : mine_)
    out.emplace_back(tell_server{encode(to_server::join_room{name, room.is_private})});
}

void rooms::on_offline() {
  online_ = false;
  asked_.reset();
  for (auto& [name, room] : mine_) {
    room.joined = false;
    room.users.clear();
    room.tickers.clear();
    room.operators.clear();
  }
}

result<void> rooms::join(const std::string& room, bool is_private, social_effects& out) {
  if (room.empty() || room.size() > options_.name_bytes)
    return fail("A room's name has 1 to " + std::to_string(options_.name_bytes) + " bytes.");
  if (!mine_.contains(room) && mine_.size() >= options_.joined)
    return fail("This node is in " + std::to_string(options_.joined) + " rooms already. Leave one first.");
  mine_[room].is_private = is_private;
  out.emplace_back(keep_social{{row_of(room, is_private)}});
  if (online_) out.emplace_back(tell_server{encode(to_server::join_room{room, is_private})});
  return {};
}

void rooms::let_go(const std::string& room, social_effects& out) {
  out.emplace_back(forget_social{{row_of(room, false)}});
  mine_.erase(room);
}

result<void> rooms::leave(const std::string& room, social_effects& out) {
  if (!has(room)) return fail("This node is not in the room " + room + ".");
  if (online_) out.emplace_back(tell_server{encode(to_server::leave_room{room})});
  let_go(room, out);
  return {};
}

result<rooms::mine*> rooms::to_speak_in(const std::string& room, const std::string& text) {
  const auto it = mine_.find(room);
  if (it == mine_.end()) return fail("This node is not in the room " + room + ". Join it first.");
  if (!it->second.joined)
    return fail("The server has not let this node into the room " + room + " yet. Wait until it is back.");
  if (text.size() > options_.text_bytes)
    return fail("A message in a room has at most " + std::to_string(options_.text_bytes) + " bytes.");
  return &it->second;
}

result<void> rooms::say(const std::string& room, const std::string& text, social_effects& out) {
  if (text.empty()) return fail("There is nothing to say: the text is empty.");
  const auto in = to_speak_in(room, text);
  if (!in) return tl::unexpected(in.error());
  out.emplace_back(tell_server{encode(to_server::say_chatroom{room, text})});
  return {};
}

result<void> rooms::set_ticker(const std::string& room, const std::string& text, social_effects& out) {
  const auto in = to_speak_in(room, text);
  if (!in) return tl::unexpected(in.error());
  out.emplace_back(tell_server{encode(to_server::set_room_ticker{room, text})});
  return {};
}

void rooms::refresh(nanoseconds now, social_effects& out) {
  if (!online_ || (asked_ && now - *asked_ < options_.list_age)) return;
  asked_ = now;
  out.emplace_back(tell_server{encode(to_server::room_list{})});
}

// ---- What the server says

void rooms::hear(const from_server::room_list& m) {
  listed_.clear();
  const auto add = [&](const std::vector<from_server::listed_room>& list, fb::SoulseekRoomKind kind) {
    for (const auto& r : list) {
      if (r.name.empty() || r.name.size() > options_.name_bytes || listed_.size() >= options_.listed)
        ++counters_.dropped;
      else
        listed_[r.name] = {r.users, kind, false};
    }
  };
  // Ours before the others, which are many.
  add(m.owned, fb::SoulseekRoomKind::owned);
  add(m.member_of, fb::SoulseekRoomKind::member);
  add(m.rooms, fb::SoulseekRoomKind::open);
  for (const auto& name : m.operated)
    if (const auto it = listed_.find(name); it != listed_.end()) it->second.operated = true;
}

rooms::mine* rooms::entered(const std::string& room) {
  const auto it = mine_.find(room);
  if (it != mine_.end() && it->second.joined) return &it->second;
  ++counters_.unasked;
  return nullptr;
}

void rooms::add_user(mine& room, const from_server::room_user& user) {
  if (room.users.size() >= options_.users && !room.users.contains(user.username)) {
    ++counters_.dropped;
    return;
  }
  auto& row = room.users[user.username];
  row.user = user.username;
  row.stats = std::make_unique<fb::SoulseekUserStatsT>();
  row.stats->status = presence_of(user.status);
  take_stats(*row.stats, user.stats);
  row.stats->country = cut(user.country, 2);
  row.free_slots = user.slots_free;
}

template <class Set, class Item>
void rooms::add_staff(Set& to, const Item& item) {
  if (to.size() < options_.staff)
    to.insert(item);
  else
    ++counters_.dropped;
}

void rooms::hear(const from_server::join_room& m, social_effects& out) {
  const auto it = mine_.find(m.room);
  if (it == mine_.end()) {
    // Left in the meantime.
    ++counters_.unasked;
    return;
  }
  auto& room = it->second;
  ++counters_.joined;
  room.joined = true;
  room.users.clear();
  room.operators.clear();
  room.is_private = m.staff.has_value();
  room.owner = m.staff ? m.staff->owner : std::string();
  for (const auto& user : m.users) add_user(room, user);
  if (m.staff)
    for (const auto& name : m.staff->operators) add_staff(room.operators, name);
  out.emplace_back(social_event{"soulseek/room/" + m.room,
                                "in the room with " + std::to_string(room.users.size()) + " users"});
}

void rooms::hear(const from_server::leave_room& m, social_effects& out) {
  // Ours was forgotten when it was left: what is still here was taken from us.
  const auto it = mine_.find(m.room);
  if (it == mine_.end() || !it->second.joined) return;
  ++counters_.put_out;
  let_go(m.room, out);
  out.emplace_back(social_event{"soulseek/room/" + m.room, "the server put this node out of the room", true});
}

void rooms::hear(const from_server::cant_create_room& m, social_effects& out) {
  if (!has(m.room)) return;
  ++counters_.refused;
  let_go(m.room, out);
  out.emplace_back(social_event{"soulseek/room/" + m.room,
                                "the server does not let this node into the room: it is private, or no room "
                                "can have this name",
                                true});
}

void rooms::hear(const from_server::user_joined_room& m) {
  if (auto* room = entered(m.room)) add_user(*room, m.user);
}
void rooms::hear(const from_server::user_left_room& m) {
  if (auto* room = entered(m.room)) room->users.erase(m.username);
}

void rooms::hear(const from_server::say_chatroom& m, std::uint64_t unix_ms, social_effects& out) {
  auto* room = entered(m.room);
  if (room == nullptr) return;
  ++counters_.messages;
  fb::SoulseekRoomMessageT row;
  row.user = m.username;
  row.at_ms = unix_ms;
  row.text = cut(m.message, options_.text_bytes);
  out.emplace_back(social_event{"soulseek/room/" + m.room, row.user + ": " + row.text});
  room->messages.push_back(std::move(row));
  if (room->messages.size() > options_.messages) {
    room->messages.pop_front();
    ++counters_.messages_dropped;
  }
}

void rooms::add_ticker(mine& room, const std::string& user, const std::string& text) {
  if (room.tickers.size() >= options_.tickers && !room.tickers.contains(user))
    ++counters_.dropped;
  else
    room.tickers[user] = cut(text, options_.text_bytes);
}
void rooms::hear(const from_server::room_tickers& m) {
  auto* room = entered(m.room);
  if (room == nullptr) return;
  room->tickers.clear();
  for (const auto& t : m.tickers) add_ticker(*room, t.username, t.text);
}
void rooms::hear(const from_server::room_ticker_added& m) {
  if (auto* room = entered(m.room)) add_ticker(*room, m.username, m.text);
}
void rooms::hear(const from_server::room_ticker_removed& m) {
  if (auto* room = entered(m.room)) room->tickers.erase(m.username);
}
void rooms::hear(const from_server::private_room_operators& m) {
  auto* room = entered(m.room);
  if (room == nullptr) return;
  room->operators.clear();
  for (const auto& name : m.usernames) add_staff(room->operators, name);
}
void rooms::hear(const from_server::private_room_add_operator& m) {
  if (auto* room = entered(m.room)) add_staff(room->operators, m.username);
}
void rooms::hear(const from_server::private_room_remove_operator& m) {
  if (auto* room = entered(m.room)) room->operators.erase(m.username);
}

void rooms::hear(const from_server::get_user_status& m) {
  for (auto& [name, room] : mine_)
    if (const auto it = room.users.find(m.username); it != room.users.end())
      it->second.stats->status = presence_of(m.status);
}
void rooms::hear(const from_server::get_user_stats& m) {
  for (auto& [name, room] : mine_)
    if (const auto it = room.users.find(m.username); it != room.users.end())
      take_stats(*it->second.stats, m.stats);
}

// ---- What there is

fb::SoulseekRoomsAnswerT rooms::list(std::uint32_t offset, std::uint32_t limit) const {
  std::vector<fb::SoulseekRoomLineT> all;
  for (const auto& [name, room] : mine_) {
    fb::SoulseekRoomLineT line;
    line.room = name;
    line.users = static_cast<std::uint32_t>(room.users.size());
    line.joined = room.joined;
    if (const auto it = listed_.find(name); it != listed_.end()) {
      line.kind = it->second.kind;
      line.operated = it->second.operated;
    } else if (room.is_private) {
      line.kind = fb::SoulseekRoomKind::member;
    }
    all.push_back(std::move(line));
  }
  for (const auto& [name, room] : listed_) {
    if (has(name)) continue;
    fb::SoulseekRoomLineT line;
    line.room = name;
    line.users = room.users;
    line.kind = room.kind;
    line.operated = room.operated;
    all.push_back(std::move(line));
  }
  std::stable_sort(all.begin(), all.end(), [this](const auto& a, const auto& b) {
    return std::pair(!has(a.room), -std::int64_t{a.users}) < std::pair(!has(b.room), -std::int64_t{b.users});
  });
  fb::SoulseekRoomsAnswerT out;
  out.total = static_cast<std::uint32_t>(all.size());
  for (std::size_t i = offset; i < all.size() && out.rooms.size() < limit; ++i)
    out.rooms.push_back(std::make_unique<fb::SoulseekRoomLineT>(std::move(all[i])));
  return out;
}

fb::SoulseekRoomAnswerT rooms::describe(const std::string& name, std::uint32_t offset,
                                        std::uint32_t limit) const {
  const auto& room = mine_.at(name);
  fb::SoulseekRoomAnswerT out;
  out.room = name;
  out.joined = room.joined;
  out.is_private = room.is_private;
  out.owner = room.owner;
  out.operators.assign(room.operators.begin(), room.operators.end());
  out.users_total = static_cast<std::uint32_t>(room.users.size());
  std::uint32_t number = 0;
  for (const auto& [user, row] : room.users) {
    if (number++ < offset) continue;
    if (out.users.size() >= limit) break;
    out.users.push_back(std::make_unique<fb::SoulseekRoomUserT>(row));
  }
  for (const auto& [user, text] : room.tickers) {
    out.tickers.push_back(std::make_unique<fb::SoulseekRoomTickerT>());
    out.tickers.back()->user = user;
    out.tickers.back()->text = text;
  }
  for (const auto& m : room.messages) out.messages.push_back(std::make_unique<fb::SoulseekRoomMessageT>(m));
  return out;
}

}  // namespace vsf::soulseek
