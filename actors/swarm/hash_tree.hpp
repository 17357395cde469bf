#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "messages/types.hpp"
#include "net/crypto/crypto.hpp"

/// The hash tree of BitTorrent v2 (BEP 52, "pieces root"): SHA-256 over leaves of 16 KiB, a binary tree over
/// them, padded with zero hashes to a power of two. The last leaf is hashed as short as it is. A file of at
/// most one leaf has that leaf's hash as its root. BEP 52 gives an empty file no root; here it is all zero,
/// and nothing is provable under it.
///
/// A root says nothing about a file's size: whoever checks a proof takes the size from the signed variant
/// that named the root, never from the peer that sends the proof.
namespace vsf::swarm {

inline constexpr std::uint32_t leaf_size = 16 * 1024;
inline constexpr std::uint32_t piece_leaves = 64;
inline constexpr std::uint64_t piece_size = std::uint64_t{leaf_size} * piece_leaves;
/// Larger files have no tree here; their 4 Mi leaf hashes would take 128 MiB.
inline constexpr std::uint64_t max_tree_file_size = std::uint64_t{1} << 36;

/// All sizes are in bytes and at most max_tree_file_size.
std::uint32_t leaf_count(std::uint64_t size);
std::uint32_t piece_count(std::uint64_t size);
/// Bytes of a leaf: leaf_size except for the last one; 0 beyond the end.
std::uint32_t leaf_length(std::uint64_t size, std::uint32_t leaf);
/// Leaf hashes of a proof: 64, or for a file shorter than a piece its leaf count rounded up to a power of
/// two.
std::uint32_t proof_leaf_count(std::uint64_t size);
/// Uncles of a proof: 0 for a file of at most one piece.
std::uint32_t proof_uncle_count(std::uint64_t size);

/// What GetProof is answered with: the hashes of one piece's leaves, zero beyond the end of the file, and the
/// sibling
/// ("uncle") on every level above the piece, bottom first up to the root's children.
struct piece_proof {
  std::vector<digest> leaves;
  std::vector<digest> uncles;
};

/// Whether these are the leaf hashes of that piece in the file with this root and size. Counts must be exact
/// and padding must be zero; everything else, an empty file and a piece beyond the end included, is false.
bool verify_proof(const digest& root, std::uint64_t size, std::uint32_t piece,
                  const std::vector<digest>& leaves, const std::vector<digest>& uncles);
/// The same over the bytes of a Proof message (32 each).
bool verify_proof(const digest& root, std::uint64_t size, std::uint32_t piece, byte_view leaves,
                  byte_view uncles);

/// Hashes as messages and records have them, 32 bytes each; nothing for any other length.
std::optional<std::vector<digest>> digests_of(byte_view raw);

/// All leaf hashes of one file and what is above its pieces: 32 bytes a leaf (2 KiB a MiB) and a 64th more.
class hash_tree {
 public:
  hash_tree() = default;
  /// `leaves` holds leaf_count(size) hashes; fails for any other number and for a size beyond the bound.
  static result<hash_tree> from_leaves(std::uint64_t size, std::vector<digest> leaves);

  std::uint64_t size() const { return size_; }
  const digest& root() const { return root_; }
  /// Not padded.
  const std::vector<digest>& leaves() const { return leaves_; }
  /// Empty for a piece beyond the end.
  piece_proof prove(std::uint32_t piece) const;

 private:
  std::uint64_t size_ = 0;
  digest root_{};
  std::vector<digest> leaves_;
  std::vector<std::vector<digest>> upper_;  // [0] is one node for each piece, padded; the last is the root
};

/// Reads a file once, front to back, in pieces of any length. Without leaves kept it holds one hash a level.
class tree_builder {
 public:
  enum class keep : std::uint8_t { root_only, leaves };
  explicit tree_builder(keep what = keep::root_only) : keep_(what) {}

  void update(byte_view data);
  std::uint64_t size() const { return size_; }
  /// Ends the file; no update() may follow.
  digest root();
  /// The same with all hashes, for a builder that keeps leaves. Fails beyond max_tree_file_size.
  result<hash_tree> tree();

 private:
  void add_leaf(byte_view data);
  void flush();

  keep keep_;
  crypto::sha256_hasher hasher_;
  std::uint64_t size_ = 0;
  std::uint64_t leaf_total_ = 0;
  bytes partial_;  // begun leaf
  std::vector<digest>
      pending_;  // [level] is the root of a complete subtree where that bit of leaf_total_ is set
  std::vector<digest> leaves_;
};

/// The root of a file in memory.
digest tree_root(byte_view data);

}  // namespace vsf::swarm
