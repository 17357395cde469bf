#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// Lists the files beneath a folder, in batches: a million files never stand in memory together.
namespace vsf::net {

struct walked_file {
  std::string path;  // the root as given, then "/" and names; bytes as the system has them
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
};

struct walk_limits {
  std::uint64_t max_files = 2'000'000;  // wanted ones
  std::uint64_t max_folders = 500'000;
  std::uint32_t max_depth = 32;  // folders below the root; each level holds a descriptor and its names
  std::uint32_t max_names_per_folder = 200'000;
  std::size_t batch = 256;
  std::size_t max_problems = 1000;  // kept word by word; all are counted
};

struct walk_report {
  std::uint64_t files = 0;     // handed over
  std::uint64_t folders = 0;   // read
  std::uint64_t unwanted = 0;  // other names, and what is no regular file
  std::uint64_t hidden = 0;    // files and folders whose name begins with a dot
  std::uint64_t repeated = 0;  // folders met again through a link
  std::uint64_t errors = 0;
  bool limited = false;                   // a limit cut something off
  bool stopped = false;                   // by `stop` or by the receiver
  std::vector<std::string> problems;      // what could not be read and why
  std::vector<std::string> unread_paths;  // folders and files whose content is unknown for that

  /// All that was not seen is named in unread_paths: anything else that was not listed is not there.
  bool complete() const { return !limited && !stopped && unread_paths.size() == errors; }
};

/// Visits `root` depth first, names in byte order. Symbolic links to files and folders are followed; a folder
/// is read once however many ways lead to it, so loops end. Hidden names are left out. A folder or file that
/// can't be read is reported and the walk goes on. `wanted` picks files by name; only those are looked at
/// further. `give` gets at most `limits.batch` files at a time and ends the walk by returning false; the
/// order of batches and within them is that of the walk. `stop` may be set from another thread. Blocks; no
/// other side effects.
walk_report walk_files(const std::string& root, const walk_limits& limits,
                       const std::function<bool(std::string_view name)>& wanted,
                       const std::function<bool(std::vector<walked_file> batch)>& give,
                       const std::atomic<bool>& stop);

}  // namespace vsf::net
