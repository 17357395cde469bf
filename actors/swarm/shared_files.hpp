#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "actors/swarm/hash_tree.hpp"
#include "messages/frame.hpp"
#include "storage/file_system.hpp"
#include "storage/library_store.hpp"
#include "storage/shared_part.hpp"
#include "storage/transfer_store.hpp"
#include "storage/tree_store.hpp"

namespace vsf::swarm {

/// A file that is open for peers: one of the library, as the library knew it when it was opened, or a part of
/// one.
struct shared_file {
  digest root;
  std::string path;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::shared_ptr<storage::file_reader> reader;
  std::optional<std::int64_t> opened_mtime_ns{};  // as the disk had it when it was opened
  storage::shared_part_ptr part{};                // then path, mtime and reader are its own affair
};
using shared_file_ptr = std::shared_ptr<const shared_file>;

/// Why a file or a part of it can't be had.
enum class file_problem : std::uint8_t { none, not_shared, gone, unreadable };

/// The reading side of the library, for uploads. Calls block; one thread at a time, and of all instances over
/// one store only one may be asked for hash().
class shared_files {
 public:
  shared_files(std::shared_ptr<storage::file_system> files, std::shared_ptr<storage::kv_store> store);

  struct opening {
    shared_file_ptr file;
    file_problem problem = file_problem::none;
  };
  /// The first file with this root that can be opened and has the size the library knows.
  opening open(const digest& root) const;
  /// What peers may have of a running download.
  static shared_file_ptr of_part(storage::shared_part_ptr part);

  struct reading {
    frame whole;                   // made by overlay::allocate_bulk: the leaves are in its bulk_room()
    std::uint64_t size_bytes = 0;  // of the leaves
    file_problem problem = file_problem::none;
  };
  /// Leaves [first, first + count). With `recheck`, the library must still know this file as it was.
  reading read(const shared_file& file, std::uint32_t first_leaf, std::uint16_t count, bool recheck) const;

  /// What proves one piece that a part has; nothing once its download is over: of a complete one hash() does.
  std::optional<piece_proof> proof_of(const storage::shared_part& part, std::uint32_t piece) const;

  struct hashing {
    std::shared_ptr<const hash_tree> tree;
    file_problem problem = file_problem::none;
    bool from_disk = false;  // the tree was kept from an earlier time; the file was not read
    // Since the last answer: kept trees that went for others, that were damaged, that could not be kept.
    std::uint64_t evicted = 0, corrupt = 0, not_kept = 0;
  };
  /// The tree of a file: kept from an earlier time if the file has not changed since the library read it,
  /// else made by reading all of it, and kept. gone: its bytes are no longer those of its root.
  hashing hash(const shared_file& file);

 private:
  bool still_known(const shared_file& file) const;
  std::shared_ptr<const hash_tree> kept_tree(const shared_file& file);
  hashing read_all(const shared_file& file) const;

  std::shared_ptr<storage::file_system> files_;
  storage::library_store library_;
  storage::tree_store trees_;
  storage::transfer_store transfers_;
  std::uint64_t store_errors_ = 0;
  std::uint64_t told_evicted_ = 0, told_corrupt_ = 0;
};

}  // namespace vsf::swarm
