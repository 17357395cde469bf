#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/swarm/hash_tree.hpp"
#include "messages/bitmap.hpp"
#include "messages/schemas.hpp"
#include "storage/ban_store.hpp"
#include "storage/file_system.hpp"
#include "storage/library_store.hpp"
#include "storage/shared_part.hpp"
#include "storage/transfer_store.hpp"

namespace vsf::swarm {

/// Everything one transfer does to disk and store, and all its hashing. Calls block; one thread at a time.
/// Errors are the storage's, meant for people; after one, open() begins again from what is stored.
class transfer_disk {
 public:
  struct places {
    std::shared_ptr<storage::file_system> files;
    std::shared_ptr<storage::kv_store> store;
    std::string download_folder;       // where finish() puts files
    std::uint64_t min_free_bytes = 0;  // open(), checkpoint() and finish() fail before a disk is fuller
  };
  struct opened {
    bitmap had;
    std::vector<std::uint32_t> proven;
    std::uint64_t bytes_kept = 0;       // found good
    std::uint64_t bytes_recovered = 0;  // of these, not known as synced: written after the last checkpoint
    std::string finished_path;          // not empty: an earlier run got as far as the rename
  };
  struct written {
    std::uint64_t good = 0;  // bit i: leaf first + i
    std::uint64_t bad = 0;
    std::vector<std::uint32_t> completed{};  // pieces that part() has since
  };

  /// `synced` as in the transfer's stored record.
  transfer_disk(places where, std::string transfer, bytes synced);
  /// Unless the file was finished, nobody gets more of it.
  ~transfer_disk();
  transfer_disk(const transfer_disk&) = delete;
  transfer_disk& operator=(const transfer_disk&) = delete;

  /// Opens or creates the partial file. Leaves known as synced are taken as they are; others are read again
  /// and kept if they fit stored hashes, so that after a kill nothing that was written is fetched again.
  /// `finishing_as` is the name an interrupted finish() wanted, or empty.
  result<opened> open(const digest& root, std::uint64_t size_bytes, const std::string& partial_name,
                      const std::string& finishing_as);
  /// Of the open partial file: the pieces that are whole and can be proven to others.
  storage::shared_part_ptr part() const { return part_; }
  /// Checks a piece's hashes against the root and keeps them. false: they don't belong to it.
  result<bool> prove(std::uint32_t piece, byte_view leaves, byte_view uncles);
  /// Hashes the leaves whose bit is set in `wanted` and writes the right ones. `body` holds all of them, bit
  /// 0 first.
  result<written> write(std::uint32_t first_leaf, std::uint16_t count, std::uint64_t wanted, byte_view body);
  /// Whether it is the free space that is in the way, so that it may go on when there is more.
  bool short_of_room();
  /// Syncs the partial file, then stores the record with the leaves that are now safe.
  result<void> checkpoint(fb::TransferRecordT transfer);
  /// Stores the record; the leaves known as synced stay as they were.
  result<void> save(fb::TransferRecordT transfer, storage::durability how);
  /// The name for the finished file: from our own library's tags and the first bytes of the file.
  result<std::string> choose_name(const mbid& recording) const;
  /// Stores that the transfer is about to be renamed to `name`, then syncs and renames. Gives the full path.
  result<std::string> finish(fb::TransferRecordT transfer, const std::string& name);
  /// SHA-256 of a finished file.
  result<digest> hash_finished(const std::string& path) const;
  /// The transfer is done: its hashes are no longer needed.
  result<void> settle(fb::TransferRecordT transfer);
  /// Removes the partial file, its hashes and its bitmap, and stores the record.
  result<void> discard(fb::TransferRecordT transfer, const std::string& partial_name);
  /// Stores the bans, then the record (which names the partial file as rejected), then moves the file to
  /// quarantine: after a kill at any point it is either checked again or moved. Gives how many older files
  /// had to go there.
  result<std::uint64_t> quarantine(fb::TransferRecordT transfer, const std::string& partial_name,
                                   std::uint64_t unix_ms, const std::vector<fb::OfferBanT>& bans);
  /// Removes all traces: partial file, hashes and record.
  result<void> forget(const std::string& partial_name);

 private:
  result<void> load_hashes();
  void close();
  result<opened> recheck();
  result<void> check_room(std::optional<std::uint64_t> new_bytes);
  std::optional<std::string> find_finished(const std::string& name) const;
  result<void> put(fb::TransferRecordT& transfer, storage::durability how);

  places where_;
  std::string transfer_;
  storage::transfer_store transfers_;
  storage::library_store library_;
  storage::ban_store bans_;
  std::shared_ptr<storage::partial_file> file_;
  std::string partial_name_;
  digest root_{};
  std::uint64_t size_ = 0;
  bool no_room_ = false;
  bitmap had_;
  bytes synced_;                                         // as stored
  std::map<std::uint32_t, std::vector<digest>> hashes_;  // of pieces with missing leaves
  std::set<std::uint32_t> provable_;                     // pieces whose whole proof is stored
  std::shared_ptr<storage::shared_part> part_;           // of this partial file
  crypto::sha256_hasher hasher_;
};

}  // namespace vsf::swarm
