#pragma once

#include <map>
#include <vector>

#include "actors/shadow_index/leaf.hpp"

namespace vsf::shadow_index {

/// True if `a` takes the place of `b` of the same publisher: max seq, then the larger hash of the signed
/// bytes.
bool supersedes(const checked_leaf& a, const checked_leaf& b);

/// What is known under one key: the newest leaf of each publisher, tombstones too, so that what they withdraw
/// doesn't come back. Inserting is commutative, associative and idempotent: any order of any copies gives the
/// same map.
class leaf_map {
 public:
  /// True if the map changed.
  bool insert(const checked_leaf& leaf);
  void merge(const leaf_map& other);

  /// All leaves that say something, by publisher.
  std::vector<checked_leaf> live() const;
  std::size_t size() const { return by_publisher_.size(); }
  const std::map<public_key, checked_leaf>& all() const { return by_publisher_; }
  bool operator==(const leaf_map& other) const;

 private:
  std::map<public_key, checked_leaf> by_publisher_;
};

}  // namespace vsf::shadow_index
