#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/gateway/cli/tiny_server.hpp"
#include "tests/gateway/cli/vsf_process.hpp"

namespace {

using namespace vsf::cli::test;
using nlohmann::json;

const std::string id(32, 'a');

said refused(int status, const std::string& message) {
  return {status, json{{"error", {{"code", "x"}, {"message", message}}}}.dump()};
}

TEST(queue, pauses_and_resumes) {
  tiny_server node([](const heard& asked) {
    return said{200,
                json{{"id", id}, {"state", asked.target.ends_with("/pause") ? "paused" : "queued"}}.dump()};
  });
  EXPECT_EQ(run_vsf({"--url", node.url(), "pause", id}).out, id + " is now paused\n");
  EXPECT_EQ(run_vsf({"--url", node.url(), "resume", id}).out, id + " is now queued\n");
  ASSERT_EQ(node.requests().size(), 2u);
  for (const auto& asked : node.requests()) EXPECT_EQ(asked.method, "POST");
  EXPECT_EQ(node.requests()[0].target, "/api/v1/downloads/" + id + "/pause");
  EXPECT_EQ(node.requests()[1].target, "/api/v1/downloads/" + id + "/resume");
}

TEST(queue, forgets) {
  tiny_server node([](const heard&) { return said{200, json{{"id", id}, {"state", "done"}}.dump()}; });
  const auto done = run_vsf({"--url", node.url(), "forget", id});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, id + " is forgotten; a finished file stays where it is\n");
  EXPECT_EQ(node.requests().at(0).method, "DELETE");
  EXPECT_EQ(node.requests().at(0).target, "/api/v1/downloads/" + id);
}

TEST(queue, sets_a_priority) {
  tiny_server node([](const heard& asked) {
    return said{200, json{{"id", id}, {"priority", json::parse(asked.body)["priority"]}}.dump()};
  });
  EXPECT_EQ(run_vsf({"--url", node.url(), "priority", id, "high"}).out, id + " now has high priority\n");
  EXPECT_EQ(node.requests().at(0).target, "/api/v1/downloads/" + id + "/priority");
  for (const auto* wrong : {"urgent", "", "HIGH"}) {
    const auto done = run_vsf({"--url", node.url(), "priority", id, wrong});
    EXPECT_EQ(done.code, 2) << wrong;
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
  }
  EXPECT_EQ(node.requests().size(), 1u) << "the node is not asked in vain";
}

TEST(queue, moves) {
  tiny_server node([](const heard& asked) {
    const auto place = json::parse(asked.body)["place"];
    return said{200,
                json{{"id", id}, {"state", "transferring"}, {"place", place == 9 ? json() : place}}.dump()};
  });
  EXPECT_EQ(run_vsf({"--url", node.url(), "move", id, "2"}).out, id + " is now number 2 in the queue\n");
  EXPECT_EQ(run_vsf({"--url", node.url(), "move", id, "9"}).out,
            id + " does not wait for its turn: it is transferring\n");
  EXPECT_EQ(node.requests().at(0).target, "/api/v1/downloads/" + id + "/move");
  EXPECT_EQ(node.requests().at(0).body, R"({"place":2})");
  for (const auto* wrong : {"0", "-1", "x", "1.5"}) {
    const auto done = run_vsf({"--url", node.url(), "move", id, wrong});
    EXPECT_EQ(done.code, 2) << wrong;
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
  }
  EXPECT_EQ(node.requests().size(), 2u);
}

TEST(queue, what_the_node_refuses_is_told_in_one_line) {
  tiny_server node([](const heard&) { return refused(409, "it has ended; retry it instead"); });
  const std::vector<std::pair<std::vector<std::string>, std::string>> all{
      {{"pause", id}, "cannot pause " + id},
      {{"resume", id}, "cannot resume " + id},
      {{"forget", id}, "cannot forget " + id},
      {{"priority", id, "low"}, "cannot change the priority of " + id},
      {{"move", id, "1"}, "cannot move " + id}};
  for (const auto& [arguments, words] : all) {
    auto with_url = arguments;
    with_url.insert(with_url.begin(), {"--url", node.url()});
    const auto done = run_vsf(with_url);
    EXPECT_EQ(done.code, 1);
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(done.err, "vsf: " + words + ": it has ended; retry it instead\n");
  }
}

/// A node that keeps its limits.
class limits : public testing::Test {
 protected:
  limits()
      : node_([this](const heard& asked) {
          if (asked.method == "PUT") {
            if (json::parse(asked.body)["upload_slots"] == 0)
              return refused(400, "upload_slots must be more");
            kept = json::parse(asked.body);
          }
          return said{200, kept.dump()};
        }) {}
  outcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--url", node_.url(), "limits"});
    return run_vsf(arguments);
  }
  std::size_t puts() const {
    std::size_t out = 0;
    for (const auto& asked : node_.requests()) out += asked.method == "PUT";
    return out;
  }
  json kept{{"upload_limit_kib", 500}, {"download_limit_kib", 0}, {"upload_limit_per_peer_kib", 100},
            {"upload_slots", 8},       {"active_downloads", 4},   {"note", "until the node ends"}};

 private:
  tiny_server node_;
};

TEST_F(limits, are_shown) {
  const auto done = run({});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out,
            "upload            500 KiB/s\n"
            "download          no limit\n"
            "upload per peer   100 KiB/s\n"
            "upload slots      8\n"
            "active downloads  4\n"
            "until the node ends\n");
  EXPECT_EQ(json::parse(run({"--json"}).out), kept);
  EXPECT_EQ(puts(), 0u) << "looking changes nothing";
}

TEST_F(limits, that_are_not_given_stay) {
  const auto before = kept;
  auto wanted = before;
  wanted["download_limit_kib"] = 7;
  const auto done = run({"--download-kib", "7"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(kept, wanted);
  EXPECT_NE(done.out.find("download          7 KiB/s"), std::string::npos) << done.out;
  run({"--upload-kib", "1", "--download-kib", "2", "--peer-kib", "3", "--slots", "4", "--active", "5"});
  EXPECT_EQ(kept, (json{{"upload_limit_kib", 1},
                        {"download_limit_kib", 2},
                        {"upload_limit_per_peer_kib", 3},
                        {"upload_slots", 4},
                        {"active_downloads", 5},
                        {"note", "until the node ends"}}));
  run({"--upload-kib", "0"});
  EXPECT_EQ(kept["upload_limit_kib"], 0) << "0 is given too";
}

TEST_F(limits, that_cannot_be_are_refused) {
  const auto none = run({"--slots", "0"});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.err, "vsf: cannot change the limits: upload_slots must be more\n");
  for (const auto* wrong : {"-1", "x", "99999999999"}) {
    const auto done = run({"--upload-kib", wrong});
    EXPECT_EQ(done.code, 2) << wrong;
    EXPECT_EQ(lines_of(done.err).size(), 1u) << done.err;
  }
}

}  // namespace
