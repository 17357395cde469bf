#include "actors/library/variant.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace vsf::library {
namespace {

using fb::Codec;

template <class Fixed>
Fixed filled(std::uint8_t first) {
  Fixed out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}

fb::FileEntryT good() {
  fb::FileEntryT out;
  out.path = "/m/a.flac";
  out.size = 30'000'000;
  out.codec = Codec::flac;
  out.container = "flac";
  out.bit_depth = 16;
  out.sample_rate_hz = 44100;
  out.bitrate_kbps = 900;
  out.duration_ms = 240'000;
  out.disc = 2;
  out.track = 7;
  out.recording = box(filled<mbid>(1));
  out.release = box(filled<mbid>(40));
  out.sha256 = box(filled<digest>(80));
  out.root = box(filled<digest>(120));
  return out;
}

TEST(variant, carries_what_the_analyzer_found) {
  const auto made = variant_of(good());
  ASSERT_TRUE(made);
  EXPECT_EQ(from_fb<digest>(made->root()), filled<digest>(120));
  EXPECT_EQ(from_fb<mbid>(made->sha256_prefix()), filled<mbid>(80));
  EXPECT_EQ(made->size(), 30'000'000u);
  EXPECT_EQ(made->bitrate_kbps(), 900);
  EXPECT_EQ(made->codec(), Codec::flac);
  EXPECT_EQ(made->quality(), 200);
  const auto track = release_track_of(good());
  ASSERT_TRUE(track);
  EXPECT_EQ(from_fb<mbid>(track->recording()), filled<mbid>(1));
  EXPECT_EQ(track->duration_ms(), 240'000u);
  EXPECT_EQ(track->disc(), 2);
  EXPECT_EQ(track->track(), 7);
}

TEST(variant, is_made_only_of_what_can_be_shared) {
  EXPECT_EQ(why_not_shared(good()), "");
  const auto refused = [](auto change) {
    auto entry = good();
    change(entry);
    EXPECT_FALSE(variant_of(entry));
    EXPECT_FALSE(release_track_of(entry));
    return why_not_shared(entry);
  };
  EXPECT_EQ(refused([](auto& x) { x.problem = "truncated"; }), "truncated");
  EXPECT_NE(refused([](auto& x) { x.recording.reset(); }).find("MusicBrainz"), std::string::npos);
  EXPECT_NE(refused([](auto& x) { x.recording = box(mbid{}); }).find("MusicBrainz"), std::string::npos);
  EXPECT_NE(refused([](auto& x) { x.root.reset(); }), "");
  EXPECT_NE(refused([](auto& x) { x.root = box(digest{}); }), "");
  EXPECT_NE(refused([](auto& x) { x.sha256.reset(); }), "");
  EXPECT_NE(refused([](auto& x) { x.size = 0; }), "");
}

TEST(variant, without_a_release_it_is_no_track_of_one) {
  auto entry = good();
  entry.release.reset();
  EXPECT_TRUE(variant_of(entry));
  EXPECT_FALSE(release_track_of(entry));
}

TEST(quality, known_points) {
  EXPECT_EQ(quality_of(Codec::flac, 900, 16, 44100), 200);
  EXPECT_EQ(quality_of(Codec::flac, 3000, 24, 96000), 235);
  EXPECT_EQ(quality_of(Codec::alac, 5000, 24, 192000), 240);
  EXPECT_EQ(quality_of(Codec::wav, 700, 8, 44100), 195);
  EXPECT_EQ(quality_of(Codec::mp3, 320, 0, 44100), 185);
  EXPECT_EQ(quality_of(Codec::mp3, 192, 0, 44100), 140);
  EXPECT_EQ(quality_of(Codec::mp3, 128, 0, 44100), 100);
  EXPECT_EQ(quality_of(Codec::mp3, 0, 0, 44100), 0);
  EXPECT_EQ(quality_of(Codec::opus, 200, 0, 48000), 185);
  EXPECT_EQ(quality_of(Codec::unknown, 9000, 0, 44100), 100);
}

RC_GTEST_PROP(quality_property, grows_with_bitrate_and_lossless_wins, ()) {
  const auto lossy = *rc::gen::element(Codec::mp3, Codec::vorbis, Codec::opus, Codec::aac, Codec::musepack);
  const auto less = *rc::gen::inRange<std::uint32_t>(0, 65536);
  const auto more = *rc::gen::inRange<std::uint32_t>(less, 65536);
  RC_ASSERT(quality_of(lossy, less, 0, 44100) <= quality_of(lossy, more, 0, 44100));
  const auto lossless =
      *rc::gen::element(Codec::flac, Codec::alac, Codec::wav, Codec::aiff, Codec::wavpack, Codec::ape);
  RC_ASSERT(is_lossless(lossless) && !is_lossless(lossy));
  RC_ASSERT(quality_of(lossless, less, *rc::gen::inRange<std::uint32_t>(0, 33),
                       *rc::gen::arbitrary<std::uint32_t>()) > quality_of(lossy, more, 0, 48000));
}

TEST(extension, comes_from_the_content) {
  EXPECT_EQ(extension_for("flac", Codec::flac), ".flac");
  EXPECT_EQ(extension_for("ogg", Codec::opus), ".opus");
  EXPECT_EQ(extension_for("ogg", Codec::vorbis), ".ogg");
  EXPECT_EQ(extension_for("mp4", Codec::aac), ".m4a");
  EXPECT_EQ(extension_for("mpeg", Codec::mp3), ".mp3");
  EXPECT_EQ(extension_for("", Codec::unknown), ".bin");
}

}  // namespace
}  // namespace vsf::library
