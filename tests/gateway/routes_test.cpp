#include "gateway/routes.hpp"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <nlohmann/json.hpp>

#include "gateway/assets.hpp"
#include "tests/gateway/sample_records.hpp"

namespace {

using namespace vsf;
using namespace vsf::gateway;
using test::sample_mbid;

const std::string id(32, 'a');

request asking(const std::string& method, const std::string& path,
               std::map<std::string, std::string> query = {}, const std::string& body = "") {
  return {method, path, std::move(query), {}, body, {}};
}
template <class Want>
Want wanted(const request& asked) {
  const auto out = route_request(asked);
  const auto* what = std::get_if<want>(&out);
  if (what == nullptr || !std::holds_alternative<Want>(*what)) {
    ADD_FAILURE() << asked.method << " " << asked.path << " wants something else";
    return {};
  }
  return std::get<Want>(*what);
}
unsigned status_of(const request& asked) {
  const auto out = route_request(asked);
  const auto* answer = std::get_if<response>(&out);
  return answer == nullptr ? 0 : answer->status;
}
std::string code_of(const request& asked) {
  const auto out = route_request(asked);
  const auto* answer = std::get_if<response>(&out);
  if (answer == nullptr) return "none";
  return nlohmann::json::parse(answer->body)["error"]["code"];
}

TEST(routes, those_without_arguments) {
  wanted<want_health>(asking("GET", "/health"));
  wanted<want_metrics>(asking("GET", "/metrics"));
  wanted<want_status>(asking("GET", "/api/v1/status"));
  wanted<want_rescan>(asking("POST", "/api/v1/library/rescan"));
  wanted<want_event_stream>(asking("GET", "/api/v1/events"));
}

TEST(routes, resolve) {
  const auto path = "/api/v1/shadow-index/" + std::string(sample_mbid);
  auto what = wanted<want_resolve>(asking("GET", path));
  EXPECT_EQ(to_string(what.id), sample_mbid);
  EXPECT_EQ(what.kind, fb::LeafKind::recording);
  EXPECT_FALSE(what.fresh);
  what = wanted<want_resolve>(asking("GET", path, {{"kind", "release"}, {"fresh", "true"}}));
  EXPECT_EQ(what.kind, fb::LeafKind::release);
  EXPECT_TRUE(what.fresh);
  EXPECT_EQ(code_of(asking("GET", path, {{"kind", "scene"}})), "bad_kind");
  EXPECT_EQ(code_of(asking("GET", "/api/v1/shadow-index/nonsense")), "bad_mbid");
}

TEST(routes, search) {
  const auto what =
      wanted<want_search>(asking("GET", "/api/v1/search", {{"q", "j\xC3\xB3ga"}, {"limit", "7"}}));
  EXPECT_EQ(what.text, "j\xC3\xB3ga");
  EXPECT_EQ(what.limit, 7u);
  EXPECT_EQ(wanted<want_search>(asking("GET", "/api/v1/search", {{"q", "x"}})).limit, 50u);
  EXPECT_EQ(code_of(asking("GET", "/api/v1/search")), "bad_query");
  EXPECT_EQ(code_of(asking("GET", "/api/v1/search", {{"q", std::string(257, 'x')}})), "bad_query");
}

TEST(routes, downloads) {
  auto page = wanted<want_downloads>(asking("GET", "/api/v1/downloads"));
  EXPECT_EQ(page.offset, 0u);
  EXPECT_EQ(page.limit, 100u);
  page = wanted<want_downloads>(asking("GET", "/api/v1/downloads", {{"offset", "200"}, {"limit", "1000"}}));
  EXPECT_EQ(page.offset, 200u);
  EXPECT_EQ(page.limit, 1000u);
  EXPECT_EQ(wanted<want_download>(asking("GET", "/api/v1/downloads/" + id)).id, id);
  EXPECT_EQ(wanted<want_content>(asking("GET", "/api/v1/downloads/" + id + "/content")).id, id);
  const auto verb = [](const std::string& method, const std::string& path) {
    const auto what = wanted<want_control>(asking(method, path));
    EXPECT_EQ(what.id, id);
    return what.verb;
  };
  EXPECT_EQ(verb("POST", "/api/v1/downloads/" + id + "/cancel"), fb::FetchVerb::cancel);
  EXPECT_EQ(verb("POST", "/api/v1/downloads/" + id + "/retry"), fb::FetchVerb::retry);
  EXPECT_EQ(verb("POST", "/api/v1/downloads/" + id + "/pause"), fb::FetchVerb::pause);
  EXPECT_EQ(verb("POST", "/api/v1/downloads/" + id + "/resume"), fb::FetchVerb::resume);
  EXPECT_EQ(verb("DELETE", "/api/v1/downloads/" + id), fb::FetchVerb::forget);
}

TEST(routes, the_queue) {
  const auto path = "/api/v1/downloads/" + id;
  const auto with = [&](const std::string& what, const std::string& body) {
    return asking("POST", path + what, {}, body);
  };
  for (const auto priority : fb::EnumValuesPriority()) {
    const auto name = std::string(fb::EnumNamePriority(priority));
    const auto what = wanted<want_control>(with("/priority", R"({"priority": ")" + name + R"("})"));
    EXPECT_EQ(what.verb, fb::FetchVerb::prioritize);
    EXPECT_EQ(what.priority, priority);
    EXPECT_EQ(what.id, id);
  }
  for (const auto* bad : {R"({"priority": "urgent"})", R"({"priority": 2})", R"({"priority": null})"})
    EXPECT_EQ(code_of(with("/priority", bad)), "bad_priority") << bad;
  for (const auto* bad : {"", "7", "{}", R"({"place": 1})"})
    EXPECT_EQ(code_of(with("/priority", bad)), "bad_body") << bad;
  const auto moved = wanted<want_control>(with("/move", R"({"place": 4})"));
  EXPECT_EQ(moved.verb, fb::FetchVerb::move);
  EXPECT_EQ(moved.place, 3u) << "people count from 1, the swarm from 0";
  EXPECT_EQ(moved.id, id);
  for (const auto* bad : {R"({"place": 0})", R"({"place": -1})", R"({"place": 1.5})", R"({"place": "1"})",
                          R"({"place": 1000001})", R"({"place": 99999999999999999999})"})
    EXPECT_EQ(code_of(with("/move", bad)), "bad_place") << bad;
  for (const auto* bad : {"", "[1]", "{}"}) EXPECT_EQ(code_of(with("/move", bad)), "bad_body") << bad;
}

TEST(routes, limits_of_transfers) {
  wanted<want_limits>(asking("GET", "/api/v1/transfers/limits"));
  const nlohmann::json good{{"upload_limit_kib", 0},          {"download_limit_kib", 100'000'000},
                            {"upload_limit_per_peer_kib", 7}, {"upload_slots", 512},
                            {"active_downloads", 1},          {"note", "as GET gave it"}};
  const auto put = [](const nlohmann::json& body) {
    return asking("PUT", "/api/v1/transfers/limits", {}, body.dump());
  };
  const auto all = wanted<want_new_limits>(put(good)).all;
  EXPECT_EQ(all.upload_limit_kib, 0u);
  EXPECT_EQ(all.download_limit_kib, 100'000'000u);
  EXPECT_EQ(all.upload_limit_per_peer_kib, 7u);
  EXPECT_EQ(all.upload_slots, 512u);
  EXPECT_EQ(all.active_downloads, 1u);
  for (const auto* name : {"upload_limit_kib", "download_limit_kib", "upload_limit_per_peer_kib",
                           "upload_slots", "active_downloads"}) {
    auto without = good;
    without.erase(name);
    EXPECT_EQ(code_of(put(without)), "bad_limits") << name;
    for (const auto& bad : nlohmann::json::array({-1, 1.5, "1", nullptr, 100'000'001, 4294967296})) {
      auto wrong = good;
      wrong[name] = bad;
      EXPECT_EQ(code_of(put(wrong)), "bad_limits") << name << " " << bad;
    }
  }
  for (const auto* name : {"upload_slots", "active_downloads"}) {
    auto none = good;
    none[name] = 0;
    EXPECT_EQ(code_of(put(none)), "bad_limits") << name;
  }
  EXPECT_EQ(code_of(asking("PUT", "/api/v1/transfers/limits", {}, "[]")), "bad_body");
}

TEST(routes, a_download_that_cannot_be_is_refused) {
  for (const std::string bad : {"x", "..", "aaaa", "g0000000000000000000000000000000"}) {
    EXPECT_EQ(code_of(asking("GET", "/api/v1/downloads/" + bad)), "bad_id") << bad;
    EXPECT_EQ(code_of(asking("POST", "/api/v1/downloads/" + bad + "/cancel")), "bad_id") << bad;
  }
  EXPECT_EQ(code_of(asking("GET", "/api/v1/downloads", {{"offset", "-1"}})), "bad_offset");
}

TEST(routes, begin_a_download) {
  const auto body = [](const std::string& text) { return asking("POST", "/api/v1/downloads", {}, text); };
  const auto what =
      wanted<want_fetch>(body(R"({"mbid": "8F3471B5-7E6A-48DA-86A9-C1C07A0F47AE", "more": 1})"));
  EXPECT_EQ(to_string(what.id), sample_mbid);
  EXPECT_EQ(what.priority, fb::Priority::normal);
  const std::string soon = R"({"mbid": "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae", "priority": )";
  EXPECT_EQ(wanted<want_fetch>(body(soon + R"("high"})")).priority, fb::Priority::high);
  EXPECT_EQ(wanted<want_fetch>(body(soon + R"("low"})")).priority, fb::Priority::low);
  for (const auto* bad : {R"("HIGH"})", "1}", "null}"})
    EXPECT_EQ(code_of(body(soon + bad)), "bad_priority") << bad;
  for (const auto* bad : {"", "null", "[]", "{", "{}", R"({"mbid": 7})", R"({"mbid": null})", "\xff"})
    EXPECT_EQ(code_of(body(bad)), "bad_body") << bad;
  EXPECT_EQ(code_of(body(R"({"mbid": "x"})")), "bad_mbid");
}

TEST(routes, a_deep_body_is_refused_and_harms_nobody) {
  EXPECT_EQ(status_of(asking("POST", "/api/v1/downloads", {}, std::string(64 * 1024, '['))), 400u);
}

TEST(routes, library) {
  const auto what =
      wanted<want_library>(asking("GET", "/api/v1/library", {{"after", "/music/a b"}, {"limit", "3"}}));
  EXPECT_EQ(what.after, "/music/a b");
  EXPECT_EQ(what.limit, 3u);
}

TEST(routes, limits) {
  const std::vector<std::pair<std::string, int>> most{{"/api/v1/downloads", 1000},
                                                      {"/api/v1/library", 1000},
                                                      {"/api/v1/events/history", 1000},
                                                      {"/api/v1/search", 200}};
  for (const auto& [path, limit] : most) {
    for (const std::string bad : {"0", "-1", "x", "", "1x", " 1", "1.5", "99999999999999999999"})
      EXPECT_EQ(code_of(asking("GET", path, {{"q", "x"}, {"limit", bad}})), "bad_limit")
          << path << " " << bad;
    EXPECT_EQ(code_of(asking("GET", path, {{"q", "x"}, {"limit", std::to_string(limit + 1)}})), "bad_limit")
        << path;
    EXPECT_EQ(code_of(asking("GET", path, {{"q", "x"}, {"limit", std::to_string(limit)}})), "none") << path;
  }
}

TEST(routes, a_wrong_method_is_told_the_right_ones) {
  const auto out = route_request(asking("PUT", "/api/v1/downloads/" + id));
  const auto& answer = std::get<response>(out);
  EXPECT_EQ(answer.status, 405u);
  const std::pair<std::string, std::string> allow{"Allow", "GET, DELETE"};
  EXPECT_EQ(std::count(answer.headers.begin(), answer.headers.end(), allow), 1);
  EXPECT_EQ(status_of(asking("POST", "/api/v1/status")), 405u);
  EXPECT_EQ(status_of(asking("GET", "/api/v1/library/rescan")), 405u);
}

TEST(routes, head_goes_where_get_does) {
  wanted<want_status>(asking("HEAD", "/api/v1/status"));
  EXPECT_EQ(status_of(asking("HEAD", "/")), 200u);
  EXPECT_EQ(status_of(asking("HEAD", "/api/v1/library/rescan")), 405u);
}

TEST(routes, elsewhere_there_is_nothing) {
  for (const auto* path :
       {"/api", "/api/v1", "/api/v1/", "/api/v1/statu", "/api/v1/status/", "//api/v1/status",
        "/api/v1/downloads/", "/api/v1/shadow-index/", "/api/v1/shadow-index/a/b", "/index.htm", "/assets/",
        "/../etc/passwd", "/assets/../index.html"})
    EXPECT_EQ(code_of(asking("GET", path)), "not_found") << path;
  EXPECT_EQ(code_of(asking("POST", "/")), "not_found");
}

TEST(routes, the_description_is_served) {
  const auto out = route_request(asking("GET", "/api/v1/openapi.json"));
  const auto& answer = std::get<response>(out);
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.body, openapi_json());
}

TEST(routes, every_route_leads_to_its_own_want) {
  for (const auto& r : routes()) {
    std::string path(r.pattern);
    if (const auto open = path.find('{'); open != std::string::npos)
      path.replace(open, path.find('}') - open + 1,
                   path.find("mbid") != std::string::npos       ? sample_mbid
                   : path.find("soulseek") != std::string::npos ? "7"
                                                                : id);
    // A message goes to a user or into a room, not to both.
    const auto room = path.ends_with("/soulseek/rooms") ? R"("room": "x", )" : "";
    const auto answer = status_of(asking(std::string(r.method), path, {{"q", "x"}},
                                         std::string("{") + room +
                                             R"("mbid": "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae", "place": 1,
        "priority": "low", "upload_limit_kib": 0, "download_limit_kib": 0, "upload_limit_per_peer_kib": 0,
        "upload_slots": 1, "active_downloads": 1, "text": "x", "user": "x", "path": "x", "away": true})"));
    EXPECT_TRUE(answer == 0 || answer == 200) << r.method << " " << r.pattern << ": " << answer;
  }
}

TEST(routes, any_request_gets_an_answer) {
  const std::set<unsigned> possible{0, 200, 400, 404, 405};
  EXPECT_TRUE(rc::check([&](const std::string& method, const std::string& tail, const std::string& query,
                            const std::string& body) {
    const auto prefix = *rc::gen::element<std::string>("/", "/api/v1/", "/api/v1/downloads/",
                                                       "/api/v1/shadow-index/", "/assets/");
    const auto known = *rc::gen::element<std::string>("GET", "POST", "PUT", "DELETE", "HEAD", method);
    RC_ASSERT(
        possible.count(status_of(asking(known, prefix + tail, {{"q", query}, {"limit", tail}}, body))) == 1);
  }));
}

}  // namespace
