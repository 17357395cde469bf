#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

extern char** environ;

namespace vsf::test {

/// A process of ours with its standard input and output on pipes; killed with the object.
class child_process {
 public:
  explicit child_process(std::vector<std::string> arguments) {
    std::array<int, 2> in{}, out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::vector<char*> argv;
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    const int code = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    in_ = in[1];
    out_ = out[0];
    if (code != 0) throw std::runtime_error("can't start " + arguments[0]);
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {
    kill_now();
    wait();
    close_input();
    ::close(out_);
  }

  /// The next line, without its end; nullopt at the end of the output or after 30 s of silence.
  std::optional<std::string> read_line() {
    for (;;) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        auto line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      pollfd wait_for{out_, POLLIN, 0};
      if (::poll(&wait_for, 1, 30'000) <= 0) return std::nullopt;
      std::array<char, 4096> part{};
      const auto n = ::read(out_, part.data(), part.size());
      if (n <= 0) return std::nullopt;
      buffer_.append(part.data(), static_cast<std::size_t>(n));
    }
  }
  void close_input() {
    if (in_ >= 0) ::close(in_);
    in_ = -1;
  }
  void kill_now() {
    if (!status_) ::kill(pid_, SIGKILL);
  }
  /// The exit code, or minus the signal that ended it.
  int wait() {
    if (!status_) {
      int status = 0;
      ::waitpid(pid_, &status, 0);
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    return *status_;
  }

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  std::string buffer_;
  std::optional<int> status_;
};

}  // namespace vsf::test
