#include "net/files/folder_watch.hpp"

#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace vsf::net {
namespace {

using clock = std::chrono::steady_clock;

// A file counts when it is complete: not IN_CREATE, not IN_MODIFY. For folders IN_CREATE is needed, too.
constexpr std::uint32_t wanted_events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
                                        IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr int max_depth = 32;

class descriptor {
 public:
  explicit descriptor(int raw) : raw_(raw) {}
  ~descriptor() {
    if (raw_ >= 0) ::close(raw_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return raw_; }

 private:
  int raw_;
};

std::string join(const std::string& folder, const char* name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

class inotify_watch final : public folder_watch {
 public:
  inotify_watch(int events, int wake, std::vector<std::string> roots, watch_limits limits, receiver tell)
      : events_(events), wake_(wake), roots_(std::move(roots)), limits_(limits), tell_(std::move(tell)) {
    thread_ = std::thread([this] { run(); });
  }
  ~inotify_watch() override {
    const std::uint64_t one = 1;
    while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  watch_status status() const override {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  void run() {
    for (const auto& root : roots_) add(root, 0);
    while (!woken_) {
      wait();
      if (due_ && clock::now() >= *due_) tell();
    }
  }

  /// Until there are events, the wake-up, or something to tell.
  void wait() {
    int timeout_ms = -1;
    if (due_) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*due_ - clock::now()).count();
      timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left + 1, 0, 60'000));
    }
    std::array<pollfd, 2> fds{{{wake_.get(), POLLIN, 0}, {events_.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return;
    if (fds[0].revents != 0) woken_ = true;
    if (fds[1].revents != 0) read_events();
  }

  bool stopping() {
    pollfd fd{wake_.get(), POLLIN, 0};
    if (::poll(&fd, 1, 0) > 0) woken_ = true;
    return woken_;
  }

  void trouble(std::string text) {
    const std::lock_guard lock(mutex_);
    if (status_.problem.empty()) status_.problem = std::move(text);
  }

  void add(const std::string& folder, int depth) {
    if (stopping() || depth > max_depth) return;
    if (paths_.size() >= limits_.max_folders)
      return trouble("More than " + std::to_string(limits_.max_folders) +
                     " folders: changes in the others are found by the next scan only.");
    const int id = ::inotify_add_watch(events_.get(), folder.c_str(), wanted_events);
    if (id < 0) {
      if (errno == ENOSPC)
        trouble(
            "The system watches no more folders than fs.inotify.max_user_watches; changes in the others are "
            "found by "
            "the next scan only. Raise it with sysctl.");
      else if (errno != ENOENT && errno != ENOTDIR)
        trouble("Can't watch " + folder + ": " + std::strerror(errno) + ".");
      else if (depth == 0)
        trouble("Can't watch " + folder + ": it is not there.");
      return;
    }
    // The same folder by another way: its own names are watched already.
    if (!paths_.emplace(id, folder).second) return;
    {
      const std::lock_guard lock(mutex_);
      status_.folders = paths_.size();
    }
    DIR* list = ::opendir(folder.c_str());
    if (list == nullptr) return;
    std::vector<std::string> below;
    while (const dirent* entry = ::readdir(list)) {
      if (entry->d_name[0] == '.' || entry->d_type == DT_REG) continue;
      below.push_back(join(folder, entry->d_name));
    }
    ::closedir(list);
    std::ranges::sort(below);
    for (const auto& path : below) {
      struct stat info {};
      if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) add(path, depth + 1);
    }
  }

  void forget_beneath(const std::string& folder) {
    for (auto it = paths_.begin(); it != paths_.end();) {
      const bool beneath = it->second == folder || it->second.starts_with(folder + "/");
      if (beneath) ::inotify_rm_watch(events_.get(), it->first);
      it = beneath ? paths_.erase(it) : std::next(it);
    }
  }

  void read_events() {
    alignas(inotify_event) std::array<char, 64 * 1024> buffer;
    const auto got = ::read(events_.get(), buffer.data(), buffer.size());
    if (got <= 0) return;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = event.len > 0 ? buffer.data() + at + sizeof event : "";
      take(event, name);
      at += sizeof event + event.len;
    }
    const std::lock_guard lock(mutex_);
    status_.folders = paths_.size();
  }

  void take(const inotify_event& event, const char* name) {
    {
      const std::lock_guard lock(mutex_);
      ++status_.events;
    }
    if ((event.mask & IN_Q_OVERFLOW) != 0) return changed_everywhere();
    const auto at = paths_.find(event.wd);
    if (at == paths_.end()) return;
    if ((event.mask & IN_IGNORED) != 0) {
      paths_.erase(at);
      return;
    }
    if (name[0] == '\0' || name[0] == '.') return;
    const auto folder = at->second;
    const bool is_folder = (event.mask & IN_ISDIR) != 0;
    if (is_folder) {
      const auto path = join(folder, name);
      if ((event.mask & IN_MOVED_FROM) != 0) forget_beneath(path);
      if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) add(path, 1);
    } else if ((event.mask & IN_CREATE) != 0 && !is_link(join(folder, name))) {
      return;  // it is told when it is complete
    }
    changed(folder);
  }

  /// Links are complete when they are made; nobody closes them.
  static bool is_link(const std::string& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 && (S_ISLNK(info.st_mode) || info.st_nlink > 1);
  }

  void changed(const std::string& folder) {
    const auto now = clock::now();
    if (!due_) first_ = now;
    due_ = std::min(now + limits_.quiet, first_ + limits_.at_most);
    if (everywhere_) return;
    changed_.insert(folder);
    if (changed_.size() > limits_.max_changed) changed_everywhere();
  }

  void changed_everywhere() {
    everywhere_ = true;
    changed_.clear();
    changed({});
  }

  void tell() {
    due_.reset();
    everywhere_ = false;
    {
      const std::lock_guard lock(mutex_);
      ++status_.told;
    }
    std::vector<std::string> folders(changed_.begin(), changed_.end());
    changed_.clear();
    tell_(std::move(folders));
  }

  descriptor events_;
  descriptor wake_;
  const std::vector<std::string> roots_;
  const watch_limits limits_;
  const receiver tell_;
  // Of the thread alone:
  std::map<int, std::string> paths_;
  std::set<std::string> changed_;
  std::optional<clock::time_point> due_;
  clock::time_point first_;
  bool everywhere_ = false;
  bool woken_ = false;
  mutable std::mutex mutex_;
  watch_status status_;
  std::thread thread_;
};

}  // namespace

result<std::unique_ptr<folder_watch>> watch_folders(std::vector<std::string> roots, watch_limits limits,
                                                    folder_watch::receiver tell) {
  const int events = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (events < 0)
    return fail(std::string("Can't watch folders: ") + std::strerror(errno) +
                ". Changes are found by the next scan; fs.inotify.max_user_instances may have to be raised.");
  const int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake < 0) {
    ::close(events);
    return fail(std::string("Can't watch folders: ") + std::strerror(errno) + ".");
  }
  return std::make_unique<inotify_watch>(events, wake, std::move(roots), limits, std::move(tell));
}

}  // namespace vsf::net
