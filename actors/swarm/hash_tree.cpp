#include "actors/swarm/hash_tree.hpp"

#include <algorithm>
#include <bit>

namespace vsf::swarm {
namespace {

constexpr std::size_t max_levels = 48;  // of any 64-bit number of bytes over 16 KiB leaves
constexpr int piece_level = 6;
static_assert(1u << piece_level == piece_leaves);

/// Roots of subtrees that are all padding, by level.
const std::array<digest, max_levels + 1>& padding() {
  static const auto made = [] {
    std::array<digest, max_levels + 1> out{};
    crypto::sha256_hasher hasher;
    for (std::size_t i = 1; i < out.size(); ++i) out[i] = hasher.pair(out[i - 1], out[i - 1]);
    return out;
  }();
  return made;
}

std::uint32_t tree_width(std::uint64_t size) {
  return std::bit_ceil(std::max<std::uint32_t>(1, leaf_count(size)));
}

std::vector<digest> parents(crypto::sha256_hasher& hasher, const std::vector<digest>& nodes) {
  std::vector<digest> up(nodes.size() / 2);
  for (std::size_t i = 0; i < up.size(); ++i) up[i] = hasher.pair(nodes[2 * i], nodes[2 * i + 1]);
  return up;
}

/// `nodes`: a power of two of them.
digest root_over(crypto::sha256_hasher& hasher, std::vector<digest> nodes) {
  while (nodes.size() > 1) nodes = parents(hasher, nodes);
  return nodes.front();
}

}  // namespace

std::optional<std::vector<digest>> digests_of(byte_view raw) {
  if (raw.size() % digest::length != 0) return std::nullopt;
  std::vector<digest> out(raw.size() / digest::length);
  if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
  return out;
}

std::uint32_t leaf_count(std::uint64_t size) {
  return static_cast<std::uint32_t>((std::min(size, max_tree_file_size) + leaf_size - 1) / leaf_size);
}
std::uint32_t piece_count(std::uint64_t size) { return (leaf_count(size) + piece_leaves - 1) / piece_leaves; }
std::uint32_t leaf_length(std::uint64_t size, std::uint32_t leaf) {
  const auto begin = std::uint64_t{leaf} * leaf_size;
  return begin >= size ? 0 : static_cast<std::uint32_t>(std::min<std::uint64_t>(leaf_size, size - begin));
}
std::uint32_t proof_leaf_count(std::uint64_t size) {
  return size == 0 ? 0 : std::min(piece_leaves, tree_width(size));
}
std::uint32_t proof_uncle_count(std::uint64_t size) {
  return static_cast<std::uint32_t>(std::max(0, std::countr_zero(tree_width(size)) - piece_level));
}

bool verify_proof(const digest& root, std::uint64_t size, std::uint32_t piece,
                  const std::vector<digest>& leaves, const std::vector<digest>& uncles) {
  if (size == 0 || size > max_tree_file_size || piece >= piece_count(size)) return false;
  if (leaves.size() != proof_leaf_count(size) || uncles.size() != proof_uncle_count(size)) return false;
  const auto real = std::min(piece_leaves, leaf_count(size) - piece * piece_leaves);
  for (std::size_t i = real; i < leaves.size(); ++i)
    if (!leaves[i].is_zero()) return false;
  crypto::sha256_hasher hasher;
  auto node = root_over(hasher, leaves);
  auto index = piece;
  for (const auto& uncle : uncles) {
    node = (index & 1) != 0 ? hasher.pair(uncle, node) : hasher.pair(node, uncle);
    index /= 2;
  }
  return node == root;
}

bool verify_proof(const digest& root, std::uint64_t size, std::uint32_t piece, byte_view leaves,
                  byte_view uncles) {
  if (leaves.size() > piece_leaves * digest::length || uncles.size() > max_levels * digest::length)
    return false;
  const auto leaf_hashes = digests_of(leaves);
  const auto uncle_hashes = digests_of(uncles);
  return leaf_hashes && uncle_hashes && verify_proof(root, size, piece, *leaf_hashes, *uncle_hashes);
}

result<hash_tree> hash_tree::from_leaves(std::uint64_t size, std::vector<digest> leaves) {
  if (size > max_tree_file_size)
    return fail("A file of " + std::to_string(size) + " bytes is too large for a hash tree; at most " +
                std::to_string(max_tree_file_size) + " are supported");
  if (leaves.size() != leaf_count(size))
    return fail("A file of " + std::to_string(size) + " bytes has " + std::to_string(leaf_count(size)) +
                " leaves, not " + std::to_string(leaves.size()));
  hash_tree out;
  out.size_ = size;
  out.leaves_ = std::move(leaves);
  if (size == 0) return out;
  crypto::sha256_hasher hasher;
  std::vector<digest> level(tree_width(size) / proof_leaf_count(size));
  for (std::uint32_t i = 0; i < level.size(); ++i) {
    if (i >= piece_count(size)) {
      level[i] = padding()[piece_level];
      continue;
    }
    std::vector<digest> piece(proof_leaf_count(size));
    const auto first = std::size_t{i} * piece_leaves;
    std::copy_n(out.leaves_.begin() + static_cast<std::ptrdiff_t>(first),
                std::min(piece.size(), out.leaves_.size() - first), piece.begin());
    level[i] = root_over(hasher, std::move(piece));
  }
  while (true) {
    out.upper_.push_back(level);
    if (level.size() == 1) break;
    level = parents(hasher, level);
  }
  out.root_ = out.upper_.back().front();
  return out;
}

piece_proof hash_tree::prove(std::uint32_t piece) const {
  piece_proof out;
  if (piece >= piece_count(size_)) return out;
  out.leaves.resize(proof_leaf_count(size_));
  const auto first = std::size_t{piece} * piece_leaves;
  std::copy_n(leaves_.begin() + static_cast<std::ptrdiff_t>(first),
              std::min(out.leaves.size(), leaves_.size() - first), out.leaves.begin());
  std::size_t index = piece;
  for (std::size_t level = 0; level + 1 < upper_.size(); ++level, index /= 2) {
    out.uncles.push_back(upper_[level][index ^ 1]);
  }
  return out;
}

void tree_builder::add_leaf(byte_view data) {
  auto node = hasher_(data);
  if (keep_ == keep::leaves && leaves_.size() < max_tree_file_size / leaf_size) leaves_.push_back(node);
  // A binary counter: two complete subtrees of one size become one of twice the size.
  std::size_t level = 0;
  for (auto bit = leaf_total_; (bit & 1) != 0; bit >>= 1, ++level) node = hasher_.pair(pending_[level], node);
  if (level >= pending_.size()) pending_.resize(level + 1);
  pending_[level] = node;
  ++leaf_total_;
}

void tree_builder::flush() {
  if (!partial_.empty()) add_leaf(partial_);
  partial_.clear();
}

void tree_builder::update(byte_view data) {
  size_ += data.size();
  if (!partial_.empty()) {
    const auto take = std::min<std::size_t>(leaf_size - partial_.size(), data.size());
    partial_.insert(partial_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(take));
    data = data.subspan(take);
    if (partial_.size() == leaf_size) flush();
  }
  for (; data.size() >= leaf_size; data = data.subspan(leaf_size)) add_leaf(data.first(leaf_size));
  if (!data.empty()) partial_.assign(data.begin(), data.end());
}

digest tree_builder::root() {
  flush();
  if (leaf_total_ == 0) return {};
  const auto top = static_cast<std::size_t>(std::countr_zero(std::bit_ceil(leaf_total_)));
  std::optional<digest> node;
  for (std::size_t level = 0; level < top; ++level) {
    const bool complete = (leaf_total_ >> level & 1) != 0;
    if (complete)
      node = hasher_.pair(pending_[level], node ? *node : padding()[level]);
    else if (node)
      node = hasher_.pair(*node, padding()[level]);
  }
  return node ? *node : pending_[top];
}

result<hash_tree> tree_builder::tree() {
  flush();
  if (keep_ != keep::leaves)
    return fail("This tree was built for its root only; build it again keeping the leaves");
  return hash_tree::from_leaves(size_, leaves_);
}

digest tree_root(byte_view data) {
  tree_builder builder;
  builder.update(data);
  return builder.root();
}

}  // namespace vsf::swarm
