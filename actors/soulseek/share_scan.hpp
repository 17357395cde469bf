#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/soulseek/share_index.hpp"
#include "messages/schemas.hpp"
#include "net/files/file_walk.hpp"

namespace vsf::soulseek {

struct share_root {
  std::string folder;  // absolute, local
  share_visibility visibility = share_visibility::everyone;
};

struct share_scan_settings {
  std::vector<share_root> roots;  // one beneath another is dropped
  std::vector<std::string>
      excluded;  // local folders whose files are never shared, such as unfinished downloads
};

struct share_scan_counters {
  std::uint64_t scans = 0, listed = 0, added = 0, changed = 0, removed = 0;
  std::uint64_t refused = 0;    // the index would not take them: a bad path, or a limit
  std::uint64_t described = 0;  // files that got attributes
};

/// Whether a listed name (or path) is shared. Soulseek shares covers, logs and texts, too; only what systems
/// leave behind is not. (Hidden names are not listed in the first place.)
bool is_shared_name(std::string_view name);

/// Attributes as they are told to others: bitrate and duration, for lossless files instead of the bitrate the
/// sample rate and bit depth.
share_attributes attributes_of(const fb::FileEntry& entry);

/// Keeps the share index in step with the folders of this node. It lists by itself, apart from the library's
/// scan: that one holds audio only and goes no faster than files are analysed, whereas what is listed here is
/// shared at once. What the library finds out is added by describe().
class share_scan {
 public:
  /// Aliases are the last path components; of equal ones (case aside) the later get " (2)", " (3)".
  explicit share_scan(const share_scan_settings& settings, share_limits limits = {});

  const share_index& index() const { return index_; }
  std::vector<std::string> roots() const;
  bool scanning() const { return scanning_; }

  /// Begins a scan of these local folders, of everything if none are given; a scan that runs is forgotten.
  /// Gives the folders to list now: those of them that lie beneath a root, without nested ones.
  std::vector<std::string> begin(const std::vector<std::string>& folders = {});
  /// A part of the listing: shared from here on. A file whose size changed loses its attributes.
  void see(const std::vector<net::walked_file>& files);
  /// The listing has ended. `complete`: all that was not seen is gone, unless it lies beneath one of
  /// `unread`.
  void finish(bool complete, const std::vector<std::string>& unread = {});
  /// Takes out at most so many gone files; false: none are left and the scan is over.
  bool sweep_some(std::size_t most = 4096);

  /// What the library knows of a file, once it knows it. False: it is not shared, or has another size.
  bool describe(const fb::FileEntry& entry);

  /// A file for an upload by the virtual path asked for, as share_index::find. nullopt: "File not shared."
  std::optional<share_file_id> find(std::string_view virtual_path, bool buddy) const;
  std::string local_path(share_file_id file) const;
  /// nullopt: it lies beneath no root, or is excluded.
  std::optional<std::string> virtual_path(std::string_view local) const;

  const share_scan_counters& counters() const { return counters_; }

 private:
  struct root {
    std::string folder, alias;
    share_visibility visibility;
  };
  const root* root_of(std::string_view local) const;
  /// Of a name that can't be told as it is, the local one is kept; 0: the virtual one says all.
  std::uint32_t keep_local(std::string_view local, std::string_view shared);
  void forget_local(share_file_id file);
  void mark(share_file_id file);
  void find_gone(share_folder_id folder, const std::vector<std::string>& unread);
  void pack_if_worthwhile();

  std::vector<root> roots_;
  std::vector<std::string> excluded_;
  share_index index_;
  std::map<std::uint32_t, std::string> odd_names_;  // local paths that differ from the virtual ones
  std::uint32_t next_odd_ = 1;
  bool scanning_ = false;
  std::vector<std::string> scope_;
  std::vector<bool> seen_;
  std::vector<share_file_id> gone_;
  std::uint64_t changes_ = 0;  // since the index was packed
  share_scan_counters counters_;
};

}  // namespace vsf::soulseek
