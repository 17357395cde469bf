#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/swarm/candidate_choice.hpp"
#include "actors/swarm/content_check.hpp"
#include "actors/swarm/source_logic.hpp"
#include "actors/swarm/token_bucket.hpp"
#include "actors/swarm/transfer_plan.hpp"
#include "messages/schemas.hpp"

namespace vsf::swarm {

/// What a transfer has seen since it was last asked.
struct transfer_counters {
  std::map<node_id, std::uint64_t> verified_from;  // bytes, by who sent them
  std::uint64_t bytes_received = 0;                // payload off the wire
  std::uint64_t bytes_verified = 0;
  std::uint64_t bytes_wasted = 0;  // received and of no use: wrong, unasked or late
  std::uint64_t bad_leaves = 0;
  std::uint64_t bad_proofs = 0;
  std::uint64_t sources_lost = 0;
  std::uint64_t sources_refused = 0;
  std::uint64_t sources_banned = 0;
  std::uint64_t resolves = 0;
  std::uint64_t sha256_mismatches = 0;
  std::uint64_t contents_agreed = 0;    // complete files whose content fits the recording
  std::uint64_t contents_unknown = 0;   // taken with nothing to compare with
  std::uint64_t contents_unread = 0;    // taken although the analyzer could not tell
  std::uint64_t contents_rejected = 0;  // of another recording: in quarantine
  std::uint64_t quarantine_removed = 0;
};

/// One download from the question who has it to the renamed file. Pure: its owner asks the resolver, runs
/// sources and the disk, and tells it what came of it.
///
/// Several sources are used at once, each with as much under way as its speed calls for. When nothing is left
/// to be asked for, a faster source takes over what a slower one still owes.
class transfer_logic {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  struct options {
    std::size_t max_active = 8;
    /// A file gets one source for each so many bytes, so that small ones don't bother many peers.
    std::uint64_t bytes_per_source = 2 << 20;
    std::uint32_t pieces_ahead = 4;  // proven and not asked for, beside one for 64 leaves under way
    std::uint32_t most_pieces_ahead = 64;
    /// A source that takes this much longer than another one loses what it owes to it.
    unsigned steal_factor = 2;
    nanoseconds steal_margin = std::chrono::milliseconds(100);
    /// While fewer sources than wanted are in use, the mesh is asked for more that often.
    nanoseconds look_interval = std::chrono::seconds(30);
    nanoseconds resolve_deadline = std::chrono::milliseconds(4900);
    nanoseconds mesh_recovery = std::chrono::seconds(30);
    nanoseconds first_backoff = std::chrono::seconds(2);
    nanoseconds last_backoff = std::chrono::seconds(60);
    nanoseconds refused_pause = std::chrono::minutes(10);
    /// Who has no free slot keeps one for us only if we ask often enough.
    nanoseconds last_busy_pause = std::chrono::seconds(15);
    /// Rounds of asking the mesh again, in vain, before a transfer that has bytes takes another encoding.
    unsigned rounds_before_fallback = 3;
    /// How often a full disk is looked at again.
    nanoseconds room_interval = std::chrono::seconds(30);
    std::uint64_t checkpoint_bytes = 4 << 20;
    nanoseconds checkpoint_interval = std::chrono::seconds(2);
    nanoseconds least_checkpoint_interval = std::chrono::milliseconds(250);
    nanoseconds status_interval = std::chrono::milliseconds(250);
    std::size_t max_sources = 64;  // remembered
    std::size_t max_hearsay = 24;  // of them, those that only another source named
    bool shares = false;           // peers may have what is here, and may name others that do likewise
    std::size_t max_banned = 256;
    std::uint64_t order = 0;            // of pieces: anything; downloaders had better differ
    std::size_t max_connections = 256;  // remembered
    /// The analyzer is asked that often, with pauses of first_backoff and more, before a file is taken
    /// unchecked.
    unsigned check_tries = 5;
    nanoseconds check_deadline = std::chrono::minutes(15);  // beyond any of the analyzer's own
    std::size_t max_rejections = 16;
  };
  enum class stored : std::uint8_t { buffered, synced };
  static constexpr std::size_t most_chunks = 256;

  // Effects.
  struct resolve {
    bool fresh = false;
  };
  struct connect {
    source_number source = 0;
    contact who;
    digest root;
    std::uint64_t size_bytes = 0;
    bool shares = false;
  };
  struct disconnect {
    source_number source = 0;
  };
  struct ask_proof {
    source_number source = 0;
    std::uint32_t piece = 0;
  };
  struct ask_data {
    source_number source = 0;
    transfer_plan::data_request what;
  };
  struct cancel_data {
    source_number source = 0;
    std::uint32_t request = 0;
  };
  // To the disk; an answer names the epoch it belongs to.
  struct open_disk {
    std::uint32_t epoch = 0;
    digest root;
    std::uint64_t size_bytes = 0;
    std::string partial_name;
    std::string finishing_as;
  };
  struct check_proof {
    std::uint32_t epoch = 0;
    source_number source = 0;
    std::uint32_t piece = 0;
    record<fb::OverlayMessage> message;
  };
  struct write_leaves {
    std::uint32_t epoch = 0;
    source_number source = 0;
    std::uint32_t first_leaf = 0;
    std::uint16_t count = 0;
    std::uint64_t wanted = 0;
    frame body;
  };
  struct checkpoint {
    std::uint32_t epoch = 0;
    fb::TransferRecordT transfer;
  };
  struct save {
    fb::TransferRecordT transfer;
    stored how = stored::buffered;
  };
  /// Looks into the complete partial file; content_seen() or content_unseen() is the answer.
  struct check {
    std::uint32_t epoch = 0;
    std::string partial_name;
    bool fingerprint = false;
  };
  /// Stores the bans and the record, then moves the partial file to quarantine.
  struct quarantine {
    fb::TransferRecordT transfer;
    std::string partial_name;
    std::uint64_t unix_ms = 0;
    std::vector<fb::OfferBanT> bans;
  };
  struct finish {
    std::uint32_t epoch = 0;
    fb::TransferRecordT transfer;
  };
  struct settle {
    fb::TransferRecordT transfer;
  };
  struct hash_file {
    std::uint32_t epoch = 0;
    std::string path;
  };
  struct discard {
    fb::TransferRecordT transfer;
    std::string partial_name;
  };
  struct forget {
    std::string partial_name;
  };
  /// Something a person should be told as an event.
  struct warn {
    std::string text;
  };
  using effect = std::variant<resolve, connect, disconnect, ask_proof, ask_data, cancel_data, open_disk,
                              check_proof, write_leaves, checkpoint, save, finish, settle, hash_file, discard,
                              forget, warn, check, quarantine>;
  using effects = std::vector<effect>;

  /// `who` is this node. `from` is the stored record of a transfer that is not at its end.
  transfer_logic(const node_id& who, fb::TransferRecordT from)
      : transfer_logic(who, std::move(from), options{}) {}
  transfer_logic(const node_id& who, fb::TransferRecordT from, options how);

  /// How the actor clock relates to wall time; before anything else.
  void know_time(nanoseconds now, std::uint64_t unix_ms);
  effects start(nanoseconds now);
  /// `banned` are those of the answer's offers that this node no longer takes.
  effects resolved(nanoseconds now, const fb::ResolveResult& answer, std::set<storage::offer> banned = {});
  /// The resolver itself or what it stands on was brought back: what was asked of the old one is asked again,
  /// and for a while hearing of nobody does not mean that there is nobody.
  effects mesh_restarted(nanoseconds now, bool resolver);

  /// `pieces`: what it has, unless all.
  effects source_opened(nanoseconds now, source_number source, const source_pace& pace,
                        const std::optional<bitmap>& pieces = {});
  effects source_has(nanoseconds now, source_number source, const std::vector<std::uint32_t>& pieces);
  /// Others that share what they have of this root, as a source of ours says.
  effects heard_of(nanoseconds now, source_number source, const std::vector<contact>& sharers);
  effects proof_came(nanoseconds now, source_number source, std::uint32_t piece,
                     const record<fb::OverlayMessage>& message);
  effects data_came(nanoseconds now, source_number source, const source_logic::data_came& what,
                    const source_pace& pace);
  effects request_failed(nanoseconds now, source_number source, std::uint32_t request,
                         const source_pace& pace);
  effects unasked(nanoseconds now, std::uint64_t bytes);
  effects source_over(nanoseconds now, source_number source, source_logic::end how,
                      const std::string& reason);

  struct disk_state {
    bitmap had;
    std::vector<std::uint32_t> proven;
    std::uint64_t bytes_kept = 0;
    std::uint64_t bytes_recovered = 0;
    std::string finished_path;
  };
  effects disk_opened(nanoseconds now, std::uint32_t epoch, const disk_state& what);
  effects proof_checked(nanoseconds now, std::uint32_t epoch, source_number source, std::uint32_t piece,
                        bool good);
  effects leaves_checked(nanoseconds now, std::uint32_t epoch, source_number source, std::uint32_t first_leaf,
                         std::uint16_t count, std::uint64_t good, std::uint64_t bad);
  effects checkpointed(nanoseconds now, std::uint32_t epoch);
  /// What the analyzer found in the complete file, or why it could not look.
  effects content_seen(nanoseconds now, std::uint32_t epoch, const fb::FileEntryT& found);
  effects content_unseen(nanoseconds now, std::uint32_t epoch, const std::string& reason);
  effects quarantined(nanoseconds now, std::uint64_t removed);
  effects finished(nanoseconds now, std::uint32_t epoch, const std::string& path);
  effects hashed(nanoseconds now, std::uint32_t epoch, const digest& sha256);
  effects hash_failed(nanoseconds now, std::uint32_t epoch, const std::string& reason);
  /// Anything the disk could not do. epoch 0: a save.
  /// `no_room`: it is only the free space, so it is tried again by itself.
  effects disk_failed(nanoseconds now, std::uint32_t epoch, const std::string& reason, bool no_room = false);

  effects cancel(nanoseconds now);
  effects retry(nanoseconds now);
  effects drop(nanoseconds now);  // forget
  effects pause(nanoseconds now);
  effects resume(nanoseconds now);
  effects prioritize(nanoseconds now, fb::Priority priority);
  effects set_rate(nanoseconds now, std::uint64_t bytes_per_s);
  effects tick(nanoseconds now);
  std::optional<nanoseconds> next_deadline() const;

  /// The status to tell others, if it changed and is due: at once for a new state, else at most 4 times a
  /// second.
  std::optional<fb::TransferStatusT> take_status(nanoseconds now);
  fb::TransferStatusT status() const;
  transfer_counters take_counters() { return std::exchange(counters_, {}); }
  /// It is over, whatever is asked of it later.
  bool is_final() const;
  /// Nothing more will happen without a command, once the disk has done what it was told.
  bool is_at_rest() const { return is_final() || status_.state == fb::TransferState::paused; }
  /// All traces are being removed.
  bool is_forgotten() const { return forgotten_; }

 private:
  struct known_source {
    source_number number = 0;
    contact who;
    std::size_t order = 0;
    fb::SourceState state = fb::SourceState::idle;
    bool parts = false;    // has, or should have, only parts
    bool hearsay = false;  // no publisher of the file: another source named it
    std::uint64_t bytes = 0;
    std::uint32_t bad_leaves = 0;
    source_pace pace{};
    std::uint32_t checking = 0;  // leaves from it, at the disk
    nanoseconds opened_at{0};
    nanoseconds heard{0};  // data, or when some became due
    unsigned failures = 0;
    nanoseconds retry_at{0};
    std::string reason{};
  };

  /// As of a bitmap that lacks so many bytes: they are counted when the next run finds them in the file.
  fb::TransferRecordT snapshot(std::uint64_t unsynced_bytes = 0) const;
  std::uint64_t unsynced_bytes() const;
  digest root() const { return from_fb<digest>(status_.variant->root()); }
  bool has_variant() const { return status_.variant != nullptr; }
  void set_state(fb::TransferState state, std::string reason = {});
  void end_with(nanoseconds now, fb::TransferState state, std::string reason, effects& out);
  void ask_resolver(nanoseconds now, effects& out);
  void first_answer(nanoseconds now, const fb::ResolveResult& answer,
                    const std::vector<variant_choice>& choices, effects& out);
  void later_answer(nanoseconds now, const std::vector<variant_choice>& choices, effects& out);
  void ask_later(nanoseconds now);
  bool in_vain_for_now(nanoseconds now);
  void take_sources(const variant_choice& choice);
  void choose(nanoseconds now, const variant_choice& choice, effects& out);
  bool usable(nanoseconds now, const known_source& s) const;
  bool offers_source(nanoseconds now, const variant_choice& choice) const;
  known_source* by_number(source_number number);
  known_source* best_source(nanoseconds now, bool parts);
  std::size_t active(bool parts) const;
  bool can_flow() const;
  void close_sources(effects& out);
  void stop(effects& out);
  void open(effects& out);
  void step(nanoseconds now, effects& out);
  void pump(nanoseconds now, effects& out);
  bool ask_one(nanoseconds now, known_source& s, effects& out);
  bool ask_run(nanoseconds now, known_source& s, const transfer_plan::data_request& request, effects& out);
  std::optional<std::uint16_t> room(nanoseconds now, const known_source& s);
  bool take_over(nanoseconds now, known_source& s, effects& out);
  nanoseconds time_left(nanoseconds now, const known_source& s) const;
  std::uint32_t pieces_ahead() const;
  std::size_t wanted_sources() const;
  void waste(std::uint64_t bytes);
  std::vector<known_source*> active_sources();
  void ban(nanoseconds now, known_source& s, std::string reason, effects& out);
  void maybe_checkpoint(nanoseconds now, effects& out);
  void look_for_room(nanoseconds now, effects& out);
  void begin_check(nanoseconds now, effects& out);
  void ask_analyzer(nanoseconds now, effects& out);
  void end_check(content_finding finding, effects& out);
  void check_tick(nanoseconds now, effects& out);
  void reject(nanoseconds now, const std::string& why, effects& out);
  void end_rejected(nanoseconds now, effects& out);
  void note_rejection(nanoseconds now, const publisher_claim* whose, const std::string& why);
  void learn(const fb::ResolveResult& answer, std::set<storage::offer> banned);
  bool refuses(const public_key& publisher, const digest& which) const;
  bool refuses_any(const fb::ResolveResult& answer) const;
  void begin_finish(effects& out);
  std::string waiting_reason() const;
  nanoseconds backoff(unsigned failures) const;
  std::uint64_t wall_ms(nanoseconds now) const;
  bool is_running() const;
  std::optional<nanoseconds> checkpoint_due() const;

  struct pending_check {
    unsigned tries = 0;
    nanoseconds due{0};  // no answer until then, or to be asked again
    bool asked = false;
  };

  node_id self_;
  options how_;
  fb::TransferStatusT status_;
  std::string partial_name_;
  std::map<digest, std::set<static_key>> banned_;    // by root
  std::map<static_key, known_source> sources_;       // of the current root
  std::map<source_number, static_key> connections_;  // also ended ones: their leaves may still be checked
  source_number next_source_ = 1;
  std::optional<transfer_plan> plan_;  // while the partial file is open
  std::uint32_t epoch_ = 0;
  bool opening_ = false;
  bool opened_once_ = false;
  bool looking_for_room_ = false;  // queued, and the partial file is being opened
  bool finishing_ = false;
  std::optional<pending_check> check_;      // while the complete file is with the analyzer
  std::vector<publisher_claim> claims_;     // of the last answer that had any
  std::set<storage::offer> banned_offers_;  // of the last answer
  std::string rejected_partial_;            // on its way to quarantine
  token_bucket bucket_;
  std::optional<nanoseconds> resolve_due_;     // no answer until then: none will come
  std::optional<nanoseconds> recovers_until_;  // something below the resolver was brought back
  std::optional<nanoseconds> resolve_again_;   // back-off
  std::optional<nanoseconds> last_resolve_;
  unsigned vain_rounds_ = 0;
  std::optional<nanoseconds> room_again_;  // waits for room on a disk until it is looked at again
  std::optional<nanoseconds> bucket_wait_;
  std::optional<nanoseconds> steal_wait_;  // somebody is idle and somebody may turn out too slow
  source_number last_asked_ = 0;           // sources take turns
  std::uint64_t unsynced_bytes_ = 0;
  std::uint64_t in_checkpoint_ = 0;
  bool checkpointing_ = false;
  nanoseconds last_checkpoint_{0};
  nanoseconds unsynced_since_{0};
  bool dirty_ = true;
  bool urgent_ = true;
  nanoseconds last_told_{0};
  bool forgotten_ = false;
  std::int64_t wall_offset_ms_ = 0;  // unix time less actor time
  transfer_counters counters_;
};

}  // namespace vsf::swarm
