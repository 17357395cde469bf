#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "messages/types.hpp"

namespace vsf::sim {

// The lines of an operation log (docs/simulator.md, "The operation log"): JSON objects whose `record` says
// what they are, or that have an `op`. Times are virtual microseconds since the run began. Nodes are numbered
// from 0.

/// The first line: what was run.
struct run_record {
  std::string scenario;  // YAML
  std::uint64_t seed = 0;
  std::size_t nodes = 0;
  std::string crypto;
  std::string network;                 // what leaves are signed for
  std::uint64_t unix_ms_at_start = 0;  // of a node whose clock is right
  std::uint64_t memory_bytes = 0;      // of the process before there was a world
};

/// A recording that somebody shares, with the files that pass for it.
struct recording_record {
  struct encoding {
    std::uint64_t size = 0;
    digest root;
    digest sha256;
    bool genuine = true;
  };
  vsf::mbid mbid;
  std::vector<encoding> encodings;
};

/// From now on this node is up, or is not.
struct node_record {
  std::uint64_t at_us = 0;
  std::size_t node = 0;
  std::string what;  // up, power_cut, process_kill
  node_id id;
  public_key key;  // signs its leaves
};

/// A file in a node's library.
struct share_record {
  std::size_t node = 0;
  vsf::mbid mbid;
  digest root;
};

struct fault_record {
  std::uint64_t at_us = 0;
  std::string what;
  double value = 0;
  double for_s = 0;
  std::vector<std::size_t> nodes;
};

/// One thing a user of a simulated node wanted, and what came of it. Metrics are computed from these records
/// alone, so that another program can compute them again from the file.
struct operation {
  enum class kind : std::uint8_t { resolve, download, soulseek_download };
  /// fake: a file of another recording that a publisher tagged as this one. wrong: bytes nobody published.
  enum class outcome : std::uint8_t { pending, ok, empty, wrong, failed, node_died, timed_out, fake };
  /// Somebody a resolve named whose address is known.
  struct candidate {
    static constexpr std::int64_t nobody = -1;
    std::int64_t node = nobody;  // `nobody`: no node of this run has that id
    digest root;
    std::uint64_t issued_at_s = 0;  // of the leaf that says so, unix time
  };

  kind what = kind::resolve;
  std::uint64_t started_us = 0;
  std::uint64_t elapsed_us = 0;
  std::size_t node = 0;
  mbid target;
  /// When it ended: up, and serving the recording since before it began.
  std::vector<std::size_t> holders_alive;
  std::size_t holders_found = 0;  // candidates that really are such holders
  std::vector<candidate> candidates;
  std::uint32_t replicas = 0;  // DHT nodes that answered
  std::uint32_t asked = 0;
  std::uint64_t bytes = 0;
  std::string sha256;  // of the finished file as read back from the node's disk
  outcome end = outcome::pending;
  std::string reason;
};

/// A supervisor brought an actor back.
struct restart_record {
  std::uint64_t at_us = 0;
  std::size_t node = 0;
  std::string path;
  std::string reason;
};

/// What telemetry of one node said.
struct sample_record {
  std::uint64_t at_us = 0;
  std::size_t node = 0;
  std::uint64_t mailbox = 0;  // the largest
  std::string mailbox_of;
  std::map<std::string, std::int64_t> gauges;  // queues, caches and tables: "dht.contacts"
  std::uint64_t memory_bytes = 0;              // of the whole process
  std::uint64_t disk_bytes = 0;                // of that: what the simulated disks hold
};

/// The bytes of a signed leaf; comes before all that name its hash.
struct leaf_record {
  digest hash;  // SHA-256 of the bytes
  bytes raw;
};

/// A put ended: these nodes said that they keep this leaf.
struct ack_record {
  std::uint64_t at_us = 0;
  std::size_t node = 0;
  dht_key key;
  public_key publisher;
  std::uint64_t seq = 0;
  digest hash;
  std::vector<std::size_t> holders;
};

/// At the end a live node holds this leaf for others.
struct stored_record {
  std::size_t node = 0;
  dht_key key;
  public_key publisher;
  std::uint64_t seq = 0;
  std::uint32_t ttl_s = 0;
  std::uint64_t lease_ends_ms = 0;  // unix time by its own clock
  digest hash;
};

/// The last line.
struct end_record {
  std::uint64_t at_us = 0;
  std::uint64_t records = 0;  // all lines with this one
};

using log_record =
    std::variant<run_record, recording_record, node_record, share_record, fault_record, operation,
                 restart_record, sample_record, leaf_record, ack_record, stored_record, end_record>;

/// One line without its end.
std::string to_json_line(const log_record& what);
/// An error says what is wrong with the line.
result<log_record> parse_log_line(std::string_view line);

const char* name_of(operation::kind what);
const char* name_of(operation::outcome end);

}  // namespace vsf::sim
