#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messages/types.hpp"

/// Tells which folders changed, without looking at them (inotify).
namespace vsf::net {

struct watch_limits {
  std::size_t max_folders = 100'000;
  std::size_t max_changed = 1000;             // told one by one; beyond, everything counts as changed
  std::chrono::milliseconds quiet{2'000};     // a change is told when none followed for so long,
  std::chrono::milliseconds at_most{30'000};  // but not later than this
};

struct watch_status {
  std::uint64_t folders = 0;  // being watched
  std::uint64_t events = 0;
  std::uint64_t told = 0;  // calls of the receiver
  /// Why some folders are not watched and what to do; empty: all are.
  std::string problem;
};

/// Watches folders and all beneath them, also those that come later; ends with the object. Links to folders
/// are followed, hidden ones left out, as walk_files does. A file counts when its writer closes it. A thread
/// of its own.
class folder_watch {
 public:
  /// The folders in which something changed, each as its root was given, then "/" and names; empty: perhaps
  /// everywhere. Called from the watch's thread; must not block.
  using receiver = std::function<void(std::vector<std::string> folders)>;

  virtual ~folder_watch() = default;
  virtual watch_status status() const = 0;
};

/// Fails if this system can't watch at all. Folders are added in the background.
result<std::unique_ptr<folder_watch>> watch_folders(std::vector<std::string> roots, watch_limits limits,
                                                    folder_watch::receiver tell);

}  // namespace vsf::net
