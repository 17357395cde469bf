#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>

#include "storage/component_name.hpp"
#include "storage/file_system.hpp"
#include "storage/posix_io.hpp"
#include "storage/unique_fd.hpp"

namespace vsf::storage {

namespace {

constexpr unsigned max_number = 1000;

class disk_reader final : public file_reader {
 public:
  disk_reader(unique_fd fd, std::uint64_t size, std::string path)
      : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}
  std::uint64_t size() const override { return size_; }
  result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
    return read_all(fd_.get(), offset, out, path_);
  }
  std::optional<std::int64_t> modified_ns() const override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return std::nullopt;
    return std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  }

 private:
  unique_fd fd_;
  std::uint64_t size_;
  std::string path_;
};

/// A regular file, opened for reading beneath `folder` (AT_FDCWD: as the path says).
result<std::shared_ptr<file_reader>> open_reader(int folder, const std::string& name, int flags,
                                                 const std::string& path) {
  // O_NONBLOCK: a FIFO in place of the file must not hold the caller.
  unique_fd fd(::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags));
  if (!fd) return tl::unexpected(explain(errno, "The file " + path + " can't be opened"));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    return tl::unexpected(explain(errno, "The file " + path + " can't be examined"));
  if (!S_ISREG(info.st_mode)) return fail(path + " is no regular file: only those are shared and finished.");
  // Measured (docs/decisions/0008): small reads of a cold file cost 20 times the processor time without it.
  static_cast<void>(::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL));
  return std::make_shared<disk_reader>(std::move(fd), static_cast<std::uint64_t>(info.st_size), path);
}

class disk_partial final : public partial_file {
 public:
  disk_partial(unique_fd fd, std::shared_ptr<unique_fd> folder, std::uint64_t size, std::string path)
      : fd_(std::move(fd)), folder_(std::move(folder)), size_(size), path_(std::move(path)) {}
  std::uint64_t size() const override { return size_; }
  result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
    return read_all(fd_.get(), offset, out, path_);
  }
  result<void> write_at(std::uint64_t offset, byte_view data) override {
    if (offset > size_ || data.size() > size_ - offset)
      return fail("A write of " + std::to_string(data.size()) + " bytes at " + std::to_string(offset) +
                  " is beyond the end of the partial file " + path_ + " (" + std::to_string(size_) +
                  " bytes).");
    if (const int code = write_all(fd_.get(), offset, data); code != 0)
      return tl::unexpected(explain(code, "the partial file " + path_ + " can't be written"));
    return {};
  }
  result<void> sync() override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) == 0 && info.st_nlink == 0)
      return fail("The partial file " + path_ + " was removed: begin this download again.");
    int code = sync_fd(fd_.get());
    if (code == 0) code = sync_folder(folder_->get());  // its name too
    if (code != 0) return tl::unexpected(explain(code, "the partial file " + path_ + " can't be synced"));
    return {};
  }

 private:
  unique_fd fd_;
  std::shared_ptr<unique_fd> folder_;
  std::uint64_t size_;
  std::string path_;
};

/// A folder that stays open; made anew when somebody removed it.
class held_folder {
 public:
  held_folder(std::string path, const char* role) : path_(std::move(path)), role_(role) {}

  result<std::shared_ptr<unique_fd>> get() {
    const std::lock_guard lock(mutex_);
    struct stat info {};
    if (fd_ && ::fstat(fd_->get(), &info) == 0 && info.st_nlink > 0) return fd_;
    fd_.reset();
    std::error_code ec;
    std::filesystem::create_directories(path_, ec);
    unique_fd fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
      const int code = ec ? ec.value() : errno;
      return fail(
          "The " + std::string(role_) + " folder " + path_ + " can't be used (" + std::strerror(code) +
          "): create it with write access for the user that runs this program, or choose another one.");
    }
    fd_ = std::make_shared<unique_fd>(std::move(fd));
    return fd_;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const char* role_;
  std::mutex mutex_;
  std::shared_ptr<unique_fd> fd_;
};

class disk_files final : public file_system {
 public:
  disk_files(const std::string& download, const std::string& incomplete)
      : download_(download, "download"), incomplete_(incomplete, "incomplete") {}

  result<void> prepare() {
    for (auto* folder : {&download_, &incomplete_})
      if (const auto fd = folder->get(); !fd) return tl::unexpected(fd.error());
    return {};
  }

  result<std::shared_ptr<file_reader>> open_shared(const std::string& path) override {
    if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos)
      return fail("A shared file has an absolute path, and \"" + path.substr(0, 40) + "\" is none.");
    return open_reader(AT_FDCWD, path, 0, path);
  }
  result<std::shared_ptr<partial_file>> open_partial(const std::string& name, std::uint64_t size) override;
  bool partial_exists(const std::string& name) override;
  result<download_space> free_space() override;
  using file_system::finish;
  result<std::string> finish(const std::string& partial_name, const std::string& wanted_name,
                             const std::vector<std::string>& folders) override;
  std::string partial_path(const std::string& name) const override { return incomplete_.path() + '/' + name; }
  result<void> discard_partial(const std::string& name) override;
  result<quarantined> quarantine(const std::string& name, std::uint64_t unix_ms,
                                 const quarantine_limits& limits) override;
  result<std::shared_ptr<file_reader>> open_finished(const std::string& path) override;

 private:
  result<std::string> settle(int folder, const std::string& name, int target, const std::string& wanted_name,
                             const std::string& what);
  result<std::string> copy_across(int source, int incomplete, int download, const std::string& partial_name,
                                  const std::string& wanted_name);

  held_folder download_;
  held_folder incomplete_;
};

result<std::shared_ptr<partial_file>> disk_files::open_partial(const std::string& name, std::uint64_t size) {
  if (auto ok = check_component(name); !ok) return tl::unexpected(ok.error());
  const auto folder = incomplete_.get();
  if (!folder) return tl::unexpected(folder.error());
  const auto path = incomplete_.path() + '/' + name;
  constexpr int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  bool created = true;
  unique_fd fd(::openat((*folder)->get(), name.c_str(), flags | O_CREAT | O_EXCL, 0666));
  if (!fd && errno == EEXIST) {
    created = false;
    fd = unique_fd(::openat((*folder)->get(), name.c_str(), flags));
  }
  if (!fd) return tl::unexpected(explain(errno, "the partial file " + path + " can't be opened"));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    return tl::unexpected(explain(errno, "the partial file " + path + " can't be examined"));
  if (!S_ISREG(info.st_mode)) return fail(path + " is no regular file: remove it and retry.");
  const auto have = static_cast<std::uint64_t>(info.st_size);
  // A crash between creating and reserving leaves an empty file: that one holds nothing and is taken as new.
  if (created || (have == 0 && size > 0)) {
    if (const int code = reserve_space(fd.get(), size); code != 0) {
      ::unlinkat((*folder)->get(), name.c_str(), 0);
      return tl::unexpected(explain(
          code, "the partial file " + path + " of " + std::to_string(size) + " bytes can't be created"));
    }
  } else if (have != size) {
    return fail("The partial file " + path + " has " + std::to_string(have) + " bytes instead of " +
                std::to_string(size) + ": it belongs to another file. Remove it and retry.");
  } else if (is_sparse(fd.get())) {
    // It came from elsewhere, or from a time when the filesystem could not: what is there stays.
    if (const int code = reserve_space(fd.get(), size); code != 0)
      return tl::unexpected(explain(code, "the partial file " + path + " can't be given its space"));
  }
  return std::make_shared<disk_partial>(std::move(fd), *folder, size, path);
}

bool disk_files::partial_exists(const std::string& name) {
  if (!check_component(name)) return false;
  const auto folder = incomplete_.get();
  struct stat info {};
  return folder && ::fstatat((*folder)->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(info.st_mode);
}

result<download_space> disk_files::free_space() {
  download_space out;
  dev_t devices[2] = {};
  std::size_t i = 0;
  for (const auto& [held, into] :
       {std::pair{&incomplete_, &out.incomplete}, std::pair{&download_, &out.download}}) {
    const auto folder = held->get();
    if (!folder) return tl::unexpected(folder.error());
    into->folder = held->path();
    struct stat info {};
    int code = ::fstat((*folder)->get(), &info) == 0 ? 0 : errno;
    if (code == 0) code = measure_free((*folder)->get(), into->free_bytes);
    if (code != 0)
      return tl::unexpected(explain(code, "the free space of " + held->path() + " can't be measured"));
    devices[i++] = info.st_dev;
  }
  out.one_disk = devices[0] == devices[1];
  return out;
}

result<void> disk_files::discard_partial(const std::string& name) {
  if (auto ok = check_component(name); !ok) return ok;
  const auto folder = incomplete_.get();
  if (!folder) return tl::unexpected(folder.error());
  if (::unlinkat((*folder)->get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return tl::unexpected(
        explain(errno, "the partial file " + incomplete_.path() + '/' + name + " can't be removed"));
  return {};
}

/// Regular files of a folder whose names are quarantine's, with their sizes.
std::map<std::string, std::uint64_t> quarantined_files(int folder) {
  std::map<std::string, std::uint64_t> out;
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return out;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(own), &::closedir);
  if (!listing) {
    ::close(own);
    return out;
  }
  while (const auto* entry = ::readdir(listing.get())) {
    struct stat info {};
    if (!is_quarantine_name(entry->d_name)) continue;
    if (::fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
      out[entry->d_name] = static_cast<std::uint64_t>(info.st_size);
  }
  return out;
}

result<quarantined> disk_files::quarantine(const std::string& name, std::uint64_t unix_ms,
                                           const quarantine_limits& limits) {
  const auto kept = quarantine_name(name, unix_ms);
  for (const auto* component : {&name, &kept})
    if (auto ok = check_component(*component); !ok) return tl::unexpected(ok.error());
  const auto folder = incomplete_.get();
  if (!folder) return tl::unexpected(folder.error());
  const int from = (*folder)->get();
  const auto path = incomplete_.path() + '/' + quarantine_folder;
  const auto what = "the partial file " + incomplete_.path() + '/' + name;
  if (::mkdirat(from, quarantine_folder, 0700) != 0 && errno != EEXIST)
    return tl::unexpected(explain(errno, "the folder " + path + " can't be made"));
  const unique_fd to(::openat(from, quarantine_folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!to) return tl::unexpected(explain(errno, "the folder " + path + " can't be opened"));
  struct stat info {};
  if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return quarantined{};
    return tl::unexpected(explain(errno, what + " can't be examined"));
  }
  if (!S_ISREG(info.st_mode)) return fail(what + " is no regular file: remove it.");
  if (const int code = move_exclusive(from, name.c_str(), to.get(), kept.c_str()); code != 0)
    return tl::unexpected(explain(code, what + " can't be moved to " + path));
  quarantined out{path + '/' + kept, 0};
  for (const auto& old : quarantine_surplus(quarantined_files(to.get()), limits))
    if (::unlinkat(to.get(), old.c_str(), 0) == 0) ++out.removed;
  for (const int synced : {to.get(), from})
    if (const int code = sync_folder(synced); code != 0)
      return tl::unexpected(explain(code, "The folder " + path + " can't be synced"));
  return out;
}

result<std::string> disk_files::settle(int folder, const std::string& name, int target,
                                       const std::string& wanted_name, const std::string& what) {
  for (unsigned n = 1; n <= max_number; ++n) {
    const auto candidate = numbered(wanted_name, n);
    const int code = move_exclusive(folder, name.c_str(), target, candidate.c_str());
    if (code == 0) return candidate;
    if (code == EEXIST) continue;
    if (code == EXDEV) return std::string();
    return tl::unexpected(explain(code, what + " can't be moved to " + download_.path() + '/' + candidate));
  }
  return fail("\"" + wanted_name + "\" and " + std::to_string(max_number) +
              " numbered names of it are taken in " + download_.path() + ": tidy up there and retry.");
}

/// Copies into the download folder under a name of its own, syncs, and only then gives it the wanted name.
/// Whatever fails leaves the partial file as it is.
result<std::string> disk_files::copy_across(int source, int incomplete, int download,
                                            const std::string& partial_name, const std::string& wanted_name) {
  const auto what = "the partial file " + incomplete_.path() + '/' + partial_name;
  const auto copy_name = '.' + partial_name + ".copy";
  ::unlinkat(download, copy_name.c_str(), 0);  // of an earlier try
  const unique_fd copy(
      ::openat(download, copy_name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!copy) return tl::unexpected(explain(errno, what + " can't be copied to " + download_.path()));
  // All of its space at once: a disk that is too full is known before anything is copied.
  struct stat info {};
  int code = ::fstat(source, &info) == 0 ? reserve_space(copy.get(), static_cast<std::uint64_t>(info.st_size))
                                         : errno;
  if (code == 0) code = copy_content(source, copy.get());
  if (code == 0) code = sync_fd(copy.get());
  if (code != 0) {
    ::unlinkat(download, copy_name.c_str(), 0);
    return tl::unexpected(explain(code, what + " can't be copied to " + download_.path()));
  }
  auto settled = settle(download, copy_name, download, wanted_name, what);
  if (!settled || settled->empty()) {
    ::unlinkat(download, copy_name.c_str(), 0);
    return settled
               ? fail(what + " can't be named within " + download_.path() + ": use another download folder.")
               : settled;
  }
  if (code = sync_folder(download); code != 0)
    return tl::unexpected(explain(code, "The folder " + download_.path() + " can't be synced"));
  ::unlinkat(incomplete, partial_name.c_str(), 0);
  return settled;
}

/// Opens the folders one in another, making those that are missing; none of them may be a link.
result<unique_fd> open_folders(int base, const std::vector<std::string>& folders, const std::string& path) {
  unique_fd at(::fcntl(base, F_DUPFD_CLOEXEC, 0));
  if (!at) return tl::unexpected(explain(errno, "The folder " + path + " can't be used"));
  auto shown = path;
  for (const auto& name : folders) {
    shown += '/' + name;
    if (::mkdirat(at.get(), name.c_str(), 0777) != 0 && errno != EEXIST)
      return tl::unexpected(explain(errno, "The folder " + shown + " can't be made"));
    unique_fd next(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return tl::unexpected(explain(errno, "The folder " + shown + " can't be used"));
    if (const int code = sync_folder(at.get()); code != 0)
      return tl::unexpected(explain(code, "The folder that holds " + shown + " can't be synced"));
    at = std::move(next);
  }
  return at;
}

result<std::string> disk_files::finish(const std::string& partial_name, const std::string& wanted_name,
                                       const std::vector<std::string>& folders) {
  if (folders.size() > max_finished_folders)
    return fail("a file is finished at most " + std::to_string(max_finished_folders) + " folders deep");
  for (const auto* name : {&partial_name, &wanted_name})
    if (auto ok = check_component(*name); !ok) return tl::unexpected(ok.error());
  for (const auto& name : folders)
    if (auto ok = check_component(name); !ok) return tl::unexpected(ok.error());
  const auto incomplete = incomplete_.get();
  if (!incomplete) return tl::unexpected(incomplete.error());
  const auto download = download_.get();
  if (!download) return tl::unexpected(download.error());
  const auto inner = open_folders((*download)->get(), folders, download_.path());
  if (!inner) return tl::unexpected(inner.error());
  const int from = (*incomplete)->get();
  const int to = inner->get();
  auto where = download_.path() + '/';
  for (const auto& name : folders) where += name + '/';
  const auto what = "the partial file " + incomplete_.path() + '/' + partial_name;

  const unique_fd source(
      ::openat(from, partial_name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!source && errno == ENOENT) return fail("T" + what.substr(1) + " is gone: begin this download again.");
  if (!source) return tl::unexpected(explain(errno, what + " can't be opened"));
  struct stat info {};
  if (::fstat(source.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return fail(what + " is no regular file: remove it.");
  if (const int code = sync_fd(source.get()); code != 0)
    return tl::unexpected(explain(code, what + " can't be synced"));
  auto settled = settle(from, partial_name, to, wanted_name, what);
  if (settled && settled->empty()) settled = copy_across(source.get(), from, to, partial_name, wanted_name);
  if (!settled) return settled;
  for (const int folder : {to, from})
    if (const int code = sync_folder(folder); code != 0)
      return tl::unexpected(explain(code, where + *settled + " is complete, but can't be synced"));
  return where + *settled;
}

result<std::shared_ptr<file_reader>> disk_files::open_finished(const std::string& path) {
  const auto prefix = download_.path() + '/';
  if (!path.starts_with(prefix))
    return fail("The finished file " + path + " is not in the download folder " + download_.path() +
                ": it was finished when the setting was another one; look for it there.");
  const auto name = path.substr(prefix.size());
  // A numbered name may be longer than what callers may ask for.
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    return fail("The finished file " + path + " is not directly in the download folder.");
  const auto folder = download_.get();
  if (!folder) return tl::unexpected(folder.error());
  return open_reader((*folder)->get(), name, O_NOFOLLOW, path);
}

std::string without_trailing_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

result<std::shared_ptr<file_system>> open_disk_files(const std::string& download_folder,
                                                     const std::string& incomplete_folder) {
  for (const auto* folder : {&download_folder, &incomplete_folder})
    if (folder->empty() || folder->front() != '/')
      return fail("\"" + *folder + "\" is no absolute path of a folder for downloads: give one.");
  auto files = std::make_shared<disk_files>(without_trailing_slash(download_folder),
                                            without_trailing_slash(incomplete_folder));
  if (auto ready = files->prepare(); !ready) return tl::unexpected(ready.error());
  return files;
}

}  // namespace vsf::storage
