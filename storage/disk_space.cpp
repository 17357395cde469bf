#include "storage/disk_space.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

namespace vsf::storage {

namespace {

constexpr std::uint64_t mib = 1 << 20;

std::uint64_t whole_mib(std::uint64_t n) { return n / mib + (n % mib != 0 ? 1 : 0); }

result<void> check_one(const folder_space& where, const char* role, std::uint64_t wanted,
                       std::uint64_t min_free_bytes) {
  if (where.free_bytes >= min_free_bytes && where.free_bytes - min_free_bytes >= wanted) return {};
  std::string text = "Not enough room in the " + std::string(role) + " folder " + where.folder + ": " +
                     std::to_string(where.free_bytes / mib) + " MiB are free on its disk, ";
  if (wanted != 0) text += "this download takes " + std::to_string(whole_mib(wanted)) + " MiB more, ";
  return fail(text + "and " + std::to_string(whole_mib(min_free_bytes)) +
              " MiB are to stay free (transfers.min_free_mib). Free some: it goes on by itself.");
}

}  // namespace

result<void> check_room_to_write(const download_space& space, std::uint64_t new_bytes,
                                 std::uint64_t min_free_bytes) {
  return check_one(space.incomplete, "incomplete", new_bytes, min_free_bytes);
}

result<void> check_room_to_finish(const download_space& space, std::uint64_t size_bytes,
                                  std::uint64_t min_free_bytes) {
  if (space.one_disk) return {};
  return check_one(space.download, "download", size_bytes, min_free_bytes);
}

int reserve_space(int fd, std::uint64_t size_bytes) {
  if (size_bytes > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) return EFBIG;
  if (size_bytes == 0) return 0;
  // fallocate, not posix_fallocate: the library's emulation writes to every block.
  while (::fallocate(fd, 0, 0, static_cast<off_t>(size_bytes)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return errno;
    std::uint64_t free_bytes = 0;
    if (measure_free(fd, free_bytes) == 0 && free_bytes < size_bytes) return ENOSPC;
    return ::ftruncate(fd, static_cast<off_t>(size_bytes)) == 0 ? 0 : errno;
  }
  return 0;
}

bool is_sparse(int fd) {
  struct stat info {};
  constexpr std::int64_t block = 512;  // whatever the filesystem's own block is
  return ::fstat(fd, &info) == 0 && info.st_size > 0 && info.st_blocks < (info.st_size + block - 1) / block;
}

int measure_free(int fd, std::uint64_t& free_bytes) {
  struct statvfs space {};
  while (::fstatvfs(fd, &space) != 0)
    if (errno != EINTR) return errno;
  free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  return 0;
}

}  // namespace vsf::storage
