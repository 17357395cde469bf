#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/gateway/cli/vsf_process.hpp"
#include "tests/support/audio/make_audio.hpp"

namespace {

using namespace vsf::cli::test;
using nlohmann::json;
namespace fs = std::filesystem;

const std::string mbid = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae";

std::string keys(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"tool", "keys"});
  const auto done = run_vsf(arguments);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out.size(), 41u) << done.out;
  return done.out.substr(0, 40);
}

TEST(tool_keys, are_hex_and_depend_on_the_kind) {
  const auto recording = keys({"recording", mbid});
  EXPECT_NE(recording, keys({"release", mbid}));
  EXPECT_EQ(recording, keys({"recording", "8F3471B5-7E6A-48DA-86A9-C1C07A0F47AE"}));
  EXPECT_EQ(keys({"name", "Bj\xC3\xB6rk", "J\xC3\xB3ga"}), keys({"name", "BJORK", "joga"}));
  EXPECT_NE(keys({"name", "a", "b"}), keys({"name", "b", "a"}));
  EXPECT_NE(keys({"scene", "scene:label:warp"}), keys({"scene", "scene:label:Warp"}));
}

TEST(tool_keys, take_a_data_dir_they_do_not_need) {
  const auto done = run_vsf({"--data-dir", "/nonexistent", "tool", "keys", "recording", mbid});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, keys({"recording", mbid}) + "\n");
}

TEST(tool_keys, refuse_what_is_none) {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"recording", "x"}, {"album", mbid}, {"name", "only"}, {"recording", mbid, mbid}}) {
    auto arguments = wrong;
    arguments.insert(arguments.begin(), {"tool", "keys"});
    const auto done = run_vsf(arguments);
    EXPECT_EQ(done.code, 2);
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
  }
}

class tool_analyze : public testing::Test {
 protected:
  tool_analyze() {
    std::string name = (fs::temp_directory_path() / "vsf-analyze-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~tool_analyze() override { fs::remove_all(folder); }
  json analyzed(vsf::test::audio_kind kind) {
    vsf::test::audio_spec spec;
    spec.path = (folder / ("a" + std::string(vsf::test::extension_of(kind)))).string();
    spec.kind = kind;
    spec.duration_ms = 5000;
    EXPECT_TRUE(vsf::test::make_audio(spec));
    const auto done = run_vsf({"tool", "analyze", "--json", spec.path});
    EXPECT_EQ(done.code, 0) << done.err;
    return json::parse(done.out);
  }
  fs::path folder;
};

TEST_F(tool_analyze, finds_what_is_in_a_flac_file) {
  const auto found = analyzed(vsf::test::audio_kind::flac);
  EXPECT_EQ(found["codec"], "flac");
  EXPECT_EQ(found["container"], "flac");
  EXPECT_EQ(found["sample_rate_hz"], 44'100);
  EXPECT_EQ(found["bit_depth"], 16);
  EXPECT_EQ(found["channels"], 2);
  EXPECT_NEAR(found["duration_ms"].get<double>(), 5000, 100);
  EXPECT_GT(found["fingerprint"].get<std::string>().size(), 20u);
  EXPECT_EQ(found["sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(found["tree_root"].get<std::string>().size(), 64u);
  EXPECT_NEAR(found["quality_score"].get<double>(), 200 / 255.0, 0.001);
  EXPECT_TRUE(found["transcode_suspect"].is_null());
  EXPECT_TRUE(found["transcode_reason"].is_null());
  EXPECT_EQ(found.size(), 13u);
}

TEST_F(tool_analyze, scores_lossy_files_lower) {
  const auto found = analyzed(vsf::test::audio_kind::mp3);
  EXPECT_EQ(found["codec"], "mp3");
  EXPECT_GT(found["quality_score"].get<double>(), 0);
  EXPECT_LT(found["quality_score"].get<double>(), 200 / 255.0);
}

TEST_F(tool_analyze, says_what_is_wrong_with_a_file) {
  std::ofstream(folder / "not.mp3") << "words";
  for (const auto& path : {folder / "not.mp3", folder / "absent.mp3", folder}) {
    const auto done = run_vsf({"tool", "analyze", "--json", path.string()});
    EXPECT_EQ(done.code, 1);
    EXPECT_EQ(done.out, "");
    EXPECT_NE(done.err.find(path.string()), std::string::npos) << done.err;
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
  }
}

}  // namespace
