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

const std::string mbid = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae";

said refused(int status, const std::string& message) {
  return {status, json{{"error", {{"code", "x"}, {"message", message}}}}.dump()};
}

/// A port of loopback that nobody listens on: bound and never listened to.
class closed_port {
 public:
  closed_port() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof(at));
    socklen_t length = sizeof(at);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &length);
    url = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }
  ~closed_port() { ::close(socket_); }
  closed_port(const closed_port&) = delete;
  closed_port& operator=(const closed_port&) = delete;
  std::string url;

 private:
  int socket_ = -1;
};

TEST(usage, is_refused_in_one_line_with_exit_2) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"frobnicate"},
                                             {"get"},
                                             {"get", "not-an-mbid"},
                                             {"search"},
                                             {"--url", "nonsense", "status"},
                                             {"--url", "http://", "status"},
                                             {"status", "--nope"},
                                             {"cancel"},
                                             {"pause"},
                                             {"forget"},
                                             {"move", mbid},
                                             {"priority", mbid},
                                             {"limits", "--slots"},
                                             {"limits", "9"},
                                             {"tool"},
                                             {"tool", "keys"},
                                             {"--api-key-file", "/nonexistent", "status"},
                                             {"get", mbid, "--out"}}) {
    const auto done = run_vsf(arguments);
    EXPECT_EQ(done.code, 2) << (arguments.empty() ? "nothing" : arguments.back());
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
    EXPECT_EQ(done.out, "");
  }
}

TEST(usage, help_is_no_failure) {
  const auto done = run_vsf({"--help"});
  EXPECT_EQ(done.code, 0);
  for (const auto* command : {"status", "search", "get", "downloads", "cancel", "retry", "pause", "resume",
                              "forget", "priority", "move", "limits", "events", "rescan", "tool"})
    EXPECT_NE(done.out.find(command), std::string::npos) << command;
}

TEST(malformed_mbid, is_refused_before_the_node_is_asked) {
  tiny_server node([](const heard&) { return said{}; });
  EXPECT_EQ(run_vsf({"--url", node.url(), "get", "8f3471b5-7e6a-48da-86a9"}).code, 2);
  EXPECT_TRUE(node.requests().empty());
}

TEST(failures, say_what_where_and_what_to_do) {
  const closed_port nobody;
  const auto done = run_vsf({"--url", nobody.url, "status"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.err, "vsf: cannot reach the node at " + nobody.url +
                          ": connection refused; is vsfd running? see --url\n");
}

TEST(failures, of_the_node_are_passed_on_disarmed) {
  tiny_server node([](const heard&) { return refused(503, "the mesh is not up\x1b[2J\n"); });
  const auto done = run_vsf({"--url", node.url(), "status"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.err, "vsf: the mesh is not up\xEF\xBF\xBD[2J\xEF\xBF\xBD\n");
}

TEST(failures, something_else_at_the_address_is_told_apart) {
  for (const auto* body : {"<html>", "", "[]", "7"}) {
    tiny_server node([body](const heard&) { return said{200, body}; });
    const auto done = run_vsf({"--url", node.url(), "status"});
    EXPECT_EQ(done.code, 1);
    EXPECT_NE(done.err.find("no Virtual Soulfind node"), std::string::npos) << done.err;
  }
  tiny_server node([](const heard&) { return said{302, "", "Location: /elsewhere\r\n"}; });
  EXPECT_EQ(run_vsf({"--url", node.url(), "status"}).code, 1);
  EXPECT_EQ(node.requests().size(), 1u) << "redirections are not followed";
}

TEST(api_key, comes_from_the_file_and_goes_into_the_header) {
  const auto file = std::filesystem::temp_directory_path() / ("vsf-key-" + std::to_string(::getpid()));
  std::ofstream(file) << "  sesame \nignored\n";
  tiny_server node([](const heard& asked) {
    return asked.headers.count("x-api-key") ? said{} : refused(401, "an API key is needed");
  });
  EXPECT_EQ(run_vsf({"--url", node.url(), "--api-key-file", file.string(), "rescan"}).code, 0);
  ASSERT_EQ(node.requests().size(), 1u);
  EXPECT_EQ(node.requests().front().headers.at("x-api-key"), "sesame");
  const auto without = run_vsf({"--url", node.url(), "rescan"});
  EXPECT_EQ(without.code, 1);
  EXPECT_NE(without.err.find("--api-key-file"), std::string::npos) << without.err;
  std::filesystem::remove(file);
}

TEST(status, for_people_and_as_json) {
  const json state{{"node", "abc"}, {"ready", true}, {"peers", json::array()}, {"components", json::array()}};
  tiny_server node([&](const heard& asked) {
    return asked.target == "/api/v1/status" ? said{200, state.dump()} : refused(503, "not up");
  });
  const auto people = run_vsf({"--url", node.url(), "status"});
  EXPECT_EQ(people.code, 0);
  EXPECT_NE(people.out.find("ready       yes"), std::string::npos) << people.out;
  const auto machine = run_vsf({"status", "--json", "--url", node.url()});
  EXPECT_EQ(machine.code, 0);
  EXPECT_EQ(json::parse(machine.out), state);
  EXPECT_EQ(lines_of(machine.out).size(), 1u);
}

TEST(search, escapes_its_query) {
  tiny_server node([](const heard&) { return said{200, R"({"query": "", "library": [], "mesh": null})"}; });
  const auto done = run_vsf({"--url", node.url(), "search", "a&b=c d\xC3\xA9/?#%"});
  EXPECT_EQ(done.code, 0);
  ASSERT_EQ(node.requests().size(), 1u);
  EXPECT_EQ(node.requests().front().target, "/api/v1/search?q=a%26b%3dc%20d%c3%a9%2f%3f%23%25");
}

TEST(downloads, are_paged_to_their_end) {
  tiny_server node([](const heard& asked) {
    const bool first = asked.target == "/api/v1/downloads?offset=0&limit=1000";
    EXPECT_TRUE(first || asked.target == "/api/v1/downloads?offset=1000&limit=1000") << asked.target;
    return said{200, json{{"downloads", {{{"id", first ? "one" : "two"}, {"state", "done"}}}},
                          {"next_offset", first ? json(1000) : json(nullptr)}}
                         .dump()};
  });
  const auto done = run_vsf({"--url", node.url(), "downloads", "--json"});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(json::parse(done.out)["downloads"].size(), 2u);
}

TEST(control, cancels_and_retries) {
  const std::string id(32, 'a');
  tiny_server node([&](const heard& asked) {
    if (asked.target.find(id) == std::string::npos) return refused(404, "there is no download");
    return said{
        200, json{{"id", id}, {"state", asked.target.ends_with("cancel") ? "cancelled" : "queued"}}.dump()};
  });
  EXPECT_EQ(run_vsf({"--url", node.url(), "cancel", id}).out, id + " is now cancelled\n");
  EXPECT_EQ(run_vsf({"--url", node.url(), "retry", id}).out, id + " is now queued\n");
  for (const auto& asked : node.requests()) EXPECT_EQ(asked.method, "POST");
  const auto none = run_vsf({"--url", node.url(), "cancel", "../status"});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(node.requests().back().target, "/api/v1/downloads/..%2fstatus/cancel");
}

TEST(events, follow_until_interrupted_and_show_each_once) {
  std::atomic<int> asked{0};
  tiny_server node([&](const heard&) {
    json events = json::array();
    const int last = ++asked == 1 ? 2 : 4;
    for (int i = 1; i <= last; ++i)
      events.push_back({{"seq", i},
                        {"time_ms", 1},
                        {"kind", "note"},
                        {"subject", nullptr},
                        {"text", "event-" + std::to_string(i)}});
    return said{200, json{{"events", events}}.dump()};
  });
  const auto done = run_vsf({"--url", node.url(), "events"}, "event-4");
  EXPECT_EQ(done.code, 0);
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 4u) << done.out;
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_TRUE(lines[i].ends_with("event-" + std::to_string(i + 1))) << lines[i];
}

TEST(events, gone_by_unseen_are_told) {
  std::atomic<int> asked{0};
  tiny_server node([&](const heard&) {
    const int seq = ++asked == 1 ? 1 : 10;
    return said{
        200,
        json{{"events",
              {{{"seq", seq}, {"time_ms", 1}, {"kind", "note"}, {"text", "event-" + std::to_string(seq)}}}}}
            .dump()};
  });
  const auto done = run_vsf({"--url", node.url(), "events", "--json"}, "event-10");
  EXPECT_EQ(done.code, 0);
  EXPECT_NE(done.err.find("8 events went by unseen"), std::string::npos) << done.err;
  EXPECT_EQ(json::parse(lines_of(done.out).at(1))["seq"], 10);
}

}  // namespace
