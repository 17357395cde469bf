#include "actors/soulseek/folder_fetch.hpp"

#include <gtest/gtest.h>

#include "actors/soulseek/receive_pace.hpp"
#include "actors/soulseek/transfer_naming.hpp"

namespace vsf::soulseek {
namespace {

using namespace std::chrono_literals;

folder of(const std::string& path, const std::vector<std::string>& names) {
  folder out{path, {}};
  for (const auto& n : names) {
    file f;
    f.name = n;
    f.size = 5;
    out.files.push_back(f);
  }
  return out;
}
std::vector<std::string> where(const downloads::wanted& w) {
  return local_folders(w.from.path, w.keep_folders);
}

TEST(soulseek_folder_fetch, keeps_the_structure_from_the_folder_on) {
  folder_fetch it("bob", "@@x\\Music\\Artist\\Album");
  const auto found = it.take({of("@@x\\Music\\Artist\\Album", {"cover.jpg"}),
                              of("@@x\\Music\\Artist\\Album\\CD1", {"1.flac"}),
                              of("@@x\\Music\\Artist\\Album\\CD1\\scans", {"back.png"})});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_TRUE(it.goes_deeper());
  EXPECT_EQ(found[0].from.user, "bob");
  EXPECT_EQ(found[0].from.path, "@@x\\Music\\Artist\\Album\\cover.jpg");
  EXPECT_EQ(found[0].from.size_bytes, 5u);
  EXPECT_EQ(where(found[0]), std::vector<std::string>{"Album"});
  EXPECT_EQ(where(found[1]), (std::vector<std::string>{"Album", "CD1"}));
  EXPECT_EQ(where(found[2]), (std::vector<std::string>{"Album", "CD1", "scans"}));
}

TEST(soulseek_folder_fetch, takes_nothing_from_elsewhere) {
  folder_fetch it("bob", "Music\\Album\\");
  EXPECT_EQ(it.folder_path(), "Music\\Album");
  EXPECT_TRUE(it.take({of("Music\\Album 2", {"1"}), of("Music", {"2"}), of("Music\\Albu", {"3"}),
                       of("Other\\Music\\Album", {"4"}), of("", {"5"})})
                  .empty());
  EXPECT_FALSE(it.goes_deeper());
  EXPECT_EQ(it.take({of("Music\\Album\\", {"1"})}).size(), 1u);
}

TEST(soulseek_folder_fetch, takes_a_file_once_however_often_it_is_listed) {
  folder_fetch it("bob", "a");
  EXPECT_EQ(it.take({of("a", {"1", "2", "1"})}).size(), 2u);
  EXPECT_EQ(it.take({of("a", {"2", "3"}), of("a\\b", {"1"})}).size(), 2u);
}

TEST(soulseek_folder_fetch, is_bounded) {
  folder_fetch it("bob", "a");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < folder_fetch::max_files + 7; ++i) names.push_back(std::to_string(i));
  EXPECT_EQ(it.take({of("a", names)}).size(), folder_fetch::max_files);
  EXPECT_EQ(it.beyond(), 7u);
  std::string deep = "a";
  for (int i = 0; i < 20; ++i) deep += "\\b";
  folder_fetch other("bob", "a");
  EXPECT_EQ(other.take({of(deep, {"1"})}).at(0).keep_folders, max_kept_folders);
}

TEST(soulseek_receive_pace, without_a_limit_all_may_go_on) {
  receive_pace it(0);
  it.owe(1, 1'000'000'000);
  it.owe(2, 1);
  EXPECT_EQ(it.ready(0ns), (std::vector<link_id>{1, 2}));
  EXPECT_EQ(it.next_deadline(0ns), std::nullopt);
}

TEST(soulseek_receive_pace, all_links_together_keep_to_the_limit) {
  receive_pace it(100'000);
  nanoseconds now = 1h;
  std::uint64_t granted = 0;
  it.owe(1, 10'000);
  it.owe(2, 10'000);
  std::map<link_id, int> turns;
  const auto end = now + 10s;
  while (now < end) {
    for (const auto link : it.ready(now)) {
      ++turns[link];
      granted += 10'000;
      it.owe(link, 10'000);
    }
    const auto next = it.next_deadline(now);
    ASSERT_TRUE(next);
    ASSERT_GT(*next, now);
    now = *next;
  }
  EXPECT_GE(granted, 900'000u);
  EXPECT_LE(granted, 1'040'000u);
  EXPECT_NEAR(turns[1], turns[2], 1);
}

TEST(soulseek_receive_pace, many_short_files_are_no_way_around_it) {
  receive_pace it(100'000);
  nanoseconds now = 1h;
  std::uint64_t read = 0;
  for (link_id link = 1; now < 1h + 10s; ++link) {
    it.owe(link, 0);
    while (it.ready(now).empty()) {
      ASSERT_GT(*it.next_deadline(now), now);
      now = *it.next_deadline(now);
    }
    read += 40'000;
    it.owe(link, 40'000);
    it.forget(link);
  }
  EXPECT_LE(read, 1'100'000u);
  EXPECT_GE(read, 900'000u);
}

TEST(soulseek_receive_pace, lifting_the_limit_and_ending_a_link_free_the_others) {
  receive_pace it(1000);
  it.owe(1, 1'000'000);
  it.owe(2, 1'000'000);
  EXPECT_EQ(it.ready(1s), std::vector<link_id>{1}) << "the first is on credit";
  it.owe(1, 5);
  it.forget(1);
  it.set_rate(1s, 0);
  EXPECT_EQ(it.ready(1s), std::vector<link_id>{2});
}

}  // namespace
}  // namespace vsf::soulseek
