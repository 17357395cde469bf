#include "actors/soulseek/share_list.hpp"

#include <gtest/gtest.h>

#include <map>

#include "net/soulseek/frame_splitter.hpp"

namespace vsf::soulseek {
namespace {

using namespace std::chrono_literals;
using paths = std::map<std::string, std::uint64_t>;  // with sizes

share_file of_size(std::uint64_t size_bytes, share_visibility who = share_visibility::everyone) {
  share_file out;
  out.size_bytes = size_bytes;
  out.visibility = who;
  out.attributes.bitrate_kbps = 320;
  return out;
}

/// What a reader of the message finds: everyone's files and those for buddies.
struct read_list {
  paths everyone, buddies;
  bool whole = false;

  explicit read_list(const shared_bytes& message) {
    frame_splitter splitter(peer_frame_limit, wide_code);
    splitter.feed(*message);
    EXPECT_TRUE(splitter.stream_front());
    shares_reader reader([this](folder&& part, bool is_private) {
      for (const auto& f : part.files) {
        EXPECT_EQ(f.attrs.bitrate, 320u);
        (is_private ? buddies : everyone)[part.name + "\\" + f.name] = f.size;
      }
    });
    EXPECT_TRUE(reader.feed(splitter.take()));
    for (const auto& piece : *message.tail()) {
      EXPECT_LE(piece.size(), 64u * 1024);
      splitter.feed(piece.view());
      EXPECT_TRUE(reader.feed(splitter.take()));
    }
    EXPECT_EQ(splitter.streaming(), 0u);  // as long as its head says
    whole = reader.finish().has_value();
  }
};

class soulseek_share_lists : public testing::Test {
 protected:
  void fill(std::size_t files) {
    for (std::size_t i = 0; i < files; ++i) {
      const auto path = "Music\\" + std::to_string(i / 1000) + "\\" + std::to_string(i) + ".mp3";
      index.put(path, of_size(i));
      expected[path] = i;
    }
  }
  /// Turns until something is ready; how many it took.
  std::size_t work() {
    std::size_t turns = 0;
    while (ready.empty() && lists.busy(now) && ++turns < 1000) ready = lists.turn(now);
    return turns;
  }

  share_index index;
  paths expected;
  share_lists lists{index};
  nanoseconds now = 1h;
  std::vector<share_lists::ready> ready;
};

TEST_F(soulseek_share_lists, one_list_in_turns_for_all_who_ask) {
  fill(20'000);
  index.put("Secret\\a.mp3", of_size(7, share_visibility::buddies));
  EXPECT_FALSE(lists.ask("ann", false, now));
  EXPECT_FALSE(lists.ask("bob", false, now));
  EXPECT_FALSE(lists.ask("ann", false, now));  // impatient
  EXPECT_GE(work(), 4u);
  ASSERT_EQ(ready.size(), 2u);
  EXPECT_EQ(ready[0].user, "ann");
  EXPECT_EQ(ready[0].message, ready[1].message);
  const read_list read(ready[0].message);
  EXPECT_TRUE(read.whole);
  EXPECT_EQ(read.everyone, expected);
  EXPECT_TRUE(read.buddies.empty());
  EXPECT_EQ(*lists.ask("eve", false, now), ready[0].message);
  EXPECT_EQ(lists.made(), 1u);
}

TEST_F(soulseek_share_lists, buddies_see_more) {
  fill(10);
  index.put("Secret\\a.mp3", of_size(7, share_visibility::buddies));
  index.put("Music\\0\\b.mp3", of_size(8, share_visibility::buddies));
  EXPECT_FALSE(lists.ask("ann", true, now));
  work();
  ASSERT_EQ(ready.size(), 1u);
  const read_list read(ready[0].message);
  EXPECT_TRUE(read.whole);
  EXPECT_EQ(read.everyone, expected);
  EXPECT_EQ(read.buddies, (paths{{"Secret\\a.mp3", 7}, {"Music\\0\\b.mp3", 8}}));
}

TEST_F(soulseek_share_lists, an_empty_list_and_one_large_folder) {
  lists.ask("ann", false, now);
  work();
  EXPECT_TRUE(read_list(ready.at(0).message).whole);
  ready.clear();
  for (int i = 0; i < 10'000; ++i) {
    const auto path = "All\\" + std::to_string(i);
    index.put(path, of_size(1));
    expected[path] = 1;
  }
  lists.ask("ann", false, now);
  EXPECT_GE(work(), 3u);
  EXPECT_EQ(read_list(ready.at(0).message).everyone, expected);
}

TEST_F(soulseek_share_lists, a_change_on_the_way_begins_anew_when_it_is_over) {
  fill(10'000);
  lists.ask("ann", false, now);
  EXPECT_TRUE(lists.turn(now).empty());
  index.put("New\\a.mp3", of_size(3));
  expected["New\\a.mp3"] = 3;
  EXPECT_TRUE(lists.turn(now).empty());
  EXPECT_FALSE(lists.busy(now));
  EXPECT_EQ(lists.next_deadline(), now + share_lists::after_change);
  now += share_lists::after_change;
  work();
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(read_list(ready[0].message).everyone, expected);
}

TEST_F(soulseek_share_lists, a_list_nobody_wants_is_let_go) {
  fill(10);
  lists.ask("ann", false, now);
  work();
  EXPECT_EQ(lists.next_deadline(), now + share_lists::kept);
  now += share_lists::kept - 1s;
  lists.on_alarm(now);
  EXPECT_TRUE(lists.ask("bob", false, now));
  now += share_lists::kept;
  lists.on_alarm(now);
  EXPECT_FALSE(lists.ask("bob", false, now));
}

TEST_F(soulseek_share_lists, so_many_wait_and_no_more) {
  fill(1);
  for (std::size_t i = 0; i < share_lists::max_askers + 5; ++i)
    lists.ask("user " + std::to_string(i), false, now);
  EXPECT_EQ(lists.refused(), 5u);
  work();
  EXPECT_EQ(ready.size(), share_lists::max_askers);
}

}  // namespace
}  // namespace vsf::soulseek
