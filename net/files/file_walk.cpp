#include "net/files/file_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

namespace vsf::net {
namespace {

struct name_entry {
  std::string name;
  unsigned char type = DT_UNKNOWN;
};

struct folder_closer {
  void operator()(DIR* raw) const { ::closedir(raw); }
};
using folder_ptr = std::unique_ptr<DIR, folder_closer>;

class walker {
 public:
  walker(const walk_limits& limits, const std::function<bool(std::string_view)>& wanted,
         const std::function<bool(std::vector<walked_file>)>& give, const std::atomic<bool>& stop)
      : limits_(limits), wanted_(wanted), give_(give), stop_(stop) {}

  walk_report run(const std::string& root) {
    enter(AT_FDCWD, root, root, 0);
    if (!report_.stopped) flush();
    return std::move(report_);
  }

 private:
  bool ended() {
    if (stop_.load(std::memory_order_relaxed)) report_.stopped = true;
    return report_.stopped || full_;
  }

  void problem(const std::string& path, int code) {
    ++report_.errors;
    if (report_.problems.size() >= limits_.max_problems) return;
    report_.problems.push_back("Can't read " + path + ": " + std::strerror(code));
    report_.unread_paths.push_back(path);
  }

  void flush() {
    if (batch_.empty()) return;
    if (!give_(std::exchange(batch_, {}))) report_.stopped = true;
  }

  /// `name` is relative to the folder open as `parent`; `path` is what it is called outside.
  void enter(int parent, const std::string& name, const std::string& path, std::uint32_t depth) {
    if (depth > limits_.max_depth || report_.folders >= limits_.max_folders) {
      report_.limited = true;
      return;
    }
    const int raw = ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (raw < 0) return problem(path, errno);
    struct stat info {};
    if (::fstat(raw, &info) != 0) {
      problem(path, errno);
      ::close(raw);
      return;
    }
    const folder_ptr folder(::fdopendir(raw));
    if (!folder) {
      problem(path, errno);
      ::close(raw);
      return;
    }
    if (!seen_.emplace(info.st_dev, info.st_ino).second) {
      ++report_.repeated;
      return;
    }
    ++report_.folders;
    const auto names = read_names(folder.get(), path);
    const auto base = path.ends_with('/') ? path : path + "/";
    for (const auto& entry : names) {
      if (ended()) return;
      visit(raw, entry, base + entry.name, depth);
    }
  }

  std::vector<name_entry> read_names(DIR* folder, const std::string& path) {
    std::vector<name_entry> out;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(folder);
      if (entry == nullptr) {
        if (errno != 0) problem(path, errno);
        break;
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (name.front() == '.') {
        ++report_.hidden;
        continue;
      }
      const bool maybe_folder =
          entry->d_type == DT_DIR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
      if (!maybe_folder && (entry->d_type != DT_REG || !wanted_(name))) {
        ++report_.unwanted;
        continue;
      }
      if (out.size() >= limits_.max_names_per_folder) {
        report_.limited = true;
        break;
      }
      out.push_back({std::string(name), entry->d_type});
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return out;
  }

  void visit(int parent, const name_entry& entry, const std::string& path, std::uint32_t depth) {
    if (entry.type == DT_DIR) return enter(parent, entry.name, path, depth + 1);
    struct stat info {};
    if (::fstatat(parent, entry.name.c_str(), &info, 0) != 0) {
      // A name that vanished since it was read is no error; neither is a link that leads nowhere.
      if (errno == ENOENT || errno == ELOOP)
        ++report_.unwanted;
      else
        problem(path, errno);
      return;
    }
    if (S_ISDIR(info.st_mode)) return enter(parent, entry.name, path, depth + 1);
    if (!S_ISREG(info.st_mode) || !wanted_(entry.name)) {
      ++report_.unwanted;
      return;
    }
    if (report_.files >= limits_.max_files) {
      report_.limited = full_ = true;
      return;
    }
    ++report_.files;
    batch_.push_back({path, static_cast<std::uint64_t>(info.st_size),
                      std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec});
    if (batch_.size() >= limits_.batch) flush();
  }

  const walk_limits& limits_;
  const std::function<bool(std::string_view)>& wanted_;
  const std::function<bool(std::vector<walked_file>)>& give_;
  const std::atomic<bool>& stop_;
  std::set<std::pair<dev_t, ino_t>> seen_;  // at most max_folders
  std::vector<walked_file> batch_;
  walk_report report_;
  bool full_ = false;
};

}  // namespace

walk_report walk_files(const std::string& root, const walk_limits& limits,
                       const std::function<bool(std::string_view name)>& wanted,
                       const std::function<bool(std::vector<walked_file> batch)>& give,
                       const std::atomic<bool>& stop) {
  return walker(limits, wanted, give, stop).run(root);
}

}  // namespace vsf::net
