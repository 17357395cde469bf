#include "sim/soulseek_server/server_core.hpp"

#include <algorithm>

#include "sim/soulseek_server/server_state.hpp"

namespace vsf::soulseek::test_server {

session* server_state::find(const std::string& user) {
  const auto it = online.find(user);
  return it == online.end() ? nullptr : &sessions.at(it->second);
}

account* server_state::find_account(const std::string& user) {
  const auto it = accounts.find(user);
  return it == accounts.end() ? nullptr : &it->second;
}

void server_state::note(const session* whose, const std::string& what,
                        std::map<std::string, std::string> details) {
  if (events.size() >= server_bounds::events) return;
  if (whose) details.emplace("connection", std::to_string(whose->id));
  events.push_back({now, what, whose ? whose->user : std::string(), std::move(details)});
}

void server_state::send(session& to, bytes raw) {
  if (to.silenced) return;
  if (slow.count() == 0 && to.last_due <= now) {
    effects.push_back({to.id, std::move(raw), false});
    return;
  }
  if (delayed_bytes + raw.size() > server_bounds::delayed_bytes) return;
  delayed_bytes += raw.size();
  to.last_due = std::max(to.last_due, now + slow);
  delayed.emplace(to.last_due, effect{to.id, std::move(raw), false});
}

void server_state::close(connection_id connection, const std::string& why) {
  const auto it = sessions.find(connection);
  if (it == sessions.end()) return;
  auto& s = it->second;
  note(&s, "closed", {{"why", why}});
  if (!s.user.empty()) log_out(s);
  // What was to come later comes now: a real server's last words are in its socket already.
  for (auto later = delayed.begin(); later != delayed.end();) {
    if (later->second.connection != connection) {
      ++later;
      continue;
    }
    delayed_bytes -= later->second.data.size();
    effects.push_back(std::move(later->second));
    later = delayed.erase(later);
  }
  effects.push_back({connection, {}, true});
  sessions.erase(it);
}

void server_state::run_due() {
  while (!delayed.empty() && delayed.begin()->first <= now) {
    delayed_bytes -= delayed.begin()->second.data.size();
    effects.push_back(std::move(delayed.begin()->second));
    delayed.erase(delayed.begin());
  }
  for (auto& [id, s] : sessions)
    if (s.wants_parent && s.next_parents <= now) offer_parents(s);
}

void server_state::take(connection_id connection, byte_view raw) {
  const auto it = sessions.find(connection);
  if (it == sessions.end() || it->second.silenced) return;
  it->second.splitter.feed(raw);
  // A handler may end any session, this one too.
  const auto here = [&] {
    const auto found = sessions.find(connection);
    return found != sessions.end() && !found->second.silenced ? &found->second : nullptr;
  };
  for (auto* s = here(); s != nullptr; s = here()) {
    const auto frame = s->splitter.next();
    if (!frame) break;
    const auto message = decode_to_server(*frame);
    if (!message) {
      note(s, "bad_message", {{"fault", std::string(to_string(message.error()))}});
      return close(connection, "a message nobody understands");
    }
    std::visit(
        [&]<class M>(const M& m) {
          std::uint32_t code = 0;
          if constexpr (std::is_same_v<M, unknown>)
            code = m.code;
          else
            code = M::code;
          note(s, std::is_same_v<M, unknown> ? "unknown" : "received", {{"code", std::to_string(code)}});
          if (std::is_same_v<M, to_server::login> == s->user.empty()) on(*s, m);
        },
        *message);
  }
  if (auto* s = here(); s && s->splitter.error()) {
    note(s, "bad_message", {{"fault", std::string(to_string(*s->splitter.error()))}});
    close(connection, "no frame");
  }
}

server_core::server_core(server_options options)
    : state_(std::make_unique<server_state>(std::move(options))) {}
server_core::~server_core() = default;

void server_core::opened(connection_id connection, std::uint32_t ip, time_ms now) {
  state_->now = now;
  const auto [it, fresh] = state_->sessions.try_emplace(connection, connection, ip);
  if (!fresh) return;
  state_->note(&it->second, "connected");
  if (!accepting()) return state_->close(connection, "refused");
  if (state_->sessions.size() > server_bounds::connections)
    return state_->close(connection, "too many connections");
}

void server_core::received(connection_id connection, byte_view raw, time_ms now) {
  state_->now = now;
  state_->take(connection, raw);
}

void server_core::closed(connection_id connection, time_ms now) {
  state_->now = now;
  state_->close(connection, "by the client");
}

std::optional<time_ms> server_core::next_due() const {
  std::optional<time_ms> out;
  if (!state_->delayed.empty()) out = state_->delayed.begin()->first;
  for (const auto& [id, s] : state_->sessions)
    if (s.wants_parent && (!out || s.next_parents < *out)) out = s.next_parents;
  return out;
}

void server_core::tick(time_ms now) {
  state_->now = now;
  state_->run_due();
}

std::vector<effect> server_core::take_effects() { return std::exchange(state_->effects, {}); }
std::vector<event> server_core::take_events() { return std::exchange(state_->events, {}); }

void server_core::ban(const std::string& user, time_ms now) {
  state_->now = now;
  state_->banned.insert(user);
  auto* s = state_->find(user);
  if (!s) return;
  state_->note(s, "banned");
  state_->log_out(*s);
  s->silenced = true;
}

void server_core::unban(const std::string& user) { state_->banned.erase(user); }

void server_core::ban_address(std::uint32_t ip, bool on) {
  if (on)
    state_->banned_addresses.insert(ip);
  else
    state_->banned_addresses.erase(ip);
}

bool server_core::kick(const std::string& user, time_ms now) {
  state_->now = now;
  const auto* s = state_->find(user);
  if (!s) return false;
  state_->close(s->id, "kicked");
  return true;
}

bool server_core::relog(const std::string& user, time_ms now) {
  state_->now = now;
  auto* s = state_->find(user);
  if (!s) return false;
  state_->note(s, "relogged");
  state_->say(*s, from_server::relogged{});
  state_->close(s->id, "logged in elsewhere");
  return true;
}

void server_core::slow_down(time_ms by) {
  state_->slow = std::clamp(by, time_ms(0), server_bounds::longest_delay);
}

void server_core::refuse_logins(std::optional<refusal> why) { state_->refuse_all = std::move(why); }

void server_core::die(time_ms now) {
  state_->now = now;
  state_->dead = true;
  // Nobody hears that the others are gone.
  for (auto& [id, s] : state_->sessions) s.silenced = true;
  while (!state_->sessions.empty()) state_->close(state_->sessions.begin()->first, "the server died");
}

void server_core::come_back() { state_->dead = false; }
void server_core::refuse_connections(bool on) { state_->refusing = on; }
void server_core::firewall(const std::string& user, std::optional<told_ports> ports) {
  state_->firewalled.erase(user);
  if (ports && state_->firewalled.size() < server_bounds::accounts) state_->firewalled.emplace(user, *ports);
}
bool server_core::accepting() const { return !state_->dead && !state_->refusing; }

void server_core::admin_message(const std::string& user, const std::string& text, time_ms now) {
  state_->now = now;
  for (const auto& [name, id] : state_->online)
    if (user.empty() || user == name) state_->say(name, from_server::admin_message{text});
}

void server_core::set_privileges(const std::string& user, std::uint32_t seconds, time_ms now) {
  state_->now = now;
  auto* a = state_->find_account(user);
  if (!a) return;
  a->privileged_until = now + std::chrono::seconds(seconds);
  state_->say(user, from_server::check_privileges{seconds});
  state_->tell_status(user);
}

void server_core::set_excluded_phrases(std::vector<std::string> phrases) {
  state_->options.excluded_phrases = std::move(phrases);
  for (const auto& [name, id] : state_->online)
    state_->say(name, from_server::excluded_search_phrases{state_->options.excluded_phrases});
}

void server_core::set_searches(distribution how) { state_->options.searches = how; }

void server_core::set_upload_speed(const std::string& user, std::uint32_t bytes_per_s, time_ms now) {
  state_->now = now;
  auto* a = state_->find_account(user);
  if (!a) return;
  a->stats.average_speed = bytes_per_s;
  state_->say(user, from_server::get_user_stats{user, a->stats});
  state_->tell_stats(user);
}

void server_core::reset_distributed(time_ms now) {
  state_->now = now;
  for (const auto& [name, id] : state_->online) {
    auto& s = state_->sessions.at(id);
    s.is_root = false;
    state_->say(s, from_server::reset_distributed{});
  }
}

bool server_core::inject(const std::string& user, bytes raw, time_ms now) {
  state_->now = now;
  auto* s = state_->find(user);
  if (!s) return false;
  state_->send(*s, std::move(raw));
  return true;
}

std::set<std::string> server_core::online() const {
  std::set<std::string> out;
  for (const auto& [name, id] : state_->online) out.insert(name);
  return out;
}

}  // namespace vsf::soulseek::test_server
