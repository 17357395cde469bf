#include "actors/shadow_index/merge.hpp"

#include <algorithm>

namespace vsf::shadow_index {

bool supersedes(const checked_leaf& a, const checked_leaf& b) {
  return a.seq != b.seq ? a.seq > b.seq : a.order > b.order;
}

bool leaf_map::insert(const checked_leaf& leaf) {
  const auto [at, fresh] = by_publisher_.try_emplace(leaf.publisher, leaf);
  if (fresh) return true;
  if (!supersedes(leaf, at->second)) return false;
  at->second = leaf;
  return true;
}

void leaf_map::merge(const leaf_map& other) {
  for (const auto& [publisher, leaf] : other.by_publisher_) insert(leaf);
}

std::vector<checked_leaf> leaf_map::live() const {
  std::vector<checked_leaf> out;
  for (const auto& [publisher, leaf] : by_publisher_)
    if (!leaf.tombstone) out.push_back(leaf);
  return out;
}

bool leaf_map::operator==(const leaf_map& other) const {
  return std::ranges::equal(by_publisher_, other.by_publisher_, [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.seq == b.second.seq && a.second.order == b.second.order;
  });
}

}  // namespace vsf::shadow_index
