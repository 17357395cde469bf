#include "storage/identity_file.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vsf::storage {
namespace {

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string reason(int code) { return std::generic_category().message(code); }

std::string octal(mode_t mode) {
  std::string out = "0";
  for (int shift = 6; shift >= 0; shift -= 3) out += static_cast<char>('0' + ((mode >> shift) & 7U));
  return out;
}

/// What is wrong with the file as a place for secrets; empty: nothing.
std::string complaint(const std::string& path, const struct stat& about) {
  if (!S_ISREG(about.st_mode)) return "the identity " + path + " is not a regular file; move it away";
  if (about.st_uid != ::geteuid())
    return "the identity file " + path +
           " belongs to another user; run as that user, or chown it to this one";
  if ((about.st_mode & 077U) != 0)
    return "the identity file " + path + " is open to other users (mode " + octal(about.st_mode) +
           "), so its keys may be known to them; run chmod 600 on it if they are not, or remove it to start "
           "as a new node";
  if (about.st_size > static_cast<off_t>(max_identity_file_bytes))
    return "the identity file " + path + " is too large to be one; restore it from a backup, or remove it";
  return {};
}

/// 0 or the errno of what failed.
int write_all(int fd, byte_view content) {
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

/// Creates `path` anew with mode 0600, whatever the umask, and syncs it; 0 or errno.
int write_new_file(const std::string& path, byte_view content) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno;  // left by a crash
  const descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid() || ::fchmod(file.get(), 0600) != 0) return errno;
  if (const auto problem = write_all(file.get(), content); problem != 0) return problem;
  return ::fsync(file.get()) == 0 ? 0 : errno;
}

/// The rename survives a loss of power only once the folder is synced.
int sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.valid()) return errno;
  return ::fsync(opened.get()) == 0 ? 0 : errno;
}

}  // namespace

result<std::optional<bytes>> read_identity_file(const std::string& path) {
  // Non-blocking: a named pipe in its place must not hang the start.
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    const auto code = errno;
    if (code == ENOENT) return std::optional<bytes>{};
    return fail("the identity file " + path + " can't be opened: " + reason(code) +
                "; check its owner and mode");
  }
  struct stat about {};
  if (::fstat(file.get(), &about) != 0)
    return fail("the identity file " + path + " can't be examined: " + reason(errno));
  if (auto problem = complaint(path, about); !problem.empty()) return fail(std::move(problem));
  bytes content(static_cast<std::size_t>(about.st_size));
  std::size_t have = 0;
  while (have < content.size()) {
    const auto n = ::read(file.get(), content.data() + have, content.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail("the identity file " + path + " can't be read: " + reason(errno) + "; check the disk");
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  content.resize(have);
  return std::optional<bytes>{std::move(content)};
}

result<void> write_identity_file(const std::string& path, byte_view content) {
  if (content.size() > max_identity_file_bytes) return fail("an identity file holds at most 4,096 bytes");
  const auto fresh = path + ".new";
  auto problem = write_new_file(fresh, content);
  if (problem == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) problem = errno;
  if (problem != 0) {
    ::unlink(fresh.c_str());
    return fail("the identity file " + path + " can't be written: " + reason(problem) +
                "; see that its folder exists, belongs to this user and has space left");
  }
  if (problem = sync_folder_of(path); problem != 0)
    return fail("the folder of the identity file " + path + " can't be synced: " + reason(problem));
  return {};
}

}  // namespace vsf::storage
