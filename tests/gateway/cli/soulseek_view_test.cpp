#include "gateway/cli/soulseek_view.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "gateway/cli/soulseek_commands.hpp"
#include "gateway/cli/terminal.hpp"

namespace {

using namespace vsf::cli;
using nlohmann::json;
using lines = std::vector<std::string>;

json file(const std::string& path, unsigned size, unsigned kbps = 0, unsigned depth = 0, unsigned rate = 0) {
  return {{"path", path},           {"size", size},       {"bitrate_kbps", kbps}, {"duration_s", 245},
          {"sample_rate_hz", rate}, {"bit_depth", depth}, {"vbr", false},         {"restricted", false}};
}

json user(const std::string& name, bool slot, unsigned speed, std::initializer_list<json> files) {
  return {{"user", name},
          {"free_slot", slot},
          {"speed_bytes_per_s", speed},
          {"queue", 7},
          {"files", std::vector<json>(files)}};
}

json three_users() {
  return {{"search", 12},
          {"files", 5},
          {"results", json::array({user("busy", false, 9'000'000, {file("b\\x.flac", 1, 0, 24, 96'000)}),
                                   user("fast", true, 2'000'000,
                                        {file("f\\low.mp3", 2, 128), file("f\\high.mp3", 3, 320),
                                         file("f\\best.flac", 4, 0, 16, 44'100)}),
                                   user("slow", true, 1000, {file("s\\x.flac", 5, 0, 24, 192'000)})})}};
}

TEST(soulseek_results, a_free_slot_goes_before_speed_and_speed_before_quality) {
  lines paths;
  for (const auto& f : soulseek_ranked(three_users())) paths.push_back(f.file["path"]);
  EXPECT_EQ(paths, (lines{"f\\best.flac", "f\\high.mp3", "f\\low.mp3", "s\\x.flac", "b\\x.flac"}));
}

TEST(soulseek_results, have_names_that_stay_when_others_come) {
  auto more = three_users();
  more["results"].insert(more["results"].begin(),
                         user("anna", true, 99'000'000, {file("a\\x.flac", 9, 0, 16, 44'100)}));
  std::map<std::string, std::string> before, after;
  for (const auto& f : soulseek_ranked(three_users())) before[f.file["path"]] = f.id;
  for (const auto& f : soulseek_ranked(more)) after[f.file["path"]] = f.id;
  ASSERT_EQ(after.size(), 6u);
  std::set<std::string> different;
  for (const auto& [path, id] : before) {
    EXPECT_EQ(after[path], id);
    EXPECT_EQ(id.size(), 6u);
    different.insert(id);
  }
  EXPECT_EQ(different.size(), before.size());
}

TEST(soulseek_results, are_a_table_of_so_many_rows) {
  const auto shown = split_lines(soulseek_found_text(12, soulseek_ranked(three_users()), 2));
  ASSERT_EQ(shown.size(), 5u);
  EXPECT_EQ(shown[0], "RESULT     SLOT  SPEED     QUALITY          LENGTH      SIZE  USER  PATH");
  EXPECT_NE(shown[1].find("free  2.0 MB/s  44.1 kHz/16 bit  4 min 05 s  4 B   fast  f\\best.flac"),
            std::string::npos)
      << shown[1];
  EXPECT_EQ(shown[3], "and 3 more; see --limit");
  EXPECT_NE(soulseek_found_text(12, {}, 2).find("vsf soulseek results 12"), std::string::npos);
}

TEST(soulseek_results, as_json_are_flat_and_named) {
  const auto all = soulseek_found_json(three_users(), soulseek_ranked(three_users()));
  ASSERT_EQ(all["results"].size(), 5u);
  const auto& first = all["results"][0];
  EXPECT_EQ(first["path"], "f\\best.flac");
  EXPECT_EQ(first["user"], "fast");
  EXPECT_FALSE(first.contains("files"));
  EXPECT_TRUE(first["result"].get<std::string>().starts_with("12-"));
}

TEST(soulseek_quality, is_resolution_or_bitrate_or_the_kind_of_file) {
  EXPECT_EQ(soulseek_quality(file("a.flac", 1, 900, 24, 96'000)), "96 kHz/24 bit");
  EXPECT_EQ(soulseek_quality(file("a.mp3", 1, 320)), "320 kbit/s");
  auto variable = file("a.mp3", 1, 245);
  variable["vbr"] = true;
  EXPECT_EQ(soulseek_quality(variable), "~245 kbit/s");
  EXPECT_EQ(soulseek_quality(file("x\\cover.jpg", 1)), "jpg");
  EXPECT_EQ(soulseek_quality(file("x.y\\cover", 1)), "-");
}

TEST(soulseek_transfers, tell_where_they_stand) {
  json t{{"id", 4},      {"user", "anna"},    {"path", "m\\a.flac"},      {"file", ""},
         {"size", 1000}, {"bytes_done", 250}, {"rate_bytes_per_s", 1200}, {"state", "transferring"},
         {"place", 0},   {"reason", ""}};
  auto waits = t, done = t, failed = t;
  waits.update({{"id", 5}, {"state", "requested"}, {"place", 3}, {"bytes_done", 0}, {"rate_bytes_per_s", 0}});
  done.update({{"id", 6},
               {"state", "completed"},
               {"file", "/d/a.flac"},
               {"bytes_done", 1000},
               {"rate_bytes_per_s", 0}});
  failed.update({{"id", 7}, {"state", "failed"}, {"reason", "File not shared."}, {"rate_bytes_per_s", 0}});
  EXPECT_EQ(split_lines(soulseek_downloads_text({{"total", 9}, {"transfers", {t, waits, done, failed}}})),
            (lines{"NUMBER  STATE                DONE  SIZE    RATE      USER  FILE OR REASON",
                   "4       transferring         25%   1.0 kB  1.2 kB/s  anna  m\\a.flac",
                   "5       requested, number 3  0%    1.0 kB  -         anna  m\\a.flac",
                   "6       completed            100%  1.0 kB  -         anna  /d/a.flac",
                   "7       failed               25%   1.0 kB  -         anna  m\\a.flac (File not shared.)",
                   "and 5 more"}));
  EXPECT_NE(soulseek_downloads_text({{"transfers", json::array()}}).find("vsf soulseek get"),
            std::string::npos);
}

TEST(soulseek_status, says_what_stopped_it_and_what_to_do) {
  const auto text =
      soulseek_status_text({{"state", "stopped"}, {"reason", "the password is wrong"}, {"username", "anna"}});
  EXPECT_EQ(split_lines(text).at(0),
            "state         stopped: the password is wrong (vsf soulseek login tries again)");
  EXPECT_EQ(split_lines(soulseek_status_text({{"state", "online"}, {"away", true}})).at(0),
            "state         online, away");
}

TEST(soulseek_shares, are_folders_or_files_with_their_place_in_the_whole) {
  const json shares{{"user", "anna"},
                    {"folders_total", 40},
                    {"files_total", 123},
                    {"folders",
                     {{{"path", "m\\a"},
                       {"restricted", false},
                       {"files", {file("1.mp3", 500, 320), file("2.mp3", 500, 320)}}},
                      {{"path", "m\\b"}, {"restricted", true}, {"files", json::array()}}}}};
  EXPECT_EQ(split_lines(soulseek_shares_text(shares, 10, false)),
            (lines{"FILES  SIZE    FOLDER", "2      1.0 kB  m\\a", "0      0 B     m\\b (for some only)",
                   "folders 11 to 12 of 40, 123 files in all"}));
  const auto with_files = soulseek_shares_text(shares, 0, true);
  EXPECT_NE(with_files.find("500 B  320 kbit/s  4 min 05 s    1.mp3"), std::string::npos) << with_files;
}

TEST(soulseek_chat, is_shown_with_who_and_when) {
  const json messages{
      {"user", "anna"},
      {"more", true},
      {"messages",
       {{{"id", 3}, {"from_us", false}, {"at_ms", 0}, {"text", "hello"}, {"unread", true}},
        {{"id", 4}, {"from_us", true}, {"at_ms", 0}, {"text", "hi\x1b[2J"}, {"unread", false}}}}};
  const auto shown = split_lines(soulseek_conversation_text(messages));
  ASSERT_EQ(shown.size(), 3u);
  EXPECT_NE(shown[0].find("--before 3"), std::string::npos);
  EXPECT_TRUE(shown[1].ends_with("  new  anna: hello")) << shown[1];
  EXPECT_TRUE(shown[2].ends_with("  you: hi\xEF\xBF\xBD[2J"))
      << "nothing that a terminal would obey: " << shown[2];
}

TEST(soulseek_people, are_listed_with_what_they_are) {
  const json people{{"people",
                     {{{"name", "anna"},
                       {"buddy", true},
                       {"banned", false},
                       {"ignored", false},
                       {"note", "kind"},
                       {"configured", true},
                       {"status", "online"},
                       {"files", 5}},
                      {{"name", "10.0.0.0/8"}, {"buddy", false}, {"banned", true}, {"ignored", true}}}}};
  EXPECT_EQ(split_lines(soulseek_people_text(people)),
            (lines{"NAME        IS                  STATUS  FILES  SPEED  NOTE",
                   "anna        buddy (configured)  online  5      -      kind",
                   "10.0.0.0/8  banned, ignored     -       -      -      "}));
}

using view = std::string (*)(const json&);
const std::vector<view> views{
    soulseek_status_text,       soulseek_user_text,      soulseek_downloads_text,
    soulseek_uploads_text,      soulseek_limits_text,    soulseek_conversations_text,
    soulseek_conversation_text, soulseek_rooms_text,     soulseek_room_text,
    soulseek_wishes_text,       soulseek_interests_text, soulseek_recommendations_text,
    soulseek_similar_text,      soulseek_people_text};

json drawn(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<std::int64_t>();
    case 2:
      return *rc::gen::arbitrary<std::string>();
    case 3:
      return *rc::gen::arbitrary<bool>();
    case 4: {
      auto out = json::array();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) out.push_back(drawn(depth - 1));
      return out;
    }
    default: {
      auto out = json::object();
      for (const auto* name :
           {"transfers", "folders", "files",  "messages", "conversations", "last",        "rooms",
            "users",     "tickers", "wishes", "download", "likes",         "recommended", "score",
            "people",    "results", "path",   "user",     "size",          "state"})
        if (*rc::gen::inRange(0, 3) == 0) out[name] = drawn(depth - 1);
      return out;
    }
  }
}

TEST(soulseek_views, stand_whatever_is_answered_and_obey_none_of_it) {
  rc::check([] {
    const auto answer = drawn(4);
    std::string all = soulseek_shares_text(answer, 3, *rc::gen::arbitrary<bool>());
    for (const auto& as_text : views) all += as_text(answer);
    const auto found = soulseek_ranked(answer);
    all += soulseek_found_text(1, found, 10);
    for (const char c : all) RC_ASSERT(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  });
}

TEST(soulseek_commands, are_told_apart_and_explained) {
  std::set<std::string> names;
  for (const auto& c : soulseek_commands()) {
    EXPECT_TRUE(names.insert(c.name).second) << c.name;
    EXPECT_NE(std::string(c.help), "") << c.name;
    EXPECT_NE(c.run, nullptr) << c.name;
    for (std::size_t i = 0; i < c.words.size(); ++i) {
      EXPECT_TRUE(c.words[i].wanted == soulseek_word::amount::one || i + 1 == c.words.size())
          << c.name << ": what may be missing or many comes last";
      EXPECT_NE(std::string(c.words[i].help), "") << c.name;
    }
    for (const auto& o : c.options) EXPECT_TRUE(std::string(o.name).starts_with("--")) << c.name;
  }
  for (const auto* one : {"status", "search", "get", "wish add", "people ban"})
    EXPECT_TRUE(names.contains(one)) << one;
}

TEST(soulseek_commands, escape_what_they_put_into_an_address) {
  EXPECT_EQ(soulseek_path({"users", "a/b c", "shares"}), "/api/v1/soulseek/users/a%2fb%20c/shares");
}

}  // namespace
