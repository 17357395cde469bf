#pragma once

#include <map>
#include <optional>
#include <string>

#include <sys/types.h>

#include "sim/fuzzer.hpp"

namespace vsf::sim {

/// Runs trials in processes of their own, several at once: a simulation is one thread, and one that crashes
/// takes nothing else with it. What comes of a trial depends on it alone.
class trial_pool {
 public:
  struct done {
    std::uint64_t number = 0;
    trial what;
    trial_result came;
  };

  trial_pool() = default;
  ~trial_pool();
  trial_pool(const trial_pool&) = delete;
  trial_pool& operator=(const trial_pool&) = delete;

  void begin(std::uint64_t number, trial what);
  std::size_t running() const { return running_.size(); }
  /// Waits for any of them; nothing: none is running.
  std::optional<done> wait();

  /// One alone.
  static trial_result run(const trial& what);

 private:
  struct process {
    std::uint64_t number = 0;
    trial what;
    pid_t id = 0;
    std::string said;
  };
  done finish(int pipe);

  std::map<int, process> running_;  // by the pipe it answers through
};

}  // namespace vsf::sim
