#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "actors/swarm/peer_traffic.hpp"
#include "actors/swarm/shared_files.hpp"
#include "actors/swarm/source_logic.hpp"
#include "actors/swarm/token_bucket.hpp"
#include "actors/swarm/tree_cache.hpp"
#include "actors/swarm/upload_slots.hpp"
#include "messages/schemas.hpp"

namespace vsf::swarm {

struct upload_counters {
  std::uint64_t bytes_served = 0;  // of files, taken by sessions
  std::uint64_t frames_served = 0;
  std::uint64_t frames_dropped = 0;  // not taken: the session was at its end
  std::uint64_t proofs_served = 0;
  std::uint64_t roots_opened = 0;
  std::uint64_t trees_built = 0;         // by reading a file
  std::uint64_t trees_loaded = 0;        // kept on disk from an earlier time
  std::uint64_t kept_trees_evicted = 0;  // on disk, for others
  std::uint64_t kept_trees_corrupt = 0;  // damaged, and made again
  std::uint64_t kept_tree_errors = 0;    // of the store
  std::uint64_t files_gone = 0;          // changed or vanished under us
  std::uint64_t parts_opened = 0;        // roots of which a download has some pieces
  std::uint64_t part_proofs_served = 0;
  std::uint64_t sharers_told = 0;  // contacts, to others that fetch the same root
  std::uint64_t sessions_refused = 0;
  std::array<std::uint64_t, 6> denied{};  // by fb::DenyReason
};

/// What peers may have of us, in which order and how fast. Pure: files are read and frames sent by its owner.
///
/// Peers need one of the upload slots (upload_slots) to open a root. Sessions take turns frame by frame, and
/// within a session its channels do, so that a deep queue on one starves no other. A Denied without a request
/// closes its channel.
class upload_logic {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  using session_number = std::uint64_t;
  struct options {
    std::size_t max_sessions = 512;
    std::size_t max_channels_per_session = 8;
    /// A session that has more waiting may add only to channels that have less than their even share of it.
    std::size_t max_requests_per_session = 512;
    std::size_t max_proofs_per_session = 64;
    std::size_t frames_in_flight_per_session = 8;  // being read or not yet taken by the session
    std::size_t reads_in_flight = 16;
    std::uint16_t leaves_per_frame = 3;
    std::size_t tree_cache_bytes = 8 << 20;
    std::uint64_t rate_bytes_per_s = 0;       // 0: no limit
    std::uint64_t peer_rate_bytes_per_s = 0;  // of each session; 0: no limit
    upload_slots::options slots{};
    /// Of those that fetch one root and share it, so many are named to each other.
    std::size_t max_sharers_told = 8;
    bool shares_parts = true;
    std::size_t max_parts = 256;
    /// How often a file that is being served is compared with what the library knows of it.
    nanoseconds recheck = std::chrono::seconds(1);
  };

  // Effects. Answers name the ticket.
  struct say {
    session_number session = 0;
    record<fb::OverlayMessage> message;
  };
  struct open_file {
    std::uint64_t ticket = 0;
    digest root;
  };
  struct read_leaves {
    std::uint64_t ticket = 0;
    shared_file_ptr file;
    std::uint32_t first_leaf = 0;
    std::uint16_t count = 0;
    bool recheck = false;
  };
  struct hash_file {
    shared_file_ptr file;
  };
  struct read_proof {
    std::uint64_t ticket = 0;
    storage::shared_part_ptr part;
    std::uint32_t piece = 0;
  };
  struct send_frame {
    session_number session = 0;
    std::uint16_t channel = 0;
    std::uint32_t request = 0;
    std::uint32_t first_leaf = 0;
    std::uint16_t count = 0;
    frame whole;  // as shared_files read it
  };
  using effect = std::variant<say, open_file, read_leaves, hash_file, read_proof, send_frame>;
  using effects = std::vector<effect>;

  upload_logic() : upload_logic(options{}) {}
  explicit upload_logic(options how);

  /// `who` is whose session that is; always the same for one number. `reachable` is how others dial it.
  effects message(nanoseconds now, session_number session, const node_id& who, const fb::OverlayMessage& what,
                  const std::optional<contact>& reachable = {});
  effects session_ended(nanoseconds now, session_number session);
  effects file_opened(nanoseconds now, std::uint64_t ticket, const shared_files::opening& what);
  effects leaves_read(nanoseconds now, std::uint64_t ticket, const shared_files::reading& what);
  effects file_hashed(nanoseconds now, const digest& root, const shared_files::hashing& what);
  effects proof_read(nanoseconds now, std::uint64_t ticket, const std::optional<piece_proof>& proof);
  /// A download has these pieces since.
  effects part_grew(nanoseconds now, const storage::shared_part_ptr& part,
                    const std::vector<std::uint32_t>& pieces);
  /// The session took a frame, or dropped it.
  effects frame_sent(nanoseconds now, session_number session, bool taken);
  /// Limits that hold from now on.
  effects set_limits(nanoseconds now, const fb::TransferLimits& limits);
  effects tick(nanoseconds now);
  std::optional<nanoseconds> next_deadline() const { return wait_; }

  const upload_counters& counters() const { return counters_; }
  /// That are remembered: they have or had a slot.
  std::size_t sessions() const { return sessions_.size(); }
  std::size_t channels() const { return channels_; }
  std::size_t requests_queued() const;
  const upload_slots& slots() const { return slots_; }
  const peer_traffic& traffic() const { return traffic_; }
  const tree_cache& trees() const { return trees_; }

 private:
  struct request {
    std::uint32_t id = 0;
    std::uint32_t next_leaf = 0;
    std::uint16_t left = 0;
  };
  struct channel {
    digest root;
    std::uint64_t born = 0;     // the ticket it was opened with
    std::uint64_t opening = 0;  // the same; 0 once open
    shared_file_ptr file;
    nanoseconds rechecked{0};
    std::vector<std::uint32_t> proofs;  // pieces asked for while the tree is being built or the proof is read
    bool shares = false;                // the peer serves what it has of this root
    std::set<node_id> told;             // of whom it was told
    std::deque<request> requests;
  };
  struct session {
    node_id who;
    std::optional<contact> reachable;
    std::map<std::uint16_t, channel> channels;
    std::size_t requests = 0;        // of all channels
    std::uint16_t last_channel = 0;  // whose turn it was
    std::size_t in_flight = 0;
    std::deque<std::uint32_t> untaken;  // bytes of the frames that were sent and are not taken yet
    std::size_t proofs = 0;
    token_bucket bucket;
    bool remembered = false;  // until it ends: a new bucket would be full again
  };
  /// The next frame of a session.
  struct serving {
    session_number number = 0;
    session* of = nullptr;
    std::map<std::uint16_t, channel>::iterator at;
    std::uint16_t count = 0;
    std::uint64_t length_bytes = 0;
  };
  struct read_job {
    session_number session = 0;  // 0 once it ended
    std::uint16_t channel = 0;
    std::uint64_t born = 0;  // of the channel: one opened anew under its number is another
    std::uint32_t request = 0;
    std::uint32_t first_leaf = 0;
    std::uint16_t count = 0;
    shared_file_ptr file;
  };
  struct proof_job {
    session_number session = 0;
    std::uint16_t channel = 0;
    std::uint64_t born = 0;
    std::uint32_t piece = 0;
  };
  struct open_job {
    session_number session = 0;
    std::uint16_t channel = 0;
  };

  void deny(session_number to, std::uint16_t number, std::uint32_t request, fb::DenyReason reason,
            effects& out);
  void close(nanoseconds now, session_number from, session& s, std::uint16_t number);
  void close_all(nanoseconds now, const std::vector<node_id>& whose, effects& out);
  void open_root(nanoseconds now, session_number from, session& s, const fb::OpenRoot& what, effects& out);
  void get_proof(nanoseconds now, session_number from, session& s, const fb::GetProof& what, effects& out);
  void get_data(nanoseconds now, session_number from, session& s, const fb::GetData& what, effects& out);
  void say_proof(session_number to, std::uint16_t number, const piece_proof& proof, std::uint32_t piece,
                 effects& out);
  shared_file_ptr part_of(const digest& root) const;
  bool has_leaves(const channel& c, std::uint32_t first, std::uint16_t count) const;
  void introduce(session_number number, session& s, std::uint16_t at, effects& out);
  void tell(session_number to, std::uint16_t number, const std::vector<contact>& whom, effects& out);
  void cancel(session_number from, session& s, const fb::Cancel& what);
  void mark_waited_for(nanoseconds now);
  void file_lost(nanoseconds now, const digest& root, file_problem problem, effects& out);
  void pump(nanoseconds now, effects& out);
  serving frame_of(session_number number, session& s) const;
  std::optional<serving> next_turn(nanoseconds now);
  void erase_if_empty(session_number number);

  options how_;
  std::map<session_number, session> sessions_;
  std::map<std::uint64_t, open_job> opening_;
  std::map<std::uint64_t, read_job> reading_;
  std::map<digest, bool> hashing_;
  std::map<std::uint64_t, proof_job> proving_;
  std::map<digest, std::weak_ptr<const storage::shared_part>> parts_;
  std::set<session_number> wanting_;  // those with requests
  upload_slots slots_;
  peer_traffic traffic_;
  tree_cache trees_;
  token_bucket bucket_;
  std::optional<nanoseconds> wait_;
  session_number last_served_ = 0;
  std::size_t channels_ = 0;
  std::uint64_t next_ticket_ = 1;
  upload_counters counters_;
};

}  // namespace vsf::swarm
