#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config/schema.hpp"
#include "gateway/assets.hpp"
#include "gateway/render.hpp"
#include "gateway/routes.hpp"
#include "tests/gateway/sample_records.hpp"
#include "tests/gateway/schema_check.hpp"

namespace {

using namespace vsf;
using namespace vsf::gateway;
using namespace vsf::gateway::test;
using nlohmann::json;

void walk(const json& node, const std::function<void(const std::string&, const json&)>& visit) {
  if (node.is_object())
    for (const auto& [key, value] : node.items()) {
      visit(key, value);
      walk(value, visit);
    }
  if (node.is_array())
    for (const auto& value : node) walk(value, visit);
}

TEST(openapi, describes_exactly_the_routes) {
  std::set<std::pair<std::string, std::string>> described;
  for (const auto& [path, methods] : document()["paths"].items())
    for (const auto& [method, _] : methods.items()) {
      std::string upper = method;
      std::transform(upper.begin(), upper.end(), upper.begin(),
                     [](unsigned char c) { return std::toupper(c); });
      described.emplace(upper, path);
    }
  std::set<std::pair<std::string, std::string>> routed;
  for (const auto& r : routes()) routed.emplace(std::string(r.method), std::string(r.pattern));
  EXPECT_EQ(described, routed);
}

TEST(openapi, summaries_are_those_of_the_routes) {
  for (const auto& r : routes()) {
    std::string method(r.method);
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    EXPECT_EQ(document()["paths"][std::string(r.pattern)][method]["summary"], std::string(r.summary))
        << r.pattern;
  }
}

TEST(openapi, every_reference_leads_somewhere) {
  int seen = 0;
  walk(document(), [&](const std::string& key, const json& value) {
    if (key != "$ref") return;
    ++seen;
    const auto target = value.get<std::string>();
    ASSERT_TRUE(target.starts_with("#/")) << target;
    EXPECT_TRUE(document().contains(json::json_pointer(target.substr(1)))) << target;
  });
  EXPECT_GT(seen, 30);
}

TEST(openapi, every_path_parameter_is_described) {
  for (const auto& [path, methods] : document()["paths"].items()) {
    const auto open = path.find('{');
    if (open == std::string::npos) continue;
    const auto name = path.substr(open + 1, path.find('}') - open - 1);
    for (const auto& [method, operation] : methods.items()) {
      int found = 0;
      for (const auto& p : operation["parameters"]) found += p["name"] == name && p["in"] == "path";
      EXPECT_EQ(found, 1) << method << " " << path;
    }
  }
}

TEST(openapi, the_described_limits_are_kept_by_the_routes) {
  for (const auto& [path, methods] : document()["paths"].items())
    for (const auto& [method, operation] : methods.items()) {
      if (!operation.contains("parameters")) continue;
      for (const auto& p : operation["parameters"]) {
        if (p["name"] != "limit") continue;
        const auto most = p["schema"]["maximum"].get<std::uint64_t>();
        std::string address(path);
        if (const auto open = address.find('{'); open != std::string::npos)
          address.replace(open, address.find('}') - open + 1, "7");
        request asked{"GET", address, {{"q", "x"}}, {}, {}, {}};
        asked.query["limit"] = std::to_string(most);
        EXPECT_TRUE(std::holds_alternative<want>(route_request(asked))) << path;
        asked.query["limit"] = std::to_string(most + 1);
        ASSERT_TRUE(std::holds_alternative<response>(route_request(asked))) << path;
        EXPECT_EQ(std::get<response>(route_request(asked)).status, 400u) << path;
      }
    }
}

TEST(openapi, errors_are_as_described) { EXPECT_EQ(breaches("Error", problem(404, "x", hostile)), ""); }

TEST(openapi, health_is_as_described) {
  EXPECT_EQ(breaches("Health", render_health(*pack<fb::NodeStatus>(full_status()))), "");
  fb::NodeStatusT starting;
  starting.puzzle_tried = 10;
  starting.puzzle_expected = 1'048'576;
  const auto answer = render_health(*pack<fb::NodeStatus>(starting));
  EXPECT_EQ(breaches("Health", answer), "");
  EXPECT_EQ(json::parse(answer.body)["puzzle"]["tried"], 10);
}

TEST(openapi, status_is_as_described) {
  EXPECT_EQ(breaches("Status", render_status(*pack<fb::NodeStatus>(full_status()))), "");
  EXPECT_EQ(breaches("Status", render_status(*pack<fb::NodeStatus>({}))), "");
}

TEST(openapi, downloads_are_as_described) {
  EXPECT_EQ(breaches("Download", render_transfer(*pack<fb::TransferStatus>(full_transfer()))), "");
  fb::TransferStatusT bare;
  bare.transfer = std::string(32, '0');
  EXPECT_EQ(breaches("Download", render_transfer(*pack<fb::TransferStatus>(bare))), "");
  fb::TransferListT list;
  list.transfers.push_back(std::make_unique<fb::TransferStatusT>(full_transfer()));
  EXPECT_EQ(breaches("DownloadList", render_transfers(*pack<fb::TransferList>(list), 0, 1)), "");
  EXPECT_EQ(breaches("DownloadList", render_transfers(*pack<fb::TransferList>({}), 0, 1)), "");
}

TEST(openapi, limits_are_as_described_and_as_configured) {
  EXPECT_EQ(breaches("Limits", render_limits(*pack<fb::TransferLimits>(full_limits()))), "");
  const auto& described = document()["components"]["schemas"]["LimitsRequest"]["properties"];
  EXPECT_EQ(described.size(), 5u);
  for (const auto& [name, schema] : described.items()) {
    const auto* key = config::find_key("transfers." + name);
    ASSERT_NE(key, nullptr) << name;
    EXPECT_EQ(schema["minimum"], key->min) << name;
    EXPECT_EQ(schema["maximum"], key->max) << name;
  }
}

TEST(openapi, lists_have_the_described_bounds) {
  auto transfer = full_transfer();
  transfer.chunks.assign(256, 255);
  EXPECT_EQ(breaches("Download", render_transfer(*pack<fb::TransferStatus>(transfer))), "");
  transfer.chunks.push_back(0);
  EXPECT_NE(breaches("Download", render_transfer(*pack<fb::TransferStatus>(transfer))), "");
}

TEST(openapi, every_priority_is_listed) {
  for (const auto priority : fb::EnumValuesPriority()) {
    auto transfer = full_transfer();
    transfer.priority = priority;
    EXPECT_EQ(breaches("Download", render_transfer(*pack<fb::TransferStatus>(transfer))), "");
  }
}

TEST(openapi, every_state_of_a_download_is_listed) {
  for (const auto state : fb::EnumValuesTransferState()) {
    auto transfer = full_transfer();
    transfer.state = state;
    EXPECT_EQ(breaches("Download", render_transfer(*pack<fb::TransferStatus>(transfer))), "");
  }
  for (const auto state : fb::EnumValuesSourceState()) {
    auto transfer = full_transfer();
    transfer.sources.front()->state = state;
    EXPECT_EQ(breaches("Download", render_transfer(*pack<fb::TransferStatus>(transfer))), "");
  }
}

TEST(openapi, every_codec_and_kind_is_listed) {
  for (const auto codec : fb::EnumValuesCodec()) {
    auto found = full_resolve();
    const auto& v = *found.candidates.front()->variant;
    found.candidates.front()->variant = std::make_unique<fb::Variant>(v.root(), v.sha256_prefix(), v.size(),
                                                                      v.bitrate_kbps(), codec, v.quality());
    EXPECT_EQ(breaches("Resolved", render_resolve(*pack<fb::ResolveResult>(found))), "");
  }
  for (const auto kind : fb::EnumValuesLeafKind()) {
    auto found = full_resolve();
    found.kind = kind;
    EXPECT_EQ(breaches("Resolved", render_resolve(*pack<fb::ResolveResult>(found))), "");
  }
  for (const auto kind : fb::EnumValuesEventKind()) {
    auto event = full_event();
    event.kind = kind;
    EXPECT_EQ(breaches("Event", event_json(*pack<fb::Event>(event))), "");
  }
}

TEST(openapi, what_is_found_is_as_described) {
  const auto found = pack<fb::ResolveResult>(full_resolve());
  const auto file = pack<fb::FileEntry>(full_file());
  EXPECT_EQ(breaches("Resolved", render_resolve(*found)), "");
  EXPECT_EQ(breaches("Resolved", render_resolve(*pack<fb::ResolveResult>({}))), "");
  EXPECT_EQ(breaches("SearchResult", render_search("x", {file}, found)), "");
  EXPECT_EQ(breaches("SearchResult", render_search("x", {}, {})), "");
}

TEST(openapi, the_library_is_as_described) {
  EXPECT_EQ(breaches("Library", render_library({pack<fb::FileEntry>(full_file())}, true)), "");
  EXPECT_EQ(breaches("Library", render_library({pack<fb::FileEntry>({})}, true)), "");
  EXPECT_EQ(breaches("Library", render_library({}, false)), "");
}

TEST(openapi, events_are_as_described) {
  EXPECT_EQ(breaches("EventList", render_events({pack<fb::Event>(full_event()), pack<fb::Event>({})})), "");
}

TEST(openapi, the_check_finds_breaches) {
  auto body = json::parse(render_status(*pack<fb::NodeStatus>(full_status())).body);
  body["ready"] = "yes";
  body.erase("peers");
  body["surprise"] = 1;
  body["node"] = "short";
  body["components"][0]["counters"][0]["value"] = 1.5;
  const auto found = breaches("Status", body.dump());
  for (const auto* place :
       {"$.ready", "lacks peers", "surprise", "$.node", "$.components[0].counters[0].value"})
    EXPECT_NE(found.find(place), std::string::npos) << place << " in\n" << found;
}

}  // namespace
