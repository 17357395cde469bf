#include "actors/shadow_index/build.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "tests/actors/shadow_index/leaf_support.hpp"

namespace vsf::shadow_index {
namespace {

using tests::filled;
using tests::test_now_s;

const mbid song = filled<mbid>(1, 1);
const mbid album = filled<mbid>(2, 2);
const identity::identity alice = tests::make_publisher(1);
constexpr std::uint64_t now_ms = test_now_s * 1000;

fb::FileEntryT make_file(std::uint8_t root, fb::Codec codec = fb::Codec::flac, std::uint16_t kbps = 900,
                         std::uint8_t depth = 16) {
  fb::FileEntryT out;
  out.path = "/home/marie/Musique/Björk/" + std::to_string(root) + ".flac";
  out.size = 1000u + root;
  out.codec = codec;
  out.bitrate_kbps = kbps;
  out.bit_depth = depth;
  out.sample_rate_hz = 44'100;
  out.duration_ms = 200'000;
  out.recording = box(song);
  out.release = box(album);
  out.artist = "Björk";
  out.disc = 1;
  out.track = root;
  out.root = box(filled<digest>(root, 1));
  out.sha256 = box(filled<digest>(root, 2));
  return out;
}

frame signed_now(const build_result& made) { return *sign_leaf(made.leaf, alice); }

TEST(recording_content, takes_the_ten_best_and_each_root_once) {
  std::vector<fb::FileEntryT> files;
  for (std::uint8_t i = 1; i <= 12; ++i)
    files.push_back(make_file(i, fb::Codec::mp3, static_cast<std::uint16_t>(100 + i)));
  files.push_back(make_file(40, fb::Codec::flac));
  files.push_back(make_file(40, fb::Codec::flac));
  const auto content = recording_content(song, files);
  ASSERT_EQ(content.variants.size(), 10u);
  EXPECT_EQ(content.variants[0].codec(), fb::Codec::flac);
  for (std::size_t i = 1; i < 10; ++i) {
    EXPECT_EQ(content.variants[i].codec(), fb::Codec::mp3);
    EXPECT_EQ(from_fb<digest>(content.variants[i].root()),
              filled<digest>(static_cast<std::uint8_t>(13 - i), 1));
  }
  EXPECT_EQ(content.variants[0].size(), 1040u);
  EXPECT_EQ(content.variants[0].sha256_prefix().bytes()->Get(3), 40);
}

fb::Sketch sketch_like(std::uint8_t n) {
  std::array<std::uint8_t, 64> raw{};
  raw.fill(n);
  return fb::Sketch(flatbuffers::span<const std::uint8_t, 64>(raw.data(), raw.size()), 3);
}

TEST(recording_content, length_and_sketch_are_of_the_first_that_has_them) {
  std::vector<fb::FileEntryT> files;
  for (std::uint8_t i = 1; i <= 12; ++i)
    files.push_back(make_file(i, fb::Codec::mp3, static_cast<std::uint16_t>(100 + i)));
  files[11].duration_ms = 123'456;  // the best
  auto content = recording_content(song, files);
  EXPECT_EQ(content.duration_ms, 123'456u);
  EXPECT_FALSE(content.sketch);
  EXPECT_EQ(content.variants.size(), 10u);
  files[3].sketch = std::make_unique<fb::Sketch>(sketch_like(3));
  files[5].sketch = std::make_unique<fb::Sketch>(sketch_like(5));
  content = recording_content(song, files);
  ASSERT_TRUE(content.sketch);
  EXPECT_EQ(content.sketch->bits()->Get(0), 5);
  EXPECT_EQ(content.variants.size(), 9u) << "a sketch takes the room of one";
  EXPECT_TRUE(
      sign_leaf(build(content, nullptr, alice, *std::make_unique<seq_source>(), now_ms, 7200).leaf, alice));
}

TEST(build, a_sketch_that_came_later_is_published) {
  std::vector<fb::FileEntryT> files;
  files.push_back(make_file(1));
  seq_source seqs;
  const auto first = signed_now(build(recording_content(song, files), nullptr, alice, seqs, now_ms));
  const auto leaf_in = [](const frame& raw) {
    const auto wrapped = *record<fb::SignedLeaf>::parse_copy(raw.view());
    return *record<fb::Leaf>::parse_copy(view_of(wrapped->leaf()));
  };
  const auto published = leaf_in(first);
  EXPECT_EQ(build(recording_content(song, files), &*published, alice, seqs, now_ms).verdict,
            build_verdict::keep);
  files[0].sketch = std::make_unique<fb::Sketch>(sketch_like(1));
  const auto next = build(recording_content(song, files), &*published, alice, seqs, now_ms);
  EXPECT_EQ(next.verdict, build_verdict::sign);
  const auto again = leaf_in(signed_now(next));
  ASSERT_NE(again->sketch(), nullptr);
  EXPECT_EQ(again->duration_ms(), 200'000u);
  EXPECT_EQ(build(recording_content(song, files), &*again, alice, seqs, now_ms).verdict, build_verdict::keep);
}

TEST(recording_content, leaves_out_what_can_not_be_served) {
  std::vector<fb::FileEntryT> files;
  for (std::uint8_t i = 1; i <= 5; ++i) files.push_back(make_file(i));
  files[0].problem = "not an audio file";
  files[1].root.reset();
  files[2].size = 0;
  files[3].recording = box(filled<mbid>(9, 9));
  const auto content = recording_content(song, files);
  ASSERT_EQ(content.variants.size(), 1u);
  EXPECT_EQ(content.variants[0].size(), 1005u);
  files[4].recording.reset();
  EXPECT_TRUE(recording_content(song, files).says_nothing());
}

RC_GTEST_PROP(recording_content, is_the_same_for_any_order_of_files, ()) {
  auto picks = *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::inRange<std::uint8_t>(1, 20));
  const auto content_of = [](const std::vector<std::uint8_t>& roots) {
    std::vector<fb::FileEntryT> files;
    for (const auto r : roots)
      files.push_back(make_file(r, r % 3 == 0 ? fb::Codec::flac : fb::Codec::mp3,
                                static_cast<std::uint16_t>(r % 5 * 64)));
    return recording_content(song, files);
  };
  const auto a = content_of(picks);
  std::ranges::sort(picks, std::greater{});
  const auto b = content_of(picks);
  RC_ASSERT(a.variants.size() == b.variants.size());
  if (a.variants.empty()) return;
  RC_ASSERT(std::memcmp(a.variants.data(), b.variants.data(), a.variants.size() * sizeof(fb::Variant)) == 0);
}

TEST(release_content, lists_tracks_in_order_once) {
  std::vector<fb::FileEntryT> files;
  for (std::uint8_t i = 40; i >= 1; --i) {
    files.push_back(make_file(i));
    files.back().recording = box(filled<mbid>(7, i));
    files.push_back(make_file(i, fb::Codec::mp3));  // another encoding of the same track
    files.back().recording = box(filled<mbid>(7, i));
    files.back().duration_ms = 100;
  }
  files.push_back(make_file(50));
  files.back().recording.reset();
  const auto content = release_content(album, files);
  ASSERT_EQ(content.tracks.size(), 28u);
  EXPECT_EQ(content.tracks_total, 40u);
  for (std::uint8_t i = 0; i < 28; ++i) {
    EXPECT_EQ(content.tracks[i].track(), i + 1);
    EXPECT_EQ(from_fb<mbid>(content.tracks[i].recording()),
              filled<mbid>(7, static_cast<std::uint8_t>(i + 1)));
    EXPECT_EQ(content.tracks[i].duration_ms(), 200'000u);
  }
  EXPECT_TRUE(sign_leaf(build(content, nullptr, alice, *std::make_unique<seq_source>(), now_ms).leaf, alice));
}

TEST(build, says_new_then_keeps_then_changes_then_withdraws) {
  seq_source seqs;
  const std::vector<fb::FileEntryT> none;
  EXPECT_EQ(build(recording_content(song, none), nullptr, alice, seqs, now_ms).verdict,
            build_verdict::nothing);

  std::vector<fb::FileEntryT> files;
  files.push_back(make_file(1));
  const auto first = build(recording_content(song, files), nullptr, alice, seqs, now_ms);
  ASSERT_EQ(first.verdict, build_verdict::sign);
  EXPECT_EQ(first.leaf.seq, now_ms);
  const auto raw = signed_now(first);
  const auto published = accept_leaf(raw.view(), tests::test_network, test_now_s);
  ASSERT_TRUE(published);

  EXPECT_EQ(build(recording_content(song, files), &*published->leaf, alice, seqs, now_ms + 1000).verdict,
            build_verdict::keep);
  // 24 h: after half of it, a new signature for the same content.
  EXPECT_EQ(
      build(recording_content(song, files), &*published->leaf, alice, seqs, now_ms + 12 * 3'600'000).verdict,
      build_verdict::keep);
  const auto later =
      build(recording_content(song, files), &*published->leaf, alice, seqs, now_ms + 12 * 3'600'000 + 1000);
  EXPECT_EQ(later.verdict, build_verdict::renew);
  EXPECT_GT(later.leaf.seq, first.leaf.seq);

  files.push_back(make_file(2));
  const auto changed = build(recording_content(song, files), &*published->leaf, alice, seqs, now_ms);
  EXPECT_EQ(changed.verdict, build_verdict::sign);
  EXPECT_GT(changed.leaf.seq, later.leaf.seq);

  const auto gone = build(recording_content(song, none), &*published->leaf, alice, seqs, now_ms);
  ASSERT_EQ(gone.verdict, build_verdict::withdraw);
  EXPECT_EQ(gone.leaf.ttl_s, 0u);
  EXPECT_GT(gone.leaf.seq, changed.leaf.seq);
  const auto tombstone = accept_leaf(signed_now(gone).view(), tests::test_network, test_now_s);
  ASSERT_TRUE(tombstone);
  EXPECT_EQ(build(recording_content(song, none), &*tombstone->leaf, alice, seqs, now_ms).verdict,
            build_verdict::keep);
  EXPECT_EQ(build(recording_content(song, files), &*tombstone->leaf, alice, seqs, now_ms).verdict,
            build_verdict::sign);
}

TEST(build, another_lease_is_another_leaf) {
  seq_source seqs;
  std::vector<fb::FileEntryT> files;
  files.push_back(make_file(1));
  const auto made = build(recording_content(song, files), nullptr, alice, seqs, now_ms, 7200);
  EXPECT_EQ(made.leaf.lease_s, 7200u);
  const auto published = accept_leaf(signed_now(made).view(), tests::test_network, test_now_s);
  ASSERT_TRUE(published);
  EXPECT_EQ(build(recording_content(song, files), &*published->leaf, alice, seqs, now_ms, 7200).verdict,
            build_verdict::keep);
  const auto usual = build(recording_content(song, files), &*published->leaf, alice, seqs, now_ms, 3600);
  EXPECT_EQ(usual.verdict, build_verdict::sign);
  EXPECT_EQ(usual.leaf.lease_s, 0u);
}

TEST(build, seq_grows_after_a_restart_with_a_clock_that_went_back) {
  std::vector<fb::FileEntryT> files;
  files.push_back(make_file(1));
  seq_source before;
  const auto old = build(recording_content(song, files), nullptr, alice, before, now_ms);
  const auto published = accept_leaf(signed_now(old).view(), tests::test_network, test_now_s);
  files.push_back(make_file(2));
  seq_source after;
  const auto made =
      build(recording_content(song, files), &*published->leaf, alice, after, now_ms - 86'400'000);
  ASSERT_EQ(made.verdict, build_verdict::sign);
  EXPECT_GT(made.leaf.seq, old.leaf.seq);
}

TEST(build, a_leaf_signed_by_a_clock_that_ran_ahead_is_signed_again) {
  std::vector<fb::FileEntryT> files;
  files.push_back(make_file(1));
  seq_source seqs;
  const auto old = build(recording_content(song, files), nullptr, alice, seqs, now_ms);
  const auto published = accept_leaf(signed_now(old).view(), tests::test_network, test_now_s);
  EXPECT_EQ(build(recording_content(song, files), &*published->leaf, alice, seqs, now_ms - 3'600'000).verdict,
            build_verdict::renew);
}

TEST(build, a_leaf_of_another_identity_counts_as_none) {
  std::vector<fb::FileEntryT> files;
  files.push_back(make_file(1));
  seq_source seqs;
  const auto old = build(recording_content(song, files), nullptr, alice, seqs, now_ms);
  const auto published = accept_leaf(signed_now(old).view(), tests::test_network, test_now_s);
  const auto bob = tests::make_publisher(2);
  EXPECT_EQ(build(recording_content(song, files), &*published->leaf, bob, seqs, now_ms).verdict,
            build_verdict::sign);
  EXPECT_EQ(build(recording_content(song, {}), &*published->leaf, bob, seqs, now_ms).verdict,
            build_verdict::nothing);
}

RC_GTEST_PROP(seq_source, always_grows, ()) {
  const auto clocks =
      *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, 1000));
  seq_source seqs;
  std::uint64_t last = 0;
  for (const auto t : clocks) {
    const auto next = seqs.next(t);
    RC_ASSERT(next > last || (last == 0 && next == t));
    RC_ASSERT(next >= t);
    last = next;
  }
}

TEST(privacy, no_path_or_name_is_in_a_leaf) {
  seq_source seqs;
  std::vector<fb::FileEntryT> files;
  for (std::uint8_t i = 1; i <= 12; ++i) {
    files.push_back(make_file(i));
    files.back().title = "Jóga";
    files.back().album = "Homogenic";
    files.back().recording = box(song);
  }
  for (const auto& content : {recording_content(song, files), release_content(album, files)}) {
    const auto raw = *sign_leaf(build(content, nullptr, alice, seqs, now_ms).leaf, alice);
    const std::string_view text(reinterpret_cast<const char*>(raw.data()), raw.size());
    for (const auto* word : {"marie", "Musique", "home", "Björk", "Jóga", "Homogenic", ".flac"}) {
      EXPECT_EQ(text.find(word), std::string_view::npos) << word;
    }
  }
}

}  // namespace
}  // namespace vsf::shadow_index
