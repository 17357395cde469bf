#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/soulseek/transfer_bans.hpp"
#include "actors/soulseek/transfer_types.hpp"
#include "actors/swarm/token_bucket.hpp"
#include "net/crypto/random.hpp"

namespace vsf::soulseek {

struct upload_queue_counters {
  std::uint64_t requests = 0;           // 43, and 40 of old clients
  std::uint64_t requests_dropped = 0;   // beyond what one user may ask in a while: not answered
  std::uint64_t requests_repeated = 0;  // of what is queued already
  std::uint64_t legacy_requests = 0;
  std::map<refusal, std::uint64_t> refused{};
  std::uint64_t begun = 0, completed = 0, denied = 0;
  std::uint64_t timed_out = 0, unreachable = 0, broken_off = 0, stalled = 0, read_errors = 0, given_up = 0;
  std::uint64_t offsets_refused = 0;  // beyond the size
  std::uint64_t bytes_sent = 0;
  std::uint64_t ignored = 0;  // answers nobody waits for
};

/// What other users want of us, in which order and how fast. Pure: shares are looked up, files read and
/// connections made by its owner.
///
/// Users take turns (or all files in the order they came), privileged users first. One file takes one slot
/// from the TransferRequest until the downloader closes or a timeout; every way to an end gives it back.
class uploads {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  using upload_id = std::uint64_t;  // from 1 on, of this run
  struct options {
    std::size_t slots = 2;
    std::size_t slots_per_user = 1;
    bool in_order_of_requests = false;  // instead of users in turn
    bool buddies_first = false;
    std::uint64_t rate_bytes_per_s = 0;         // 0: no limit
    std::uint64_t upload_rate_bytes_per_s = 0;  // of each; 0: no limit
    std::size_t max_files_per_user = 500;
    std::uint64_t max_bytes_per_user = 0;  // 0: no limit
    std::size_t max_files = 20'000;
    std::size_t max_users = 4'000;
    std::size_t max_lookups = 2'000;              // at the same time
    std::size_t max_requests_per_window = 3'000;  // of a user
    nanoseconds window = std::chrono::seconds(900);
    std::size_t max_history = 1'000;
    nanoseconds response_timeout = std::chrono::seconds(30);
    nanoseconds connect_timeout = std::chrono::seconds(30);  // with the offset
    nanoseconds stall = std::chrono::seconds(60);
    nanoseconds nothing_to_send = std::chrono::seconds(2);  // till we close
    nanoseconds retry = std::chrono::seconds(180);
    nanoseconds retry_queued = std::chrono::seconds(300);  // the downloader has no room
    std::uint32_t attempts = 3;
    std::uint32_t chunk_bytes = 64 << 10;
    std::uint32_t chunks_in_flight = 4;  // per upload
    nanoseconds event_interval = std::chrono::milliseconds(500);
  };
  /// What the share index says of a path. A file that this user may not have is `not_shared`.
  struct lookup_answer {
    refusal why = refusal::not_shared;  // none: found
    std::string local{};                // how the owner opens it
    std::uint64_t size_bytes = 0;
  };

  // Effects.
  struct say {
    std::string user;
    said::message what;
  };
  /// Answered with looked_up().
  struct look_up {
    std::uint64_t ticket = 0;
    std::string user;
    std::string path;
  };
  /// Open the file and an F connection, send the token, wait for the offset: offset(), file_link_failed() or
  /// read_failed().
  struct open_file_link {
    upload_id id = 0;
    std::string user;
    std::uint32_t token = 0;
    std::string local;
    std::uint64_t size_bytes = 0;
  };
  /// Answered with sent() when the connection took all of it, or read_failed(). In order of the offsets.
  struct send_bytes {
    upload_id id = 0;
    std::string local;
    std::uint64_t offset_bytes = 0;
    std::uint32_t length_bytes = 0;
  };
  /// Also when it is still being opened.
  struct close_file_link {
    upload_id id = 0;
  };
  /// Server message 121.
  struct report_speed {
    std::uint32_t bytes_per_s = 0;
  };
  struct tell {
    fb::SoulseekTransferT how;
  };
  struct note {
    std::string text;
  };
  using effect =
      std::variant<say, look_up, open_file_link, send_bytes, close_file_link, report_speed, tell, note>;
  using effects = std::vector<effect>;

  explicit uploads(crypto::random_source& random) : uploads(options{}, random) {}
  /// `random` (first tokens) outlives it.
  uploads(options how, crypto::random_source& random);

  /// queue_upload, legacy_request, response, place_request; others are ignored.
  effects message(nanoseconds now, const std::string& user, const std::optional<endpoint>& address,
                  const said::message& what);
  effects looked_up(nanoseconds now, std::uint64_t ticket, const lookup_answer& answer);
  /// A message to this user could not be delivered.
  effects link_failed(nanoseconds now, const std::string& user);
  /// Logged off: what it wanted is forgotten; it asks again. An upload that moves bytes goes on.
  effects user_gone(nanoseconds now, const std::string& user);

  // About the F connection of an upload.
  effects file_link_failed(nanoseconds now, upload_id id);
  effects offset(nanoseconds now, upload_id id, std::uint64_t offset_bytes);
  effects sent(nanoseconds now, upload_id id, std::uint32_t length_bytes);
  effects read_failed(nanoseconds now, upload_id id);
  /// The downloader closed, or it broke. Never after close_file_link.
  effects file_closed(nanoseconds now, upload_id id);

  effects tick(nanoseconds now);
  std::optional<nanoseconds> next_deadline() const;

  // What a person sets.
  effects set_limits(nanoseconds now, std::size_t slots, std::size_t slots_per_user,
                     std::uint64_t rate_bytes_per_s, std::uint64_t upload_rate_bytes_per_s);
  effects set_bans(nanoseconds now, transfer_bans bans);
  void set_buddies(std::set<std::string> users) { buddies_ = std::move(users); }
  void set_privileged(std::set<std::string> users) { privileged_ = std::move(users); }
  void add_privileged(const std::string& user) { privileged_.insert(user); }
  /// One of the queue or one that runs; its user is told `Cancelled`.
  result<effects> cancel(nanoseconds now, upload_id id);
  /// Forgets an ended one.
  result<effects> clear(upload_id id);
  /// Everybody is told `Pending shutdown.`, and so is whoever asks from now on. What moves bytes is closed.
  effects shut_down(nanoseconds now);

  /// For search answers: whether one could begin at once.
  bool free_slot() const { return active_.size() < how_.slots && queued_ == 0 && !shutting_down_; }
  std::size_t queue_length() const { return queued_; }
  /// Over the last ten that sent a MiB or were complete; 0 when there were none.
  std::uint32_t average_speed_bytes_per_s() const;
  std::size_t active() const { return active_.size(); }
  std::size_t active_of(const std::string& user) const;
  std::size_t users() const { return users_.size(); }
  std::size_t lookups() const { return lookups_.size(); }
  std::size_t slots() const { return how_.slots; }
  /// Place 1 is next; 0: not queued.
  std::uint32_t place_of(const std::string& user, const std::string& path) const;
  /// Active ones, then the queue by age, then ended ones, latest first; limit at most 1000.
  std::vector<fb::SoulseekTransferT> list(nanoseconds now, std::size_t offset, std::size_t limit) const;
  std::size_t size() const { return rows_.size(); }
  const upload_queue_counters& counters() const { return counters_; }

 private:
  using state = fb::SoulseekTransferState;
  struct row {
    upload_id id = 0;
    std::string user, path, local;
    std::uint64_t size_bytes = 0;
    std::uint64_t order = 0;  // among those that are queued
    state now = state::queued;
    refusal why = refusal::none;
    std::string reason;
    nanoseconds not_before{0};
    nanoseconds due{-1};
    std::uint32_t token = 0;
    std::uint32_t attempts = 0;
    std::uint64_t offset_bytes = 0;   // where the downloader has it begin
    std::uint64_t granted_bytes = 0;  // with the offset
    std::uint64_t sent_bytes = 0;     // with the offset
    nanoseconds since{0};             // it moves bytes
    std::optional<nanoseconds> told;
    swarm::token_bucket bucket;
  };
  struct user_row {
    std::map<std::uint64_t, upload_id> queue;  // by order
    std::map<std::string, upload_id> by_path;  // queued and active
    std::set<std::string> looked_up;           // paths
    std::uint64_t bytes = 0;                   // of the queued and active
    std::size_t active = 0;
    std::uint64_t turn = 0;  // when it was its turn last; 0: never
    nanoseconds window_since{0};
    std::size_t requests = 0;  // in the window
    bool noted = false;
    std::optional<endpoint> address;
  };
  struct lookup {
    std::string user, path;
  };

  // uploads.cpp: what is asked, and the queue
  void hear(nanoseconds now, const std::string& from, const said::queue_upload& what, effects& out);
  void hear(nanoseconds now, const std::string& from, const said::legacy_request& what, effects& out);
  void hear(nanoseconds now, const std::string& from, const said::response& what, effects& out);
  void hear(nanoseconds now, const std::string& from, const said::place_request& what, effects& out);
  bool may_ask(nanoseconds now, const std::string& from, user_row& u, effects& out);
  user_row* user_of(nanoseconds now, const std::string& name);
  refusal request(nanoseconds now, const std::string& from, const std::string& path, effects& out);
  refusal check(const std::string& from, const user_row& u, std::uint64_t more_bytes) const;
  void deny(const std::string& to, const std::string& path, refusal why, effects& out);
  row* row_of(upload_id id);
  void enqueue(row& r);
  void dequeue(row& r);
  void end(nanoseconds now, row& r, state how, refusal why, effects& out);
  void forget_idle();
  void end_denied(nanoseconds now, row& r, refusal why, effects& out);
  void settle(nanoseconds now, effects& out);

  // transfer_uploads_turns.cpp: whose turn it is
  int tier(const std::string& name) const;
  std::optional<upload_id> next_turn(nanoseconds now) const;
  void fill_slots(nanoseconds now, effects& out);

  // transfer_uploads_serving.cpp: those that have a slot
  row* row_with(const std::string& from, std::uint32_t token);
  void begin(nanoseconds now, row& r, effects& out);
  void release(row& r);
  void close_link(row& r, effects& out);
  void try_again(nanoseconds now, row& r, refusal why, effects& out);
  void put_back(nanoseconds now, row& r, nanoseconds wait, refusal why, effects& out);
  void break_off(nanoseconds now, row& r, refusal why, effects& out);
  void finish(nanoseconds now, row& r, effects& out);
  void grant(nanoseconds now, effects& out);
  bool grant_one(nanoseconds now, row& r, effects& out);
  void changed(nanoseconds now, row& r, effects& out);
  void timed_out(nanoseconds now, row& r, effects& out);
  void set_due(row& r, nanoseconds due);
  fb::SoulseekTransferT describe(nanoseconds now, const row& r) const;

  options how_;
  crypto::random_source& random_;
  std::map<upload_id, row> rows_;
  std::map<std::string, user_row> users_;
  std::map<std::uint64_t, lookup> lookups_;
  std::set<upload_id> active_;
  std::map<std::uint32_t, upload_id> tokens_;
  std::deque<upload_id> history_;
  std::set<std::pair<nanoseconds, upload_id>> due_;
  std::optional<nanoseconds> grant_at_;
  upload_id last_granted_ = 0;
  swarm::token_bucket bucket_;
  std::deque<std::uint32_t> speeds_;
  transfer_bans bans_;
  std::set<std::string> buddies_, privileged_;
  bool shutting_down_ = false;
  std::size_t queued_ = 0;
  std::uint64_t next_order_ = 1, next_turn_ = 1, next_ticket_ = 1;
  upload_id next_id_ = 1;
  std::uint32_t next_token_ = 1;
  upload_queue_counters counters_;
};

}  // namespace vsf::soulseek
