#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <utility>

#include "actors/swarm/hash_tree.hpp"

namespace vsf::swarm {

/// The hash trees of files that are being uploaded: the most recently used ones up to a number of bytes, and
/// always the last one, however large.
class tree_cache {
 public:
  explicit tree_cache(std::size_t limit_bytes) : limit_(limit_bytes) {}

  std::shared_ptr<const hash_tree> get(const digest& root) {
    const auto it = by_root_.find(root);
    if (it == by_root_.end()) return nullptr;
    order_.splice(order_.begin(), order_, it->second);
    return order_.front();
  }
  void put(std::shared_ptr<const hash_tree> tree) {
    if (get(tree->root())) return;
    used_ += weight(*tree);
    order_.push_front(std::move(tree));
    by_root_[order_.front()->root()] = order_.begin();
    while (used_ > limit_ && order_.size() > 1) {
      used_ -= weight(*order_.back());
      by_root_.erase(order_.back()->root());
      order_.pop_back();
      ++dropped_;
    }
  }
  void erase(const digest& root) {
    const auto it = by_root_.find(root);
    if (it == by_root_.end()) return;
    used_ -= weight(**it->second);
    order_.erase(it->second);
    by_root_.erase(it);
  }
  std::size_t size() const { return order_.size(); }
  std::size_t bytes() const { return used_; }
  std::uint64_t dropped() const { return dropped_; }

  /// Leaves, and the nodes above the pieces, which are at most a 32nd of them (padded).
  static std::size_t weight(const hash_tree& tree) {
    return tree.leaves().size() * digest::length * 33 / 32 + sizeof(hash_tree);
  }

 private:
  using order = std::list<std::shared_ptr<const hash_tree>>;
  std::size_t limit_;
  std::size_t used_ = 0;
  std::uint64_t dropped_ = 0;
  order order_;
  std::map<digest, order::iterator> by_root_;
};

}  // namespace vsf::swarm
