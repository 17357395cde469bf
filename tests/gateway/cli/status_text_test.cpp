#include "gateway/cli/status_text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace vsf::cli;
using nlohmann::json;

json status() {
  return json::parse(R"({
    "node": "0123456789abcdef0123456789abcdef01234567", "network": "vsf-main", "version": "0.1.0", "ready": true, "puzzle": null,
    "started_ms": 1000000, "now_ms": 1125000,
    "components": [
      {"path": "library", "gauges": [{"name": "files", "value": 200}, {"name": "files_shareable", "value": 180},
        {"name": "bytes_shareable", "value": 2500000000}, {"name": "files_to_analyze", "value": 7}, {"name": "scanning", "value": 1}], "children": [], "notes": []},
      {"path": "transport", "gauges": [], "notes": ["port in use\u001b[2J; set node.listen"],
       "children": [{"path": "transport/port", "restarts": 3, "last_error": "gone"}, {"path": "quiet", "restarts": 0}]}],
    "peers": [{"inbound": true}, {"inbound": false}]})");
}

TEST(status_for_people, has_what_they_look_for) {
  const json downloads{{"downloads", {{{"state", "done"}}, {{"state", "done"}}, {{"state", "failed"}}}},
                       {"next_offset", nullptr}};
  EXPECT_EQ(status_text(status(), downloads),
            "node        0123456789abcdef0123456789abcdef01234567\n"
            "network     vsf-main\n"
            "version     0.1.0\n"
            "up          2 min 05 s\n"
            "ready       yes\n"
            "peers       2 (1 called us)\n"
            "library     200 files, 180 shareable (2.5 GB), 7 to look into, scanning\n"
            "downloads   2 done, 1 failed\n"
            "restarts\n"
            "  transport/port was restarted 3 times: gone\n"
            "notes\n"
            "  transport: port in use\xEF\xBF\xBD[2J; set node.listen\n");
}

TEST(status_for_people, of_a_node_that_works_on_its_id) {
  auto starting = status();
  starting["ready"] = false;
  starting["node"] = nullptr;
  starting["puzzle"] = {{"tried", 43}, {"expected", 100}};
  const auto out = status_text(starting, nullptr);
  EXPECT_NE(out.find("none yet"), std::string::npos);
  EXPECT_NE(out.find("no: working on the node's id, 43%"), std::string::npos);
  EXPECT_NE(out.find("downloads   -\n"), std::string::npos);
}

TEST(status_for_people, of_something_else_does_no_harm) {
  for (const auto* text : {"{}", R"({"components": 7, "peers": {}, "puzzle": [], "now_ms": -5})",
                           R"({"components": [null, 7, {"notes": [1, null], "gauges": [3]}]})"})
    EXPECT_NE(status_text(json::parse(text), json::parse(text)).find("ready       no\n"), std::string::npos)
        << text;
}

TEST(search_for_people, says_when_nothing_was_found) {
  EXPECT_NE(search_text(json::parse(R"({"library": [], "mesh": null})")).find("nothing found"),
            std::string::npos);
  EXPECT_EQ(search_text(json::parse(R"({"library": [], "mesh": {"candidates": []}})")),
            "not found: nobody in the mesh has it\n");
}

TEST(search_for_people, lists_offers) {
  const auto out =
      search_text(json::parse(R"({"library": [{"title": "Title", "path": "/m/t.flac", "size": 1000}],
    "mesh": {"publishers": 1, "elapsed_us": 231000, "candidates": [{"codec": "flac", "size": 23000000, "quality": 200,
      "bitrate_kbps": 0, "address": null, "node": "abc"}]}})"));
  for (const auto* part : {"in this node's library: 1\n", "/m/t.flac",
                           "in the mesh: 1 from 1 publishers, in 231 ms\n", "23.0 MB", "unknown"})
    EXPECT_NE(out.find(part), std::string::npos) << part << " in\n" << out;
}

TEST(downloads_for_people, show_state_and_reason) {
  const auto out = downloads_text(json::parse(R"({"downloads": [
    {"id": "aa", "state": "transferring", "bytes_total": 200, "bytes_verified": 50, "sources": [{}, {}], "mbid": "m", "path": null, "reason": null,
     "rate_bytes_per_s": 1500, "priority": "high", "place": null},
    {"id": "cc", "state": "queued", "bytes_total": 0, "sources": [], "rate_bytes_per_s": 0, "priority": "low", "place": 3},
    {"id": "bb", "state": "failed", "bytes_total": 0, "sources": [], "path": null, "reason": "not found"}]})"));
  EXPECT_NE(out.find("aa  transferring      25%   200 B  1.5 kB/s  2        high"), std::string::npos) << out;
  EXPECT_NE(out.find("cc  queued, number 3  -     -      -         0        low"), std::string::npos) << out;
  EXPECT_NE(out.find("not found"), std::string::npos);
  EXPECT_NE(downloads_text(json::parse(R"({"downloads": []})")).find("vsf get"), std::string::npos);
}

TEST(events_for_people, fit_on_a_line) {
  const auto out =
      event_text({{"time_ms", 1'700'000'000'000}, {"kind", "warning"}, {"subject", "a\nb"}, {"text", "c\r"}});
  EXPECT_EQ(out.find('\n'), std::string::npos);
  EXPECT_NE(out.find("  warning  a\xEF\xBF\xBD"
                     "b  c\xEF\xBF\xBD"),
            std::string::npos)
      << out;
}

}  // namespace
