#include <algorithm>
#include <utility>

#include "actors/soulseek/peer_dialer.hpp"

/// The links of the dialer themselves: accepting, the init message, idleness, ends.
namespace vsf::soulseek {

bool peer_dialer::bucket::take(nanoseconds now, nanoseconds each, std::uint32_t burst) {
  paid = std::max(paid, now - each * burst);
  if (paid + each > now) return false;
  paid += each;
  return true;
}

// ---- others come to us

std::optional<link_id> peer_dialer::on_accepted(const endpoint& remote, nanoseconds now,
                                                dialer_effects& out) {
  ++counters_.accepted;
  if (!accept_rate_.take(now, nanoseconds(std::chrono::seconds(1)) / options_.accepts_per_s,
                         options_.accepts_per_s)) {
    ++counters_.refused_rate;
    return std::nullopt;
  }
  std::size_t half_open = 0, same_address = 0;
  for (const auto& [id, link] : links_) {
    half_open += link.at == phase::awaiting_init ? 1U : 0U;
    same_address += link.accepted && link.remote.ip == remote.ip ? 1U : 0U;
  }
  if (half_open >= options_.half_open_in) {
    ++counters_.refused_half_open;
    return std::nullopt;
  }
  if (same_address >= options_.links_per_address && scope_of(remote) == address_scope::global) {
    ++counters_.refused_address;
    return std::nullopt;
  }
  if (!make_room(now, out)) return std::nullopt;
  const auto id = next_link_++;
  link_row link;
  link.at = phase::awaiting_init;
  link.remote = remote;
  link.inbound = link.accepted = true;
  link.deadline = now + options_.init_timeout;
  links_.emplace(id, std::move(link));
  return id;
}

void peer_dialer::on_init(link_id id, byte_view message, nanoseconds now, dialer_effects& out) {
  const auto it = links_.find(id);
  if (it == links_.end() || it->second.at != phase::awaiting_init) return;
  const auto decoded = decode_init(message);
  if (decoded) {
    if (const auto* pierce = std::get_if<init::pierce_firewall>(&*decoded))
      return on_pierce(id, pierce->token, now, out);
    if (const auto* hello = std::get_if<init::peer_init>(&*decoded))
      return on_peer_init(id, *hello, now, out);
  }
  ++counters_.init_malformed;
  drop(id, "its first message is no init message", true, now, out);
}

/// Whoever knows the token was told it by the server, as the user it was meant for.
void peer_dialer::on_pierce(link_id id, std::uint32_t token, nanoseconds now, dialer_effects& out) {
  auto& link = links_.at(id);
  const auto adopt = [&](const dial_key& whom) {
    link.user = whom.first;
    link.type = whom.second;
    link.inbound = false;
  };
  if (const auto dial = tokens_.find(token); dial != tokens_.end()) {
    const auto whom = dial->second;
    adopt(whom);
    ++counters_.dials_indirect;
    establish(id, now, out);
    win_dial(whom, id, now, out);
    return;
  }
  const auto won = won_.find(token);
  if (won == won_.end() || now >= won->second.second) {
    ++counters_.unknown_tokens;
    return drop(id, "nobody waits for its token", true, now, out);
  }
  ++counters_.late;
  const auto whom = won->second.first;
  won_.erase(won);
  // A P link that lost the race stays till it is idle: the other side may have put its messages on it, or
  // ended the one that won when this one came up.
  if (whom.second != connection_type::peer || !place_for(whom.first, now, out))
    return drop(id, "another link was faster", true, now, out);
  adopt(whom);
  establish(id, now, out);
}

void peer_dialer::on_peer_init(link_id id, const init::peer_init& hello, nanoseconds now,
                               dialer_effects& out) {
  if (hello.username.empty() || hello.username == self_) {
    ++counters_.init_malformed;
    return drop(id, "it claims a name that can't be", true, now, out);
  }
  if (hello.type == connection_type::peer && !place_for(hello.username, now, out)) {
    ++counters_.refused_per_user;
    return drop(id, "too many links of this user", true, now, out);
  }
  auto& link = links_.at(id);
  link.user = hello.username;
  link.type = hello.type;
  // From where a link of this user is known to come, another is as good.
  link.claimed = std::ranges::none_of(links_, [&](const auto& x) {
    return x.first != id && x.second.user == hello.username && !x.second.claimed &&
           x.second.remote.ip == link.remote.ip;
  });
  establish(id, now, out);
}

/// Another P link of this user may be had; an old one that nobody needs gives way.
bool peer_dialer::place_for(const std::string& user, nanoseconds now, dialer_effects& out) {
  const auto it = peer_links_.find(user);
  if (it == peer_links_.end() || it->second.size() < options_.links_per_user) return true;
  for (const auto id : it->second) {
    if (needed(id, links_.at(id))) continue;
    drop(id, "newer links of this user took over", true, now, out);
    return true;
  }
  return false;
}

// ---- connecting

template <class Told>
peer_dialer::ways peer_dialer::ways_to(const Told& told) const {
  const auto plain = wire_endpoint(told.ip, told.port);
  const bool has_hidden = told.obfuscated && told.obfuscated->type == 1 && told.obfuscated->port != 0 &&
                          told.obfuscated->port <= 0xFFFF;
  if (!has_hidden || (plain.port != 0 && !options_.prefer_obfuscated)) return {plain};
  ways out{wire_endpoint(told.ip, told.obfuscated->port), true};
  if (plain.port != 0) out.plain = plain;
  return out;
}
template peer_dialer::ways peer_dialer::ways_to(const from_server::get_peer_address&) const;
template peer_dialer::ways peer_dialer::ways_to(const from_server::connect_to_peer&) const;

void peer_dialer::begin_connecting(link_row link, const ways& where, nanoseconds now, dialer_effects& out) {
  const auto id = next_link_++;
  link.at = phase::connecting;
  link.remote = where.first;
  link.plain = where.plain;
  link.deadline = now + (where.plain ? options_.hidden_timeout : options_.direct_timeout);
  links_.emplace(id, std::move(link));
  out.emplace_back(connect_peer{id, where.first, where.obfuscated});
}

// ---- ConnectToPeer of others

void peer_dialer::cant_connect(const std::string& user, std::uint32_t token, dialer_effects& out) {
  out.emplace_back(tell_server{encode(to_server::cant_connect_to_peer{token, user})});
}

void peer_dialer::on_connect_to_peer(const from_server::connect_to_peer& wish, nanoseconds now,
                                     dialer_effects& out) {
  using namespace std::chrono_literals;
  std::size_t under_way = 0;
  for (const auto& [id, link] : links_) {
    if (link.at != phase::connecting || !link.answers) continue;
    ++under_way;
    if (link.user != wish.username || *link.answers != wish.token) continue;
    ++counters_.answers_repeated;  // answered when that attempt ends
    return;
  }
  std::erase_if(answer_rates_, [&](const auto& x) {
    return answer_rates_.size() > 1024 && x.second.paid + 1s * options_.answers_per_user < now;
  });
  const auto where = ways_to(wish);
  const bool sane = wish.ip != 0 && where.first.port != 0 && !wish.username.empty() && wish.username != self_;
  const bool allowed =
      sane && under_way < options_.answers && answer_rates_.size() < 4096 &&
      answer_rates_[wish.username].take(now, 1s, options_.answers_per_user) &&
      answer_rate_.take(now, nanoseconds(1s) / options_.answers_per_s, 4 * options_.answers_per_s);
  if (!allowed || !make_room(now, out)) {
    ++counters_.answers_refused;
    return cant_connect(wish.username, wish.token, out);
  }
  link_row link;
  link.type = wish.type;
  link.user = wish.username;
  link.inbound = true;
  link.answers = wish.token;
  begin_connecting(std::move(link), where, now, out);
}

// ---- the network

bool peer_dialer::on_connected(link_id id, nanoseconds now, dialer_effects& out) {
  const auto it = links_.find(id);
  if (it == links_.end() || it->second.at != phase::connecting) return false;
  auto& link = it->second;
  link.plain.reset();
  if (link.answers) {
    if (link.type == connection_type::peer && !place_for(link.user, now, out)) {
      ++counters_.refused_per_user;
      on_connect_failed(id, "too many links of this user", now, out);
      return false;
    }
    ++counters_.answered;
    out.emplace_back(write_link{id, share(encode(init::pierce_firewall{*link.answers})), true});
    establish(id, now, out);
    return true;
  }
  const dial_key whom{link.user, link.type};
  ++counters_.dials_direct;
  out.emplace_back(write_link{id, share(encode(init::peer_init{self_, link.type, 0})), true});
  establish(id, now, out);
  win_dial(whom, id, now, out);
  return true;
}

void peer_dialer::on_connect_failed(link_id id, const std::string& why, nanoseconds now,
                                    dialer_effects& out) {
  const auto it = links_.find(id);
  if (it == links_.end() || it->second.at != phase::connecting) return;
  auto link = std::move(it->second);
  links_.erase(it);
  if (const auto plain = std::exchange(link.plain, std::nullopt)) {
    ++counters_.hidden_failed;
    if (!link.answers) dials_.at({link.user, link.type}).direct = next_link_;
    return begin_connecting(std::move(link), {*plain}, now, out);
  }
  if (!link.answers) return direct_failed({link.user, link.type}, why, now, out);
  ++counters_.answers_failed;
  cant_connect(link.user, *link.answers, out);
}

/// From here on the link is its user's.
void peer_dialer::establish(link_id id, nanoseconds now, dialer_effects& out) {
  auto& link = links_.at(id);
  link.at = phase::established;
  link.since = link.last_use = link.last_taken = now;
  out.emplace_back(link_opened{id, link.user, link.type, link.inbound, link.claimed});
  if (link.type != connection_type::peer) return;
  const dial_key whom{link.user, link.type};
  peer_links_[whom.first].insert(id);
  if (dials_.contains(whom)) {
    if (link.inbound) ++counters_.dials_inbound;
    win_dial(whom, id, now, out);
  }
  pump(whom.first, now, out);
}

void peer_dialer::on_traffic(link_id id, nanoseconds now) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  it->second.used = true;
  it->second.last_use = now;
}

void peer_dialer::on_closed(link_id id, const std::string& why, nanoseconds now, dialer_effects& out) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  if (it->second.at == phase::connecting) return on_connect_failed(id, why, now, out);
  drop(id, why, false, now, out);
}

void peer_dialer::close(link_id id, const std::string& why, nanoseconds now, dialer_effects& out) {
  if (user_of(id) != nullptr) drop(id, why, true, now, out);
}

/// Ends an accepted or established link.
void peer_dialer::drop(link_id id, const std::string& why, bool close, nanoseconds now, dialer_effects& out) {
  auto node = links_.extract(id);
  auto& link = node.mapped();
  if (close) out.emplace_back(close_link{id, why});
  if (link.at != phase::established) return;
  out.emplace_back(link_over{id, link.user, link.type, why});
  if (link.type != connection_type::peer) return;
  const auto links = peer_links_.find(link.user);
  links->second.erase(id);
  if (links->second.empty()) peer_links_.erase(links);
  reroute(link.user, std::move(link.in_flight), now, out);
}

void peer_dialer::shut_down(nanoseconds now, dialer_effects& out) {
  online_ = false;
  const std::string why = "The Soulseek client is being shut down.";
  while (!dials_.empty()) fail_dial(dial_key(dials_.begin()->first), dial_problem::cancelled, why, now, out);
  for (auto& [id, link] : links_)
    for (auto& x : std::exchange(link.in_flight, {})) {
      done_with(link.user, x);
      if (x.ticket != 0) out.emplace_back(dial_failed{x.ticket, link.user, dial_problem::cancelled, why});
    }
  while (!outboxes_.empty()) {
    const auto user = outboxes_.begin()->first;
    fail_queue(user, dial_problem::cancelled, why, out);
  }
  while (!links_.empty()) {
    const auto& [id, link] = *links_.begin();
    if (link.answers && link.at == phase::connecting) cant_connect(link.user, *link.answers, out);
    drop(id, why, true, now, out);
  }
}

// ---- keeping and ending

void peer_dialer::hold(link_id id) {
  if (const auto it = links_.find(id); it != links_.end()) ++it->second.holds;
}

void peer_dialer::release(link_id id, nanoseconds now) {
  const auto it = links_.find(id);
  if (it == links_.end() || it->second.holds == 0) return;
  --it->second.holds;
  it->second.used = true;
  it->second.last_use = now;
}

void peer_dialer::hold_user(const std::string& user) { ++held_users_[user]; }

void peer_dialer::release_user(const std::string& user, nanoseconds now) {
  const auto it = held_users_.find(user);
  if (it == held_users_.end() || --it->second != 0) return;
  held_users_.erase(it);
  if (const auto links = peer_links_.find(user); links != peer_links_.end())
    for (const auto id : links->second) on_traffic(id, now);
}

bool peer_dialer::needed(link_id id, const link_row& link) const {
  if (link.holds != 0 || !link.in_flight.empty()) return true;
  if (link.type != connection_type::peer) return true;
  if (held_users_.contains(link.user)) return true;
  const auto box = outboxes_.find(link.user);
  return box != outboxes_.end() && !box->second.waiting.empty() && link_to(link.user) == id;
}

bool peer_dialer::make_room(nanoseconds now, dialer_effects& out) {
  if (links_.size() < options_.links) return true;
  link_id longest = 0;
  nanoseconds since = now - options_.idle_unused;
  for (const auto& [id, link] : links_)
    if (link.at == phase::established && link.last_use <= since && !needed(id, link)) {
      longest = id;
      since = link.last_use;
    }
  if (longest == 0) {
    ++counters_.refused_full;
    return false;
  }
  ++counters_.evicted;
  drop(longest, "made room for another link", true, now, out);
  return true;
}

nanoseconds peer_dialer::due(link_id id, const link_row& link) const {
  if (link.at != phase::established) return link.deadline;
  if (!link.in_flight.empty()) return link.last_taken + options_.stalled;
  const bool unused_file = link.type == connection_type::file && !link.used && link.holds == 0;
  if (unused_file) return link.since + options_.idle_unused;
  if (needed(id, link)) return nanoseconds::max();
  return link.used ? link.last_use + options_.idle : link.since + options_.idle_unused;
}

void peer_dialer::overdue(link_id id, nanoseconds now, dialer_effects& out) {
  const auto& link = links_.at(id);
  switch (link.at) {
    case phase::connecting:
      out.emplace_back(close_link{id, "no connection in time"});
      return on_connect_failed(id, "no answer within the time", now, out);
    case phase::awaiting_init:
      ++counters_.init_timeouts;
      return drop(id, "no init message in time", true, now, out);
    case phase::established:
      break;
  }
  if (!link.in_flight.empty()) {
    ++counters_.stalled;
    return drop(id, "it takes nothing", true, now, out);
  }
  ++counters_.closed_idle;
  drop(id, "idle", true, now, out);
}

void peer_dialer::on_alarm(nanoseconds now, dialer_effects& out) {
  std::vector<link_id> late;
  for (const auto& [id, link] : links_)
    if (now >= due(id, link)) late.push_back(id);
  for (const auto id : late)
    if (const auto it = links_.find(id); it != links_.end() && now >= due(id, it->second))
      overdue(id, now, out);
  std::vector<dial_key> late_dials;
  for (const auto& [whom, dial] : dials_)
    if (now >= dial.deadline) late_dials.push_back(whom);
  for (auto& [whom, dial] : dials_) {
    if (now < dial.again) continue;
    dial.again = nanoseconds::max();
    if (online_ && !dial.indirect_over)
      out.emplace_back(tell_server{encode(to_server::connect_to_peer{dial.token, whom.first, whom.second})});
  }
  for (const auto& whom : late_dials)
    if (dials_.contains(whom)) end_if_hopeless(whom, now, out);
}

std::optional<nanoseconds> peer_dialer::next_deadline() const {
  auto first = nanoseconds::max();
  for (const auto& [id, link] : links_) first = std::min(first, due(id, link));
  for (const auto& [whom, dial] : dials_) first = std::min({first, dial.again, dial.deadline});
  if (first == nanoseconds::max()) return std::nullopt;
  return first;
}

const std::string* peer_dialer::user_of(link_id id) const {
  const auto it = links_.find(id);
  return it != links_.end() && it->second.at == phase::established ? &it->second.user : nullptr;
}

link_id peer_dialer::link_to(const std::string& user) const {
  const auto links = peer_links_.find(user);
  if (links == peer_links_.end()) return 0;
  link_id best = 0;
  for (const auto id : links->second) {
    if (best == 0) {
      best = id;
      continue;
    }
    const auto& a = links_.at(best);
    const auto& b = links_.at(id);
    if (a.claimed != b.claimed ? a.claimed : b.since >= a.since) best = id;
  }
  return best;
}

std::size_t peer_dialer::established() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(links_, [](const auto& x) { return x.second.at == phase::established; }));
}

}  // namespace vsf::soulseek
