#include "gateway/soulseek_social.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/gateway/sample_records.hpp"
#include "tests/gateway/schema_check.hpp"

namespace {

using namespace vsf;
using namespace vsf::gateway;
using namespace vsf::gateway::test;
using nlohmann::json;

const std::string base = "/api/v1/soulseek/";

request asking(const std::string& method, const std::string& path, const std::string& body = "",
               std::map<std::string, std::string> query = {}) {
  return {method, base + path, std::move(query), {}, body, {}};
}
fb::SoulseekAskT asked(const request& what) {
  const auto out = route_request(what);
  const auto* wanted = std::get_if<want>(&out);
  if (wanted == nullptr || !std::holds_alternative<want_soulseek>(*wanted)) {
    ADD_FAILURE() << what.method << " " << what.path << " asks nothing";
    return {};
  }
  return std::get<want_soulseek>(*wanted).ask.unpack();
}
std::string code_of(const request& what) {
  const auto out = route_request(what);
  const auto* answer = std::get_if<response>(&out);
  return answer == nullptr ? "none" : json::parse(answer->body)["error"]["code"].get<std::string>();
}
template <class Answer>
response rendered(Answer answer) {
  fb::SoulseekReplyT out;
  out.got.Set(std::move(answer));
  return render_soulseek(*record<fb::SoulseekReply>::pack(out));
}

TEST(soulseek_social_routes, messages) {
  auto list = asked(asking("GET", "messages", "", {{"offset", "3"}, {"limit", "7"}}));
  EXPECT_EQ(list.want.AsSoulseekConversationsAsk()->offset, 3u);
  EXPECT_EQ(list.want.AsSoulseekConversationsAsk()->limit, 7u);
  auto with = asked(asking("GET", "messages/a%2Fb c", "", {{"before", "1800000000000000"}, {"limit", "2"}}));
  EXPECT_EQ(with.want.AsSoulseekHistoryAsk()->user, "a/b c");
  EXPECT_EQ(with.want.AsSoulseekHistoryAsk()->before, 1'800'000'000'000'000u);
  EXPECT_EQ(with.want.AsSoulseekHistoryAsk()->limit, 2u);
  EXPECT_EQ(asked(asking("GET", "messages/bob")).want.AsSoulseekHistoryAsk()->limit, 100u);
  EXPECT_EQ(asked(asking("DELETE", "messages/bob")).want.AsSoulseekForgetConversation()->user, "bob");
  for (const auto* bad : {"-1", "x", "1.5", "99999999999999999999"})
    EXPECT_EQ(code_of(asking("GET", "messages/bob", "", {{"before", bad}})), "bad_page") << bad;
  EXPECT_EQ(code_of(asking("GET", "messages", "", {{"limit", "0"}})), "bad_page");
}

TEST(soulseek_social_routes, rooms) {
  EXPECT_EQ(asked(asking("GET", "rooms")).want.AsSoulseekRoomsAsk()->limit, 100u);
  auto join = asked(asking("POST", "rooms", R"({"room": "a/b", "private": true})"));
  EXPECT_EQ(join.want.AsSoulseekRoomJoin()->room, "a/b");
  EXPECT_TRUE(join.want.AsSoulseekRoomJoin()->is_private);
  EXPECT_FALSE(asked(asking("POST", "rooms", R"({"room": "x"})")).want.AsSoulseekRoomJoin()->is_private);
  EXPECT_EQ(asked(asking("GET", "rooms/a%2Fb")).want.AsSoulseekRoomAsk()->room, "a/b");
  EXPECT_EQ(asked(asking("DELETE", "rooms/jazz")).want.AsSoulseekRoomLeave()->room, "jazz");
  auto said = asked(asking("POST", "rooms/jazz/messages", R"({"text": "hi"})"));
  EXPECT_EQ(said.want.AsSoulseekMessageAsk()->room, "jazz");
  EXPECT_EQ(said.want.AsSoulseekMessageAsk()->text, "hi");
  auto ticker = asked(asking("PUT", "rooms/jazz/ticker", R"({"text": ""})"));
  EXPECT_EQ(ticker.want.AsSoulseekTickerSet()->room, "jazz");
  EXPECT_EQ(ticker.want.AsSoulseekTickerSet()->text, "");
  for (const auto* bad :
       {"", "[]", "{}", R"({"room": ""})", R"({"room": 7})", R"({"room": "x", "private": 1})"})
    EXPECT_EQ(code_of(asking("POST", "rooms", bad)), "bad_body") << bad;
  for (const auto* bad : {"", "7", "{}", R"({"text": 7})"}) {
    EXPECT_EQ(code_of(asking("POST", "rooms/x/messages", bad)), "bad_body") << bad;
    EXPECT_EQ(code_of(asking("PUT", "rooms/x/ticker", bad)), "bad_body") << bad;
  }
}

TEST(soulseek_social_routes, wishes) {
  EXPECT_NE(asked(asking("GET", "wishes")).want.AsSoulseekWishesAsk(), nullptr);
  EXPECT_EQ(asked(asking("DELETE", "wishes/7")).want.AsSoulseekWishEnd()->wish, 7u);
  EXPECT_EQ(code_of(asking("DELETE", "wishes/x")), "bad_id");
  auto plain = asked(asking("POST", "wishes", R"({"text": "x y", "download": null})"));
  EXPECT_EQ(plain.want.AsSoulseekWishAsk()->text, "x y");
  EXPECT_EQ(plain.want.AsSoulseekWishAsk()->download, nullptr);
  auto ruled = asked(asking("POST", "wishes", R"({"text": "x", "download": {"extensions": ["flac", "mp3"],
      "min_bitrate_kbps": 192, "min_size": 1, "max_size": 5000000000, "without": ["live"], "max_downloads": 3,
      "free_slot": true}})"));
  const auto& rules = *ruled.want.AsSoulseekWishAsk()->download;
  EXPECT_EQ(rules.extensions, (std::vector<std::string>{"flac", "mp3"}));
  EXPECT_EQ(rules.min_bitrate_kbps, 192u);
  EXPECT_EQ(rules.min_size, 1u);
  EXPECT_EQ(rules.max_size, 5'000'000'000u);
  EXPECT_EQ(rules.without, std::vector<std::string>{"live"});
  EXPECT_EQ(rules.max_downloads, 3u);
  EXPECT_TRUE(rules.free_slot);
  auto least = asked(asking("POST", "wishes", R"({"text": "x", "download": {}})"));
  EXPECT_EQ(least.want.AsSoulseekWishAsk()->download->max_downloads, 1u) << "not everything";
  for (const auto* bad : {"7", "[]", R"({"extensions": "flac"})", R"({"extensions": [7]})",
                          R"({"without": [""]})", R"({"min_size": -1})", R"({"max_size": 1.5})",
                          R"({"max_downloads": 0})", R"({"max_downloads": 1001})", R"({"free_slot": 1})"})
    EXPECT_EQ(code_of(asking("POST", "wishes", std::string(R"({"text": "x", "download": )") + bad + "}")),
              "bad_rules")
        << bad;
  for (const auto* bad : {"", "{}", R"({"text": ""})"})
    EXPECT_EQ(code_of(asking("POST", "wishes", bad)), "bad_body");
}

TEST(soulseek_social_routes, interests) {
  const auto set = [](const std::string& method, const std::string& path) {
    auto out = asked(asking(method, path));
    return *out.want.AsSoulseekInterestSet();
  };
  auto like = set("PUT", "interests/likes/ac%2Fdc");
  EXPECT_EQ(like.item, "ac/dc");
  EXPECT_TRUE(like.on && !like.hated);
  EXPECT_TRUE(set("PUT", "interests/hates/x").hated);
  EXPECT_FALSE(set("DELETE", "interests/likes/x").on);
  EXPECT_TRUE(!set("DELETE", "interests/hates/x").on && set("DELETE", "interests/hates/x").hated);
  EXPECT_EQ(asked(asking("GET", "interests")).want.AsSoulseekInterestsAsk()->user, "");
  EXPECT_EQ(asked(asking("GET", "users/bob/interests")).want.AsSoulseekInterestsAsk()->user, "bob");
  EXPECT_FALSE(asked(asking("GET", "recommendations")).want.AsSoulseekRecommendationsAsk()->everybody);
  EXPECT_TRUE(asked(asking("GET", "recommendations", "", {{"global", "true"}}))
                  .want.AsSoulseekRecommendationsAsk()
                  ->everybody);
  EXPECT_EQ(asked(asking("GET", "recommendations", "", {{"item", "jazz"}}))
                .want.AsSoulseekRecommendationsAsk()
                ->item,
            "jazz");
  EXPECT_EQ(asked(asking("GET", "similar-users", "", {{"item", "jazz"}})).want.AsSoulseekSimilarAsk()->item,
            "jazz");
  EXPECT_EQ(code_of(asking("GET", "recommendations", "", {{"global", "1"}})), "bad_global");
  EXPECT_EQ(code_of(asking("GET", "recommendations", "", {{"global", "true"}, {"item", "x"}})), "bad_global");
}

TEST(soulseek_social_routes, people) {
  EXPECT_NE(asked(asking("GET", "people")).want.AsSoulseekPeopleAsk(), nullptr);
  EXPECT_EQ(asked(asking("DELETE", "people/10.0.0.0%2F8")).want.AsSoulseekPersonForget()->name, "10.0.0.0/8");
  auto set = asked(asking("PUT", "people/bob", R"({"buddy": true, "ignored": false, "note": "n"})"));
  const auto& bob = *set.want.AsSoulseekPersonSet();
  EXPECT_EQ(bob.name, "bob");
  EXPECT_EQ(bob.buddy, true);
  EXPECT_EQ(bob.ignored, false);
  EXPECT_FALSE(bob.banned.has_value()) << "left out: it stays";
  EXPECT_EQ(bob.note, "n");
  for (const auto* bad :
       {"", "[]", R"({"buddy": 1})", R"({"banned": "x"})", R"({"ignored": null})", R"({"note": 1})"})
    EXPECT_EQ(code_of(asking("PUT", "people/bob", bad)), "bad_body") << bad;
}

TEST(soulseek_social_routes, limits_are_as_described) {
  EXPECT_NE(asked(asking("GET", "limits")).want.AsSoulseekLimitsAsk(), nullptr);
  const auto& described = document()["paths"][base + "limits"]["put"]["requestBody"]["content"]
                                    ["application/json"]["schema"]["properties"];
  ASSERT_EQ(described.size(), 7u);
  for (const auto& [name, schema] : described.items()) {
    const auto put = [key = name](const json& value) {
      return asking("PUT", "limits", json{{key, value}}.dump());
    };
    for (const auto* end : {"minimum", "maximum"}) asked(put(schema[end]));
    if (schema["minimum"] != 0) {
      EXPECT_EQ(code_of(put(0)), "bad_limits") << name;
    }
    EXPECT_EQ(code_of(put(schema["maximum"].get<int>() + 1)), "bad_limits") << name;
    EXPECT_EQ(code_of(put("1")), "bad_limits") << name;
  }
  auto some = asked(asking("PUT", "limits", R"({"upload_slots": 5, "download_limit_kib": 0})"));
  const auto& set = *some.want.AsSoulseekLimitsSet();
  EXPECT_EQ(set.upload_slots, 5u);
  EXPECT_EQ(set.download_limit_kib, 0u);
  EXPECT_FALSE(set.active_downloads.has_value());
  EXPECT_EQ(code_of(asking("PUT", "limits", "[]")), "bad_body");
}

TEST(soulseek_social_routes, folders_and_searches_that_stop) {
  auto folder = asked(asking("POST", "downloads", R"({"user": "bob", "folder": "@@a\\b"})"));
  EXPECT_EQ(folder.want.AsSoulseekFolderAsk()->user, "bob");
  EXPECT_EQ(folder.want.AsSoulseekFolderAsk()->folder, "@@a\\b");
  EXPECT_NE(
      asked(asking("POST", "downloads", R"({"user": "bob", "path": "x"})")).want.AsSoulseekDownloadAsk(),
      nullptr);
  for (const auto* bad :
       {R"({"user": "bob", "folder": ""})", R"({"folder": "x"})", R"({"user": "bob", "folder": 7})",
        R"({"user": "bob", "folder": "x", "path": "x"})"})
    EXPECT_EQ(code_of(asking("POST", "downloads", bad)), "bad_body") << bad;
  EXPECT_TRUE(asked(asking("POST", "searches/7/stop")).want.AsSoulseekSearchEnd()->keep);
  EXPECT_FALSE(asked(asking("DELETE", "searches/7")).want.AsSoulseekSearchEnd()->keep);
}

template <class Row>
std::unique_ptr<Row> boxed(Row row) {
  return std::make_unique<Row>(std::move(row));
}
fb::SoulseekPrivateMessageT a_message() {
  fb::SoulseekPrivateMessageT m;
  m.id = 1'800'000'000'000'000;
  m.user = m.text = hostile;
  m.at_ms = 5;
  m.unread = true;
  return m;
}
fb::SoulseekUserStatsT stats() {
  fb::SoulseekUserStatsT s;
  s.status = fb::SoulseekPresence::away;
  s.country = "DE";
  s.files = 3;
  return s;
}

TEST(soulseek_social_answers, talk_is_as_described) {
  fb::SoulseekConversationsAnswerT list;
  fb::SoulseekConversationT one;
  one.user = hostile;
  one.last = boxed(a_message());
  list.conversations.push_back(boxed(one));
  EXPECT_EQ(breaches("SoulseekConversations", rendered(list)), "");
  EXPECT_EQ(breaches("SoulseekConversations", rendered(fb::SoulseekConversationsAnswerT{})), "");
  fb::SoulseekHistoryAnswerT history;
  history.messages.push_back(boxed(a_message()));
  const auto shown = rendered(history);
  EXPECT_EQ(breaches("SoulseekConversation", shown), "");
  EXPECT_EQ(json::parse(shown.body)["messages"][0]["id"], 1'800'000'000'000'000);

  fb::SoulseekRoomsAnswerT rooms;
  for (const auto kind : fb::EnumValuesSoulseekRoomKind()) {
    fb::SoulseekRoomLineT line;
    line.room = hostile;
    line.kind = kind;
    rooms.rooms.push_back(boxed(line));
  }
  EXPECT_EQ(breaches("SoulseekRooms", rendered(rooms)), "");
  fb::SoulseekRoomAnswerT room;
  room.operators = {hostile};
  fb::SoulseekRoomUserT user;
  user.user = "bob";
  room.users.push_back(boxed(user));
  room.users.back()->stats = boxed(stats());
  room.tickers.push_back(boxed(fb::SoulseekRoomTickerT{}));
  room.messages.push_back(boxed(fb::SoulseekRoomMessageT{}));
  EXPECT_EQ(breaches("SoulseekRoom", rendered(room)), "");
  EXPECT_EQ(json::parse(rendered(room).body)["users"][0]["status"], "away");
  EXPECT_EQ(breaches("SoulseekRoom", rendered(fb::SoulseekRoomAnswerT{})), "");
}

TEST(soulseek_social_answers, wishes_interests_and_people_are_as_described) {
  fb::SoulseekWishT wish;
  wish.text = hostile;
  EXPECT_EQ(breaches("SoulseekWish", rendered(wish)), "");
  EXPECT_TRUE(json::parse(rendered(wish).body)["download"].is_null());
  wish.download = std::make_unique<fb::SoulseekWishRulesT>();
  wish.download->extensions = {"flac"};
  EXPECT_EQ(breaches("SoulseekWish", rendered(wish)), "");
  EXPECT_EQ(json::parse(rendered(wish).body)["download"]["extensions"][0], "flac");
  fb::SoulseekWishesAnswerT wishes;
  wishes.wishes.push_back(boxed(wish));
  EXPECT_EQ(breaches("SoulseekWishes", rendered(wishes)), "");

  fb::SoulseekInterestsAnswerT interests;
  interests.likes = {hostile};
  EXPECT_EQ(breaches("SoulseekInterests", rendered(interests)), "");
  fb::SoulseekRecommendationsAnswerT recommended;
  recommended.discouraged.push_back(boxed(fb::SoulseekRecommendationT{}));
  recommended.discouraged.back()->score = -5;
  EXPECT_EQ(breaches("SoulseekRecommendations", rendered(recommended)), "");
  EXPECT_EQ(json::parse(rendered(recommended).body)["discouraged"][0]["score"], -5);
  fb::SoulseekSimilarAnswerT similar;
  similar.users.push_back(boxed(fb::SoulseekSimilarUserT{}));
  EXPECT_EQ(breaches("SoulseekSimilarUsers", rendered(similar)), "");

  fb::SoulseekPersonT person;
  person.note = hostile;
  EXPECT_EQ(breaches("SoulseekPerson", rendered(person)), "");
  for (const auto presence : fb::EnumValuesSoulseekPresence()) {
    person.stats = boxed(stats());
    person.stats->status = presence;
    fb::SoulseekPeopleAnswerT people;
    people.people.push_back(boxed(person));
    EXPECT_EQ(breaches("SoulseekPeople", rendered(people)), "");
  }
}

TEST(soulseek_social_answers, limits_folders_and_problems_are_as_described) {
  fb::SoulseekLimitsT limits;
  limits.upload_slots = limits.upload_slots_per_user = limits.active_downloads =
      limits.active_downloads_per_user = 1;
  EXPECT_EQ(breaches("SoulseekLimits", rendered(limits)), "");
  fb::SoulseekFolderAnswerT folder;
  folder.ids = {7};
  const auto begun = rendered(folder);
  EXPECT_EQ(begun.status, 202u);
  EXPECT_EQ(breaches("SoulseekFolderDownload", begun), "");
  EXPECT_EQ(json::parse(begun.body)["ids"][0], 7);
  EXPECT_EQ(breaches("SoulseekFolderDownload", rendered(fb::SoulseekFolderAnswerT{})), "");
  for (const auto& [code, status] : std::map<std::string, unsigned>{
           {"unknown_room", 404}, {"person_refused", 409}, {"offline", 503}, {"no_answer", 504}}) {
    fb::SoulseekProblemT problem;
    problem.code = code;
    EXPECT_EQ(rendered(problem).status, status) << code;
    EXPECT_EQ(breaches("Error", rendered(problem)), "");
  }
}

}  // namespace
