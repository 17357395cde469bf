#include "actors/soulseek/session.hpp"

#include <algorithm>
#include <utility>

namespace vsf::soulseek {
namespace {

std::string in_words(nanoseconds span) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  if (seconds >= 120) return std::to_string((seconds + 30) / 60) + " minutes";
  return std::to_string(seconds) + " s";
}

}  // namespace

server_session::server_session(session_options options, crypto::random_source& random)
    : options_(std::move(options)), random_(&random) {}

std::string server_session::server_name() const {
  return "the Soulseek server " + options_.host + ":" + std::to_string(options_.port);
}

void server_session::change(session_state state, session_problem problem, std::string text,
                            session_effects& out) {
  state_ = state;
  problem_ = problem;
  text_ = std::move(text);
  out.emplace_back(session_changed{state_, problem_, text_,
                                   state_ == session_state::backing_off ? until_ : nanoseconds(0)});
}

// ---- what the user wants

void server_session::log_in(account who, nanoseconds now, session_effects& out) {
  const bool under_way = state_ == session_state::resolving || state_ == session_state::connecting ||
                         state_ == session_state::logging_in || state_ == session_state::online;
  if (under_way && who == who_) return;
  drop_connection(out);
  who_ = std::move(who);
  failures_ = 0;
  if (who_.user.empty())
    return change(
        session_state::stopped, session_problem::invalid_username,
        "No Soulseek user name is set, so there was no login. Set soulseek.username and log in again.", out);
  if (who_.password.empty())
    return change(session_state::stopped, session_problem::empty_password,
                  "No password is set for the Soulseek user " + who_.user +
                      ", so there was no login. Set soulseek.password and log in again.",
                  out);
  if (last_begin_ && now - *last_begin_ < options_.between_logins)
    return back_off(session_problem::none,
                    "The last login was a moment ago; logins in quick succession are banned.",
                    *last_begin_ + options_.between_logins - now, now, out);
  begin(now, out);
}

void server_session::log_out(nanoseconds, session_effects& out) {
  if (state_ == session_state::offline) return;
  drop_connection(out);
  change(session_state::offline, session_problem::none, "", out);
}

void server_session::set_listen_port(std::uint16_t port, std::uint16_t obfuscated, nanoseconds now,
                                     session_effects& out) {
  if (listen_port_ == port && obfuscated_port_ == obfuscated) return;
  listen_port_ = port;
  obfuscated_port_ = obfuscated;
  if (online()) send(encode(port_message()), now, out);
}

void server_session::set_counts(std::uint32_t folders, std::uint32_t files, nanoseconds now,
                                session_effects& out) {
  if (folders_ == folders && files_ == files) return;
  folders_ = folders;
  files_ = files;
  if (online()) send(encode(to_server::shared_folders_files{folders_, files_}), now, out);
}

void server_session::set_away(bool away, nanoseconds now, session_effects& out) {
  if (away_ == away) return;
  away_ = away;
  if (online())
    send(encode(to_server::set_status{away_ ? user_status::away : user_status::online}), now, out);
}

bool server_session::say(bytes message, nanoseconds now, session_effects& out) {
  if (!online()) {
    ++counters_.dropped_offline;
    return false;
  }
  send(std::move(message), now, out);
  return true;
}

void server_session::probe(std::uint64_t ticket, nanoseconds now, session_effects& out) {
  std::string why;
  if (!online())
    why = "there is no session with " + server_name() + (text_.empty() ? "" : ": " + text_);
  else if (probes_.size() >= options_.probes)
    why = "too many probes wait already";
  if (!why.empty()) {
    ++counters_.probes_failed;
    out.emplace_back(probe_result{ticket, false, nanoseconds(0), std::move(why)});
    return;
  }
  // One question answers all who ask meanwhile: the server counts what it is asked.
  if (probes_.empty()) send(encode(to_server::get_user_status{who_.user}), now, out);
  probes_.push_back({ticket, now});
}

// ---- connecting

void server_session::begin(nanoseconds now, session_effects& out) {
  last_begin_ = now;
  ++attempt_;
  addresses_.clear();
  until_ = now + options_.resolve_timeout;
  change(session_state::resolving, session_problem::none, "", out);
  out.emplace_back(resolve_server{attempt_, options_.host + ":" + std::to_string(options_.port)});
}

void server_session::on_resolved(attempt_id attempt, std::vector<endpoint> where, nanoseconds now,
                                 session_effects& out) {
  if (attempt != attempt_ || state_ != session_state::resolving) return;
  if (where.empty()) return fail_connection(session_problem::cannot_resolve, "it has no address", now, out);
  if (where.size() > options_.max_addresses) where.resize(options_.max_addresses);
  addresses_ = std::move(where);
  connect_next(now, out);
}

void server_session::connect_next(nanoseconds now, session_effects& out) {
  const auto where = addresses_.front();
  addresses_.erase(addresses_.begin());
  ++attempt_;
  until_ = now + options_.connect_timeout;
  if (state_ != session_state::connecting) change(session_state::connecting, session_problem::none, "", out);
  out.emplace_back(connect_server{attempt_, where});
}

void server_session::on_connection_failed(attempt_id attempt, const std::string& why, nanoseconds now,
                                          session_effects& out) {
  if (attempt != attempt_) return;
  if (state_ == session_state::resolving)
    return fail_connection(session_problem::cannot_resolve, why, now, out);
  if (state_ != session_state::connecting) return;
  if (!addresses_.empty()) return connect_next(now, out);
  fail_connection(session_problem::cannot_connect, why, now, out);
}

void server_session::on_connected(attempt_id attempt, nanoseconds now, session_effects& out) {
  if (attempt != attempt_ || state_ != session_state::connecting) return;
  addresses_.clear();
  login_taken_ = false;
  until_ = now + options_.login_answer;
  change(session_state::logging_in, session_problem::none, "", out);
  ++counters_.logins;
  send(encode(make_login(who_.user, who_.password, options_.major_version, options_.minor_version)), now,
       out);
}

void server_session::on_taken(attempt_id attempt, nanoseconds now) {
  if (attempt != attempt_ || state_ != session_state::logging_in || login_taken_) return;
  login_taken_ = true;
  until_ = now + options_.login_answer;
}

/// The connection or the attempt ends by our will.
void server_session::drop_connection(session_effects& out) {
  const bool had = state_ == session_state::resolving || state_ == session_state::connecting ||
                   state_ == session_state::logging_in || state_ == session_state::online;
  if (!had) return;
  out.emplace_back(close_server{attempt_});
  fail_probes("the session with " + server_name() + " ended", out);
  if (online()) out.emplace_back(logged_out{});
  state_ = session_state::offline;
}

void server_session::on_closed(attempt_id attempt, const std::string& why, nanoseconds now,
                               session_effects& out) {
  if (attempt != attempt_) return;
  if (state_ == session_state::logging_in && login_taken_) return silent(true, now, out);
  if (state_ != session_state::logging_in && !online()) return;
  fail_connection(session_problem::connection_lost, why, now, out);
}

// ---- failing

void server_session::back_off(session_problem problem, std::string text, nanoseconds delay, nanoseconds now,
                              session_effects& out) {
  until_ = now + delay;
  change(session_state::backing_off, problem, std::move(text) + " Trying again in " + in_words(delay) + ".",
         out);
}

/// Doubles with each failure in a row; at least what it says, at most a quarter more.
nanoseconds server_session::next_delay(nanoseconds first) {
  auto delay = first;
  for (std::uint32_t i = 1; i < failures_ && delay < options_.back_off_most; ++i) delay *= 2;
  delay = std::min(delay, std::max(first, options_.back_off_most));
  const auto spread = static_cast<std::uint64_t>(delay.count() / 4);
  return delay + nanoseconds(static_cast<std::int64_t>(random_->below(spread + 1)));
}

void server_session::fail_connection(session_problem problem, const std::string& what, nanoseconds now,
                                     session_effects& out) {
  if (online()) {
    ++counters_.lost;
    if (now - online_since_ >= options_.steady) failures_ = 0;
  }
  drop_connection(out);
  ++failures_;
  std::string text;
  switch (problem) {
    case session_problem::cannot_resolve:
      text = "The address of " + server_name() + " can't be found (" + what +
             "). Check the internet connection and soulseek.server.";
      break;
    case session_problem::cannot_connect:
      text = "No connection to " + server_name() + " (" + what +
             "): it is down, or something between blocks it.";
      break;
    case session_problem::bad_answer:
      text = server_name() + " doesn't speak the Soulseek protocol (" + what + "). Check soulseek.server.";
      text.front() = 'T';
      break;
    default:
      text = "The connection to " + server_name() + " was lost (" + what + ").";
      break;
  }
  back_off(problem, std::move(text), next_delay(options_.back_off_first), now, out);
}

/// The server took the login and said nothing, or (`closed`) hung up: that is how it treats who is banned.
/// One hanging up alone may be a server that stops.
void server_session::silent(bool closed, nanoseconds now, session_effects& out) {
  drop_connection(out);
  ++counters_.unanswered;
  ++failures_;
  ++unanswered_;
  const auto times = closed ? unanswered_ - 1 : unanswered_;
  const auto delay = times >= 2   ? options_.back_off_banned
                     : times == 1 ? options_.back_off_silent
                                  : next_delay(options_.back_off_first);
  std::string text = "The login of " + who_.user + " was sent, but " + server_name();
  text += closed ? " hung up without an answer."
                 : " didn't answer within " + in_words(options_.login_answer) + ".";
  text +=
      " The user or this address is banned (for half an hour after many logins or searches), or the server is"
      " failing. Waiting is all that helps.";
  back_off(session_problem::no_answer, std::move(text), delay, now, out);
}

void server_session::stop(session_problem problem, std::string text, session_effects& out) {
  drop_connection(out);
  change(session_state::stopped, problem, std::move(text), out);
}

void server_session::refuse(const from_server::login_refusal& refusal, nanoseconds now,
                            session_effects& out) {
  ++counters_.refused;
  unanswered_ = 0;
  const auto& user = who_.user;
  const auto detail =
      refusal.detail && !refusal.detail->empty() ? " (" + *refusal.detail + ")" : std::string();
  switch (refusal.why()) {
    case login_failure::invalid_username:
      return stop(session_problem::invalid_username,
                  "The server refuses the user name \"" + user + "\"" + detail +
                      ". Choose another soulseek.username and log in again.",
                  out);
    case login_failure::empty_password:
      return stop(session_problem::empty_password,
                  "The server wants a password for " + user + ". Set soulseek.password and log in again.",
                  out);
    case login_failure::invalid_password:
      return stop(
          session_problem::invalid_password,
          "The server refuses the password of " + user +
              ". Either it is wrong, or the name belongs to somebody else: correct soulseek.password or"
              " choose another soulseek.username, and log in again.",
          out);
    case login_failure::invalid_version:
      return stop(session_problem::invalid_version,
                  "The server doesn't take this client's version (" + std::to_string(options_.major_version) +
                      "." + std::to_string(options_.minor_version) + ") from " + user +
                      ". Update this program.",
                  out);
    case login_failure::server_private:
      return stop(session_problem::server_private,
                  "The server is private and doesn't let " + user +
                      " in. Ask its operator for access, or set another soulseek.server, and log in again.",
                  out);
    case login_failure::server_full:
      drop_connection(out);
      ++failures_;
      return back_off(session_problem::server_full,
                      "The server is full and takes no login of " + user + " now.",
                      next_delay(options_.back_off_full), now, out);
    case login_failure::other:
      break;
  }
  drop_connection(out);
  ++failures_;
  back_off(session_problem::unknown_refusal,
           "The server refused the login of " + user + " for a reason this program doesn't know: \"" +
               refusal.text + "\"" + detail + ".",
           options_.back_off_banned, now, out);
}

// ---- the server speaks

void server_session::on_message(attempt_id attempt, byte_view message, nanoseconds now,
                                session_effects& out) {
  if (attempt != attempt_ || (state_ != session_state::logging_in && !online())) return;
  ++counters_.received;
  auto decoded = decode_from_server(message);
  if (!decoded) {
    ++counters_.malformed;
    if (!online())
      fail_connection(session_problem::bad_answer,
                      "answer to the login: " + std::string(to_string(decoded.error())), now, out);
    return;
  }
  if (!online()) {
    // Nothing else counts before the login is accepted.
    if (const auto* answer = std::get_if<from_server::login>(&*decoded)) on_login_answer(*answer, now, out);
    return;
  }
  if (std::holds_alternative<from_server::login>(*decoded)) return;
  if (std::holds_alternative<unknown>(*decoded)) {
    ++counters_.unknown;
    return;
  }
  if (std::holds_alternative<from_server::relogged>(*decoded)) {
    ++counters_.relogged;
    return stop(session_problem::relogged,
                who_.user +
                    " logged in from somewhere else, and the server ended this session. Two programs can't"
                    " share one name: end the other one, or use another soulseek.username, and log in again.",
                out);
  }
  const auto* status = std::get_if<from_server::get_user_status>(&*decoded);
  if (status != nullptr && status->username == who_.user) answer_probes(now, out);
  out.emplace_back(server_said{*std::move(decoded)});
}

void server_session::on_login_answer(const from_server::login& answer, nanoseconds now,
                                     session_effects& out) {
  if (const auto* refusal = std::get_if<from_server::login_refusal>(&answer.outcome))
    return refuse(*refusal, now, out);
  const auto& success = std::get<from_server::login_success>(answer.outcome);
  ++counters_.sessions;
  unanswered_ = 0;
  online_since_ = now;
  change(session_state::online, session_problem::none, "", out);
  introduce(now, out);
  out.emplace_back(
      logged_in{who_.user, success.motd, wire_endpoint(success.ip, 0), success.supporter.value_or(false)});
}

to_server::set_wait_port server_session::port_message() const {
  to_server::set_wait_port out{listen_port_, std::nullopt};
  if (obfuscated_port_ != 0) out.obfuscated = obfuscated_port<std::uint32_t>{1, obfuscated_port_};
  return out;
}

void server_session::introduce(nanoseconds now, session_effects& out) {
  send(encode(port_message()), now, out);
  send(encode(to_server::shared_folders_files{folders_, files_}), now, out);
  send(encode(to_server::set_status{away_ ? user_status::away : user_status::online}), now, out);
  send(encode(to_server::watch_user{who_.user}), now, out);
  send(encode(to_server::check_privileges{}), now, out);
  send(encode(to_server::have_no_parent{true}), now, out);
  send(encode(to_server::branch_root{who_.user}), now, out);
  send(encode(to_server::branch_level{0}), now, out);
  send(encode(to_server::accept_children{true}), now, out);
}

void server_session::send(bytes message, nanoseconds now, session_effects& out) {
  ++counters_.sent;
  last_sent_ = now;
  out.emplace_back(send_server{attempt_, std::move(message)});
}

void server_session::answer_probes(nanoseconds now, session_effects& out) {
  for (const auto& x : std::exchange(probes_, {})) {
    ++counters_.probes_answered;
    out.emplace_back(probe_result{x.ticket, true, now - x.asked, ""});
  }
}

void server_session::fail_probes(const std::string& why, session_effects& out) {
  for (const auto& x : std::exchange(probes_, {})) {
    ++counters_.probes_failed;
    out.emplace_back(probe_result{x.ticket, false, nanoseconds(0), why});
  }
}

// ---- time

void server_session::on_alarm(nanoseconds now, session_effects& out) {
  if (online()) {
    for (auto it = probes_.begin(); it != probes_.end();) {
      if (now < it->asked + options_.probe_answer) {
        ++it;
        continue;
      }
      ++counters_.probes_failed;
      out.emplace_back(
          probe_result{it->ticket, false, nanoseconds(0),
                       server_name() + " didn't answer within " + in_words(options_.probe_answer)});
      it = probes_.erase(it);
    }
    if (now >= last_sent_ + options_.ping_interval) {
      ++counters_.pings;
      send(encode(to_server::ping{}), now, out);
    }
    return;
  }
  const auto due = next_deadline();
  if (!due || now < *due) return;
  switch (state_) {
    case session_state::resolving:
      return fail_connection(session_problem::cannot_resolve,
                             "no answer within " + in_words(options_.resolve_timeout), now, out);
    case session_state::connecting:
      if (!addresses_.empty()) out.emplace_back(close_server{attempt_});
      return on_connection_failed(attempt_, "no answer within " + in_words(options_.connect_timeout), now,
                                  out);
    case session_state::logging_in:
      if (login_taken_) return silent(false, now, out);
      return fail_connection(session_problem::connection_lost, "it doesn't take the login", now, out);
    case session_state::backing_off:
      return begin(now, out);
    default:
      return;
  }
}

std::optional<nanoseconds> server_session::next_deadline() const {
  switch (state_) {
    case session_state::offline:
    case session_state::stopped:
      return std::nullopt;
    case session_state::online: {
      auto due = last_sent_ + options_.ping_interval;
      if (!probes_.empty()) due = std::min(due, probes_.front().asked + options_.probe_answer);
      return due;
    }
    default:
      return until_;
  }
}

}  // namespace vsf::soulseek
