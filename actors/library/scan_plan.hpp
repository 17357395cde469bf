#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/types.hpp"

namespace vsf::library {

/// Whether a file of this name (or path) is worth opening: its extension is one of a kind of audio the
/// analyzer knows, in either case.
bool is_audio_name(std::string_view name);

/// Whether `path` is `folder` or lies beneath it. Both are compared byte by byte.
bool is_beneath(std::string_view path, std::string_view folder);

/// What the library store knows about a file that a listing can tell too.
struct known_file {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
};

/// Compares one listing of the folders with what is known: what has to be analysed, and what is gone. Holds 8
/// bytes for each file, so that neither listing nor index stands in memory. Two paths with the same 64-bit
/// hash only let a gone file stay until the next change of either (one chance in 10^7 with a million files).
class scan_plan {
 public:
  enum class verdict : std::uint8_t { unchanged, added, changed };
  struct counts {
    std::uint64_t unchanged = 0, added = 0, changed = 0;
    std::uint64_t over_limit = 0;  // files beyond max_files: neither analysed nor taken for gone
  };

  /// `roots`: the folders that are listed, as they are written in paths.
  scan_plan(std::vector<std::string> roots, std::size_t max_files);

  /// A file of the listing. `known` is what the store has for its path, null for nothing. A file beyond the
  /// limit is unchanged.
  verdict see(std::string_view path, std::uint64_t size, std::int64_t mtime_ns, const known_file* known);
  /// The listing has ended. `complete`: no limit and no error cut it, except that what is beneath `unread` is
  /// unknown.
  void finish(bool complete, std::vector<std::string> unread);
  /// Whether a known path is gone: it was not listed and would have been. Only after finish(). What lies
  /// beneath an unread folder (a disk that is not mounted) stays; what lies beneath no root any more goes.
  bool is_gone(std::string_view known_path) const;

  const counts& counted() const { return counts_; }

 private:
  std::vector<std::string> roots_;
  std::size_t max_files_;
  std::vector<std::uint64_t> seen_;  // sorted by finish()
  std::vector<std::string> unread_;
  counts counts_;
  bool complete_ = false;
};

}  // namespace vsf::library
