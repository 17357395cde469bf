#include "actors/shadow_index/merge.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/actors/shadow_index/leaf_support.hpp"

namespace vsf::shadow_index {
namespace {

checked_leaf make(std::uint8_t publisher, std::uint64_t seq, std::uint8_t order, bool tombstone = false) {
  checked_leaf out;
  out.publisher = tests::filled<public_key>(publisher);
  out.seq = seq;
  out.order = tests::filled<digest>(order);
  out.tombstone = tombstone;
  return out;
}

rc::Gen<checked_leaf> any_leaf() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange<int>(0, 4), rc::gen::inRange<int>(0, 4), rc::gen::inRange<int>(0, 3)),
      [](const auto& x) {
        const auto order = static_cast<std::uint8_t>(std::get<2>(x));
        return make(static_cast<std::uint8_t>(std::get<0>(x)), static_cast<std::uint64_t>(std::get<1>(x)),
                    order, order == 0);
      });
}
rc::Gen<std::vector<checked_leaf>> any_leaves() {
  return rc::gen::container<std::vector<checked_leaf>>(any_leaf());
}

leaf_map map_of(const std::vector<checked_leaf>& leaves) {
  leaf_map out;
  for (const auto& leaf : leaves) out.insert(leaf);
  return out;
}

RC_GTEST_PROP(merge, is_commutative, ()) {
  const auto a = map_of(*any_leaves()), b = map_of(*any_leaves());
  auto ab = a, ba = b;
  ab.merge(b);
  ba.merge(a);
  RC_ASSERT(ab == ba);
}

RC_GTEST_PROP(merge, is_associative, ()) {
  const auto a = map_of(*any_leaves()), b = map_of(*any_leaves()), c = map_of(*any_leaves());
  auto left = a;
  left.merge(b);
  left.merge(c);
  auto bc = b;
  bc.merge(c);
  auto right = a;
  right.merge(bc);
  RC_ASSERT(left == right);
}

RC_GTEST_PROP(merge, is_idempotent, ()) {
  const auto a = map_of(*any_leaves());
  auto twice = a;
  twice.merge(a);
  RC_ASSERT(twice == a);
  for (const auto& [publisher, leaf] : a.all()) RC_ASSERT(!twice.insert(leaf));
}

RC_GTEST_PROP(merge, any_order_of_copies_gives_the_newest_of_each, ()) {
  auto leaves = *any_leaves();
  const auto expected = map_of(leaves);
  auto more = leaves;
  more.insert(more.end(), leaves.begin(), leaves.end());
  const auto shuffled = *rc::gen::map(
      rc::gen::container<std::vector<std::uint32_t>>(more.size(), rc::gen::arbitrary<std::uint32_t>()),
      [&](const auto& weights) {
        std::vector<std::size_t> index(more.size());
        for (std::size_t i = 0; i < index.size(); ++i) index[i] = i;
        std::ranges::stable_sort(index, {}, [&](std::size_t i) { return weights[i]; });
        std::vector<checked_leaf> out;
        for (const auto i : index) out.push_back(more[i]);
        return out;
      });
  RC_ASSERT(map_of(shuffled) == expected);
  for (const auto& [publisher, leaf] : expected.all())
    for (const auto& other : leaves)
      if (other.publisher == publisher) RC_ASSERT(!supersedes(other, leaf));
}

TEST(merge, a_tombstone_keeps_what_it_withdrew_from_coming_back) {
  leaf_map map;
  EXPECT_TRUE(map.insert(make(1, 5, 1)));
  EXPECT_TRUE(map.insert(make(1, 6, 1, true)));
  EXPECT_FALSE(map.insert(make(1, 5, 9)));
  EXPECT_EQ(map.size(), 1u);
  EXPECT_TRUE(map.live().empty());
  EXPECT_TRUE(map.insert(make(1, 7, 1)));
  EXPECT_EQ(map.live().size(), 1u);
}

TEST(merge, publishers_do_not_disturb_each_other) {
  leaf_map map;
  map.insert(make(1, 5, 1));
  map.insert(make(2, 1, 1));
  EXPECT_EQ(map.live().size(), 2u);
}

}  // namespace
}  // namespace vsf::shadow_index
