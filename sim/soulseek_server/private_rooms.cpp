#include "sim/soulseek_server/server_state.hpp"

namespace vsf::soulseek::test_server {

void server_state::tell_private_lists(const std::string& name) {
  const auto& r = rooms.at(name);
  say_in(r, from_server::private_room_users{name, {r.members.begin(), r.members.end()}});
  say_in(r, from_server::private_room_operators{name, {r.operators.begin(), r.operators.end()}});
}

void server_state::on(session& s, const to_server::enable_room_invitations& m) {
  accounts.at(s.user).takes_invitations = m.enable;
  say(s, from_server::enable_room_invitations{m.enable});
}

void server_state::on(session& s, const to_server::private_room_add_user& m) {
  const auto it = rooms.find(m.room);
  const auto* a = find_account(m.username);
  if (it == rooms.end() || !it->second.is_private || !it->second.governed_by(s.user) || !a ||
      !a->takes_invitations || m.username == it->second.owner ||
      it->second.members.size() >= server_bounds::room_members)
    return;
  if (!it->second.members.insert(m.username).second) return;
  say_in(it->second, from_server::private_room_add_user{m.room, m.username});
  say(m.username, from_server::private_room_added{m.room});
}

void server_state::take_membership(const std::string& name, const std::string& user) {
  auto& r = rooms.at(name);
  if (r.members.erase(user) == 0) return;
  if (r.operators.erase(user) != 0) say(user, from_server::private_room_operator_removed{name});
  say_in(r, from_server::private_room_remove_user{name, user});
  leave(name, user);
  say(user, from_server::private_room_removed{name});
}

void server_state::on(session& s, const to_server::private_room_remove_user& m) {
  const auto it = rooms.find(m.room);
  if (it == rooms.end() || !it->second.governed_by(s.user)) return;
  // Operators don't remove each other.
  if (s.user != it->second.owner && it->second.operators.contains(m.username)) return;
  take_membership(m.room, m.username);
}

void server_state::on(session& s, const to_server::private_room_drop_membership& m) {
  if (rooms.contains(m.room)) take_membership(m.room, s.user);
}

/// Without its owner a private room is no more.
void server_state::on(session& s, const to_server::private_room_drop_ownership& m) {
  const auto it = rooms.find(m.room);
  if (it == rooms.end() || !it->second.is_private || it->second.owner != s.user) return;
  const auto members = it->second.members;
  for (const auto& user : members) take_membership(m.room, user);
  if (it->second.users.contains(s.user)) say(s, from_server::leave_room{m.room});
  say(s, from_server::private_room_removed{m.room});
  rooms.erase(it);
}

void server_state::on(session& s, const to_server::private_room_add_operator& m) {
  const auto it = rooms.find(m.room);
  if (it == rooms.end() || it->second.owner != s.user || !it->second.members.contains(m.username) ||
      !it->second.operators.insert(m.username).second)
    return;
  say_in(it->second, from_server::private_room_add_operator{m.room, m.username});
  say(m.username, from_server::private_room_operator_added{m.room});
}

void server_state::on(session& s, const to_server::private_room_remove_operator& m) {
  const auto it = rooms.find(m.room);
  if (it == rooms.end() || it->second.owner != s.user || it->second.operators.erase(m.username) == 0) return;
  say_in(it->second, from_server::private_room_remove_operator{m.room, m.username});
  say(m.username, from_server::private_room_operator_removed{m.room});
}

}  // namespace vsf::soulseek::test_server
