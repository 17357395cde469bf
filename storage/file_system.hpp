#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "messages/types.hpp"
#include "storage/disk_space.hpp"
#include "storage/quarantine.hpp"

namespace vsf::storage {

/// A file that is read at offsets (pread); safe from any thread.
class file_reader {
 public:
  virtual ~file_reader() = default;
  virtual std::uint64_t size() const = 0;
  /// Reads up to out.size() bytes; fewer only at the end of the file.
  virtual result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
  /// When it was changed last, as of now, in nanoseconds of unix time; nothing where files have no such time.
  virtual std::optional<std::int64_t> modified_ns() const { return std::nullopt; }
};

/// A download on its way: pre-allocated, written at offsets.
class partial_file : public file_reader {
 public:
  /// Writes all of `data` or fails ("No space left on ... free some and retry").
  virtual result<void> write_at(std::uint64_t offset, byte_view data) = 0;
  /// What was written before survives a loss of power after this.
  virtual result<void> sync() = 0;
};

inline constexpr std::size_t max_finished_folders = 8;

struct quarantined {
  std::string path;           // empty: there was no such partial file
  std::uint64_t removed = 0;  // older files that went for it
};

/// The files of a node: those it shares, its partial and its finished downloads. Disk or memory (simulator).
class file_system {
 public:
  virtual ~file_system() = default;
  /// A file of the library by the path the library store has for it.
  virtual result<std::shared_ptr<file_reader>> open_shared(const std::string& path) = 0;
  /// Opens or creates a partial file of this name (one component) and size in the incomplete folder. An
  /// existing one of another size is an error.
  virtual result<std::shared_ptr<partial_file>> open_partial(const std::string& name, std::uint64_t size) = 0;
  virtual bool partial_exists(const std::string& name) = 0;
  /// What the disks of the two folders have left.
  virtual result<download_space> free_space() = 0;
  /// The full path of a partial file of this name, for the analyzer; open_shared() opens it, too.
  virtual std::string partial_path(const std::string& name) const = 0;
  /// Syncs the partial file and moves it into the download folder as `wanted_name` (one component, made safe
  /// by the caller; " (2)" and so on is put before the extension when taken). Across filesystems: copy, sync,
  /// unlink. Both folders are opened once and everything happens beneath their descriptors. `folders` (each
  /// one component, outermost first, at most max_finished_folders) are made beneath the download folder;
  /// links in their place are refused. Gives the finished file's full path.
  virtual result<std::string> finish(const std::string& partial_name, const std::string& wanted_name,
                                     const std::vector<std::string>& folders) = 0;
  /// Directly in the download folder.
  result<std::string> finish(const std::string& partial_name, const std::string& wanted_name) {
    return finish(partial_name, wanted_name, {});
  }
  virtual result<void> discard_partial(const std::string& name) = 0;
  /// Moves a partial file into the folder `quarantine` beneath the incomplete folder, under a name that sorts
  /// by age ("0001700000000000-NAME"), and removes the oldest there beyond the limits. Nothing in that folder
  /// is ever delivered. Done once, it may be asked for again.
  virtual result<quarantined> quarantine(const std::string& name, std::uint64_t unix_ms,
                                         const quarantine_limits& limits) = 0;
  /// A finished download by the path finish() gave.
  virtual result<std::shared_ptr<file_reader>> open_finished(const std::string& path) = 0;
};

result<std::shared_ptr<file_system>> open_disk_files(const std::string& download_folder,
                                                     const std::string& incomplete_folder);

}  // namespace vsf::storage
