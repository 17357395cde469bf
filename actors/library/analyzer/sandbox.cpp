#include "actors/library/analyzer/sandbox.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VSF_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VSF_SANITIZED 1
#endif

namespace vsf::library {
namespace {

#ifdef VSF_SANITIZED
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

constexpr rlim_t max_memory = rlim_t{1} << 30;

tl::unexpected<error> refused(const std::string& what, int code) {
  return fail("The analyzer can't give up " + what + ": " + std::strerror(code));
}

struct filter_release {
  void operator()(void* x) const { seccomp_release(x); }
};
using filter = std::unique_ptr<void, filter_release>;

/// What reading, answering, allocating, timing and ending need. No number here takes a path.
constexpr std::array allowed{SCMP_SYS(read),
                             SCMP_SYS(pread64),
                             SCMP_SYS(lseek),
                             SCMP_SYS(recvmsg),
                             SCMP_SYS(recvfrom),
                             SCMP_SYS(sendmsg),
                             SCMP_SYS(close),
                             SCMP_SYS(brk),
                             SCMP_SYS(munmap),
                             SCMP_SYS(mremap),
                             SCMP_SYS(madvise),
                             SCMP_SYS(futex),
                             SCMP_SYS(getrandom),
                             SCMP_SYS(clock_gettime),
                             SCMP_SYS(gettimeofday),
                             SCMP_SYS(setitimer),
                             SCMP_SYS(sched_yield),
                             SCMP_SYS(sched_getaffinity),
                             SCMP_SYS(rt_sigreturn),
                             SCMP_SYS(rt_sigprocmask),
                             SCMP_SYS(getpid),
                             SCMP_SYS(gettid),
                             SCMP_SYS(restart_syscall),
                             SCMP_SYS(exit),
                             SCMP_SYS(exit_group)};
/// The sanitizers' runtimes ask more, still nothing that opens (they look at memory through a pipe).
constexpr std::array allowed_sanitized{SCMP_SYS(write),        SCMP_SYS(pipe2),     SCMP_SYS(sigaltstack),
                                       SCMP_SYS(rt_sigaction), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
                                       SCMP_SYS(prctl)};

result<void> load_filter() {
  const filter rules(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!rules) return refused("system calls", ENOMEM);
  const auto add = [&](int call, auto... comparisons) {
    return seccomp_rule_add(rules.get(), SCMP_ACT_ALLOW, call, sizeof...(comparisons), comparisons...);
  };
  int failed = 0;
  for (int call : allowed) failed = failed != 0 ? failed : add(call);
  if (sanitized)
    for (int call : allowed_sanitized) failed = failed != 0 ? failed : add(call);
  // A crash in hand: abort() may signal this process only.
  const scmp_arg_cmp this_process{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0};
  if (failed == 0) failed = add(SCMP_SYS(tgkill), this_process);
  const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
  for (int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    failed = failed != 0 ? failed : add(call, not_executable);
  if (failed == 0) failed = seccomp_load(rules.get());
  if (failed != 0) return refused("system calls", -failed);
  return {};
}

}  // namespace

result<void> enter_sandbox(int last_descriptor) {
  if (::close_range(static_cast<unsigned>(last_descriptor) + 1, ~0u, 0) != 0)
    return refused("open files", errno);
  const auto limit = [](auto what, rlim_t most) {
    const rlimit value{most, most};
    return ::setrlimit(what, &value) == 0;
  };
  // One more descriptor than there are: the file that comes with a request.
  const auto most_open = static_cast<rlim_t>(last_descriptor) + (sanitized ? 4 : 2);
  if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_FSIZE, 0) || !limit(RLIMIT_NOFILE, most_open) ||
      (!sanitized && !limit(RLIMIT_AS, max_memory)))
    return refused("memory and files", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return refused("privileges", errno);
  return load_filter();
}

void limit_processor_time(std::uint32_t seconds) {
  itimerval value{};
  value.it_value.tv_sec = static_cast<time_t>(seconds);
  ::setitimer(ITIMER_PROF, &value, nullptr);
}

}  // namespace vsf::library
