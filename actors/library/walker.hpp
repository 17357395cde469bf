#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "net/files/file_walk.hpp"
#include "net/files/folder_watch.hpp"

namespace vsf::library {

/// Where the library's listings come from: a disk (disk_walker) or a table (table_walker, for simulations and
/// tests).
class walker {
 public:
  virtual ~walker() = default;
  /// As net::walk_files: blocks, batches, any thread.
  virtual net::walk_report walk(const std::string& root, const net::walk_limits& limits,
                                const std::function<bool(std::string_view name)>& wanted,
                                const std::function<bool(std::vector<net::walked_file> batch)>& give,
                                const std::atomic<bool>& stop) = 0;
  /// As net::watch_folders; null: this kind is not watched.
  virtual result<std::unique_ptr<net::folder_watch>> watch(const std::vector<std::string>& roots,
                                                           net::folder_watch::receiver tell) {
    (void)roots;
    (void)tell;
    return nullptr;
  }
};

class disk_walker final : public walker {
 public:
  net::walk_report walk(const std::string& root, const net::walk_limits& limits,
                        const std::function<bool(std::string_view name)>& wanted,
                        const std::function<bool(std::vector<net::walked_file> batch)>& give,
                        const std::atomic<bool>& stop) override {
    return net::walk_files(root, limits, wanted, give, stop);
  }
  result<std::unique_ptr<net::folder_watch>> watch(const std::vector<std::string>& roots,
                                                   net::folder_watch::receiver tell) override {
    return net::watch_folders(roots, {}, std::move(tell));
  }
};

/// A listing that is simply given; not for threads to share while it changes.
class table_walker final : public walker {
 public:
  void put(const net::walked_file& file) { files_[file.path] = file; }
  void remove(const std::string& path) { files_.erase(path); }
  net::walk_report walk(const std::string& root, const net::walk_limits& limits,
                        const std::function<bool(std::string_view name)>& wanted,
                        const std::function<bool(std::vector<net::walked_file> batch)>& give,
                        const std::atomic<bool>& stop) override;

 private:
  std::map<std::string, net::walked_file> files_;
};

}  // namespace vsf::library
