#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "messages/types.hpp"

namespace vsf::sim {

/// One thing a user of a simulated node wanted, and what came of it. Metrics are computed from these records
/// alone, so that another program can compute them again from the file.
struct operation {
  enum class kind : std::uint8_t { resolve, download };
  /// fake: a file of another recording that a publisher tagged as this one. wrong: bytes nobody published.
  enum class outcome : std::uint8_t { pending, ok, empty, wrong, failed, node_died, timed_out, fake };

  kind what = kind::resolve;
  std::uint64_t started_us = 0;
  std::uint64_t elapsed_us = 0;
  std::size_t node = 0;
  mbid target;
  std::vector<std::size_t>
      holders_alive;              // when it ended: up, and serving the recording since before it began
  std::size_t holders_found = 0;  // candidates that really are such holders
  std::uint32_t replicas = 0;     // DHT nodes that answered
  std::uint32_t asked = 0;
  std::uint64_t bytes = 0;
  std::string sha256;  // of the finished file as read back from the node's disk
  outcome end = outcome::pending;
  std::string reason;
};

/// Collects the operations of a run and writes each as a line of JSON when it ends.
class operation_log {
 public:
  /// Without a path nothing is written. Fails when the file can't be created.
  static result<operation_log> open(const std::optional<std::string>& path);

  void write(const operation& done);
  const std::vector<operation>& operations() const { return done_; }

 private:
  std::vector<operation> done_;
  std::optional<std::ofstream> out_;
};

std::string to_json_line(const operation& op);

}  // namespace vsf::sim
