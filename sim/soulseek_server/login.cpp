#include <algorithm>

#include "sim/soulseek_server/server_state.hpp"

namespace vsf::soulseek::test_server {

namespace {

/// What the server has against a name, in its words; nothing if it's fine.
std::string fault_of_name(const std::string& name) {
  if (name.empty()) return "Nick empty.";
  if (name.size() > server_bounds::name) return "Nick too long.";
  if (name.front() == ' ' || name.back() == ' ') return "No leading and trailing spaces allowed in nick.";
  if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= 32 && c < 127; }))
    return "Invalid characters in nick.";
  return {};
}

std::string md5_of(const std::string& password) { return make_login("", password, 0, 0).md5; }

}  // namespace

std::optional<refusal> server_state::refuses(const to_server::login& m) {
  if (refuse_all) return refuse_all;
  if (auto fault = fault_of_name(m.username); !fault.empty())
    return refusal{login_failure::invalid_username, std::move(fault)};
  if (m.password.empty()) return refusal{login_failure::empty_password, {}};
  if (m.major_version < options.least_major_version) return refusal{login_failure::invalid_version, {}};
  const auto* known = find_account(m.username);
  if (!known && options.only_known_accounts) return refusal{login_failure::server_private, {}};
  if ((known && known->password != m.password) || m.md5 != md5_of(m.username + m.password))
    return refusal{login_failure::invalid_password, {}};
  const bool again = online.contains(m.username);
  if ((!again && online.size() >= options.most_users) ||
      (!known && accounts.size() >= server_bounds::accounts))
    return refusal{login_failure::server_full, {}};
  return std::nullopt;
}

void server_state::on(session& s, const to_server::login& m) {
  if (banned.contains(m.username) || banned_addresses.contains(s.ip)) {
    note(&s, "login_ignored", {{"name", m.username}});
    s.silenced = true;
    return;
  }
  if (const auto why = refuses(m)) {
    const std::string text(to_string(why->why));
    note(&s, "login_refused", {{"name", m.username}, {"why", text}});
    from_server::login_refusal said{text.empty() ? why->detail : text, {}};
    if (why->why == login_failure::invalid_username) said.detail = why->detail;
    say(s, from_server::login{std::move(said)});
    return close(s.id, "login refused");
  }
  if (auto* older = find(m.username)) {
    note(older, "relogged");
    say(*older, from_server::relogged{});
    close(older->id, "logged in elsewhere");
  }
  accounts[m.username].password = m.password;
  s.user = m.username;
  online[s.user] = s.id;
  note(&s, "login",
       {{"version", std::to_string(m.major_version)}, {"minor", std::to_string(m.minor_version)}});
  welcome(s);
}

void server_state::welcome(session& s) {
  const auto& mine = accounts.at(s.user);
  say(s, from_server::login{from_server::login_success{options.motd, s.ip, md5_of(mine.password), false}});
  on(s, to_server::room_list{});
  say(s, from_server::wishlist_interval{privileged(s.user) ? options.privileged_wishlist_interval_s
                                                           : options.wishlist_interval_s});
  from_server::privileged_users list;
  for (const auto& [name, a] : accounts)
    if (privileged(name)) list.usernames.push_back(name);
  say(s, list);
  say(s, from_server::excluded_search_phrases{options.excluded_phrases});
  say(s, from_server::parent_min_speed{options.parent_min_speed});
  say(s, from_server::parent_speed_ratio{options.parent_speed_ratio});
  tell_status(s.user);
  resend(s);
}

void server_state::log_out(session& s) {
  const auto user = std::exchange(s.user, {});
  online.erase(user);
  s.wants_parent = s.is_root = false;
  leave_all(user);
  tell_status(user);
}

void server_state::on(session& s, const to_server::change_password& m) {
  if (m.password.empty() || m.password.size() > server_bounds::text) return;
  accounts.at(s.user).password = m.password;
  say(s, from_server::change_password{m.password});
}

}  // namespace vsf::soulseek::test_server
