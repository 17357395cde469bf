#include "gateway/render.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <nlohmann/json.hpp>

#include "tests/gateway/sample_records.hpp"

namespace {

using namespace vsf;
using namespace vsf::gateway;
using namespace vsf::gateway::test;
using nlohmann::json;

json parsed(const response& answer) {
  EXPECT_EQ(answer.content_type, "application/json");
  return json::parse(answer.body);
}

TEST(render, a_transfer) {
  const auto body = parsed(render_transfer(*pack<fb::TransferStatus>(full_transfer()), 202));
  EXPECT_EQ(body["id"], std::string(32, 'a'));
  EXPECT_EQ(body["mbid"], sample_mbid);
  EXPECT_EQ(body["state"], "done");
  EXPECT_EQ(body["variant"]["codec"], "mp3");
  EXPECT_EQ(body["variant"]["root"], to_hex(bytes(32, 1)));
  EXPECT_EQ(body["bytes_kept"], 16'384);
  EXPECT_EQ(body["sources"][0]["address"], "127.0.0.1:50315");
  EXPECT_EQ(body["sources"][0]["state"], "banned");
  EXPECT_EQ(body["sha256"], to_hex(bytes(32, 9)));
  EXPECT_EQ(body["finished_ms"], 1'700'000'060'000);
  EXPECT_EQ(render_transfer(*pack<fb::TransferStatus>(full_transfer()), 202).status, 202u);
}

TEST(render, what_a_transfer_tells_of_its_swarm) {
  const auto body = parsed(render_transfer(*pack<fb::TransferStatus>(full_transfer())));
  EXPECT_EQ(body["priority"], "high");
  EXPECT_EQ(body["place"], 3);
  EXPECT_EQ(body["bytes_wasted"], 32'768);
  EXPECT_EQ(body["rate_bytes_per_s"], 750'000);
  EXPECT_EQ(body["chunks"], json({255, 0, 128}));
  EXPECT_EQ(body["content"], "its tags name the recording");
  const auto& culprit = body["sources"][0];
  EXPECT_EQ(culprit["reason"], "sent bytes that are not the file's");
  EXPECT_EQ(culprit["bad_leaves"], 1);
  EXPECT_EQ(culprit["rate_bytes_per_s"], 250'000);
  EXPECT_EQ(culprit["bytes_asked"], 98'304);
  EXPECT_EQ(body["rejections"], json::array({{{"publisher", to_hex(bytes(32, 3))},
                                              {"node", to_hex(bytes(20, 7))},
                                              {"root", to_hex(bytes(32, 4))},
                                              {"reason", "it lasts 31 s, the recording 245 s"},
                                              {"at_ms", 1'700'000'050'000}}}));
}

TEST(render, limits_say_how_long_they_hold) {
  const auto body = parsed(render_limits(*pack<fb::TransferLimits>(full_limits())));
  EXPECT_EQ(body["upload_limit_kib"], 500);
  EXPECT_EQ(body["download_limit_kib"], 2000);
  EXPECT_EQ(body["upload_limit_per_peer_kib"], 100);
  EXPECT_EQ(body["upload_slots"], 12);
  EXPECT_EQ(body["active_downloads"], 4);
  EXPECT_NE(body["note"].get<std::string>().find("until the node ends"), std::string::npos);
}

TEST(render, what_is_not_known_is_null) {
  fb::TransferStatusT bare;
  bare.transfer = std::string(32, '0');
  const auto body = parsed(render_transfer(*pack<fb::TransferStatus>(bare)));
  for (const auto* name : {"mbid", "variant", "path", "sha256", "content", "reason", "finished_ms", "place"})
    EXPECT_TRUE(body[name].is_null()) << name;
  for (const auto* name : {"sources", "rejections", "chunks"}) EXPECT_EQ(body[name], json::array()) << name;
  EXPECT_EQ(body["priority"], "normal");
  EXPECT_EQ(body["bytes_total"], 0);
}

TEST(render, status_and_puzzle) {
  const auto body = parsed(render_status(*pack<fb::NodeStatus>(full_status())));
  EXPECT_EQ(body["node"], to_hex(bytes(20, 5)));
  EXPECT_TRUE(body["puzzle"].is_null());
  EXPECT_EQ(body["components"][0]["children"][0]["restarts"], 2);
  EXPECT_EQ(body["components"][0]["gauges"][0]["value"], -4);
  EXPECT_EQ(body["components"][0]["notes"][0], "the port is in use; set node.listen");
  EXPECT_EQ(body["peers"][0]["address"], "198.51.100.3:50315");
  auto starting = full_status();
  starting.ready = false;
  starting.puzzle_tried = 5;
  starting.puzzle_expected = 100;
  const auto early = parsed(render_status(*pack<fb::NodeStatus>(starting)));
  EXPECT_EQ(early["puzzle"], (json{{"tried", 5}, {"expected", 100}}));
  EXPECT_TRUE(early["node"].is_null()) << "an id that isn't earned yet is nobody's";
}

TEST(render, pages_say_where_the_next_begins) {
  fb::TransferListT list;
  for (int i = 0; i < 2; ++i)
    list.transfers.push_back(std::make_unique<fb::TransferStatusT>(full_transfer()));
  const auto packed = pack<fb::TransferList>(list);
  EXPECT_EQ(parsed(render_transfers(*packed, 10, 2))["next_offset"], 12);
  EXPECT_TRUE(parsed(render_transfers(*packed, 10, 3))["next_offset"].is_null());
  const auto file = pack<fb::FileEntry>(full_file());
  EXPECT_EQ(parsed(render_library({file}, true))["next_after"], "/music/Artist/Album/04 Title.flac");
  EXPECT_TRUE(parsed(render_library({file}, false))["next_after"].is_null());
  EXPECT_TRUE(parsed(render_library({}, true))["next_after"].is_null());
}

TEST(render, a_candidate_without_variant_or_address) {
  const auto body = parsed(render_resolve(*pack<fb::ResolveResult>(full_resolve())));
  ASSERT_EQ(body["candidates"].size(), 2u);
  EXPECT_EQ(body["candidates"][0]["address"], "127.0.0.1:1");
  EXPECT_EQ(body["candidates"][0]["codec"], "mp3");
  EXPECT_TRUE(body["candidates"][1]["address"].is_null());
  EXPECT_FALSE(body["candidates"][1].contains("codec"));
  EXPECT_EQ(body["tracks"][0]["duration_ms"], 245'000);
}

TEST(render, hostile_text_becomes_harmless_json) {
  auto file = full_file();
  file.artist = file.title = file.path = file.problem = hostile;
  auto event = full_event();
  event.text = event.subject = hostile;
  auto transfer = full_transfer();
  transfer.reason = transfer.path = hostile;
  transfer.sources.front()->reason = transfer.rejections.front()->reason = hostile;
  auto status = full_status();
  status.reports.front()->notes.emplace_back(hostile);
  status.reports.front()->children.front()->last_error = hostile;
  const auto packed = pack<fb::FileEntry>(file);
  const std::vector<std::string> bodies{render_library({packed}, true).body,
                                        render_search(hostile, {packed}, {}).body,
                                        event_json(*pack<fb::Event>(event)),
                                        render_events({pack<fb::Event>(event)}).body,
                                        render_transfer(*pack<fb::TransferStatus>(transfer)).body,
                                        render_status(*pack<fb::NodeStatus>(status)).body};
  for (const auto& body : bodies) {
    EXPECT_FALSE(json::parse(body, nullptr, false).is_discarded()) << body;
    for (const char c : body)
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << "a control character in " << body;
    EXPECT_EQ(body.find('\xff'), std::string::npos);
  }
}

TEST(render, any_text_becomes_json) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    fb::EventT event;
    event.text = text;
    event.subject = text;
    const auto body = json::parse(event_json(*pack<fb::Event>(event)), nullptr, false);
    RC_ASSERT(!body.is_discarded());
    RC_ASSERT(body["text"].is_string() || text.empty());
  }));
}

}  // namespace
