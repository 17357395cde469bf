#include <algorithm>

#include "sim/soulseek_server/server_state.hpp"

namespace vsf::soulseek::test_server {

void server_state::on(session& s, const to_server::set_wait_port& m) {
  s.port = m.port;
  s.obfuscated = m.obfuscated.value_or(obfuscated_port<std::uint32_t>{});
  note(&s, "wait_port",
       {{"port", std::to_string(s.port)},
        {"obfuscated_type", std::to_string(s.obfuscated.type)},
        {"obfuscated_port", std::to_string(s.obfuscated.port)}});
}

void server_state::on(session& s, const to_server::get_peer_address& m) {
  from_server::get_peer_address out;
  out.username = m.username;
  out.obfuscated.emplace();
  if (const auto* wanted = find(m.username)) {
    out.ip = wanted->ip;
    out.port = port_of(*wanted);
    const auto obfuscated = obfuscated_port_of(*wanted);
    out.obfuscated =
        obfuscated_port<std::uint16_t>{obfuscated.type, static_cast<std::uint16_t>(obfuscated.port)};
  }
  say(s, out);
}

/// As others are told it.
std::uint32_t server_state::port_of(const session& s) const {
  const auto it = firewalled.find(s.user);
  return it == firewalled.end() ? s.port : it->second.plain;
}

obfuscated_port<std::uint32_t> server_state::obfuscated_port_of(const session& s) const {
  const auto it = firewalled.find(s.user);
  if (it == firewalled.end()) return s.obfuscated;
  const auto port = it->second.obfuscated;
  return {port == 0 ? 0U : 1U, port};
}

user_status server_state::status_of(const std::string& user) {
  const auto* s = find(user);
  return s ? s->status : user_status::offline;
}

std::uint32_t server_state::seconds_left(const std::string& user) {
  const auto* a = find_account(user);
  if (!a || a->privileged_until <= now) return 0;
  return static_cast<std::uint32_t>((a->privileged_until - now).count() / 1000);
}

bool server_state::privileged(const std::string& user) { return seconds_left(user) > 0; }

from_server::get_user_status server_state::status_message(const std::string& user) {
  return {user, status_of(user), privileged(user)};
}

/// Who watches a user or shares a room with it.
std::set<std::string> server_state::who_see(const std::string& user) {
  std::set<std::string> out;
  for (const auto& [name, id] : online)
    if (sessions.at(id).watched.contains(user)) out.insert(name);
  for (const auto& [name, r] : rooms)
    if (r.users.contains(user)) out.insert(r.users.begin(), r.users.end());
  return out;
}

void server_state::tell_status(const std::string& user) {
  const auto message = status_message(user);
  for (const auto& name : who_see(user)) say(name, message);
}

void server_state::tell_stats(const std::string& user) {
  const from_server::get_user_stats message{user, accounts.at(user).stats};
  for (const auto& name : who_see(user)) say(name, message);
}

void server_state::on(session& s, const to_server::watch_user& m) {
  from_server::watch_user out;
  out.username = m.username;
  if (const auto* a = find_account(m.username)) {
    out.known.emplace(from_server::watched_user{status_of(m.username), a->stats, {}});
    if (out.known->status != user_status::offline) out.known->country = options.country;
    if (s.watched.size() < server_bounds::watched) s.watched.insert(m.username);
  }
  say(s, out);
}

void server_state::on(session& s, const to_server::unwatch_user& m) { s.watched.erase(m.username); }

void server_state::on(session& s, const to_server::get_user_status& m) { say(s, status_message(m.username)); }

void server_state::on(session& s, const to_server::get_user_stats& m) {
  const auto* a = find_account(m.username);
  say(s, from_server::get_user_stats{m.username, a ? a->stats : user_stats{}});
}

void server_state::on(session& s, const to_server::set_status& m) {
  if (m.status != user_status::away && m.status != user_status::online) return;
  s.status = m.status;
  tell_status(s.user);
}

void server_state::on(session& s, const to_server::shared_folders_files& m) {
  auto& stats = accounts.at(s.user).stats;
  stats.folders = m.folders;
  stats.files = m.files;
  note(&s, "shares", {{"folders", std::to_string(m.folders)}, {"files", std::to_string(m.files)}});
  tell_stats(s.user);
}

void server_state::on(session& s, const to_server::send_upload_speed& m) {
  auto& a = accounts.at(s.user);
  const auto told = a.speeds_told++;
  a.stats.average_speed =
      static_cast<std::uint32_t>((std::uint64_t{a.stats.average_speed} * told + m.speed) / (told + 1));
  ++a.stats.uploads;
  note(&s, "upload_speed", {{"speed", std::to_string(m.speed)}});
  tell_stats(s.user);
}

void server_state::on(session& s, const to_server::connect_to_peer& m) {
  note(&s, "connect_to_peer",
       {{"to", m.username},
        {"type", std::string(1, static_cast<char>(m.type))},
        {"token", std::to_string(m.token)}});
  auto* to = find(m.username);
  if (!to) return say(s, from_server::cant_connect_to_peer{m.token, m.username});
  say(*to, from_server::connect_to_peer{s.user, m.type, s.ip, port_of(s), m.token, privileged(s.user),
                                        obfuscated_port_of(s)});
}

void server_state::on(session& s, const to_server::cant_connect_to_peer& m) {
  note(&s, "cant_connect_to_peer", {{"to", m.username}, {"token", std::to_string(m.token)}});
  say(m.username, from_server::cant_connect_to_peer{m.token, s.user});
}

void server_state::on(session& s, const to_server::check_privileges&) {
  say(s, from_server::check_privileges{seconds_left(s.user)});
}

void server_state::on(session& s, const to_server::give_privileges& m) {
  constexpr std::uint32_t day_s = 24 * 3600;
  auto* to = find_account(m.username);
  if (!to || m.days == 0 || std::uint64_t{m.days} * day_s > seconds_left(s.user)) return;
  const time_ms given = std::chrono::seconds(std::uint64_t{m.days} * day_s);
  accounts.at(s.user).privileged_until -= given;
  to->privileged_until = std::max(to->privileged_until, now) + given;
  say(s, from_server::check_privileges{seconds_left(s.user)});
  say(m.username, from_server::check_privileges{seconds_left(m.username)});
  tell_status(m.username);
}

void server_state::on(session& s, const to_server::user_privileged& m) {
  say(s, from_server::user_privileged{m.username, privileged(m.username)});
}

}  // namespace vsf::soulseek::test_server
