#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/analyzer_process/analyzer.hpp"

namespace vsf::net {

struct analyzer_settings {
  /// The vsf-analyzer program; empty: the one beside the running executable.
  std::string program;
  /// Processes, each with a thread here; started when first needed.
  std::uint32_t workers = 1;
  /// Files that wait; what comes beyond them is refused with an error.
  std::size_t max_waiting = 4096;
  /// A file may take this long by the clock, and longer by its size (20 MiB/s, a busy network disk).
  std::uint32_t deadline_base_ms = 60'000;
  std::uint32_t deadline_per_mib_ms = 50;
  /// A process that has done as many files is replaced by a fresh one.
  std::uint32_t files_per_worker = 1000;
};

struct analyzer_counters {
  std::atomic<std::uint64_t> analyzed{0};  // files answered, good or with a problem
  std::atomic<std::uint64_t> problems{0};
  std::atomic<std::uint64_t> refused_full{0};  // too many waited
  std::atomic<std::uint64_t> unreadable{0};    // could not be opened
  std::atomic<std::uint64_t> started{0};       // processes
  std::atomic<std::uint64_t> crashed{0};       // processes that ended over a file
  std::atomic<std::uint64_t> timed_out{0};     // processes ended over a file by its deadline
};

/// A pool of vsf-analyzer processes, one file at a time each. A process that crashes or hangs costs its file
/// only and is replaced with the next one. They end with this object (whose destructor leaves no zombie and
/// answers every waiting file with an error) and with this process.
class analyzer_process final : public analyzer {
 public:
  explicit analyzer_process(analyzer_settings settings);
  ~analyzer_process() override;

  void analyze(std::string path, analyze_options what, done on_done) override;

  const analyzer_counters& counters() const;
  std::size_t waiting() const;
  /// The processes that run now.
  std::vector<int> process_ids() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Where vsf-analyzer is looked for without a setting.
std::string analyzer_beside_this_program();

}  // namespace vsf::net
