#include "tests/gateway/cli/vsf_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <sstream>

namespace vsf::cli::test {

namespace {

using clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::seconds(60);

/// Appends what can be read; false at the end.
bool drain(int from, std::string& into) {
  std::array<char, 4096> part{};
  const auto n = ::read(from, part.data(), part.size());
  if (n > 0) into.append(part.data(), static_cast<std::size_t>(n));
  return n > 0;
}

pid_t start(const std::vector<std::string>& arguments, int out, int err) {
  std::vector<char*> raw;
  std::string program = VSF_PROGRAM;
  raw.push_back(program.data());
  for (const auto& a : arguments) raw.push_back(const_cast<char*>(a.c_str()));
  raw.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  // A proxy in the environment must not come between vsf and its node.
  std::array<char*, 3> environment{const_cast<char*>("http_proxy=http://127.0.0.1:9"),
                                   const_cast<char*>("all_proxy=http://127.0.0.1:9"), nullptr};
  pid_t pid = -1;
  ::posix_spawn(&pid, VSF_PROGRAM, &actions, nullptr, raw.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

/// Both ends of a way the program's words come: [0] to read, [1] the program's.
using channel = std::array<int, 2>;

bool open_terminal(channel& ends) {
  ends[0] = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends[0] < 0 || ::grantpt(ends[0]) != 0 || ::unlockpt(ends[0]) != 0) return false;
  ends[1] = ::open(::ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
  winsize size{};
  size.ws_col = 100;
  size.ws_row = 30;
  return ends[1] >= 0 && ::ioctl(ends[1], TIOCSWINSZ, &size) == 0;
}

outcome run(const std::vector<std::string>& arguments, const std::string& interrupt_after, const channel& out,
            const channel& err) {
  outcome result;
  const auto begun = clock::now();
  const auto pid = start(arguments, out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);
  bool told = interrupt_after.empty();
  std::array<pollfd, 2> waiting{pollfd{out[0], POLLIN, 0}, pollfd{err[0], POLLIN, 0}};
  while ((waiting[0].fd >= 0 || waiting[1].fd >= 0) && clock::now() - begun < patience) {
    ::poll(waiting.data(), waiting.size(), 1000);
    if (waiting[0].revents != 0 && !drain(out[0], result.out)) waiting[0].fd = -1;
    if (waiting[1].revents != 0 && !drain(err[0], result.err)) waiting[1].fd = -1;
    if (!told && result.out.find(interrupt_after) != std::string::npos) {
      ::kill(pid, SIGINT);
      told = true;
    }
  }
  if (clock::now() - begun >= patience) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::close(out[0]);
  ::close(err[0]);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result.seconds = std::chrono::duration<double>(clock::now() - begun).count();
  return result;
}

}  // namespace

outcome run_vsf(const std::vector<std::string>& arguments, const std::string& interrupt_after) {
  channel out{};
  channel err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) return {};
  return run(arguments, interrupt_after, out, err);
}

outcome run_vsf_on_terminal(const std::vector<std::string>& arguments) {
  channel out{};
  channel err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || !open_terminal(err)) return {};
  return run(arguments, "", out, err);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace vsf::cli::test
