#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>

#include "gateway/cli/soulseek_view.hpp"
#include "tests/gateway/cli/tiny_server.hpp"
#include "tests/gateway/cli/vsf_process.hpp"

namespace {

using namespace vsf::cli::test;
using nlohmann::json;

const std::string base = "/api/v1/soulseek";

outcome run(const tiny_server& node, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--url", node.url(), "soulseek"});
  return run_vsf(arguments);
}

TEST(soulseek, asks_what_each_command_means) {
  tiny_server node([](const heard&) { return said{202, R"({"accepted": true, "wish": 3})"}; });
  struct row {
    std::vector<std::string> arguments;
    std::string method, target, body;
  };
  const std::vector<row> all{
      {{"login"}, "POST", "/login", ""},
      {{"logout"}, "POST", "/logout", ""},
      {{"away", "on"}, "POST", "/away", R"({"away":true})"},
      {{"away", "off"}, "POST", "/away", R"({"away":false})"},
      {{"stop", "12"}, "POST", "/searches/12/stop", ""},
      {{"user", "a b"}, "GET", "/users/a%20b", ""},
      {{"browse", "anna", "m\\x", "--offset", "5", "--limit", "7"},
       "GET",
       "/users/anna/shares?offset=5&limit=7&folder=m%5cx",
       ""},
      {{"cancel", "4"}, "POST", "/downloads/4/cancel", ""},
      {{"cancel", "4", "--upload"}, "POST", "/uploads/4/cancel", ""},
      {{"retry", "4"}, "POST", "/downloads/4/retry", ""},
      {{"pause", "4"}, "POST", "/downloads/4/pause", ""},
      {{"resume", "4"}, "POST", "/downloads/4/resume", ""},
      {{"move", "4", "2"}, "POST", "/downloads/4/move", R"({"place":2})"},
      {{"forget", "4"}, "DELETE", "/downloads/4", ""},
      {{"messages", "anna", "--before", "9"}, "GET", "/messages/anna?limit=100&before=9", ""},
      {{"messages", "anna", "--forget"}, "DELETE", "/messages/anna", ""},
      {{"say", "anna", "hello", "there"}, "POST", "/messages", R"({"text":"hello there","user":"anna"})"},
      {{"rooms"}, "GET", "/rooms?offset=0&limit=100", ""},
      {{"room", "Indie"}, "GET", "/rooms/Indie?offset=0&limit=100", ""},
      {{"join", "Indie"}, "POST", "/rooms", R"({"private":false,"room":"Indie"})"},
      {{"leave", "Indie"}, "DELETE", "/rooms/Indie", ""},
      {{"tell", "Indie", "hi"}, "POST", "/rooms/Indie/messages", R"({"text":"hi"})"},
      {{"ticker", "Indie"}, "PUT", "/rooms/Indie/ticker", R"({"text":""})"},
      {{"wish", "list"}, "GET", "/wishes", ""},
      {{"wish", "add", "rare", "song"}, "POST", "/wishes", R"({"text":"rare song"})"},
      {{"wish", "add", "rare", "--download", "--extension", "flac", "--extension", "wav", "--most", "2"},
       "POST",
       "/wishes",
       R"({"download":{"extensions":["flac","wav"],"max_downloads":2},"text":"rare"})"},
      {{"wish", "remove", "3"}, "DELETE", "/wishes/3", ""},
      {{"like", "jazz"}, "PUT", "/interests/likes/jazz", "{}"},
      {{"unlike", "jazz"}, "DELETE", "/interests/likes/jazz", ""},
      {{"hate", "noise", "rock"}, "PUT", "/interests/hates/noise%20rock", "{}"},
      {{"interests", "anna"}, "GET", "/users/anna/interests", ""},
      {{"recommendations", "--global"}, "GET", "/recommendations?global=true", ""},
      {{"similar", "jazz"}, "GET", "/similar-users?item=jazz", ""},
      {{"people", "forget", "anna"}, "DELETE", "/people/anna", ""}};
  for (const auto& [arguments, method, target, body] : all) {
    const auto done = run(node, arguments);
    const auto last = node.requests().back();
    EXPECT_EQ(done.code, 0) << arguments[0] << ": " << done.err;
    EXPECT_NE(done.out, "") << arguments[0];
    EXPECT_EQ(last.method, method) << arguments[0];
    EXPECT_EQ(last.target, base + target);
    EXPECT_EQ(last.body, body) << arguments[0];
  }
}

TEST(soulseek, what_is_misused_is_told_without_asking) {
  tiny_server node([](const heard&) { return said{}; });
  const std::vector<std::vector<std::string>> all{{},
                                                  {"nonsense"},
                                                  {"wish"},
                                                  {"search"},
                                                  {"browse"},
                                                  {"away", "maybe"},
                                                  {"cancel", "x"},
                                                  {"cancel", "0"},
                                                  {"move", "1", "0"},
                                                  {"search", "x", "--wait", "1000"},
                                                  {"say", "anna"},
                                                  {"status", "--limit", "1"}};
  for (const auto& arguments : all) {
    const auto done = run(node, arguments);
    EXPECT_EQ(done.code, 2) << (arguments.empty() ? "" : arguments[0]);
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
  }
  EXPECT_TRUE(node.requests().empty());
}

TEST(soulseek, what_the_node_refuses_is_told_with_what_it_was_about) {
  tiny_server node([](const heard&) {
    return said{
        503, R"({"error": {"code": "offline", "message": "not logged in: messages go through the server"}})"};
  });
  const auto done = run(node, {"say", "anna", "hello"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.err, "vsf: cannot write to anna: not logged in: messages go through the server\n");
}

TEST(soulseek, one_mark_of_somebody_changes_and_the_others_stay) {
  tiny_server node([](const heard& asked) {
    if (asked.method == "GET")
      return said{
          200,
          R"({"people": [{"name": "anna", "buddy": true, "banned": false, "ignored": true, "note": "kind"}]})"};
    return said{202, "{}"};
  });
  EXPECT_EQ(run(node, {"people", "ban", "anna"}).out, "anna is banned\n");
  EXPECT_EQ(json::parse(node.requests().back().body),
            json::parse(R"({"buddy": true, "banned": true, "ignored": true, "note": "kind"})"));
  EXPECT_EQ(run(node, {"people", "buddy", "10.0.0.0/8", "--off"}).out, "10.0.0.0/8 is no longer a buddy\n");
  EXPECT_EQ(node.requests().back().target, base + "/people/10.0.0.0%2f8");
  EXPECT_EQ(json::parse(node.requests().back().body),
            json::parse(R"({"buddy": false, "banned": false, "ignored": false, "note": ""})"));
}

/// A node with one search that is over and a download that takes three questions.
class transfers : public testing::Test {
 protected:
  static json found() {
    const json file{
        {"path", "music\\album\\a.flac"}, {"size", 1000}, {"bit_depth", 16}, {"sample_rate_hz", 44'100}};
    return {{"search", 3639250318},
            {"text", "a"},
            {"running", false},
            {"users", 1},
            {"files", 1},
            {"results",
             {{{"user", "anna"},
               {"free_slot", true},
               {"speed_bytes_per_s", 5},
               {"queue", 0},
               {"files", {file}}}}}};
  }
  json download(std::uint64_t id) {
    const bool over = ++asked_ > 3;
    return {{"id", id},
            {"user", "anna"},
            {"path", "music\\album\\a.flac"},
            {"size", 1000},
            {"bytes_done", over ? 1000 : 300},
            {"state", over ? end : "transferring"},
            {"file", over && end == "completed" ? "/d/a.flac" : ""},
            {"reason", end == "failed" ? "File not shared." : ""},
            {"place", 0}};
  }
  said answer(const heard& asked) {
    if (asked.method == "POST" && asked.target == base + "/searches")
      return {202, R"({"search": 3639250318})"};
    if (asked.target.starts_with(base + "/searches/3639250318")) return {200, found().dump()};
    if (asked.method == "POST" && json::parse(asked.body).contains("folder"))
      return {
          202,
          R"({"user": "anna", "files": 1, "bytes": 1000, "refused": 2, "reason": "its name is too long", "ids": [8]})"};
    if (asked.method == "POST") return {202, download(8).dump()};
    return {200, json{{"total", 2}, {"transfers", {{{"id", 7}, {"state", "paused"}}, download(8)}}}.dump()};
  }
  json body_of_post(const std::string& target) const {
    for (const auto& r : node.requests())
      if (r.method == "POST" && r.target == base + target) return json::parse(r.body);
    return nullptr;
  }

  std::string end = "completed";
  tiny_server node{[this](const heard& asked) { return answer(asked); }};

 private:
  std::atomic<int> asked_{0};
};

TEST_F(transfers, a_search_is_shown_when_it_is_over) {
  const auto done = run(node, {"search", "some", "words", "--user", "anna", "--wait", "30"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_LT(done.seconds, 20) << "nobody waits for a search that is over";
  EXPECT_NE(done.out.find("music\\album\\a.flac"), std::string::npos) << done.out;
  EXPECT_EQ(body_of_post("/searches"), json::parse(R"({"text": "some words", "user": "anna"})"));
  const auto as_json = run(node, {"results", "3639250318", "--json"});
  EXPECT_EQ(json::parse(as_json.out)["results"][0]["user"], "anna");
}

TEST_F(transfers, results_on_a_terminal_are_gone_when_the_list_is_printed) {
  const auto done = run_vsf_on_terminal({"--url", node.url(), "soulseek", "search", "some", "words"});
  EXPECT_EQ(done.code, 0);
  EXPECT_NE(done.err.find("1 files of 1 users"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("album\\a.flac"), std::string::npos) << done.err;
  EXPECT_TRUE(done.err.ends_with("\x1b[J")) << done.err;
  EXPECT_NE(done.out.find("album\\a.flac"), std::string::npos) << done.out;
}

TEST_F(transfers, a_result_is_got_by_its_name_and_followed_to_its_end) {
  const auto name = "3639250318-" + vsf::cli::soulseek_ranked(found()).at(0).id;
  const auto done = run(node, {"get", name});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "/d/a.flac\n");
  EXPECT_NE(done.err.find("30%"), std::string::npos) << done.err;
  EXPECT_EQ(body_of_post("/downloads"),
            json::parse(R"({"user": "anna", "path": "music\\album\\a.flac", "size": 1000})"));
}

TEST_F(transfers, on_a_terminal_the_progress_is_gone_at_the_end) {
  const auto done =
      run_vsf_on_terminal({"--url", node.url(), "soulseek", "get", "anna", "music\\album\\a.flac"});
  EXPECT_EQ(done.code, 0);
  EXPECT_NE(done.err.find("[######"), std::string::npos) << done.err;
  EXPECT_TRUE(done.err.ends_with("\r\x1b[J")) << done.err;
}

TEST_F(transfers, one_that_fails_says_why) {
  end = "failed";
  const auto done = run(node, {"get", "anna", "music\\album\\a.flac"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(
      lines_of(done.err).back(),
      "vsf: cannot get music\\album\\a.flac of anna: File not shared.; try again with vsf soulseek retry 8");
}

TEST_F(transfers, of_a_folder_tell_what_was_refused) {
  const auto done = run(node, {"get", "anna", "music\\album", "--folder"});
  EXPECT_EQ(done.code, 1) << "not all of it came";
  EXPECT_EQ(done.out, "/d/a.flac\n");
  EXPECT_EQ(lines_of(done.err).front(), "vsf: 2 files of the folder were refused: its name is too long");
  EXPECT_EQ(body_of_post("/downloads"), json::parse(R"({"user": "anna", "folder": "music\\album"})"));
}

TEST_F(transfers, are_not_waited_for_on_demand) {
  EXPECT_EQ(run(node, {"get", "anna", "music\\album\\a.flac", "--no-wait"}).out, "8\n");
}

TEST_F(transfers, a_name_that_no_result_has_is_told) {
  for (const auto* name : {"3639250318-zzzzzz", "anna", "12", "-5", "99999999999999999999-abcdef"}) {
    const auto done = run(node, {"get", "--", name});
    EXPECT_EQ(done.code, 1) << name;
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
  }
  EXPECT_EQ(body_of_post("/downloads"), nullptr);
}

}  // namespace
