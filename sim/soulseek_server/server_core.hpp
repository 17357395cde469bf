#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "net/soulseek/codec.hpp"

/// A Soulseek server for tests, as far as clients can tell. Pure: connections and bytes in, bytes out.
namespace vsf::soulseek::test_server {

using connection_id = std::uint64_t;
/// Since 1970: private messages carry it.
using time_ms = std::chrono::milliseconds;

/// How a search reaches those who may answer it.
enum class distribution {
  flat,  // code 26 to every other client
  tree,  // code 93 to branch roots, who pass it on; the others are told of parents by code 102
};

struct refusal {
  login_failure why = login_failure::invalid_password;
  std::string detail;  // of invalid_username
};

struct server_options {
  std::string motd = "A server for tests";
  std::string country = "DE";  // everybody's
  distribution searches = distribution::flat;
  std::size_t branch_roots = 1;
  time_ms parents_every{10'000};  // code 102 to who has none
  std::uint32_t parent_min_speed = 1, parent_speed_ratio = 50;
  std::uint32_t wishlist_interval_s = 720, privileged_wishlist_interval_s = 120;
  std::vector<std::string> excluded_phrases{};
  std::map<std::string, std::string> accounts{};  // name and password; others are made by their first login
  bool only_known_accounts = false;               // others get SVRPRIVATE
  std::uint32_t least_major_version = 0;          // older ones get INVALIDVERSION
  std::size_t most_users = 1000;                  // more get SVRFULL
};

/// Beyond these input is dropped, and a connection that asks for too much is closed.
struct server_bounds {
  static constexpr std::size_t connections = 2000;
  static constexpr std::size_t accounts = 10'000;
  static constexpr std::size_t frame_bytes = 1u << 20;
  static constexpr std::size_t rooms = 1000, tickers = 1000, room_members = 1000;
  static constexpr std::size_t watched = 5000;
  static constexpr std::size_t interests = 200, interest_length = 64;
  static constexpr std::size_t kept_messages = 100;  // each account's, unacknowledged
  static constexpr std::size_t addressees = 100;     // of one message
  static constexpr std::size_t text = 8192;          // of a message or a query
  static constexpr std::size_t name = 30, room_name = 24;
  static constexpr std::size_t parents = 10;
  static constexpr std::size_t events = 100'000;
  static constexpr std::size_t delayed_bytes = 64u << 20;
  static constexpr time_ms longest_delay{600'000};
};

/// What the server wants of its sockets, in this order.
struct effect {
  connection_id connection = 0;
  bytes data;
  bool close = false;  // after the data
};

/// What happened, for a log and for tests: "connected", "login", "login_refused", "login_ignored",
/// "relogged", "received", "search", "bad_message", "kicked", "closed", ...
struct event {
  time_ms when{0};
  std::string what;
  std::string user;  // empty before the login
  std::map<std::string, std::string> details;
};

/// Where others are told a user listens. 0: nowhere.
struct told_ports {
  std::uint32_t plain = 0, obfuscated = 0;
};

class server_state;

/// Every call may leave effects and events. Not for several threads.
class server_core {
 public:
  explicit server_core(server_options options = {});
  ~server_core();
  server_core(const server_core&) = delete;
  server_core& operator=(const server_core&) = delete;

  /// `ip` as the protocol writes it: 127.0.0.1 is 0x7F000001. Numbers are never used again.
  void opened(connection_id connection, std::uint32_t ip, time_ms now);
  void received(connection_id connection, byte_view raw, time_ms now);
  /// By the other side. Unknown numbers are those the server closed.
  void closed(connection_id connection, time_ms now);
  /// Something is to be done then: slow answers, parents.
  std::optional<time_ms> next_due() const;
  void tick(time_ms now);

  std::vector<effect> take_effects();
  std::vector<event> take_events();

  // Misbehaviour.
  /// From now on it gets no answer to anything, nor to its login; others see it leave.
  void ban(const std::string& user, time_ms now);
  void unban(const std::string& user);
  void ban_address(std::uint32_t ip, bool on = true);
  /// Closes its connection. false: not here.
  bool kick(const std::string& user, time_ms now);
  /// As if it had logged in elsewhere: code 41, then the end.
  bool relog(const std::string& user, time_ms now);
  /// All answers come so much later, at most server_bounds::longest_delay.
  void slow_down(time_ms by);
  /// Every login from now on gets this; nothing: as usual again.
  void refuse_logins(std::optional<refusal> why);
  /// Closes all connections and takes none until come_back(). Accounts, rooms and messages stay.
  void die(time_ms now);
  void come_back();
  /// No new connections; those that are there stay.
  void refuse_connections(bool on);
  /// Others are told these ports of a user instead of its own, as of one behind a firewall; nothing: its own
  /// again. Who needs to reach it has to ask it to connect.
  void firewall(const std::string& user, std::optional<told_ports> ports);
  /// Whether a listener should be open at all.
  bool accepting() const;

  // What an operator does.
  /// To one, or with an empty name to all who are here.
  void admin_message(const std::string& user, const std::string& text, time_ms now);
  void set_privileges(const std::string& user, std::uint32_t seconds, time_ms now);
  void set_excluded_phrases(std::vector<std::string> phrases);
  void set_searches(distribution how);
  /// As if uploads had been that fast: many clients take children in the tree only then.
  void set_upload_speed(const std::string& user, std::uint32_t bytes_per_s, time_ms now);
  /// Code 130 to all.
  void reset_distributed(time_ms now);
  /// Any bytes, to see how a client takes them. false: not here.
  bool inject(const std::string& user, bytes raw, time_ms now);

  std::set<std::string> online() const;

 private:
  const std::unique_ptr<server_state> state_;
};

}  // namespace vsf::soulseek::test_server
