#include "tests/support/audio/make_audio.hpp"

#include <unistd.h>

#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vsf::test {
namespace {

namespace fs = std::filesystem;

struct temporary_folder {
  std::string path = (fs::temp_directory_path() / "vsf-audio-XXXXXX").string();
  temporary_folder() { EXPECT_NE(::mkdtemp(path.data()), nullptr); }
  ~temporary_folder() { fs::remove_all(path); }
};

collection_spec small(const std::string& folder) {
  collection_spec out;
  out.folder = folder;
  out.files = 10;
  out.min_ms = 200;
  out.max_ms = 400;
  return out;
}

TEST(make_audio, the_same_seed_makes_the_same_files) {
  const temporary_folder one, two;
  const auto first = make_collection(small(one.path));
  const auto second = make_collection(small(two.path));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(manifest_of(*first), manifest_of(*second));
  auto other = small(two.path);
  other.seed = 2;
  EXPECT_NE(manifest_of(*make_collection(other)), manifest_of(*first));
}

TEST(make_audio, the_manifest_is_of_what_is_there) {
  const temporary_folder folder;
  const auto made = make_collection(small(folder.path));
  ASSERT_TRUE(made);
  const auto manifest = nlohmann::json::parse(manifest_of(*made));
  ASSERT_EQ(manifest.size(), 10u);
  std::set<std::string> recordings, releases, formats;
  for (const auto& item : manifest) {
    EXPECT_EQ(fs::file_size(folder.path + "/" + item["path"].get<std::string>()),
              item["size"].get<std::uintmax_t>());
    EXPECT_TRUE(parse_mbid(item["recording"].get<std::string>()));
    recordings.insert(item["recording"]);
    releases.insert(item["release"]);
    formats.insert(item["format"]);
  }
  EXPECT_EQ(recordings.size(), 10u);
  EXPECT_EQ(releases.size(), 2u);
  EXPECT_EQ(formats, (std::set<std::string>{"flac", "mp3", "vorbis"}));
}

TEST(make_audio, variants_are_encodings_of_one_recording) {
  const temporary_folder folder;
  auto spec = small(folder.path);
  spec.files = 6;
  spec.variants = 3;
  const auto made = make_collection(spec);
  ASSERT_TRUE(made);
  std::set<mbid> recordings;
  std::set<digest> roots;
  for (const auto& item : *made) {
    recordings.insert(item.spec.tags.recording);
    roots.insert(item.root);
  }
  EXPECT_EQ(recordings.size(), 2u);
  EXPECT_EQ(roots.size(), 6u);
  spec.variants = 4;
  EXPECT_FALSE(make_collection(spec));
}

TEST(make_audio, a_folder_that_cannot_be_made_is_an_error) {
  EXPECT_FALSE(make_collection(small("/dev/null/x")));
}

}  // namespace
}  // namespace vsf::test
