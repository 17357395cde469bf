// Each case runs in a process of its own, locked up as the analyzer is.

#include "actors/library/analyzer/sandbox.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

namespace vsf::library {
namespace {

constexpr int survived = 42, not_locked = 43;

/// How a child ends that enters the sandbox (keeping descriptors up to `last`) and then does `deed`.
int end_of(int last, const std::function<void()>& deed) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_sandbox(last)) ::_exit(not_locked);
    deed();
    ::syscall(SYS_exit_group, survived);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}
bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }
bool went_on(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == survived; }

TEST(sandbox, what_opens_connects_or_runs_ends_the_process) {
  struct deed {
    const char* name;
    std::function<void()> run;
  };
  const std::vector<deed> deeds{
      {"open", [] { ::open("/etc/passwd", O_RDONLY); }},
      {"openat", [] { ::openat(AT_FDCWD, "/dev/null", O_RDONLY); }},
#ifdef SYS_open
      {"raw open", [] { ::syscall(SYS_open, "/etc/passwd", O_RDONLY); }},
#endif
      {"openat2", [] { ::syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", nullptr, 0); }},
      {"stat", [] { ::access("/etc/passwd", R_OK); }},
      {"unlink", [] { ::unlink("/tmp/vsf-none"); }},
      {"readlink",
       [] {
         std::array<char, 10> out{};
         static_cast<void>(::readlink("/proc/self/exe", out.data(), 10));
       }},
      {"socket", [] { ::socket(AF_INET, SOCK_STREAM, 0); }},
      {"connect", [] { ::connect(0, nullptr, 0); }},
      {"execve", [] { ::execl("/bin/true", "true", nullptr); }},
      {"fork", [] { ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
      {"kill", [] { ::kill(::getppid(), 0); }},
      {"ptrace", [] { ::syscall(SYS_ptrace, 0, 0, 0, 0); }},
      {"io_uring", [] { ::syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"executable memory",
       [] { ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
      {"mprotect", [] { ::syscall(SYS_mprotect, nullptr, 4096, PROT_EXEC); }}};
  for (const auto& x : deeds) EXPECT_TRUE(was_killed(end_of(2, x.run))) << x.name;
}

TEST(sandbox, reading_answering_and_allocating_go_on) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  const int file = ::open("/proc/self/exe", O_RDONLY);
  const int last = std::max(file, pair[1]);
  const int status = end_of(last, [&] {
    std::array<char, 4> magic{};
    if (::pread(file, magic.data(), 4, 0) != 4) return ::_exit(1);
    const std::vector<char> memory(10 << 20, 'x');
    if (memory[5] != 'x') ::_exit(2);
    iovec part{magic.data(), magic.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (::sendmsg(pair[1], &message, MSG_NOSIGNAL) != 4) ::_exit(3);
  });
  EXPECT_TRUE(went_on(status)) << status;
  std::array<char, 4> got{};
  ASSERT_EQ(::recv(pair[0], got.data(), 4, 0), 4);
  EXPECT_EQ(std::memcmp(got.data(),
                        "\x7F"
                        "ELF",
                        4),
            0);
  for (int x : {pair[0], pair[1], file}) ::close(x);
}

TEST(sandbox, later_descriptors_are_closed) {
  const int file = ::open("/dev/zero", O_RDONLY);
  ASSERT_GT(file, 2);
  EXPECT_TRUE(went_on(end_of(2, [&] {
    char c = 0;
    if (::pread(file, &c, 1, 0) != -1) ::_exit(1);
  })));
  ::close(file);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(sandbox, memory_is_limited) {
  EXPECT_TRUE(went_on(end_of(2, [] {
    if (::mmap(nullptr, std::size_t{2} << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
      ::_exit(1);
  })));
}
#endif

TEST(sandbox, processor_time_is_limited) {
  const int status = end_of(2, [] {
    limit_processor_time(1);
    std::atomic<unsigned> turns{0};
    while (turns.fetch_add(1) + 1 != 0 || turns == 0) {
    }
  });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) << status;
}

}  // namespace
}  // namespace vsf::library
