#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/gateway/cli/vsf_process.hpp"

namespace {

using namespace vsf::cli::test;
using nlohmann::json;
namespace fs = std::filesystem;

class tool_torrent : public testing::Test {
 protected:
  tool_torrent() {
    std::string name = (fs::temp_directory_path() / "vsf-torrent-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    std::ofstream(folder / "song.mp3") << "these bytes are music";
  }
  ~tool_torrent() override { fs::remove_all(folder); }
  outcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"tool", "torrent"});
    return run_vsf(arguments);
  }
  std::string path(const std::string& name) const { return (folder / name).string(); }
  static std::string content(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  fs::path folder;
};

TEST_F(tool_torrent, prints_the_magnet_or_all_of_it) {
  const auto plain = run({path("song.mp3"), "--out", path("x.torrent")});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_TRUE(plain.out.starts_with("magnet:?xt=urn:btmh:1220")) << plain.out;
  EXPECT_TRUE(plain.out.ends_with("&dn=song.mp3&xl=21\n")) << plain.out;
  EXPECT_TRUE(content(path("x.torrent")).starts_with("d4:infod9:file treed8:song.mp3d0:d6:lengthi21e"));
  const auto all = run({path("song.mp3"), "--out", path("x.torrent"), "--json"});
  EXPECT_EQ(all.code, 0) << "the same again is no conflict: " << all.err;
  const auto found = json::parse(all.out);
  EXPECT_EQ(found.size(), 4u);
  EXPECT_EQ(found["magnet"].get<std::string>() + "\n", plain.out);
  EXPECT_EQ(found["torrent"], path("x.torrent"));
  EXPECT_EQ(found["root"].get<std::string>().size(), 64u);
  EXPECT_NE(plain.out.find(found["infohash_v2"].get<std::string>()), std::string::npos);
}

TEST_F(tool_torrent, never_replaces_a_file) {
  std::ofstream(folder / "x.torrent") << "something of mine";
  const auto done = run({path("song.mp3"), "--out", path("x.torrent")});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.out, "");
  EXPECT_NE(done.err.find("--out"), std::string::npos) << done.err;
  EXPECT_EQ(content(path("x.torrent")), "something of mine");
}

TEST_F(tool_torrent, says_what_is_wrong_in_one_line) {
  std::ofstream(folder / "empty") << "";
  std::ofstream(folder / "a\xff") << "x";
  for (const auto& [file, words] : std::vector<std::pair<std::string, std::string>>{
           {"absent", "No such file"}, {"", "is no file"}, {"empty", "empty file"}, {"a\xff", "rename"}}) {
    const auto done = run({path(file), "--out", path("y.torrent")});
    EXPECT_EQ(done.code, 1) << file;
    EXPECT_EQ(done.out, "");
    EXPECT_NE(done.err.find(words), std::string::npos) << done.err;
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
    EXPECT_FALSE(fs::exists(folder / "y.torrent"));
  }
  const auto nowhere = run({path("song.mp3"), "--out", path("none/y.torrent")});
  EXPECT_EQ(nowhere.code, 1);
  EXPECT_NE(nowhere.err.find(path("none/y.torrent")), std::string::npos) << nowhere.err;
}

TEST_F(tool_torrent, refuses_addresses_nobody_could_ask) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--tracker", "tracker.example"},
                                             {"--tracker", "udp://"},
                                             {"--web-seed", "udp://w/song.mp3"},
                                             {"--web-seed", "http://w/other.mp3"},
                                             {"--web-seed", "http://"},
                                             {"--tracker"}}) {
    std::vector<std::string> arguments{path("song.mp3"), "--out", path("y.torrent")};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    const auto done = run(arguments);
    EXPECT_EQ(done.code, 2) << wrong.front();
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
    EXPECT_FALSE(fs::exists(folder / "y.torrent"));
  }
  EXPECT_EQ(run({}).code, 2);
}

}  // namespace
