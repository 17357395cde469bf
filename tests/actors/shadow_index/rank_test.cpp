#include "actors/shadow_index/rank.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/actors/shadow_index/leaf_support.hpp"

namespace vsf::shadow_index {
namespace {

using tests::filled;
using tests::make_variant;
using tests::test_now_s;

const mbid song = filled<mbid>(1, 1);

/// Unsigned: ranking takes what was checked before.
checked_leaf make_leaf(std::uint8_t publisher, std::vector<fb::Variant> variants,
                       std::uint64_t issued_at_s = test_now_s) {
  checked_leaf out;
  auto content = tests::recording_leaf(song, std::move(variants), 1, issued_at_s);
  out.leaf = record<fb::Leaf>::pack(content);
  out.publisher = filled<public_key>(publisher);
  out.node = filled<node_id>(publisher);
  out.issued_at_s = issued_at_s;
  return out;
}

checked_leaf make_tracks(std::uint8_t publisher, const std::vector<fb::ReleaseTrack>& tracks) {
  checked_leaf out = make_leaf(publisher, {});
  auto content = out.leaf.unpack();
  content.tracks = tracks;
  out.leaf = record<fb::Leaf>::pack(content);
  return out;
}

std::vector<std::pair<int, int>> order_of(const std::vector<candidate>& candidates) {
  std::vector<std::pair<int, int>> out;
  for (const auto& c : candidates) out.emplace_back(c.variant.root().bytes()->Get(0), c.publisher[0]);
  return out;
}
using order = std::vector<std::pair<int, int>>;

TEST(rank, lossless_then_corroborated_then_quality) {
  const auto flac = make_variant(1, fb::Codec::flac, 210);
  const auto better_flac_of_one = make_variant(2, fb::Codec::flac, 250);
  const auto mp3_of_two = make_variant(3, fb::Codec::mp3, 180);
  const auto opus_of_one = make_variant(4, fb::Codec::opus, 190);
  const auto ranked = rank({make_leaf(1, {flac, mp3_of_two}), make_leaf(2, {flac, mp3_of_two}),
                            make_leaf(3, {better_flac_of_one, opus_of_one})},
                           {}, test_now_s);
  EXPECT_EQ(order_of(ranked), (order{{1, 1}, {1, 2}, {2, 3}, {3, 1}, {3, 2}, {4, 3}}));
}

TEST(rank, quality_among_equals_and_freshness_within_a_root) {
  const auto ranked =
      rank({make_leaf(1, {make_variant(1)}, test_now_s - 100), make_leaf(2, {make_variant(1)}),
            make_leaf(3, {make_variant(2, fb::Codec::flac, 235)}),
            make_leaf(4, {make_variant(2, fb::Codec::flac, 235)}, test_now_s + 300)},
           {}, test_now_s);
  // A clock ahead of ours is no fresher than now.
  EXPECT_EQ(order_of(ranked), (order{{2, 3}, {2, 4}, {1, 2}, {1, 1}}));
}

TEST(rank, one_publishers_praise_does_not_lift_a_root) {
  const auto ranked = rank({make_leaf(1, {make_variant(1, fb::Codec::flac, 255)}),
                            make_leaf(2, {make_variant(1, fb::Codec::flac, 100)}),
                            make_leaf(3, {make_variant(2, fb::Codec::flac, 210)}),
                            make_leaf(4, {make_variant(2, fb::Codec::flac, 210)})},
                           {}, test_now_s);
  EXPECT_EQ(order_of(ranked).front().first, 2);
}

TEST(rank, leaves_out_oneself_and_the_withdrawn) {
  auto gone = make_leaf(2, {make_variant(1)});
  gone.tombstone = true;
  EXPECT_TRUE(rank({make_leaf(1, {make_variant(1)}), gone}, filled<node_id>(1), test_now_s).empty());
}

TEST(rank, is_bounded) {
  std::vector<checked_leaf> leaves;
  for (std::uint8_t p = 1; p <= 64; ++p) {
    std::vector<fb::Variant> variants;
    for (std::uint8_t v = 1; v <= 10; ++v) variants.push_back(make_variant(v));
    leaves.push_back(make_leaf(p, variants));
  }
  EXPECT_EQ(rank(leaves, {}, test_now_s).size(), max_candidates);
}

RC_GTEST_PROP(rank, is_the_same_for_any_order_of_leaves, ()) {
  // A bit for each root that a publisher has.
  const auto picks = *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
  std::vector<checked_leaf> leaves;
  for (std::size_t p = 0; p < picks.size() && p < 60; ++p) {
    std::vector<fb::Variant> variants;
    for (std::uint8_t v = 1; v < 8; ++v)
      if ((picks[p] & (1u << v)) != 0)
        variants.push_back(make_variant(v, v % 2 == 0 ? fb::Codec::flac : fb::Codec::mp3,
                                        static_cast<std::uint8_t>(v * 10 + p)));
    leaves.push_back(make_leaf(static_cast<std::uint8_t>(p + 1), variants, test_now_s - p % 3));
  }
  const auto forward = order_of(rank(leaves, {}, test_now_s));
  std::ranges::reverse(leaves);
  RC_ASSERT(order_of(rank(leaves, {}, test_now_s)) == forward);
  // Lossless never after lossy.
  bool lossy = false;
  for (const auto& [root, publisher] : forward) {
    if (root % 2 != 0) lossy = true;
    RC_ASSERT(!(lossy && root % 2 == 0));
  }
}

TEST(merge_tracks, takes_what_most_publishers_say_of_a_place) {
  const auto track = [](std::uint8_t recording, std::uint32_t ms, int number) {
    return fb::ReleaseTrack(to_fb(filled<mbid>(recording, 1)), ms, 1, static_cast<std::uint16_t>(number));
  };
  const auto tracks = merge_tracks({make_tracks(1, {track(5, 100, 1), track(6, 200, 2)}),
                                    make_tracks(2, {track(5, 101, 1), track(9, 200, 2), track(7, 300, 3)}),
                                    make_tracks(3, {track(4, 100, 1), track(9, 200, 2)}),
                                    make_tracks(4, {track(5, 101, 1), track(1, 1, 0), track(2, 1, 0)})});
  ASSERT_EQ(tracks.size(), 5u);
  EXPECT_EQ(tracks[0].track(), 0);
  EXPECT_EQ(tracks[1].track(), 0);
  EXPECT_EQ(from_fb<mbid>(tracks[2].recording()), filled<mbid>(5, 1));
  EXPECT_EQ(tracks[2].duration_ms(), 101u);
  EXPECT_EQ(from_fb<mbid>(tracks[3].recording()), filled<mbid>(9, 1));
  EXPECT_EQ(from_fb<mbid>(tracks[4].recording()), filled<mbid>(7, 1));
}

}  // namespace
}  // namespace vsf::shadow_index
