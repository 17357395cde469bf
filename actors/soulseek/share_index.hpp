#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/soulseek/share_pool.hpp"
#include "actors/soulseek/share_words.hpp"

namespace vsf::soulseek {

/// A file or folder of the index; may be used again for another once it is removed.
using share_file_id = std::uint32_t;
using share_folder_id = std::uint32_t;

/// As they are told to others; 0 is unknown.
struct share_attributes {
  std::uint32_t bitrate_kbps = 0;    // at most 65,535
  std::uint32_t duration_s = 0;      // at most 2^29 - 1
  std::uint32_t sample_rate_hz = 0;  // at most 2^24 - 1
  std::uint8_t bit_depth = 0;
  bool vbr = false;
  bool operator==(const share_attributes&) const = default;
};

/// Who may know of a file.
enum class share_visibility : std::uint8_t { everyone, buddies };
/// Which files are meant: those of one visibility or all.
enum class share_audience : std::uint8_t { everyone, buddies, both };

struct share_file {
  std::uint64_t size_bytes = 0;  // at most 2^48 - 1
  share_attributes attributes{};
  share_visibility visibility = share_visibility::everyone;
  std::uint32_t local = 0;  // by which the caller finds the file
  bool operator==(const share_file&) const = default;
};

struct share_limits {
  std::uint32_t max_files = 2'000'000;
  std::uint32_t max_folders = 500'000;
};

struct share_counts {
  std::uint32_t files = 0, folders = 0;  // for everyone; folders with at least one such file
  std::uint32_t buddies_files = 0, buddies_folders = 0;
  bool operator==(const share_counts&) const = default;
};

/// What this node shares on Soulseek: folders with their files, and the words of all paths. Paths are
/// virtual: "alias\folder\name", UTF-8, at most 4,096 bytes, 64 folders deep, a name at most 1,024 bytes.
/// About 130 bytes a file. A change costs as much as its own words. Not for several threads while it changes.
class share_index {
 public:
  explicit share_index(share_limits limits = {});

  enum class change : std::uint8_t {
    unchanged,
    added,
    replaced,
    refused  // a bad path, or a limit is reached
  };
  struct outcome {
    change what = change::refused;
    share_file_id file = no_id;
  };
  /// Adds a file or replaces that of exactly this path.
  outcome put(std::string_view path, const share_file& file);
  /// False: there is no such file.
  bool remove(share_file_id file);
  /// False: there is no such file.
  bool set_attributes(share_file_id file, const share_attributes& attributes);
  /// To be called after many changes: gives back memory. Costs as much as there are words, and at times
  /// files.
  void pack();

  /// Exactly this path.
  std::optional<share_file_id> find_exact(std::string_view path) const;
  /// This path, or else one that differs only in case, Unicode form, or the kind of slash.
  std::optional<share_file_id> find(std::string_view path) const;
  std::optional<share_folder_id> find_exact_folder(std::string_view path) const;
  /// As find() for a folder; backslashes at its end don't count.
  std::optional<share_folder_id> find_folder(std::string_view path) const;

  bool has(share_file_id file) const { return file < files_.size() && files_[file].used; }
  /// Ids are below this.
  share_file_id end_id() const { return files_.size(); }
  share_file at(share_file_id file) const;
  std::string_view name(share_file_id file) const { return names_.get(files_[file].name); }
  share_folder_id folder_of(share_file_id file) const { return files_[file].folder; }
  bool for_buddies(share_file_id file) const { return files_[file].buddies; }
  void append_path(share_file_id file, std::string& out) const;
  std::string path(share_file_id file) const;

  static constexpr share_folder_id top = 0;  // above the aliases; has no name
  void append_folder_path(share_folder_id folder, std::string& out) const;
  std::string_view folder_name(share_folder_id folder) const { return names_.get(folders_[folder].name); }
  share_folder_id parent(share_folder_id folder) const { return folders_[folder].parent; }
  /// In the byte order of their names.
  std::span<const share_folder_id> subfolders(share_folder_id folder) const {
    return folders_[folder].subfolders;
  }
  std::span<const share_file_id> files(share_folder_id folder) const { return folders_[folder].files; }
  /// Files directly in the folder.
  std::uint32_t count(share_folder_id folder, share_audience audience) const;

  const share_counts& counts() const { return counts_; }
  const share_words& words() const { return words_; }
  /// Files that only buddies may know of.
  const Roaring& buddies_files() const { return buddies_; }
  /// Another after every change.
  std::uint64_t revision() const { return revision_; }
  std::uint64_t refused() const { return refused_; }
  std::size_t memory_bytes() const;

 private:
  struct file_entry {
    std::uint32_t folder = 0, name = 0, hash = 0, local = 0;
    std::uint32_t size_low = 0;
    std::uint16_t size_high = 0, bitrate = 0;
    std::uint32_t sample_rate : 24 = 0, bit_depth : 8 = 0;
    std::uint32_t duration : 29 = 0, vbr : 1 = 0, buddies : 1 = 0, used : 1 = 0;
  };
  static_assert(sizeof(file_entry) == 32);
  struct folder_entry {
    std::uint32_t parent = no_id, name = 0, hash = 0;
    std::uint32_t buddies_count = 0;
    std::vector<std::uint32_t> files, subfolders;
  };

  template <class Compare>
  std::uint32_t search(std::string_view path, std::uint32_t hash, Compare same) const;
  share_folder_id exact_folder(std::string_view path) const;
  share_folder_id make_folder(std::string_view path);
  share_folder_id add_subfolder(share_folder_id above, std::string_view name);
  share_file_id exact_file(share_folder_id folder, std::string_view name) const;
  void drop_empty(share_folder_id folder);
  outcome add(share_folder_id folder, std::string_view name, const share_file& file);
  static void fill(file_entry& entry, const share_file& file);
  /// Of the folder's whole path; kept for the last folder, since files come folder by folder.
  const std::vector<std::uint32_t>& folder_words(share_folder_id folder);
  void words_of(share_file_id file, std::vector<std::uint32_t>& out);
  void count_file(share_folder_id folder, bool buddies, bool plus);
  void copy_names();

  share_limits limits_;
  chunked<file_entry> files_;
  chunked<folder_entry> folders_;
  std::vector<std::uint32_t> free_files_, free_folders_;
  string_pool names_;
  id_table file_table_, folder_table_;  // by the folded path
  share_words words_;
  Roaring buddies_;
  share_counts counts_;
  std::uint64_t revision_ = 0, refused_ = 0;
  share_folder_id last_folder_ = no_id;
  std::vector<std::uint32_t> last_words_, some_words_;
  std::string folded_;
};

}  // namespace vsf::soulseek
