#include "actors/soulseek/peer_dialer.hpp"

#include <algorithm>
#include <utility>

namespace vsf::soulseek {

peer_dialer::peer_dialer(dialer_options options, crypto::random_source& random)
    : options_(std::move(options)), random_(&random) {}

void peer_dialer::on_online(std::string self, nanoseconds, dialer_effects&) {
  self_ = std::move(self);
  online_ = true;
}

void peer_dialer::on_offline(nanoseconds now, dialer_effects& out) {
  online_ = false;
  std::vector<dial_key> waiting;
  for (const auto& [whom, dial] : dials_)
    if (dial.address_asked && dial.direct == 0 && !dial.direct_over) waiting.push_back(whom);
  for (const auto& whom : waiting)
    direct_failed(whom, "the server went away before it told the address", now, out);
}

// ---- what is wanted

void peer_dialer::refuse(ticket_id ticket, const std::string& user, dial_problem problem, std::string text,
                         dialer_effects& out) {
  ++counters_.dials_refused;
  out.emplace_back(dial_failed{ticket, user, problem, std::move(text)});
}

/// Why no dial can begin now.
std::optional<std::string> peer_dialer::dial_refusal(const dial_key& whom, dial_problem& problem) const {
  const auto& user = whom.first;
  problem = dial_problem::no_server;
  if (!online_)
    return "There is no session with the Soulseek server, so nobody can be asked where " + user +
           " is; only users with whom a link exists can be reached. Wait until the session is back.";
  problem = dial_problem::refused;
  if (dials_.size() >= options_.dials)
    return "All " + std::to_string(options_.dials) + " places for dials are taken, so " + user +
           " isn't dialled. Try again in half a minute.";
  return std::nullopt;
}

void peer_dialer::request(ticket_id ticket, const std::string& user, connection_type type, nanoseconds now,
                          dialer_effects& out, std::optional<endpoint> where) {
  if (user.empty() || user == self_)
    return refuse(ticket, user, dial_problem::refused, "There is no link to oneself, nor to nobody.", out);
  if (type == connection_type::peer)
    if (const auto link = link_to(user); link != 0) {
      out.emplace_back(link_ready{ticket, link});
      return;
    }
  const dial_key whom{user, type};
  if (const auto it = dials_.find(whom); it != dials_.end()) {
    if (it->second.waiters.size() >= options_.waiters_per_dial)
      return refuse(ticket, user, dial_problem::refused, "Too many wait for a link to " + user + " already.",
                    out);
    it->second.waiters.push_back(ticket);
    return;
  }
  dial_problem problem{};
  if (auto why = dial_refusal(whom, problem)) return refuse(ticket, user, problem, *std::move(why), out);
  start_dial(whom, {ticket}, where, now, out);
}

void peer_dialer::tell(ticket_id ticket, const std::string& user, shared_bytes message, nanoseconds now,
                       dialer_effects& out) {
  if (user.empty() || user == self_ || !message || message->empty())
    return refuse(ticket, user, dial_problem::refused, "There is nothing to send, or only to oneself.", out);
  const dial_key whom{user, connection_type::peer};
  const bool dial = link_to(user) == 0 && !dials_.contains(whom);
  dial_problem problem{};
  if (dial)
    if (auto why = dial_refusal(whom, problem)) return refuse(ticket, user, problem, *std::move(why), out);
  const auto box = outboxes_.find(user);
  const auto size = message->size();
  const bool much = box != outboxes_.end() && (box->second.bytes + size > options_.queued_bytes ||
                                               box->second.waiting.size() >= options_.queued_messages);
  if (much || (queued_bytes_ != 0 && queued_bytes_ + size > options_.all_queued_bytes)) {
    ++counters_.refused_queue;
    return refuse(ticket, user, dial_problem::refused, "Too much waits to be sent to " + user + " already.",
                  out);
  }
  auto& to = outboxes_[user];
  to.bytes += size;
  queued_bytes_ += size;
  to.waiting.push_back({ticket, std::move(message), 0});
  if (dial) return start_dial(whom, {}, std::nullopt, now, out);
  pump(user, now, out);
}

void peer_dialer::cancel(ticket_id ticket, nanoseconds, dialer_effects& out) {
  for (auto& [id, link] : links_)
    for (auto& x : link.in_flight)
      if (x.ticket == ticket) x.ticket = 0;  // it can't be called back
  std::string emptied;
  for (auto& [user, box] : outboxes_) {
    const auto it = std::ranges::find(box.waiting, ticket, &queued::ticket);
    if (it == box.waiting.end()) continue;
    const auto what = *it;
    box.waiting.erase(it);
    emptied = user;
    done_with(emptied, what);
    break;
  }
  for (auto& [whom, dial] : dials_) {
    const bool waited = std::erase(dial.waiters, ticket) != 0;
    if (!waited && whom.first != emptied) continue;
    const bool messages = whom.second == connection_type::peer && outboxes_.contains(whom.first);
    if (!dial.waiters.empty() || messages) continue;
    const auto key = whom;
    abandon_attempt(take_dial(key), out);
    return;
  }
}

// ---- a dial

std::uint32_t peer_dialer::fresh_token() {
  for (;;) {
    // Drawn, not counted: who guesses a token could pass for the user it was sent to.
    const auto token = static_cast<std::uint32_t>(random_->u64());
    if (token != 0 && !tokens_.contains(token) && !won_.contains(token)) return token;
  }
}

void peer_dialer::start_dial(const dial_key& whom, std::deque<ticket_id> waiters,
                             std::optional<endpoint> where, nanoseconds now, dialer_effects& out) {
  ++counters_.dials;
  dial_row dial;
  dial.token = fresh_token();
  dial.waiters = std::move(waiters);
  dial.again = now + options_.ask_again;
  dial.deadline = now + options_.dial_timeout;
  dial.address_asked = !where;
  tokens_.emplace(dial.token, whom);
  const auto token = dial.token;
  dials_.emplace(whom, std::move(dial));
  if (!where) out.emplace_back(tell_server{encode(to_server::get_peer_address{whom.first})});
  out.emplace_back(tell_server{encode(to_server::connect_to_peer{token, whom.first, whom.second})});
  if (where) try_direct(whom, {*where}, now, out);
}

void peer_dialer::try_direct(const dial_key& whom, const ways& where, nanoseconds now, dialer_effects& out) {
  if (where.first.port == 0) return direct_failed(whom, "it tells no port to connect to", now, out);
  if (!make_room(now, out)) return direct_failed(whom, "all our links are in use", now, out);
  link_row link;
  link.type = whom.second;
  link.user = whom.first;
  dials_.at(whom).direct = next_link_;
  begin_connecting(std::move(link), where, now, out);
}

void peer_dialer::on_peer_address(const from_server::get_peer_address& answer, nanoseconds now,
                                  dialer_effects& out) {
  for (const auto type : {connection_type::peer, connection_type::file, connection_type::distributed}) {
    const dial_key whom{answer.username, type};
    const auto it = dials_.find(whom);
    if (it == dials_.end() || !it->second.address_asked || it->second.direct != 0 || it->second.direct_over)
      continue;
    if (answer.ip == 0) {
      fail_dial(whom, dial_problem::offline, whom.first + " isn't online. Try again when they are.", now,
                out);
      continue;
    }
    try_direct(whom, ways_to(answer), now, out);
  }
}

void peer_dialer::on_cant_connect(const from_server::cant_connect_to_peer& answer, nanoseconds now,
                                  dialer_effects& out) {
  const auto it = tokens_.find(answer.token);
  if (it == tokens_.end()) return;
  const auto whom = it->second;
  auto& dial = dials_.at(whom);
  dial.indirect_over = true;
  dial.indirect_why = "it can't connect to us";
  end_if_hopeless(whom, now, out);
}

void peer_dialer::direct_failed(const dial_key& whom, const std::string& why, nanoseconds now,
                                dialer_effects& out) {
  const auto it = dials_.find(whom);
  if (it == dials_.end()) return;
  it->second.direct = 0;
  it->second.direct_over = true;
  it->second.direct_why = why;
  end_if_hopeless(whom, now, out);
}

void peer_dialer::end_if_hopeless(const dial_key& whom, nanoseconds now, dialer_effects& out) {
  const auto& dial = dials_.at(whom);
  const bool late = now >= dial.deadline;
  if (!late && !(dial.direct_over && dial.indirect_over)) return;
  const auto direct = dial.direct_over     ? dial.direct_why
                      : dial.direct != 0   ? std::string("no answer in time")
                      : dial.address_asked ? std::string("the server didn't tell the address")
                                           : std::string("not tried");
  const auto indirect = dial.indirect_over ? dial.indirect_why : std::string("no connection from it in time");
  fail_dial(whom, dial_problem::unreachable,
            "No link to " + whom.first + ": the direct way failed (" + direct + "), the indirect one too (" +
                indirect +
                "). Theirs or our listen port is closed to the outside: open ours, or try again later.",
            now, out);
}

peer_dialer::dial_row peer_dialer::take_dial(const dial_key& whom) {
  auto node = dials_.extract(whom);
  tokens_.erase(node.mapped().token);
  return std::move(node.mapped());
}

void peer_dialer::abandon_attempt(const dial_row& dial, dialer_effects& out) {
  if (dial.direct == 0 || links_.erase(dial.direct) == 0) return;
  out.emplace_back(close_link{dial.direct, "not needed any more"});
}

void peer_dialer::fail_dial(const dial_key& whom, dial_problem problem, const std::string& text, nanoseconds,
                            dialer_effects& out) {
  ++counters_.dials_failed;
  const auto dial = take_dial(whom);
  abandon_attempt(dial, out);
  for (const auto ticket : dial.waiters) out.emplace_back(dial_failed{ticket, whom.first, problem, text});
  if (whom.second == connection_type::peer) fail_queue(whom.first, problem, text, out);
}

/// This link is what the dial was for; another attempt under way ends.
void peer_dialer::win_dial(const dial_key& whom, link_id link, nanoseconds now, dialer_effects& out) {
  if (!dials_.contains(whom)) return;
  auto dial = take_dial(whom);
  if (dial.direct == link) dial.direct = 0;
  abandon_attempt(dial, out);
  std::erase_if(won_, [&](const auto& x) { return now >= x.second.second; });
  if (won_.size() < 4 * options_.dials) won_.emplace(dial.token, std::pair{whom, dial.deadline});
  if (whom.second != connection_type::file) {
    for (const auto ticket : dial.waiters) out.emplace_back(link_ready{ticket, link});
    return;
  }
  out.emplace_back(link_ready{dial.waiters.front(), link});
  dial.waiters.pop_front();
  if (dial.waiters.empty()) return;
  // A file link serves one: the others need their own.
  dial_problem problem{};
  if (const auto why = dial_refusal(whom, problem)) {
    for (const auto ticket : dial.waiters) refuse(ticket, whom.first, problem, *why, out);
    return;
  }
  start_dial(whom, std::move(dial.waiters), std::nullopt, now, out);
}

// ---- what waits to be sent

/// Moves what waits to the link, as far as the link may have it.
void peer_dialer::pump(const std::string& user, nanoseconds now, dialer_effects& out) {
  const auto box = outboxes_.find(user);
  const auto id = link_to(user);
  if (box == outboxes_.end() || id == 0) return;
  auto& link = links_.at(id);
  auto& waiting = box->second.waiting;
  while (!waiting.empty() && link.in_flight.size() < options_.in_flight) {
    if (link.in_flight.empty()) link.last_taken = now;
    link.used = true;
    link.last_use = now;
    out.emplace_back(write_link{id, waiting.front().message, false});
    link.in_flight.push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
}

void peer_dialer::on_taken(link_id id, std::size_t count, nanoseconds now, dialer_effects& out) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  auto& link = it->second;
  link.last_use = link.last_taken = now;
  for (; count != 0 && !link.in_flight.empty(); --count) {
    const auto what = std::move(link.in_flight.front());
    link.in_flight.pop_front();
    done_with(link.user, what);
    if (what.ticket != 0) out.emplace_back(message_taken{what.ticket});
  }
  pump(std::string(link.user), now, out);
}

void peer_dialer::done_with(const std::string& user, const queued& what) {
  queued_bytes_ -= what.message->size();
  const auto box = outboxes_.find(user);
  if (box == outboxes_.end()) return;
  box->second.bytes -= what.message->size();
  if (box->second.bytes == 0 && box->second.waiting.empty()) outboxes_.erase(box);
}

/// A link died with these not taken: another one takes them over, or a dial is begun for them.
void peer_dialer::reroute(const std::string& user, std::deque<queued> untaken, nanoseconds now,
                          dialer_effects& out) {
  const auto box = outboxes_.find(user);
  if (box == outboxes_.end()) return;
  auto& waiting = box->second.waiting;
  std::vector<queued> given_up;
  for (auto x = untaken.rbegin(); x != untaken.rend(); ++x) {
    // Cancelled, or a user who hangs up on us whenever we say something.
    if (x->ticket == 0 || ++x->moves > 2) {
      given_up.push_back(*x);
      continue;
    }
    ++counters_.moved;
    waiting.push_front(std::move(*x));
  }
  for (const auto& x : given_up) {
    done_with(user, x);
    if (x.ticket != 0)
      out.emplace_back(dial_failed{x.ticket, user, dial_problem::unreachable,
                                   user + " ended each link before the message was sent. Try again later."});
  }
  const auto left = outboxes_.find(user);
  if (left == outboxes_.end() || left->second.waiting.empty()) return;
  const dial_key whom{user, connection_type::peer};
  if (link_to(user) != 0) return pump(user, now, out);
  if (dials_.contains(whom)) return;
  dial_problem problem{};
  if (const auto why = dial_refusal(whom, problem)) return fail_queue(user, problem, *why, out);
  start_dial(whom, {}, std::nullopt, now, out);
}

void peer_dialer::fail_queue(const std::string& user, dial_problem problem, const std::string& text,
                             dialer_effects& out) {
  const auto box = outboxes_.find(user);
  if (box == outboxes_.end()) return;
  for (auto gone = std::exchange(box->second.waiting, {}); const auto& x : gone) {
    queued_bytes_ -= x.message->size();
    box->second.bytes -= x.message->size();
    out.emplace_back(dial_failed{x.ticket, user, problem, text});
  }
  if (box->second.bytes == 0) outboxes_.erase(box);
}

}  // namespace vsf::soulseek
