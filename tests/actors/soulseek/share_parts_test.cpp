#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/soulseek/share_pool.hpp"
#include "actors/soulseek/share_posting.hpp"
#include "actors/soulseek/share_text.hpp"
#include "actors/soulseek/share_words.hpp"

namespace vsf::soulseek {

namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  const auto folded = fold(text);
  for (std::size_t at = 0;;) {
    const auto word = next_word(folded, at);
    if (word.empty()) return out;
    out.emplace_back(word);
  }
}

TEST(share_text_test, SplitsFoldedWords) {
  using list = std::vector<std::string>;
  EXPECT_EQ(words_of("01 - AC_DC (Live).flac"), (list{"01", "ac", "dc", "live", "flac"}));
  EXPECT_EQ(words_of("don\u2019t \u2014 \u00AB\u00C9t\u00E9\u00BB"), (list{"don", "t", "\u00E9t\u00E9"}));
  EXPECT_EQ(words_of("a\xFFz\xC3"), (list{"a", "z"})) << "malformed bytes separate";
  EXPECT_EQ(words_of(" \\ . "), list{});
  EXPECT_EQ(words_of(std::string(1000, 'q')), list{std::string(255, 'q')});
}

TEST(share_text_test, CountsCharacters) {
  EXPECT_EQ(count_characters(""), 0U);
  EXPECT_EQ(count_characters("\u6771\u4EAC"), 2U);
  EXPECT_EQ(count_characters("a\xFF\xFE"), 3U);
}

TEST(share_text_test, NamesThatCantBeToldAreMadeSo) {
  EXPECT_EQ(shareable_name("plain \u00E9.mp3"), "plain \u00E9.mp3");
  EXPECT_EQ(shareable_name("latin \xE9.mp3"), "latin \u00E9.mp3");
  EXPECT_EQ(shareable_name("a\\b"), "a\u2216b");
  EXPECT_EQ(shareable_name("\uFFFD"), "\uFFFD");
}

RC_GTEST_PROP(share_text_test, FoldingTwiceChangesNothing, (const std::string& text)) {
  RC_ASSERT(fold(fold(text)) == fold(text));
  RC_ASSERT(shareable_name(shareable_name(text)) == shareable_name(text));
}

RC_GTEST_PROP(share_posting_test, IsASet, ()) {
  posting p;
  std::set<std::uint32_t> model;
  // Near each other, so that ranges grow, meet and are split; then far, so that they become many.
  const auto span = *rc::gen::element(20U, 400U, 200'000U);
  for (int i = 0; i < 600; ++i) {
    const auto id = *rc::gen::inRange(0U, span);
    if (*rc::gen::inRange(0, 3) > 0) {
      p.add(id);
      model.insert(id);
    } else {
      p.remove(id);
      model.erase(id);
    }
    RC_ASSERT(p.count() == model.size());
    RC_ASSERT(p.contains(id) == model.contains(id));
    if (i % 100 == 50) p.pack();
  }
  std::set<std::uint32_t> got;
  p.for_each([&](std::uint32_t id) { return got.insert(id).second; });
  RC_ASSERT(got == model);
  Roaring room;
  const auto& bits = p.bitmap(room);
  RC_ASSERT(std::set<std::uint32_t>(bits.begin(), bits.end()) == model);
  for (const auto id : got) p.remove(id);
  RC_ASSERT(p.count() == 0U);
}

RC_GTEST_PROP(share_pool_test, TableFindsWhatIsIn, ()) {
  // Few different hashes, so that places run into each other and round the end.
  id_table table;
  std::set<std::uint32_t> model;
  const auto spread = *rc::gen::element(1U, 7U, 61U, 10'007U);
  const auto hash_of = [&](std::uint32_t id) { return 60 + id % spread; };
  for (int i = 0; i < 500; ++i) {
    const auto id = *rc::gen::inRange(0U, 200U);
    if (model.insert(id).second) {
      table.insert(id, hash_of(id), hash_of);
    } else {
      model.erase(id);
      table.erase(id, hash_of(id), hash_of);
    }
    for (std::uint32_t one = 0; one < 200; one += 13)
      RC_ASSERT((table.find(hash_of(one), [&](auto x) { return x == one; }) == one) == model.contains(one));
  }
}

TEST(share_pool_test, TextsLieWhereTheyWerePut) {
  string_pool pool;
  std::vector<std::uint32_t> at;
  for (std::size_t i = 0; i < 300; ++i)
    at.push_back(pool.add(std::string(i * 7, static_cast<char>('a' + i % 26))));
  const auto longest = std::string(string_pool::max_text_bytes, 'z');
  const auto whole = pool.add(longest);
  for (std::size_t i = 0; i < 300; ++i)
    EXPECT_EQ(pool.get(at[i]), std::string(i * 7, static_cast<char>('a' + i % 26)));
  EXPECT_EQ(pool.get(whole), longest);
  EXPECT_EQ(pool.add(longest + "z"), no_id);
}

TEST(share_words_test, EndingsAreFoundBeforeAndAfterSorting) {
  share_words words;
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < 10'000; ++i) words.add(words.intern("w" + std::to_string(i) + "end"), i);
  EXPECT_TRUE(words.find_endings("17end", 1000, found));
  EXPECT_EQ(found.size(), 100U);
  words.pack();
  found.clear();
  EXPECT_TRUE(words.find_endings("17end", 1000, found));
  EXPECT_EQ(found.size(), 100U);
  found.clear();
  EXPECT_FALSE(words.find_endings("end", 50, found));
  EXPECT_EQ(found.size(), 50U);
  EXPECT_EQ(words.find("w1"), no_id);
}

TEST(share_words_test, UnusedWordsAreDropped) {
  share_words words;
  for (std::uint32_t i = 0; i < 10'000; ++i) words.add(words.intern("w" + std::to_string(i)), i);
  for (std::uint32_t i = 0; i < 9'000; ++i) words.remove(words.find("w" + std::to_string(i)), i);
  EXPECT_EQ(words.size(), 1000U);
  words.pack();
  EXPECT_EQ(words.size(), 1000U);
  EXPECT_EQ(words.find("w5"), no_id);
  EXPECT_TRUE(words.files(words.find("w9500")).contains(9500));
  std::vector<std::uint32_t> found;
  EXPECT_TRUE(words.find_endings("00", 1000, found));
  EXPECT_EQ(found.size(), 10U);
}

}  // namespace

}  // namespace vsf::soulseek
