#include <algorithm>

#include "sim/soulseek_server/server_state.hpp"

namespace vsf::soulseek::test_server {

from_server::room_user server_state::room_user_of(const std::string& user) {
  const auto* a = find_account(user);
  return {user, status_of(user), a ? a->stats : user_stats{}, 1, options.country};
}

void server_state::on(session& s, const to_server::room_list&) {
  from_server::room_list out;
  for (const auto& [name, r] : rooms) {
    const from_server::listed_room listed{name, static_cast<std::uint32_t>(r.users.size())};
    if (!r.is_private)
      out.rooms.push_back(listed);
    else if (r.owner == s.user)
      out.owned.push_back(listed);
    else if (r.members.contains(s.user))
      out.member_of.push_back(listed);
    if (r.is_private && r.operators.contains(s.user)) out.operated.push_back(name);
  }
  say(s, out);
}

void server_state::on(session& s, const to_server::join_room& m) {
  if (m.room.empty() || m.room.size() > server_bounds::room_name ||
      (!rooms.contains(m.room) && rooms.size() >= server_bounds::rooms))
    return say(s, from_server::cant_create_room{m.room});
  const auto [it, fresh] = rooms.try_emplace(m.room);
  auto& r = it->second;
  if (fresh && m.is_private) {
    r.is_private = true;
    r.owner = s.user;
  }
  if (!r.open_to(s.user)) return say(s, from_server::cant_create_room{m.room});
  if (r.users.insert(s.user).second)
    say_in(r, from_server::user_joined_room{m.room, room_user_of(s.user)}, s.user);
  from_server::join_room out{m.room, {}, {}};
  for (const auto& user : r.users) out.users.push_back(room_user_of(user));
  if (r.is_private)
    out.staff.emplace(from_server::private_room_staff{r.owner, {r.operators.begin(), r.operators.end()}});
  say(s, out);
  from_server::room_tickers tickers{m.room, {}};
  for (const auto& [user, text] : r.tickers) tickers.tickers.push_back({user, text});
  say(s, tickers);
  if (r.is_private) tell_private_lists(m.room);
}

void server_state::leave(const std::string& name, const std::string& user) {
  const auto it = rooms.find(name);
  if (it == rooms.end() || it->second.users.erase(user) == 0) return;
  say_in(it->second, from_server::user_left_room{name, user});
}

void server_state::leave_all(const std::string& user) {
  for (const auto& [name, r] : rooms) leave(name, user);
}

void server_state::on(session& s, const to_server::leave_room& m) {
  leave(m.room, s.user);
  say(s, from_server::leave_room{m.room});
}

void server_state::on(session& s, const to_server::say_chatroom& m) {
  const auto it = rooms.find(m.room);
  if (it == rooms.end() || !it->second.users.contains(s.user) || m.message.size() > server_bounds::text)
    return;
  say_in(it->second, from_server::say_chatroom{m.room, s.user, m.message});
  if (it->second.is_private) return;
  for (const auto& [name, id] : online)
    if (auto& other = sessions.at(id); other.in_global_room)
      say(other, from_server::global_room_message{m.room, s.user, m.message});
}

void server_state::on(session& s, const to_server::set_room_ticker& m) {
  const auto it = rooms.find(m.room);
  if (it == rooms.end() || !it->second.users.contains(s.user) || m.ticker.size() > server_bounds::text)
    return;
  auto& tickers = it->second.tickers;
  if (tickers.erase(s.user) != 0) say_in(it->second, from_server::room_ticker_removed{m.room, s.user});
  if (m.ticker.empty() || tickers.size() >= server_bounds::tickers) return;
  tickers[s.user] = m.ticker;
  say_in(it->second, from_server::room_ticker_added{m.room, s.user, m.ticker});
}

void server_state::on(session& s, const to_server::join_global_room&) { s.in_global_room = true; }
void server_state::on(session& s, const to_server::leave_global_room&) { s.in_global_room = false; }

}  // namespace vsf::soulseek::test_server
