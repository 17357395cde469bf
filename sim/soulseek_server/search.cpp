#include <algorithm>

#include "sim/soulseek_server/server_state.hpp"

namespace vsf::soulseek::test_server {

namespace {

constexpr std::uint32_t search_marker = 0x31;  // the first field of a distributed search

/// Code 93 around the distributed search (3).
from_server::embedded_message embedded(const std::string& user, std::uint32_t token,
                                       const std::string& query) {
  const auto whole = encode(distributed::search{search_marker, user, token, query});
  // Without its length and its code of one byte.
  constexpr std::size_t head = 4 + narrow_code;
  return {static_cast<std::uint8_t>(distributed::search::code), bytes(whole.begin() + head, whole.end())};
}

}  // namespace

/// Those who get searches from the server itself. Chosen once, by the number of their connection, among who
/// takes children and can be reached; with nobody of that kind everyone without a parent is one.
std::vector<session*> server_state::roots() {
  std::vector<session*> out, alone;
  for (auto& [id, s] : sessions) {
    if (s.user.empty() || s.silenced) continue;
    if (s.is_root) out.push_back(&s);
    if (s.wants_parent) alone.push_back(&s);
  }
  for (auto* s : alone) {
    if (out.size() >= options.branch_roots) break;
    if (s->is_root || !s->accepts_children || s->port == 0) continue;
    s->is_root = true;
    note(s, "branch_root");
    out.push_back(s);
  }
  return out.empty() ? alone : out;
}

void server_state::offer_parents(session& s) {
  s.next_parents = now + options.parents_every;
  if (options.searches != distribution::tree) return;
  const auto chosen = roots();
  if (std::find(chosen.begin(), chosen.end(), &s) != chosen.end()) return;
  from_server::possible_parents out;
  const auto add = [&](const session& parent) {
    if (out.parents.size() < server_bounds::parents)
      out.parents.push_back({parent.user, parent.ip, port_of(parent)});
  };
  for (const auto* root : chosen) add(*root);
  for (const auto& [id, other] : sessions)
    if (!other.user.empty() && !other.wants_parent && !other.is_root && other.accepts_children &&
        other.port != 0 && other.root != s.user && &other != &s)
      add(other);
  if (out.parents.empty()) return;
  note(&s, "possible_parents", {{"count", std::to_string(out.parents.size())}});
  say(s, out);
}

void server_state::fan_out(session& from, std::uint32_t token, const std::string& query,
                           const std::string& kind) {
  if (query.size() > server_bounds::text) return;
  std::size_t reached = 0;
  if (options.searches == distribution::tree) {
    const auto message = encode(embedded(from.user, token, query));
    for (auto* root : roots()) {
      send(*root, message);
      ++reached;
    }
  } else {
    const auto message = encode(from_server::file_search{from.user, token, query});
    for (const auto& [name, id] : online) {
      if (id == from.id) continue;
      send(sessions.at(id), message);
      ++reached;
    }
  }
  note(&from, "search",
       {{"kind", kind}, {"query", query}, {"token", std::to_string(token)}, {"to", std::to_string(reached)}});
}

void server_state::on(session& s, const to_server::file_search& m) { fan_out(s, m.token, m.query, "files"); }

void server_state::on(session& s, const to_server::wishlist_search& m) {
  fan_out(s, m.token, m.query, "wishlist");
}

void server_state::on(session& s, const to_server::user_search& m) {
  note(&s, "search",
       {{"kind", "user"}, {"query", m.query}, {"token", std::to_string(m.token)}, {"user", m.username}});
  if (m.query.size() <= server_bounds::text)
    say(m.username, from_server::file_search{s.user, m.token, m.query});
}

void server_state::on(session& s, const to_server::room_search& m) {
  note(&s, "search",
       {{"kind", "room"}, {"query", m.query}, {"token", std::to_string(m.token)}, {"room", m.room}});
  const auto it = rooms.find(m.room);
  if (it == rooms.end() || !it->second.users.contains(s.user) || m.query.size() > server_bounds::text) return;
  say_in(it->second, from_server::file_search{s.user, m.token, m.query}, s.user);
}

void server_state::on(session& s, const to_server::have_no_parent& m) {
  s.wants_parent = m.searching;
  note(&s, "have_no_parent", {{"searching", m.searching ? "true" : "false"}});
  // Answered at the next tick, when it has said whether it takes children.
  s.next_parents = now;
}

void server_state::on(session& s, const to_server::accept_children& m) {
  s.accepts_children = m.accept;
  note(&s, "accept_children", {{"accept", m.accept ? "true" : "false"}});
}
void server_state::on(session& s, const to_server::branch_level& m) {
  s.level = m.level;
  note(&s, "branch", {{"level", std::to_string(m.level)}, {"root", s.root}});
}
void server_state::on(session& s, const to_server::branch_root& m) {
  s.root = m.username.substr(0, server_bounds::name);
}

}  // namespace vsf::soulseek::test_server
