#pragma once

#include <memory>
#include <variant>

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "actors/interfaces.hpp"
#include "actors/swarm/shared_files.hpp"
#include "actors/swarm/source_logic.hpp"
#include "actors/swarm/transfer_disk.hpp"
#include "actors/swarm/transfer_logic.hpp"
#include "actors/swarm/upload_logic.hpp"

/// The actors inside the swarm: swarm -> transfer -> source, two disk workers that all transfers share;
/// uploads -> engine and its file workers.
namespace vsf::swarm {

// ---- Downloads

/// What a transfer tells the swarm beside its status.
struct transfer_news {
  std::string transfer;
  transfer_counters counted;   // since the last news
  bool over = false;           // it has nothing more to do and waits to be ended
  bool forgotten = false;      // its record is gone
  std::uint64_t controls = 0;  // commands it has carried out
};

/// From a source to its transfer.
struct source_report {
  source_number source = 0;
  source_logic::effect what;
  source_pace pace{};
};
/// From a transfer to one of its sources.
struct source_order {
  std::variant<transfer_logic::ask_proof, transfer_logic::ask_data, transfer_logic::cancel_data> what;
};

/// A command for a transfer's disk; one of transfer_logic's effects.
using disk_command =
    std::variant<transfer_logic::open_disk, transfer_logic::check_proof, transfer_logic::write_leaves,
                 transfer_logic::checkpoint, transfer_logic::save, transfer_logic::finish,
                 transfer_logic::settle, transfer_logic::hash_file, transfer_logic::discard,
                 transfer_logic::forget, transfer_logic::quarantine>;
/// What came of it: exactly one for each command, in the same order.
struct disk_answer {
  struct opened {
    transfer_logic::disk_state state;
    storage::shared_part_ptr part{};
  };
  struct proved {
    source_number source = 0;
    std::uint32_t piece = 0;
    bool good = false;
  };
  struct wrote {
    source_number source = 0;
    std::uint32_t first_leaf = 0;
    std::uint16_t count = 0;
    std::uint64_t good = 0, bad = 0;
    storage::shared_part_ptr part{};  // if it has more since
    std::vector<std::uint32_t> completed{};
  };
  struct checkpointed {};
  struct finished {
    std::string path;
  };
  struct hashed {
    digest sha256;
  };
  struct hash_failed {
    std::string reason;
  };
  struct quarantined {
    std::uint64_t removed = 0;  // older files that had to go
  };
  struct done {};
  struct failed {
    std::string reason;
    bool no_room = false;  // a disk of the downloads is too full
  };
  std::uint32_t epoch = 0;
  std::variant<opened, proved, wrote, checkpointed, finished, hashed, hash_failed, quarantined, done, failed>
      what;
};
/// The transfer's part of the download limit.
struct rate_share {
  std::uint64_t bytes_per_s = 0;  // 0: no limit
};
struct disk_job;

/// One download. Rebuilds itself from the store when it is started.
using transfer_actor = caf::typed_actor<
    // Carries out a command; the answer is the status after it.
    caf::replies_to<record<fb::FetchControl>>::with<record<fb::TransferStatus>>,
    // The resolver's answer.
    caf::reacts_to<record<fb::ResolveResult>>,
    // From its sources and its disk worker.
    caf::reacts_to<source_report>, caf::reacts_to<disk_answer>,
    // What the analyzer found in the complete file; the id is the epoch.
    caf::reacts_to<file_analyzed>,
    // From the swarm.
    caf::reacts_to<rate_share>,
    // Common.
    caf::reacts_to<component_links>, caf::reacts_to<alarm>, caf::reacts_to<restart_child>>;

/// Does the blocking work of transfers, one command after the other; a thread of its own in a daemon.
using disk_worker_actor = caf::typed_actor<caf::reacts_to<disk_job>, caf::reacts_to<alarm>>;

struct disk_job {
  std::shared_ptr<transfer_disk> disk;  // of one transfer; only its worker touches it
  disk_command command;
  transfer_actor answer_to;
};

/// One peer as a source of one transfer: dials, opens the root on a channel, asks and hands on. Ends with the
/// session.
using source_actor = caf::typed_actor<
    // From its transfer.
    caf::reacts_to<source_order>,
    // From the overlay.
    caf::reacts_to<overlay_up>, caf::reacts_to<overlay_failed>, caf::reacts_to<channel_message>,
    caf::reacts_to<channel_data>, caf::reacts_to<channel_closed>,
    // Common.
    caf::reacts_to<alarm>>;

// ---- Uploads

struct file_job;
/// What came of a file_job.
struct file_answer {
  struct opened {
    std::uint64_t ticket = 0;
    shared_files::opening what;
  };
  struct read {
    std::uint64_t ticket = 0;
    shared_files::reading what;
  };
  struct hashed {
    digest root;
    shared_files::hashing what;
  };
  struct proved {
    std::uint64_t ticket = 0;
    std::optional<piece_proof> proof;
  };
  std::variant<opened, read, hashed, proved> what;
};
/// A session took (or dropped) a data frame.
struct session_credit {
  std::uint64_t session = 0;
  bool taken = true;
};
/// A session's actor ended.
struct session_gone {
  std::uint64_t session = 0;
};

/// Serves peers: who may have what, in which order and how fast. Loses its channels when it fails; peers open
/// them again.
using upload_engine_actor =
    caf::typed_actor<caf::reacts_to<session_request>, caf::reacts_to<session_credit>,
                     caf::reacts_to<session_gone>, caf::reacts_to<file_answer>, caf::reacts_to<part_grew>,
                     caf::reacts_to<record<fb::TransferLimits>>,
                     // Common.
                     caf::reacts_to<component_links>, caf::reacts_to<report_request>, caf::reacts_to<alarm>>;

/// Reads or hashes files of the library; a thread of its own in a daemon.
using file_worker_actor = caf::typed_actor<caf::reacts_to<file_job>, caf::reacts_to<alarm>>;

using file_command = std::variant<upload_logic::open_file, upload_logic::read_leaves, upload_logic::hash_file,
                                  upload_logic::read_proof>;
struct file_job {
  file_command command;
  upload_engine_actor answer_to;
};

}  // namespace vsf::swarm

#define VSF_SWARM_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::swarm::type)
VSF_SWARM_MESSAGE(source_report)
VSF_SWARM_MESSAGE(source_order)
VSF_SWARM_MESSAGE(disk_answer)
VSF_SWARM_MESSAGE(rate_share)
VSF_SWARM_MESSAGE(disk_job)
VSF_SWARM_MESSAGE(file_job)
VSF_SWARM_MESSAGE(file_answer)
VSF_SWARM_MESSAGE(session_credit)
VSF_SWARM_MESSAGE(session_gone)
#undef VSF_SWARM_MESSAGE
