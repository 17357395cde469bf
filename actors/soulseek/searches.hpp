#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/soulseek/link_effects.hpp"
#include "net/crypto/random.hpp"
#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

struct search_options {
  std::uint32_t per_minute = 10;  // of ours, without wishes; in any 60 s
  std::size_t waiting = 32;       // for that
  nanoseconds wait_at_most = std::chrono::minutes(5);
  nanoseconds answered_for = std::chrono::minutes(5);  // after it was sent; wishes as long as they are wished
  nanoseconds kept_for = std::chrono::minutes(30);     // results, after it was sent
  std::size_t kept = 64;                               // searches; the oldest finished one makes room
  std::size_t wishes = 32;
  std::size_t query_bytes = 512;
  std::size_t users = 2000;  // of one search
  std::size_t files = 50'000;
  std::size_t files_per_user = 2000;
  std::size_t result_bytes = 16U << 20;                  // of one search, names mostly
  nanoseconds wish_interval = std::chrono::minutes(12);  // until the server says (104)
  nanoseconds wish_interval_least = std::chrono::minutes(1);
  std::uint32_t heard_per_s = 50;  // searches of others that are answered
  std::uint32_t heard_burst = 200;
  std::size_t heard_remembered = 2048;
  nanoseconds heard_time = std::chrono::seconds(60);
  std::size_t shortest_query = 3;  // of others, characters
};

enum class search_kind : std::uint8_t { everybody, user, room, wish };

// What the searches want done, beside tell_server.
/// It is with the server now.
struct search_sent {
  std::uint32_t token = 0;
};
/// A user's results came or grew.
struct search_result {
  std::uint32_t token = 0;
  std::string user;
  std::size_t new_files = 0;
};
/// A bound was reached: what comes from now on is dropped in part or wholly. Once a search.
struct search_full {
  std::uint32_t token = 0;
  std::string why;
};
/// No further answers are taken; the results stay for a while.
struct search_ended {
  std::uint32_t token = 0;
  std::string why;
};
/// Its results are gone.
struct search_forgotten {
  std::uint32_t token = 0;
};
/// Somebody searches: look into what is shared and answer to this user with this token, or be silent.
struct answer_search {
  std::string user;
  std::uint32_t token = 0;
  std::string query;
};
using search_effect = std::variant<tell_server, search_sent, search_result, search_full, search_ended,
                                   search_forgotten, answer_search>;
using search_effects = std::vector<search_effect>;

struct search_counters {
  std::uint64_t started = 0, sent = 0, wishes_sent = 0, refused = 0, expired_waiting = 0;
  std::uint64_t answers = 0, files = 0;
  std::uint64_t unknown_token = 0;                     // answers nobody waits for
  std::uint64_t wrong_user = 0;                        // answers that name another user than the link's
  std::uint64_t dropped_users = 0, dropped_files = 0;  // beyond the bounds
  std::uint64_t heard = 0, heard_own = 0, heard_duplicate = 0, heard_rate = 0, heard_unfit = 0;
};

/// What one user has for a search.
struct user_results {
  bool slot_free = false;
  std::uint32_t speed_bytes_per_s = 0;
  std::uint32_t queue = 0;
  std::vector<file> files;
  std::vector<file> private_files;  // for those they chose
};

struct search_row {
  search_kind kind = search_kind::everybody;
  std::string query;
  std::string target;  // user or room
  enum class state : std::uint8_t { waiting, running, ended } at = state::waiting;
  nanoseconds begun{0};  // asked for; sent when not waiting
  std::map<std::string, user_results> users;
  std::size_t files = 0;
  std::size_t bytes = 0;
  std::uint64_t dropped = 0;  // files
  bool full = false;
};

/// Our searches and what came back, and which searches of others are answered. Pure.
class searches {
 public:
  /// `random` must outlive it.
  searches(search_options options, crypto::random_source& random);

  void on_online(const std::string& self, nanoseconds now, search_effects& out);
  void on_offline(nanoseconds now, search_effects& out);
  /// 104: so often a wish may be searched for.
  void on_wishlist_interval(std::uint32_t seconds, nanoseconds now);

  /// Searches now, or when the rate allows it. The token, or why not (with what to do). `target`: the user or
  /// room of those kinds. A wish is searched for again and again, one wish an interval, until closed.
  result<std::uint32_t> start(search_kind kind, const std::string& query, const std::string& target,
                              nanoseconds now, search_effects& out);
  /// Takes no further answers; the results stay.
  void stop(std::uint32_t token, nanoseconds now, search_effects& out);
  /// Forgets it and its results.
  void close(std::uint32_t token, search_effects& out);

  /// An answer on a P link of `from`.
  void on_answer(const std::string& from, peer::file_search_response answer, nanoseconds now,
                 search_effects& out);

  /// Somebody searches, whether the server (26) or the tree says so.
  void on_heard(const std::string& user, std::uint32_t token, const std::string& query, nanoseconds now,
                search_effects& out);

  void on_alarm(nanoseconds now, search_effects& out);
  std::optional<nanoseconds> next_deadline() const;

  /// One wish is searched for so often.
  nanoseconds wish_interval() const { return wish_interval_; }
  /// nullptr: there is none with this token.
  const search_row* find(std::uint32_t token) const;
  const std::map<std::uint32_t, search_row>& all() const { return rows_; }
  const search_counters& counters() const { return counters_; }

 private:
  using heard_key = std::pair<std::string, std::uint32_t>;

  bool wants(std::uint32_t token) const;
  std::optional<std::string> refusal(search_kind kind, const std::string& query,
                                     const std::string& target) const;
  void send(std::uint32_t token, search_row& row, nanoseconds now, search_effects& out);
  void send_waiting(nanoseconds now, search_effects& out);
  void send_wish(nanoseconds now, search_effects& out);
  nanoseconds next_slot(nanoseconds now) const;
  bool make_room(search_effects& out);
  std::size_t add_files(search_row& row, user_results& to, std::vector<file> files, bool restricted);
  bool heard_before(const heard_key& key, nanoseconds now);
  bool may_answer(nanoseconds now);

  search_options options_;
  crypto::random_source* random_;
  std::string self_;
  bool online_ = false;
  std::map<std::uint32_t, search_row> rows_;
  std::deque<std::uint32_t> waiting_;
  std::deque<nanoseconds> sent_;      // within the last 60 s
  std::deque<std::uint32_t> wishes_;  // the next one first
  nanoseconds wish_interval_;
  std::optional<nanoseconds> last_wish_;
  std::set<heard_key> heard_;
  std::deque<std::pair<nanoseconds, heard_key>> heard_order_;
  nanoseconds heard_paid_ = std::chrono::hours(-1);  // up to this time
  search_counters counters_;
};

}  // namespace vsf::soulseek
