#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "storage/record_family.hpp"

namespace vsf::storage {

/// Leaf hashes of files that were served, by the root of their hash tree, so that a file is read for its
/// proofs only once. Bounded in bytes, the least recently used go first. Whoever reads a tree back checks it
/// against its root. Safe from any thread; one instance for each store.
class tree_store {
 public:
  static constexpr std::uint64_t default_limit_bytes = std::uint64_t{256} << 20;
  /// What a tree counts for beside its hashes.
  static constexpr std::uint64_t overhead_bytes = 256;

  explicit tree_store(std::shared_ptr<kv_store> store, std::uint64_t limit_bytes = default_limit_bytes);

  /// All leaf hashes in order; nothing: not kept, or unreadable and therefore removed.
  result<std::optional<std::vector<digest>>> get(const digest& root);
  /// Keeps them; a tree of more than a quarter of the limit is not kept. Buffered: it can be made again.
  result<void> put(const digest& root, const std::vector<digest>& leaves);
  /// It turned out not to be the tree of this root: removed and counted.
  result<void> reject(const digest& root);

  result<std::uint64_t> count();
  result<std::uint64_t> bytes_kept();
  /// Trees that had to go for later ones.
  std::uint64_t evicted() const;
  /// Trees that were damaged.
  std::uint64_t corrupt() const;

 private:
  struct row {
    std::uint64_t used = 0;  // the least was used longest ago
    std::uint64_t weight_bytes = 0;
  };
  result<void> load();
  result<void> add_erasure(write_batch& batch, const digest& root) const;
  void put_header(write_batch& batch, const digest& root, std::uint64_t leaves, std::uint64_t used) const;
  result<void> remove(const digest& root);

  record_family<fb::StoredTree> trees_;
  std::uint64_t limit_bytes_;
  mutable std::mutex mutex_;
  bool loaded_ = false;
  std::map<digest, row> rows_;
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t next_use_ = 1;
  std::uint64_t evicted_ = 0;
  std::uint64_t corrupt_ = 0;
};

}  // namespace vsf::storage
