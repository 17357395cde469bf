// Sketches of made-up fingerprints, and of real encodings: what they are compared by has to hold there.

#include "actors/library/sketch.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "actors/library/analyzer/analyze.hpp"
#include "net/crypto/random.hpp"
#include "tests/support/audio/make_audio.hpp"

namespace vsf::library {
namespace {

using test::audio_kind;

std::vector<std::uint32_t> random_sound(std::uint64_t seed, std::size_t length) {
  crypto::seeded_random random(seed);
  std::vector<std::uint32_t> out(length);
  for (auto& x : out) x = static_cast<std::uint32_t>(random.u64());
  return out;
}

TEST(sketch, is_of_sixteen_moments_or_not_at_all) {
  EXPECT_FALSE(sketch_of({}));
  EXPECT_FALSE(sketch_of(random_sound(1, 15)));
  ASSERT_TRUE(sketch_of(random_sound(1, 16)));
  EXPECT_EQ(sketch_of(random_sound(1, 16))->stride(), 1);
  EXPECT_EQ(sketch_of(random_sound(1, 948))->stride(), 59);
  EXPECT_EQ(sizeof(fb::Sketch), 65u);
}

TEST(sketch, one_that_cannot_be_compared_says_nothing) {
  const auto sound = random_sound(1, 300);
  const fb::Sketch bad;  // of stride 0
  EXPECT_FALSE(distance_per_mille(bad, sound));
  EXPECT_FALSE(distance_per_mille(bad, bad));
  EXPECT_FALSE(distance_per_mille(*sketch_of(sound), random_sound(1, 20))) << "under 12 moments of it";
  EXPECT_FALSE(distance_per_mille(*sketch_of(sound), std::vector<std::uint32_t>{}));
  EXPECT_FALSE(distance_per_mille(*sketch_of(sound), *sketch_of(random_sound(1, 400)))) << "other strides";
}

RC_GTEST_PROP(sketch, a_copy_that_begins_earlier_or_later_is_at_no_distance, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto length = *rc::gen::inRange<std::size_t>(300, 948);
  const auto cut = *rc::gen::inRange<std::ptrdiff_t>(0, max_shift + 1);
  const auto whole = random_sound(seed, length);
  const std::vector<std::uint32_t> later(whole.begin() + cut, whole.end());
  // At an end the neighbours are others: there a few bits may differ.
  RC_ASSERT(distance_per_mille(*sketch_of(whole), later).value() < 50);
  RC_ASSERT(distance_per_mille(*sketch_of(later), whole).value() < 50);
  RC_ASSERT(distance_per_mille(*sketch_of(whole), whole).value() == 0u);
}

RC_GTEST_PROP(sketch, any_bytes_give_a_distance_or_nothing, (const std::vector<std::uint32_t>& sound)) {
  std::array<std::uint8_t, 64> raw{};
  crypto::seeded_random(*rc::gen::arbitrary<std::uint64_t>()).fill(raw);
  const fb::Sketch sketch(flatbuffers::span<const std::uint8_t, 64>(raw.data(), raw.size()),
                          *rc::gen::arbitrary<std::uint8_t>());
  const auto distance = distance_per_mille(sketch, sound);
  RC_ASSERT(!distance || *distance <= 1000u);
}

TEST(sketch, what_the_library_keeps_has_no_fingerprint) {
  fb::FileEntryT from;
  from.fingerprint = "AQAA";
  from.sub_fingerprints = random_sound(3, 100);
  from.fingerprinted = true;
  fb::FileEntryT to;
  to.fingerprint = "AQAA";
  keep_sketch(from, to);
  EXPECT_TRUE(to.sketch);
  EXPECT_TRUE(to.fingerprinted);
  EXPECT_TRUE(to.fingerprint.empty());
  EXPECT_TRUE(to.sub_fingerprints.empty());
  keep_sketch({}, to);
  EXPECT_FALSE(to.sketch);
}

/// Real files in every kind of encoding.
class sketch_of_audio : public testing::Test {
 protected:
  void SetUp() override {
    auto name = (std::filesystem::temp_directory_path() / "vsf-sketch-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::vector<std::uint32_t> heard(std::uint64_t seed, audio_kind kind, std::uint32_t duration_ms,
                                   std::uint32_t rate_hz = 44'100, std::uint32_t channels = 2) const {
    test::audio_spec spec;
    spec.path = folder_ + "/x" + std::string(extension_of(kind));
    spec.kind = kind;
    spec.seed = seed;
    spec.duration_ms = duration_ms;
    spec.sample_rate_hz = rate_hz;
    spec.channels = channels;
    const auto made = test::make_audio(spec);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    std::ifstream in(spec.path, std::ios::binary);
    const bytes raw{std::istreambuf_iterator<char>(in), {}};
    return fingerprint_of(memory_source(raw)).sub_fingerprints;
  }
  std::string folder_;
};

TEST_F(sketch_of_audio, encodings_of_one_recording_match_and_other_recordings_do_not) {
  struct copy {
    std::uint64_t seed;
    std::vector<std::uint32_t> sound;
  };
  for (const std::uint32_t duration_ms : {8'000u, 12'000u, 30'000u}) {
    std::vector<copy> all;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      for (const auto kind :
           {audio_kind::flac, audio_kind::mp3, audio_kind::vorbis, audio_kind::opus, audio_kind::aac})
        all.push_back({seed, heard(seed, kind, duration_ms)});
      all.push_back({seed, heard(seed, audio_kind::mp3, duration_ms, 22'050, 1)});
    }
    std::uint32_t furthest_same = 0, nearest_other = 1000;
    for (const auto& a : all) {
      const auto sketch = sketch_of(a.sound);
      ASSERT_TRUE(sketch) << duration_ms;
      for (const auto& b : all) {
        const auto apart = distance_per_mille(*sketch, b.sound);
        ASSERT_TRUE(apart);
        if (a.seed == b.seed)
          furthest_same = std::max(furthest_same, *apart);
        else
          nearest_other = std::min(nearest_other, *apart);
      }
    }
    RecordProperty("same_per_mille_" + std::to_string(duration_ms), static_cast<int>(furthest_same));
    RecordProperty("other_per_mille_" + std::to_string(duration_ms), static_cast<int>(nearest_other));
    EXPECT_LE(furthest_same, same_sound_per_mille / 4) << duration_ms;
    EXPECT_GE(nearest_other, other_sound_per_mille) << duration_ms;
  }
}

}  // namespace
}  // namespace vsf::library
