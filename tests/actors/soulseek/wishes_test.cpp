#include "actors/soulseek/wishes.hpp"

#include <gtest/gtest.h>

#include "tests/actors/soulseek/social_world.hpp"

namespace vsf::soulseek {
namespace {

using namespace std::chrono_literals;
using test::all;

file a_file(const std::string& name, std::uint64_t size = 30'000'000, std::uint32_t bitrate = 0) {
  file f;
  f.name = name;
  f.size = size;
  if (bitrate != 0) f.attrs.bitrate = bitrate;
  return f;
}
fb::SoulseekWishRulesT any() {
  fb::SoulseekWishRulesT r;
  r.max_downloads = 2;
  return r;
}

TEST(soulseek_wish_rules, extensions) {
  auto r = any();
  r.extensions = {"flac", ".Mp3"};
  EXPECT_TRUE(fits(a_file("a\\b.FLAC"), true, r));
  EXPECT_TRUE(fits(a_file("a\\b.mp3"), true, r));
  EXPECT_FALSE(fits(a_file("a\\b.ogg"), true, r));
  EXPECT_FALSE(fits(a_file("a\\flac"), true, r));
  EXPECT_FALSE(fits(a_file("a\\b.notflac"), true, r));
}

TEST(soulseek_wish_rules, sizes) {
  auto r = any();
  EXPECT_FALSE(fits(a_file("a.mp3", 0), true, r)) << "an empty file is nobody's wish";
  r.min_size = 10;
  r.max_size = 20;
  EXPECT_FALSE(fits(a_file("a.mp3", 9), true, r));
  EXPECT_TRUE(fits(a_file("a.mp3", 10), true, r));
  EXPECT_TRUE(fits(a_file("a.mp3", 20), true, r));
  EXPECT_FALSE(fits(a_file("a.mp3", 21), true, r));
}

TEST(soulseek_wish_rules, bitrate_of_what_says_one_or_is_lossless) {
  auto r = any();
  r.min_bitrate_kbps = 256;
  EXPECT_FALSE(fits(a_file("a.mp3", 9, 255), true, r));
  EXPECT_TRUE(fits(a_file("a.mp3", 9, 256), true, r));
  EXPECT_FALSE(fits(a_file("a.mp3"), true, r));
  auto lossless = a_file("a.flac");
  lossless.attrs.bit_depth = 16;
  EXPECT_TRUE(fits(lossless, true, r));
}

TEST(soulseek_wish_rules, words_that_must_not_be_there_are_whole) {
  auto r = any();
  r.without = {"live", "r\xC3\xB6st"};
  EXPECT_FALSE(fits(a_file("Music\\Live at X\\1.mp3"), true, r));
  EXPECT_FALSE(fits(a_file("Music\\X (LIVE)\\1.mp3"), true, r));
  EXPECT_FALSE(fits(a_file("Music\\x\\y-live.mp3"), true, r));
  EXPECT_TRUE(fits(a_file("Music\\Oliver Alive\\1.mp3"), true, r));
  EXPECT_FALSE(fits(a_file("r\xC3\xB6st.mp3"), true, r));
  EXPECT_TRUE(fits(a_file("r\xC3\xB6st\xC3\xA9.mp3"), true, r));
}

TEST(soulseek_wish_rules, a_free_slot) {
  auto r = any();
  EXPECT_TRUE(fits(a_file("a.mp3"), false, r));
  r.free_slot = true;
  EXPECT_FALSE(fits(a_file("a.mp3"), false, r));
  EXPECT_TRUE(fits(a_file("a.mp3"), true, r));
}

class soulseek_wishes : public testing::Test {
 protected:
  wishes::wish_id wish(const std::string& text, const fb::SoulseekWishRulesT* rules) {
    const auto added = it.add(text, rules, out);
    EXPECT_TRUE(added);
    it.begun(added->id, static_cast<std::uint32_t>(100 + added->id));
    return added->id;
  }
  user_results has(const std::vector<file>& files) {
    user_results r;
    r.slot_free = true;
    r.files = files;
    return r;
  }
  wishes restored() {
    test::disk disk;
    disk.take(out);
    wishes other;
    for (auto& row : disk.rows()) other.restore(std::move(*row.kept.AsSoulseekKeptWish()));
    return other;
  }

  wishes it;
  social_effects out;
};

TEST_F(soulseek_wishes, picks_what_fits_as_often_as_it_may_and_each_file_once) {
  auto rules = any();
  rules.extensions = {"flac"};
  const auto id = wish("x", &rules);
  const auto offered =
      has({a_file("a\\1.mp3"), a_file("a\\1.flac"), a_file("a\\2.flac"), a_file("a\\3.flac")});
  auto picked = it.choose(101, "bob", offered);
  ASSERT_EQ(picked.size(), 2u);
  EXPECT_EQ(picked[0].wish, id);
  EXPECT_EQ(picked[0].user, "bob");
  EXPECT_EQ(picked[0].what.name, "a\\1.flac");
  EXPECT_EQ(it.choose(101, "bob", offered).size(), 2u) << "nothing was taken yet";
  it.took(picked[0], out);
  EXPECT_EQ(all<social_event>(out).back().subject, "soulseek/wish/x");
  // The same file of another user, in another folder.
  EXPECT_TRUE(it.choose(101, "cid", has({a_file("z\\1.FLAC")})).empty());
  EXPECT_EQ(it.choose(101, "cid", has({a_file("z\\1.FLAC", 5)})).size(), 1u)
      << "of another size it is another";
  it = restored();
  it.begun(id, 7);
  EXPECT_TRUE(it.choose(7, "cid", has({a_file("z\\1.flac")})).empty()) << "after a restart too";
  picked = it.choose(7, "bob", offered);
  ASSERT_EQ(picked.size(), 1u) << "two in all";
  it.took(picked[0], out);
  EXPECT_TRUE(it.choose(7, "bob", offered).empty());
  EXPECT_EQ(it.counters().picked, 1u);
}

TEST_F(soulseek_wishes, without_rules_or_of_another_search_nothing_is_picked) {
  wish("x", nullptr);
  EXPECT_TRUE(it.choose(101, "bob", has({a_file("1.mp3")})).empty());
  EXPECT_TRUE(it.choose(5, "bob", has({a_file("1.mp3")})).empty());
  user_results chosen;
  chosen.private_files = {a_file("1.mp3")};
  const auto rules = any();
  wish("y", &rules);
  EXPECT_TRUE(it.choose(102, "bob", chosen).empty());
}

TEST_F(soulseek_wishes, one_text_is_one_wish_whose_rules_may_change) {
  const auto id = wish("x", nullptr);
  const auto rules = any();
  const auto again = it.add("x", &rules, out);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, id);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(it.size(), 1u);
  EXPECT_EQ(it.choose(101, "bob", has({a_file("1.mp3")})).size(), 1u);
  auto other = restored();
  crypto::seeded_random random(1);
  const searches none({}, random);
  ASSERT_TRUE(other.describe(id, none, 0, 0s).download);
  EXPECT_EQ(other.describe(id, none, 0, 0s).download->max_downloads, 2u);
}

TEST_F(soulseek_wishes, ending_one_names_its_search_and_leaves_no_row) {
  const auto id = wish("x", nullptr);
  EXPECT_EQ(it.erase(id, out), std::optional<std::uint32_t>(101));
  EXPECT_EQ(it.erase(id, out), std::nullopt);
  EXPECT_EQ(restored().size(), 0u);
}

TEST_F(soulseek_wishes, bounds) {
  auto bad = any();
  bad.max_downloads = 0;
  EXPECT_FALSE(it.add("x", &bad, out));
  bad.max_downloads = 1001;
  EXPECT_FALSE(it.add("x", &bad, out));
  bad = any();
  bad.without.assign(51, "w");
  EXPECT_FALSE(it.add("x", &bad, out));
  bad.without = {std::string(65, 'w')};
  EXPECT_FALSE(it.add("x", &bad, out));
  bad.without = {""};
  EXPECT_FALSE(it.add("x", &bad, out));
  bad = any();
  bad.min_size = 2;
  bad.max_size = 1;
  EXPECT_FALSE(it.add("x", &bad, out));
  EXPECT_FALSE(it.add("", nullptr, out));
  EXPECT_FALSE(it.add(std::string(513, 'x'), nullptr, out));
  EXPECT_TRUE(out.empty());
  for (int i = 0; i < 32; ++i) wish(std::to_string(i), nullptr);
  EXPECT_FALSE(it.add("one more", nullptr, out));
  EXPECT_TRUE(it.add("0", nullptr, out)) << "that is there";
}

TEST_F(soulseek_wishes, are_described_with_what_their_search_found) {
  crypto::seeded_random random(1);
  searches all_searches({}, random);
  search_effects sent;
  all_searches.on_online("ann", 1h, sent);
  const auto id = it.add("x y", nullptr, out)->id;
  const auto token = all_searches.start(search_kind::wish, "x y", "", 1h, sent);
  ASSERT_TRUE(token);
  it.begun(id, *token);
  peer::file_search_response answer;
  answer.username = "bob";
  answer.token = *token;
  answer.files = {a_file("1.mp3"), a_file("2.mp3")};
  all_searches.on_answer("bob", answer, 1h, sent);
  const auto now = it.describe(id, all_searches, 1'000'000, 1h + 5s);
  EXPECT_EQ(now.search, *token);
  EXPECT_EQ(now.users, 1u);
  EXPECT_EQ(now.files, 2u);
  EXPECT_EQ(now.searched_ms, 995'000u);
}

}  // namespace
}  // namespace vsf::soulseek
