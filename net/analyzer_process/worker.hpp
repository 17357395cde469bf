#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "messages/schemas.hpp"

namespace vsf::net {

/// One vsf-analyzer process as its owner sees it. Not for threads to share, and the thread that starts it
/// must outlive it: the process is killed when that thread ends.
class worker {
 public:
  using clock = std::chrono::steady_clock;

  worker() = default;
  ~worker() { end(); }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// Starts the program and waits until it is locked up. `wake` becomes readable to stop early. Fails with
  /// what to do.
  result<void> start(const std::string& program, int wake);
  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }

  enum class outcome : std::uint8_t { answered, crashed, timed_out, stopped };
  struct answer {
    outcome how = outcome::stopped;
    record<fb::FileEntry> entry;
    std::string reason;  // of crashed
  };
  /// Has one file analysed. Anything but `answered` ends the process.
  answer ask(const record<fb::AnalyzeFile>& request, int file, clock::time_point deadline, int wake);

  /// Closes the socket, kills the process if it does not end by itself within `patience`, and takes its
  /// status: how it ended, for a person.
  std::string end(std::chrono::milliseconds patience = std::chrono::milliseconds(20));

 private:
  enum class wait_result : std::uint8_t { readable, timed_out, stopped };
  wait_result wait_readable(clock::time_point deadline, int wake) const;

  pid_t pid_ = -1;
  int socket_ = -1;
};

}  // namespace vsf::net
