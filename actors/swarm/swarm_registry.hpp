#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "messages/schemas.hpp"
#include "net/crypto/random.hpp"

namespace vsf::swarm {

/// What the swarm knows of all its transfers: which there are, which may run now, and what to tell about them
/// when. Pure.
class swarm_registry {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  struct options {
    std::size_t max_running = 8;          // moving, or looking for their first source
    std::size_t max_actors = 256;         // with those that wait for sources or room on the disk
    std::size_t max_unfinished = 10'000;  // FetchStart is refused beyond
    std::size_t max_finished = 1'000;     // the oldest are forgotten
    nanoseconds event_interval = std::chrono::milliseconds(250);
    /// Of those that run, how many may look for their first source at the same time: an answer has to come
    /// within 5 s, and a DHT that is asked for hundreds of recordings at once can't give all of them in time.
    std::size_t max_resolving = 32;
  };

  swarm_registry() : swarm_registry(options{}) {}
  explicit swarm_registry(options how) : how_(how) {}

  /// A transfer from the store.
  void restore(fb::TransferStatusT status);

  struct started {
    record<fb::TransferStatus> status;
    bool is_new = false;
  };
  /// The unfinished transfer of this MBID, or a new one that waits for its turn. Fails beyond max_unfinished.
  result<started> start(const mbid& what, fb::Priority priority, std::uint64_t unix_ms,
                        crypto::random_source& random);
  const record<fb::TransferStatus>* find(const std::string& id) const;
  /// The same with its place in the queue; of a known transfer.
  record<fb::TransferStatus> describe_one(const std::string& id) const;
  /// Newest first; limit at most 1000.
  fb::TransferListT list(std::uint32_t offset, std::uint32_t limit) const;

  void set_max_running(std::size_t most) { how_.max_running = most; }
  bool waits(const std::string& id) const;
  // Of a known transfer without an actor that is not at its end:
  /// Takes it out of the queue.
  void pause(const std::string& id);
  /// Puts a paused one back to where it was.
  void resume(const std::string& id);
  void prioritize(const std::string& id, fb::Priority priority);
  /// Gives a waiting one another place among those of its priority, 0 is next. The ids whose queue_order
  /// changed.
  std::vector<std::string> move(const std::string& id, std::uint32_t place);

  /// Ids whose turn has come; they count as having an actor from now on.
  std::vector<std::string> take_turns();
  /// This one gets an actor whatever the others do.
  void run_now(const std::string& id);
  bool has_actor(const std::string& id) const { return actors_.count(id) != 0; }
  void actor_gone(const std::string& id) { actors_.erase(id); }
  void update(const record<fb::TransferStatus>& status);
  void erase(const std::string& id);
  /// Ids of finished transfers beyond the bound, oldest first: to be forgotten.
  std::vector<std::string> surplus() const;

  /// Transfers that changed and may be told of now; at most one event per transfer and interval.
  std::vector<record<fb::TransferStatus>> take_events(nanoseconds now);
  std::optional<nanoseconds> next_event() const;

  /// What each transfer that moves bytes now may use of a limit; by priority, 1 : 3 : 9.
  std::map<std::string, std::uint64_t> shares(std::uint64_t limit_bytes_per_s) const;
  std::size_t count(fb::TransferState state) const;
  std::size_t size() const { return rows_.size(); }

 private:
  struct row {
    record<fb::TransferStatus> status;
    std::optional<nanoseconds> told;
  };
  static bool is_final(fb::TransferState s) {
    return s == fb::TransferState::done || s == fb::TransferState::failed ||
           s == fb::TransferState::cancelled;
  }
  /// Higher priority first, then by queue_order.
  using turn = std::tuple<int, std::uint64_t, std::string>;
  static turn turn_of(const fb::TransferStatusT& status);
  bool takes_a_place(const row& r) const;
  static bool looks_for_first_source(const row& r);
  void change(const std::string& id, const std::function<void(fb::TransferStatusT&)>& how);
  std::map<std::string, std::uint32_t> places() const;

  options how_;
  std::map<std::string, row> rows_;
  std::set<std::pair<std::uint64_t, std::string>> by_age_;  // created_ms, id
  std::map<mbid, std::string> unfinished_;
  std::set<std::string> actors_;
  std::set<turn> waiting_;
  std::set<std::string> changed_;
};

/// "Recording 5b11f4ce-...: transferring, 45% of 30.1 MiB" for people.
std::string describe(const fb::TransferStatus& status);

}  // namespace vsf::swarm
