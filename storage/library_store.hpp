#pragma once

#include "storage/record_family.hpp"

namespace vsf::storage {

struct library_stats {
  std::uint64_t files = 0;
  std::uint64_t shareable = 0;  // with a hash tree and no problem
  std::uint64_t bytes = 0;      // of the shareable ones
  bool operator==(const library_stats&) const = default;
};

/// The files of the library by path, found also by recording, release and hash-tree root; entries, indexes
/// and figures change in one batch. Any number of readers; one writer at a time (the library component).
/// Paths are of 1 to 4,096 bytes; at most 4,096 entries a put.
class library_store {
 public:
  explicit library_store(std::shared_ptr<kv_store> store);

  /// A later entry for the same path replaces an earlier one, also within one call.
  result<void> put(const std::vector<fb::FileEntryT>& entries, durability how = durability::buffered);
  result<void> put(const fb::FileEntryT& entry, durability how = durability::buffered);
  /// Unknown paths are ignored.
  result<void> remove(const std::vector<std::string>& paths, durability how = durability::buffered);

  result<std::optional<record<fb::FileEntry>>> get(std::string_view path) const;
  /// Paths in byte order, at most `limit`.
  result<std::vector<std::string>> find_recording(const mbid& recording, std::size_t limit = 1000) const;
  result<std::vector<std::string>> find_release(const mbid& release, std::size_t limit = 1000) const;
  result<std::vector<std::string>> find_root(const digest& root, std::size_t limit = 1000) const;
  /// In path order, starting at `from`, until `visit` returns false.
  result<void> for_each(const std::function<bool(const record<fb::FileEntry>&)>& visit,
                        std::string_view from = {}) const;
  result<std::uint64_t> count() const;
  /// Kept up by every put and remove: one read.
  result<library_stats> stats() const;
  /// Makes indexes and figures anew from the entries and drops entries that can't be read. Gives how many
  /// were dropped.
  result<std::uint64_t> rebuild();
  std::uint64_t corrupt() const { return entries_.corrupt(); }

 private:
  struct change;
  result<void> commit(const std::vector<change>& changes, durability how);
  result<std::vector<std::string>> find(byte_view prefix, std::size_t limit) const;

  std::shared_ptr<kv_store> store_;
  record_family<fb::FileEntry> entries_;
};

}  // namespace vsf::storage
