#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/gateway/cli/tiny_server.hpp"
#include "tests/gateway/cli/vsf_process.hpp"

namespace {

using namespace vsf::cli::test;
using nlohmann::json;
namespace fs = std::filesystem;

const std::string mbid = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae";
const std::string id(32, 'a');
const std::string music = "these bytes are music";

json download(const std::string& state, json extra = json::object()) {
  json out{{"id", id},
           {"mbid", mbid},
           {"state", state},
           {"bytes_total", music.size()},
           {"bytes_verified", 0},
           {"sources", json::array()},
           {"path", nullptr},
           {"sha256", nullptr},
           {"reason", nullptr}};
  out.update(extra);
  return out;
}

/// A node whose download goes through these states, one for each time it is asked, and stays in the last.
class node_with_states {
 public:
  explicit node_with_states(std::vector<json> states,
                            said content = {200, music, "X-File-Name: Artist - Title.mp3\r\n"})
      : states_(std::move(states)),
        content_(std::move(content)),
        server_([this](const heard& asked) { return answer(asked); }) {}
  std::string url() const { return server_.url(); }
  std::vector<heard> requests() const { return server_.requests(); }

 private:
  said answer(const heard& asked) {
    if (asked.target.ends_with("/content")) return content_;
    const auto& now = states_[std::min(next_, states_.size() - 1)];
    ++next_;
    return {asked.method == "POST" ? 202 : 200, now.dump()};
  }
  std::vector<json> states_;
  said content_;
  std::size_t next_ = 0;
  tiny_server server_;
};

class get_into_folder : public testing::Test {
 protected:
  get_into_folder() {
    std::string name = (fs::temp_directory_path() / "vsf-get-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~get_into_folder() override { fs::remove_all(folder); }
  outcome get(const std::string& url) {
    return run_vsf({"--url", url, "get", mbid, "--out", folder.string()});
  }
  bool empty() const { return fs::is_empty(folder); }
  fs::path folder;
};

TEST(get, what_nobody_has_is_not_found) {
  node_with_states node(
      {download("resolving"),
       download("failed", {{"reason", "not found: nobody in the mesh has recording x; try again later"}})});
  for (const std::vector<std::string>& wait : std::vector<std::vector<std::string>>{{}, {"--wait"}}) {
    std::vector<std::string> arguments{"--url", node.url(), "get", mbid};
    arguments.insert(arguments.end(), wait.begin(), wait.end());
    const auto done = run_vsf(arguments);
    EXPECT_EQ(done.code, 1);
    EXPECT_NE(done.err.find("not found"), std::string::npos) << done.err;
    EXPECT_EQ(done.out, "");
    EXPECT_LT(done.seconds, 5);
  }
}

TEST(get, without_wait_prints_the_id_once_the_mesh_has_answered) {
  node_with_states node(
      {download("queued"), download("resolving"), download("connecting"), download("failed")});
  const auto done = run_vsf({"--url", node.url(), "get", mbid});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, id + "\n");
  EXPECT_EQ(json::parse(node.requests().front().body), (json{{"mbid", mbid}})) << "no priority was asked for";
  EXPECT_EQ(node.requests().size(), 3u);
}

TEST(get, without_wait_does_not_wait_long) {
  node_with_states node(std::vector<json>{download("queued")});
  const auto done = run_vsf({"--url", node.url(), "get", mbid});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, id + "\n");
  EXPECT_LT(done.seconds, 6);
}

TEST(get, with_wait_prints_the_path_last) {
  node_with_states node(
      {download("queued"),
       download("transferring", {{"bytes_verified", 10}, {"sources", {{{"state", "active"}}}}}),
       download("finishing"), download("done", {{"path", "/srv/music/Title.mp3"}})});
  const auto done = run_vsf({"--url", node.url(), "get", mbid, "--wait"});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "/srv/music/Title.mp3\n");
  EXPECT_NE(done.err.find("47%"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("1 source\n"), std::string::npos) << done.err;
  EXPECT_EQ(done.err.find('\r'), std::string::npos) << "this is no terminal";
}

json with_sources(std::uint64_t verified, const char* second) {
  return {{"bytes_verified", verified},
          {"sources",
           {{{"address", "10.0.0.1:1"}, {"state", "active"}, {"bytes", 10}, {"rate_bytes_per_s", 2000}},
            {{"address", "10.0.0.2:2"},
             {"state", second},
             {"bytes", 2},
             {"bad_leaves", 1},
             {"reason", second == std::string("banned") ? json("sent something else") : json()}}}}};
}

TEST(get, with_wait_names_the_culprit_once) {
  node_with_states node({download("transferring", with_sources(1, "active")),
                         download("transferring", with_sources(5, "banned")),
                         download("transferring", with_sources(12, "banned")),
                         download("done", {{"path", "/p"}})});
  const auto done = run_vsf({"--url", node.url(), "get", mbid, "--wait"});
  EXPECT_EQ(done.code, 0);
  const std::string words = "10.0.0.2:2 is banned: sent something else\n";
  const auto first = done.err.find(words);
  EXPECT_NE(first, std::string::npos) << done.err;
  EXPECT_EQ(done.err.find(words, first + 1), std::string::npos) << done.err;
  EXPECT_EQ(done.err.find('\x1b'), std::string::npos) << "this is no terminal";
}

TEST(get, on_a_terminal_shows_each_source_below_the_bar) {
  node_with_states node({download("transferring", with_sources(1, "active")),
                         download("transferring", with_sources(12, "banned")),
                         download("done", {{"path", "/p"}})});
  const auto done = run_vsf_on_terminal({"--url", node.url(), "get", mbid, "--wait"});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "/p\n");
  EXPECT_NE(done.err.find("2 sources\x1b[K\r\n  10.0.0.1:1  active  2.0 kB/s  47%\x1b[K\r\n"),
            std::string::npos)
      << done.err;
  EXPECT_NE(done.err.find("  10.0.0.2:2  banned  0 B/s     9%   1 bad leaf  <- CULPRIT: sent something else"),
            std::string::npos)
      << done.err;
  EXPECT_TRUE(done.err.ends_with("\x1b[2A\r\x1b[J")) << "the lines are gone in the end";
  EXPECT_NE(done.err.find("10.0.0.2:2 is banned: sent something else\r\n"), std::string::npos)
      << "this stays";
}

TEST(get, asks_for_a_priority) {
  node_with_states node(std::vector<json>{download("connecting")});
  EXPECT_EQ(run_vsf({"--url", node.url(), "get", mbid, "--priority", "high"}).code, 0);
  EXPECT_EQ(json::parse(node.requests().front().body), (json{{"mbid", mbid}, {"priority", "high"}}));
  const auto wrong = run_vsf({"--url", node.url(), "get", mbid, "--priority", "soon"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_EQ(lines_of(wrong.err).size(), 1u) << wrong.err;
  EXPECT_EQ(node.requests().size(), 1u);
}

TEST(get, waits_for_a_node_that_restarts) {
  auto times = std::make_shared<std::atomic<int>>(0);
  tiny_server node([times](const heard&) {
    switch ((*times)++) {
      case 0:
        return said{202, download("resolving").dump()};
      case 1:
        return said{503, R"({"error": {"code": "mesh_not_up", "message": "the mesh is not up"}})"};
      default:
        return said{200, download("done", {{"path", "/p"}}).dump()};
    }
  });
  const auto done = run_vsf({"--url", node.url(), "get", mbid, "--wait"});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "/p\n");
  EXPECT_NE(done.err.find("the mesh is not up"), std::string::npos);
}

TEST(get, does_not_wait_for_a_download_that_is_gone) {
  tiny_server node([](const heard& asked) {
    if (asked.method == "POST") return said{202, download("resolving").dump()};
    return said{404, R"({"error": {"code": "no_such_download", "message": "there is no download"}})"};
  });
  const auto done = run_vsf({"--url", node.url(), "get", mbid, "--wait"});
  EXPECT_EQ(done.code, 1);
  EXPECT_LT(done.seconds, 5);
}

TEST(get, a_refused_start_is_passed_on) {
  tiny_server node([](const heard&) {
    return said{503, R"({"error": {"code": "x", "message": "the mesh is not up"}})"};
  });
  const auto done = run_vsf({"--url", node.url(), "get", mbid, "--wait"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.err, "vsf: cannot get " + mbid + ": the mesh is not up\n");
}

TEST(get, a_cancelled_download_is_a_failure) {
  node_with_states node(std::vector<json>{download("cancelled")});
  EXPECT_EQ(run_vsf({"--url", node.url(), "get", mbid, "--wait"}).code, 1);
}

TEST_F(get_into_folder, brings_the_file_and_prints_its_path) {
  node_with_states node({download("transferring"), download("done", {{"path", "/elsewhere/x"}})});
  const auto done = get(node.url());
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, (folder / "Artist - Title.mp3").string() + "\n");
  std::ifstream in(folder / "Artist - Title.mp3");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), music);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator{}), 1);
}

TEST_F(get_into_folder, keeps_a_hostile_name_inside) {
  node_with_states node(std::vector<json>{download("done")},
                        {200, music, "X-File-Name: ../../../tmp/.\x1b[evil.mp3\r\n"});
  const auto done = get(node.url());
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, (folder / "\xEF\xBF\xBD[evil.mp3").string() + "\n");
}

TEST_F(get_into_folder, without_a_name_it_is_called_by_its_id) {
  node_with_states node(std::vector<json>{download("done")}, {200, music});
  EXPECT_EQ(get(node.url()).out, (folder / ("download-" + id + ".bin")).string() + "\n");
}

TEST_F(get_into_folder, checks_the_hash_if_it_is_known) {
  const json wrong{{"sha256", std::string(64, '0')}};
  node_with_states node(std::vector<json>{download("done", wrong)});
  const auto done = get(node.url());
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.err.find("SHA-256"), std::string::npos);
  EXPECT_TRUE(empty());
}

TEST_F(get_into_folder, leaves_no_half_file) {
  node_with_states cut(std::vector<json>{download("done")}, {200, music.substr(0, 5), "", music.size() - 5});
  EXPECT_EQ(get(cut.url()).code, 1);
  EXPECT_TRUE(empty());
  node_with_states shorter(std::vector<json>{download("done")}, {200, "short"});
  EXPECT_EQ(get(shorter.url()).code, 1);
  EXPECT_TRUE(empty());
  node_with_states gone(std::vector<json>{download("done")},
                        {410, R"({"error": {"code": "file_gone", "message": "the finished file is gone"}})"});
  const auto done = get(gone.url());
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.err.find("the finished file is gone"), std::string::npos);
  EXPECT_TRUE(empty());
}

TEST_F(get_into_folder, a_folder_that_cannot_be_is_told) {
  std::ofstream(folder / "file") << "x";
  node_with_states node(std::vector<json>{download("done")});
  const auto done = run_vsf({"--url", node.url(), "get", mbid, "--out", (folder / "file").string()});
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.err.find((folder / "file").string()), std::string::npos) << done.err;
}

}  // namespace
