#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/soulseek/link_effects.hpp"
#include "net/crypto/random.hpp"
#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

struct account {
  std::string user;
  std::string password;
  bool operator==(const account&) const = default;
};

struct session_options {
  std::string host = "server.slsknet.org";
  std::uint16_t port = 2242;
  std::uint32_t major_version = 177;
  std::uint32_t minor_version = 1;
  nanoseconds resolve_timeout = std::chrono::seconds(15);
  nanoseconds connect_timeout = std::chrono::seconds(15);  // of each address
  std::size_t max_addresses = 4;                           // of the server, tried in turn
  /// The login must be taken by the network within this, and from then on be answered within this.
  nanoseconds login_answer = std::chrono::seconds(20);
  nanoseconds back_off_first = std::chrono::seconds(5);  // doubles
  nanoseconds back_off_most = std::chrono::minutes(5);
  nanoseconds back_off_full = std::chrono::minutes(1);     // the server is full; doubles as well
  nanoseconds back_off_silent = std::chrono::minutes(5);   // the login wasn't answered
  nanoseconds back_off_banned = std::chrono::minutes(30);  // and again not, or an unknown refusal
  nanoseconds steady = std::chrono::minutes(5);            // so long online forgets earlier failures
  nanoseconds between_logins = std::chrono::seconds(5);    // also of those by hand
  nanoseconds ping_interval = std::chrono::minutes(1);     // at least; only when nothing else was sent
  nanoseconds probe_answer = std::chrono::seconds(5);
  std::size_t probes = 16;  // waiting at once
};

enum class session_state : std::uint8_t {
  offline,  // nobody wants to be online
  resolving,
  connecting,
  logging_in,
  online,
  backing_off,  // tries again by itself at until()
  stopped,      // only log_in() goes on: the server would ban us, or somebody took our place
};
const char* to_string(session_state state);

/// Why a session ended or didn't begin. For each there is a text; see session_changed.
enum class session_problem : std::uint8_t {
  none,
  cannot_resolve,
  cannot_connect,
  connection_lost,
  bad_answer,  // what the server said isn't this protocol
  no_answer,   // to the login: banned, or dead
  server_full,
  unknown_refusal,
  // These stop.
  invalid_username,
  empty_password,
  invalid_password,
  invalid_version,
  server_private,
  relogged,
};
/// A short name, as in the status report: "invalid_password".
const char* to_string(session_problem problem);

/// Number of a connection to the server, never used twice. What comes with an older one is ignored.
using attempt_id = std::uint64_t;

// What the session wants done.
/// Resolve host:port; tell on_resolved or on_connection_failed.
struct resolve_server {
  attempt_id attempt = 0;
  std::string host_and_port;
};
/// Connect; tell on_connected or on_connection_failed. Replaces the connection of an earlier attempt.
struct connect_server {
  attempt_id attempt = 0;
  endpoint where;
};
/// Send these bytes; tell on_taken when nothing waits to be sent any more.
struct send_server {
  attempt_id attempt = 0;
  bytes message;
};
/// Close the connection or give up the attempt.
struct close_server {
  attempt_id attempt = 0;
};
/// For status and user. `text` says what happened, to whom and what to do; empty when all is well.
struct session_changed {
  session_state state = session_state::offline;
  session_problem problem = session_problem::none;
  std::string text;
  nanoseconds until{0};  // of backing_off: when it goes on by itself
};
/// The login was accepted and what follows it is sent. Comes after session_changed{online}.
struct logged_in {
  std::string user;
  std::string greeting;
  endpoint self;  // our address as the server sees it; port 0
  bool supporter = false;
};
/// There was a session and now there isn't. Comes before session_changed.
struct logged_out {};
/// Something else the server said, while online.
struct server_said {
  from_server::message message;
};
/// The answer to probe(), exactly one each.
struct probe_result {
  std::uint64_t ticket = 0;
  bool alive = false;
  nanoseconds latency{0};  // of an answer
  std::string why;         // of none
};
using session_effect = std::variant<resolve_server, connect_server, send_server, close_server,
                                    session_changed, logged_in, logged_out, server_said, probe_result>;
using session_effects = std::vector<session_effect>;

struct session_counters {
  std::uint64_t logins = 0;    // sent
  std::uint64_t sessions = 0;  // accepted
  std::uint64_t lost = 0;
  std::uint64_t refused = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t relogged = 0;
  std::uint64_t pings = 0;
  std::uint64_t probes_answered = 0, probes_failed = 0;
  std::uint64_t received = 0, sent = 0;      // messages
  std::uint64_t malformed = 0, unknown = 0;  // messages of the server, dropped
  std::uint64_t dropped_offline = 0;         // say() without a session
};

/// The one connection to the server: login, its refusals, coming back, pings. Pure; whoever owns it carries
/// out the effects and calls on_alarm at next_deadline().
class server_session {
 public:
  /// `random` must outlive it.
  server_session(session_options options, crypto::random_source& random);

  /// Be online as this user, from now on and by hand: out of any state. At most once in between_logins, later
  /// ones wait for that. Nothing happens when it is online or on its way with the same account.
  void log_in(account who, nanoseconds now, session_effects& out);
  /// Be offline until the next log_in().
  void log_out(nanoseconds now, session_effects& out);

  /// The port others reach us at; 0: none. Told to the server now or after the login.
  void set_listen_port(std::uint16_t port, std::uint16_t obfuscated_port, nanoseconds now,
                       session_effects& out);
  /// What is shared. Told to the server now (when it changed) or after the login.
  void set_counts(std::uint32_t folders, std::uint32_t files, nanoseconds now, session_effects& out);
  void set_away(bool away, nanoseconds now, session_effects& out);
  /// Sends a message, with its length. false: there is no session; it is dropped and counted.
  bool say(bytes message, nanoseconds now, session_effects& out);
  /// Asks the server something only it answers. One probe_result, within probe_answer.
  void probe(std::uint64_t ticket, nanoseconds now, session_effects& out);

  /// In the order to be tried; none is a failure.
  void on_resolved(attempt_id attempt, std::vector<endpoint> where, nanoseconds now, session_effects& out);
  void on_connected(attempt_id attempt, nanoseconds now, session_effects& out);
  /// Neither name nor address could be had.
  void on_connection_failed(attempt_id attempt, const std::string& why, nanoseconds now,
                            session_effects& out);
  /// Everything sent so far was taken by the network.
  void on_taken(attempt_id attempt, nanoseconds now);
  /// One message without its length: u32 code and what follows.
  void on_message(attempt_id attempt, byte_view message, nanoseconds now, session_effects& out);
  void on_closed(attempt_id attempt, const std::string& why, nanoseconds now, session_effects& out);
  void on_alarm(nanoseconds now, session_effects& out);
  /// When on_alarm is due; nullopt: nothing to wait for.
  std::optional<nanoseconds> next_deadline() const;

  session_state state() const { return state_; }
  session_problem problem() const { return problem_; }
  /// Of the last session_changed.
  const std::string& text() const { return text_; }
  bool online() const { return state_ == session_state::online; }
  nanoseconds until() const { return until_; }
  const account& who() const { return who_; }
  attempt_id attempt() const { return attempt_; }
  const session_counters& counters() const { return counters_; }

 private:
  struct waiting_probe {
    std::uint64_t ticket = 0;
    nanoseconds asked{0};
  };

  void change(session_state state, session_problem problem, std::string text, session_effects& out);
  void begin(nanoseconds now, session_effects& out);
  void connect_next(nanoseconds now, session_effects& out);
  void drop_connection(session_effects& out);
  void back_off(session_problem problem, std::string text, nanoseconds delay, nanoseconds now,
                session_effects& out);
  void fail_connection(session_problem problem, const std::string& what, nanoseconds now,
                       session_effects& out);
  void on_login_answer(const from_server::login& answer, nanoseconds now, session_effects& out);
  void refuse(const from_server::login_refusal& refusal, nanoseconds now, session_effects& out);
  to_server::set_wait_port port_message() const;
  void introduce(nanoseconds now, session_effects& out);
  void silent(bool closed, nanoseconds now, session_effects& out);
  void stop(session_problem problem, std::string text, session_effects& out);
  void send(bytes message, nanoseconds now, session_effects& out);
  void answer_probes(nanoseconds now, session_effects& out);
  void fail_probes(const std::string& why, session_effects& out);
  nanoseconds next_delay(nanoseconds first);
  std::string server_name() const;

  session_options options_;
  crypto::random_source* random_;
  account who_;
  session_state state_ = session_state::offline;
  session_problem problem_ = session_problem::none;
  std::string text_;
  attempt_id attempt_ = 0;
  std::vector<endpoint> addresses_;  // still to be tried
  nanoseconds until_{0};             // of the state; max(): for ever
  bool login_taken_ = false;
  std::optional<nanoseconds> last_begin_;
  nanoseconds online_since_{0};
  nanoseconds last_sent_{0};
  std::uint32_t failures_ = 0;    // in a row
  std::uint32_t unanswered_ = 0;  // logins in a row
  std::uint16_t listen_port_ = 0, obfuscated_port_ = 0;
  std::uint32_t folders_ = 0, files_ = 0;
  bool away_ = false;
  std::vector<waiting_probe> probes_;
  session_counters counters_;
};

}  // namespace vsf::soulseek
