#include "storage/posix_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "storage/unique_fd.hpp"

namespace vsf::storage {

namespace {

constexpr std::size_t copy_step_bytes = 256 * 1024;

}  // namespace

error explain(int code, const std::string& what) {
  const std::string reason = " (" + std::string(std::strerror(code)) + "): ";
  auto head = what;
  head.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(head.front())));
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return {"No space left: " + what + reason + "free some and retry; what is there is kept."};
    case EFBIG:
      return {head + reason +
              "the filesystem or a limit of this process allows no file of that size; use another folder."};
    case EACCES:
    case EPERM:
    case EROFS:
      return {head + reason + "give the user that runs this program access to it and retry."};
    case ENOENT:
      return {head + reason + "it was moved or removed; put it back and retry."};
    case ENAMETOOLONG:
      return {head + reason + "the filesystem wants shorter names; use another folder."};
    case ELOOP:
      return {head + reason + "a symbolic link stands in its place; remove the link and retry."};
    case EMFILE:
    case ENFILE:
      return {head + reason + "too many files are open; raise the limit (ulimit -n) and retry."};
    case EIO:
      return {head + reason + "the disk reports a fault; check it before you retry."};
    default:
      return {head + reason + "check the disk and the folder, then retry."};
  }
}

int write_all(int fd, std::uint64_t offset, byte_view data) {
  while (!data.empty()) {
    const auto n = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    offset += static_cast<std::uint64_t>(n);
    data = data.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

int sync_fd(int fd) {
  while (::fsync(fd) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

// Some filesystems can't sync a folder and say EINVAL; there is nothing more one could do there.
int sync_folder(int fd) {
  const int code = sync_fd(fd);
  return code == EINVAL || code == ENOTSUP ? 0 : code;
}

result<std::size_t> read_all(int fd, std::uint64_t offset, std::span<std::uint8_t> out,
                             const std::string& what) {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) return 0;
  std::size_t done = 0;
  while (done < out.size()) {
    const auto n = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(explain(errno, "Reading " + what + " failed"));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

int move_exclusive(int from_folder, const char* from, int to_folder, const char* to) {
  if (::renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A filesystem without that flag: take the name by an empty file of our own, then put ours in its place.
  const unique_fd place(::openat(to_folder, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!place) return errno;
  if (::renameat(from_folder, from, to_folder, to) == 0) return 0;
  const int code = errno;
  ::unlinkat(to_folder, to, 0);
  return code;
}

int copy_content(int from, int to) {
  std::vector<std::uint8_t> buffer(copy_step_bytes);
  for (std::uint64_t offset = 0;;) {
    const auto n = ::pread(from, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return 0;
    if (const int code = write_all(to, offset, byte_view(buffer.data(), static_cast<std::size_t>(n)));
        code != 0)
      return code;
    offset += static_cast<std::uint64_t>(n);
  }
}

}  // namespace vsf::storage
