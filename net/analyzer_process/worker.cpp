#include "net/analyzer_process/worker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "net/analyzer_process/wire.hpp"

namespace vsf::net {
namespace {

constexpr auto start_deadline = std::chrono::seconds(60);
constexpr auto crash_patience = std::chrono::milliseconds(400);

std::string how_it_ended(int status) {
  if (WIFEXITED(status)) return "it ended with exit code " + std::to_string(WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return "it ended in an unknown way";
  switch (WTERMSIG(status)) {
    case SIGSYS:
      return "it tried something its sandbox forbids";
    case SIGPROF:
      return "it took too much processor time";
    case SIGKILL:
      return "it was killed";
    default:
      return "signal " + std::to_string(WTERMSIG(status));
  }
}

/// posix_spawn's file actions with their end.
struct file_actions {
  posix_spawn_file_actions_t raw{};
  file_actions() { posix_spawn_file_actions_init(&raw); }
  ~file_actions() { posix_spawn_file_actions_destroy(&raw); }
};
struct spawn_attributes {
  posix_spawnattr_t raw{};
  spawn_attributes() { posix_spawnattr_init(&raw); }
  ~spawn_attributes() { posix_spawnattr_destroy(&raw); }
};

/// 0 or an errno. The child has `socket` as worker_socket, no input or output, this process's standard error,
/// and default signals, none blocked.
int spawn(const std::string& program, int socket, pid_t& pid) {
  file_actions actions;
  posix_spawn_file_actions_adddup2(&actions.raw, socket, worker_socket);
  posix_spawn_file_actions_addopen(&actions.raw, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions.raw, 1, "/dev/null", O_WRONLY, 0);
  spawn_attributes attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes.raw, &none);
  posix_spawnattr_setsigdefault(&attributes.raw, &all);
  posix_spawnattr_setflags(&attributes.raw, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = program;
  std::array<char*, 2> arguments{name.data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  return ::posix_spawn(&pid, program.c_str(), &actions.raw, &attributes.raw, arguments.data(),
                       environment.data());
}

}  // namespace

result<void> worker::start(const std::string& program, int wake) {
  std::array<int, 2> pair{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail(std::string("Can't make a socket pair for the analyzer: ") + std::strerror(errno) +
                "; raise the limit of open files");
  const int failed = spawn(program, pair[1], pid_);
  ::close(pair[1]);
  if (failed != 0) {
    ::close(pair[0]);
    pid_ = -1;
    return fail("Can't start the analyzer " + program + ": " + std::strerror(failed) +
                "; install vsf-analyzer beside this program");
  }
  socket_ = pair[0];
  // A message begun is a message finished: a worker that stops inside one must not hold this thread.
  const timeval patience{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const auto waited = wait_readable(clock::now() + start_deadline, wake);
  if (waited == wait_result::stopped) return fail("The analyzer is stopping");
  if (waited == wait_result::readable) {
    const auto ready = receive_message(socket_);
    if (ready && ready->descriptor >= 0) ::close(ready->descriptor);
    if (ready && ready->body.empty() && ready->descriptor < 0) return {};
  }
  return fail("The analyzer " + program + " did not get ready (" + end(crash_patience) +
              "); does this system allow seccomp filters and 1 GiB of address space?");
}

worker::answer worker::ask(const record<fb::AnalyzeFile>& request, int file, clock::time_point deadline,
                           int wake) {
  answer out;
  if (!send_message(socket_, request.raw().view(), file)) {
    out.how = outcome::crashed;
    out.reason = end(crash_patience);
    return out;
  }
  const auto waited = wait_readable(deadline, wake);
  if (waited != wait_result::readable) {
    end();
    out.how = waited == wait_result::timed_out ? outcome::timed_out : outcome::stopped;
    return out;
  }
  auto message = receive_message(socket_);
  if (message && message->descriptor >= 0) ::close(message->descriptor);
  auto entry = message ? record<fb::FileEntry>::parse(std::move(message->body)) : std::nullopt;
  if (!entry) {
    out.how = outcome::crashed;
    out.reason = end(crash_patience);
    return out;
  }
  out.how = outcome::answered;
  out.entry = std::move(*entry);
  return out;
}

worker::wait_result worker::wait_readable(clock::time_point deadline, int wake) const {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0) return wait_result::timed_out;
    std::array<pollfd, 2> wanted{pollfd{socket_, POLLIN, 0}, pollfd{wake, POLLIN, 0}};
    const int ready =
        ::poll(wanted.data(), wanted.size(), static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return wait_result::stopped;
    if (ready > 0 && wanted[1].revents != 0) return wait_result::stopped;
    if (ready > 0 && wanted[0].revents != 0) return wait_result::readable;
  }
}

std::string worker::end(std::chrono::milliseconds patience) {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  if (pid_ <= 0) return "it was not running";
  // A process that crashed is dead or about to be: its own end says more than our signal would.
  int status = 0;
  pid_t gone = 0;
  for (const auto until = clock::now() + patience; gone == 0;) {
    gone = ::waitpid(pid_, &status, WNOHANG);
    if (gone != 0 || clock::now() >= until) break;
    ::poll(nullptr, 0, 1);
  }
  if (gone == 0) {
    ::kill(pid_, SIGKILL);  // pid_ > 0, see above: kill(-1) would end everybody
    do gone = ::waitpid(pid_, &status, 0);
    while (gone < 0 && errno == EINTR);
  }
  pid_ = -1;
  return gone < 0 ? "its end was taken by another part of this program" : how_it_ended(status);
}

}  // namespace vsf::net
