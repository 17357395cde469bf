#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/soulseek/transfer_types.hpp"
#include "net/crypto/random.hpp"

namespace vsf::soulseek {

struct download_counters {
  std::uint64_t added = 0, add_refused = 0, sources_unfit = 0;
  std::uint64_t completed = 0, failed = 0, finished_forgotten = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_cut_off = 0;     // came beyond the size
  std::uint64_t offers_unwanted = 0;   // of files nobody asked for
  std::uint64_t offers_held_back = 0;  // beyond our limits; asked for again later
  std::uint64_t tokens_unknown = 0;    // F connections with a token nobody allowed
  std::uint64_t sizes_changed = 0, partials_set_aside = 0, partials_lost = 0;
  std::uint64_t asked = 0, asked_raw = 0, places_asked = 0;
  std::uint64_t retries = 0, remote_failures = 0, next_sources = 0;
  std::uint64_t ignored = 0;  // messages about files that are not in a state for them
};

/// The files that are fetched from other users. Pure: links, connections and the disk are its owner's.
///
/// A file is asked for when its user can be reached, at most max_asked_per_user at once; its user begins when
/// its own queue allows. A partial file only ever has bytes of one user and one size. What fails is tried
/// again after a time that depends on the reason, then of the next source, then it waits for a person.
class downloads {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  using transfer_id = std::uint64_t;        // random, 1 to 2^52: a JSON number holds it
  using connection_number = std::uint64_t;  // of an F connection, given by the owner; never 0, never twice
  struct options {
    std::size_t max_running = 16;  // allowed to begin, or moving bytes
    std::size_t max_running_per_user = 2;
    std::size_t max_asked_per_user = 50;  // many users refuse more than 100
    std::size_t max_unfinished = 20'000;  // add() fails beyond
    std::size_t max_finished = 2'000;     // the oldest are forgotten
    std::size_t max_sources = 16;         // of one file
    std::uint64_t max_file_bytes = std::uint64_t{1} << 40;
    nanoseconds retry = std::chrono::seconds(180);
    nanoseconds retry_limited = std::chrono::seconds(720);  // `Too many files` and the like
    nanoseconds retry_unlisted = std::chrono::seconds(45);  // `File not shared.` of which a part came before
    nanoseconds poll = std::chrono::seconds(300);
    nanoseconds begin_timeout = std::chrono::seconds(60);  // allowed, and no F connection since
    nanoseconds stall = std::chrono::seconds(60);
    nanoseconds link_timeout = std::chrono::seconds(90);
    nanoseconds event_interval = std::chrono::milliseconds(500);
    /// Whichever comes first; what came since is lost when the machine or the program dies.
    std::uint64_t checkpoint_bytes = 16 << 20;
    nanoseconds checkpoint_time = std::chrono::seconds(10);
    /// So often in a row without a byte, then the next source if there is one.
    std::uint32_t attempts_per_source = 5;
    /// The same of the last source, whose user answers but nothing comes: then it has failed. Who can't be
    /// reached is tried on.
    std::uint32_t attempts_in_vain = 20;
    std::uint32_t read_error_attempts = 3;  // also of what is not shared any more
    /// Polls without an answer until a file makes room for others that are to be asked for.
    std::uint32_t silent_polls = 6;
  };
  struct source {
    std::string user;
    std::string path;
    std::uint64_t size_bytes = 0;  // 0: not known
  };
  struct wanted {
    source from;
    std::vector<std::pair<std::uint32_t, std::uint32_t>>
        attributes{};              // as the search result says, at most 8
    std::size_t keep_folders = 1;  // of the remote structure, at most max_kept_folders
    std::vector<source> others{};  // who has the same file; those that are not the same are left out
  };

  // Effects.
  struct say {
    std::string user;
    said::message what;
  };
  /// Answered with link_up() or link_failed().
  struct need_link {
    std::string user;
  };
  /// Whether the user comes and goes is of interest: user_status().
  struct watch {
    std::string user;
    bool on = false;
  };
  /// Open the partial file (of size_bytes; create it if offset_bytes is 0, else it has to be there, or
  /// partial_lost() is the answer), send the offset, then what admit() lets through is
  /// written from there on.
  struct take_file {
    connection_number connection = 0;
    transfer_id id = 0;
    std::string partial;
    std::uint64_t size_bytes = 0;
    std::uint64_t offset_bytes = 0;
  };
  struct close_file {
    connection_number connection = 0;
  };
  /// Answered with file_finished(), disk_failed() or partial_lost(). Only an empty file may have no partial.
  struct finish_file {
    transfer_id id = 0;
    std::string partial;
    std::uint64_t size_bytes = 0;
    std::vector<std::string> folder;  // safe components, outermost first, beneath the download folder
    std::string name;                 // a safe component
  };
  /// Never to be continued, but kept: it has bytes of another version or user.
  struct set_aside {
    std::string partial;
  };
  struct discard {
    std::string partial;
  };
  /// With `sync` the partial file is synced before the row is written.
  struct store {
    record<fb::SoulseekDownload> row;
    bool sync = false;
    std::string partial;
  };
  struct erase {
    transfer_id id = 0;
  };
  /// How it is now, for whoever watches. At most one per file and event_interval unless its state changed.
  struct tell {
    fb::SoulseekTransferT how;
  };
  /// For the log and the events: a file's size is another than expected, a file failed for good.
  struct note {
    std::string text;
  };
  using effect = std::variant<say, need_link, watch, take_file, close_file, finish_file, set_aside, discard,
                              store, erase, tell, note>;
  using effects = std::vector<effect>;
  struct added {
    transfer_id id = 0;
    bool is_new = false;
    effects then;
  };
  enum class presence : std::uint8_t { unknown, offline, online };

  downloads() : downloads(options{}) {}
  explicit downloads(options how);

  /// A row of the store, before anything else happens. `partial_bytes`: the size of its partial file on the
  /// disk, nothing without one.
  void restore(fb::SoulseekDownloadT stored, std::optional<std::uint64_t> partial_bytes);
  /// After the last restore(): everything that waits begins.
  effects start(nanoseconds now);

  /// The unfinished download of this user's file (with more sources, if new ones are named), or a new one.
  /// Fails at the bound, and when user or path can't be.
  result<added> add(nanoseconds now, std::uint64_t unix_ms, const wanted& what,
                    crypto::random_source& random);

  // Commands. They fail when there is no such download or it is in no state for it, and say so.
  result<effects> pause(nanoseconds now, transfer_id id);
  result<effects> resume(nanoseconds now, transfer_id id);
  /// Its partial file goes.
  result<effects> cancel(nanoseconds now, transfer_id id);
  /// Of a failed or cancelled one, or one that waits for its next try; from its first source on.
  result<effects> retry(nanoseconds now, transfer_id id);
  /// Another place among all that are not finished; 0 is next.
  result<effects> move(nanoseconds now, transfer_id id, std::size_t place);
  /// Forgets a finished one (completed, failed, cancelled). The finished file stays.
  result<effects> clear(nanoseconds now, transfer_id id);

  // What happens. Users and connections nobody waits for are ignored.
  effects link_up(nanoseconds now, const std::string& user);
  effects link_down(nanoseconds now, const std::string& user);
  effects link_failed(nanoseconds now, const std::string& user);
  effects user_status(nanoseconds now, const std::string& user, presence how);
  /// A new session with the server: it knows of no watch() yet, and nobody's presence is known.
  effects session_began();
  /// offer, place, upload_failed, upload_denied; others are ignored.
  effects message(nanoseconds now, const std::string& user, const said::message& what);
  /// An F connection said its token.
  effects file_connection(nanoseconds now, connection_number connection, const std::string& user,
                          std::uint32_t token);
  /// How many of `count` bytes that came on this connection are to be written next; what is beyond the size
  /// is not, and counted.
  std::size_t admit(nanoseconds now, connection_number connection, std::size_t count);
  /// What comes next on it waits for us, not for the other side: that is no stall.
  void held_up(nanoseconds now, connection_number connection);
  /// So many of the admitted are on their way to the disk and will be read back.
  effects written(nanoseconds now, connection_number connection, std::uint64_t count);
  /// The other end closed, or it broke. Never after close_file.
  effects file_closed(nanoseconds now, connection_number connection);
  effects file_finished(nanoseconds now, transfer_id id, const std::string& path);
  /// The partial file it was to go on with, or be finished from, is no more: it begins anew.
  effects partial_lost(nanoseconds now, transfer_id id, const std::string& partial);
  /// Its partial file can't be opened, written or finished.
  effects disk_failed(nanoseconds now, transfer_id id, const std::string& why);
  effects set_limits(nanoseconds now, std::size_t max_running, std::size_t max_running_per_user);
  effects tick(nanoseconds now);
  std::optional<nanoseconds> next_deadline() const;

  /// Unfinished ones in their order, then finished ones, latest first; limit at most 1000.
  std::vector<fb::SoulseekTransferT> list(nanoseconds now, std::size_t offset, std::size_t limit) const;
  std::optional<fb::SoulseekTransferT> find(nanoseconds now, transfer_id id) const;
  /// The one that brought this user's file, if it is still listed.
  std::optional<transfer_id> completed(const std::string& user, const std::string& path) const {
    const auto it = completed_.find({user, path});
    return it == completed_.end() ? std::optional<transfer_id>() : it->second;
  }
  std::size_t size() const { return rows_.size(); }
  std::size_t unfinished() const { return order_.size(); }
  std::size_t running() const { return running_; }
  std::size_t running_of(const std::string& user) const;
  std::size_t asked_of(const std::string& user) const;
  std::size_t connections() const { return connections_.size(); }
  const download_counters& counters() const { return counters_; }

 private:
  using state = fb::SoulseekTransferState;
  using place_in_order = std::pair<std::uint64_t, transfer_id>;
  struct row {
    fb::SoulseekDownloadT kept;
    nanoseconds due{-1};  // of its state: next try, next poll, timeout; negative: none
    std::uint32_t token = 0;
    connection_number connection = 0;
    std::uint64_t admitted = 0;  // with what is on the disk
    bool closed = false;         // by the other end, with bytes on their way to the disk
    bool finishing = false;      // complete, and on its way to the download folder
    bool held_back = false;      // its user would begin, we are at a limit
    std::uint32_t silent = 0;    // polls in a row without an answer
    bool unanswered = false;     // the last poll
    std::uint32_t place = 0;
    std::uint32_t attempts = 0;  // in a row without a byte
    std::uint32_t read_errors = 0;
    std::optional<std::uint64_t> crashed_at;  // what was done when its user failed last
    std::uint64_t stored_done = 0;
    nanoseconds checkpoint{0};  // the last
    std::optional<nanoseconds> told;
    nanoseconds rate_since{0};
    std::uint64_t rate_from = 0, rate_last = 0;
  };
  struct user_row {
    presence status = presence::unknown;
    bool linked = false;
    nanoseconds link_due{-1};          // a link is being made until then; negative: none is
    std::set<place_in_order> waiting;  // to be asked for, and may be now
    std::set<transfer_id> unfinished, asked;
    std::size_t running = 0;
  };
  using key = std::pair<std::string, std::string>;

  // downloads.cpp: the rows and their indexes
  row* row_of(transfer_id id);
  row* row_of(const std::string& user, const std::string& path);
  row* row_on(connection_number connection);
  void index(row& r);
  void unindex(row& r);
  void enter(nanoseconds now, row& r, state to, nanoseconds due, effects& out);
  void leave(row& r);
  void set_due(row& r, nanoseconds due);
  void changed(nanoseconds now, row& r, effects& out);
  void tell_now(nanoseconds now, row& r, effects& out);
  void keep(row& r, bool sync, effects& out);
  void drop_partial(row& r, bool aside, effects& out);
  void forget_surplus(effects& out);
  void forget(transfer_id id, effects& out);
  void user_done(const std::string& name, effects& out);
  fb::SoulseekTransferT describe(nanoseconds now, const row& r) const;
  result<row*> command_row(transfer_id id);
  bool add_sources(fb::SoulseekDownloadT& kept, const std::vector<source>& others);
  std::string wire_path(const row& r) const;
  std::uint64_t order_at(std::size_t place, effects& out);

  // transfer_downloads_asking.cpp: whom to ask when
  void ask(nanoseconds now, const std::string& name, effects& out);
  void want_link(nanoseconds now, const std::string& name, effects& out);
  void link_lost(nanoseconds now, const std::string& name, effects& out);
  void poll(nanoseconds now, row& r, effects& out);
  void try_later(nanoseconds now, row& r, nanoseconds wait, effects& out);
  void say_asked(nanoseconds now, row& r, effects& out);
  /// It waits for its turn; after `wait` if that isn't 0.
  void queue(nanoseconds now, row& r, nanoseconds wait, effects& out);
  void set_back(nanoseconds now, row& r, refusal why, const std::string& text, effects& out);
  void give_up(nanoseconds now, row& r, effects& out);
  bool next_source(nanoseconds now, row& r, effects& out);
  void ask_held_back(nanoseconds now, effects& out);
  void retry_limited(nanoseconds now, const std::string& name, effects& out);
  void due_now(nanoseconds now, row& r, effects& out);

  // transfer_downloads_receiving.cpp: what the users say and send
  void hear(nanoseconds now, const std::string& from, const said::offer& what, effects& out);
  void hear(nanoseconds now, const std::string& from, const said::place& what, effects& out);
  void hear(nanoseconds now, const std::string& from, const said::upload_failed& what, effects& out);
  void hear(nanoseconds now, const std::string& from, const said::upload_denied& what, effects& out);
  bool take_size(nanoseconds now, row& r, std::uint64_t size_bytes, effects& out);
  bool has_room(const row& r) const;
  void stop_running(row& r, effects& out);
  bool still_moves(nanoseconds now, const row& r) const;
  void complete(nanoseconds now, row& r, effects& out);

  options how_;
  std::map<transfer_id, row> rows_;
  std::map<key, transfer_id> by_path_;  // unfinished ones
  std::map<key, transfer_id> completed_;
  std::map<std::string, user_row> users_;  // with unfinished files
  std::map<std::pair<std::string, std::uint32_t>, transfer_id> tokens_;
  std::map<connection_number, transfer_id> connections_;
  std::set<place_in_order> order_;                         // unfinished ones
  std::set<std::pair<std::uint64_t, transfer_id>> ended_;  // finished ones, in the order they ended
  std::set<std::pair<nanoseconds, transfer_id>> due_;
  std::set<std::pair<nanoseconds, transfer_id>> tell_due_;
  std::set<std::pair<nanoseconds, std::string>> link_due_;
  std::set<place_in_order> held_back_;
  std::size_t running_ = 0;
  std::uint64_t last_order_ = 0;
  download_counters counters_;
};

}  // namespace vsf::soulseek
