#include "actors/soulseek/share_query.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/soulseek/share_text.hpp"

namespace vsf::soulseek {

namespace {

using names = std::vector<std::string>;

class share_query_test : public ::testing::Test {
 protected:
  share_file_id put(const std::string& path, bool buddies = false) {
    share_file file;
    file.size_bytes = 1;
    if (buddies) file.visibility = share_visibility::buddies;
    return index.put(path, file).file;
  }
  names found(std::string_view query, bool buddy = false, std::size_t most = 300) {
    names out;
    const auto matches = search.match(query, buddy, most);
    for (const auto id : matches.everyone) out.push_back(index.path(id));
    for (const auto id : matches.buddies) out.push_back("private " + index.path(id));
    std::ranges::sort(out);
    return out;
  }
  share_index index;
  share_search search{index};
};

TEST_F(share_query_test, WholeWordsOfTheWholePathInAnyOrder) {
  put("Music\\Blue Note\\1958 - Somethin' Else\\01 Autumn Leaves.flac");
  put("Music\\Blue Note\\1958 - Somethin' Else\\cover.jpg");
  put("Music\\Other\\Autumnal.mp3");
  EXPECT_EQ(found("leaves AUTUMN").size(), 1U);
  EXPECT_EQ(found("music blue else").size(), 2U);
  EXPECT_EQ(found("blue flac").size(), 1U);
  EXPECT_EQ(found("autumn").size(), 1U) << "no part of a word";
  EXPECT_EQ(found("somethin' else").size(), 2U);
  EXPECT_EQ(found("autumn nothing"), names{});
  EXPECT_EQ(search.counters().matched, 5U);
}

TEST_F(share_query_test, AtLeastThreeCharactersAndAWordToFind) {
  put("Music\\ab\\a b c.mp3");
  EXPECT_EQ(found("ab"), names{});
  EXPECT_EQ(found("  ab   "), names{});
  EXPECT_EQ(found("\"ab\""), names{});
  EXPECT_EQ(search.counters().too_short, 3U);
  EXPECT_EQ(found("a b").size(), 1U);
  EXPECT_EQ(found("-zzz"), names{}) << "only an exclusion";
  EXPECT_EQ(found("***"), names{});
  EXPECT_EQ(found("?!. - \\"), names{});
  EXPECT_EQ(search.counters().no_words, 3U);
}

TEST_F(share_query_test, ExcludesWords) {
  put("Music\\Song (live).mp3");
  put("Music\\Song.mp3");
  EXPECT_EQ(found("song -live"), names{"Music\\Song.mp3"});
  EXPECT_EQ(found("song -LIVE-bootleg"), names{"Music\\Song.mp3"});
  EXPECT_EQ(found("song -li").size(), 2U);
  EXPECT_EQ(found("song - live").size(), 1U) << "a dash by itself excludes nothing";
  EXPECT_EQ(found("song -song"), names{});
}

TEST_F(share_query_test, EndingsOfWords) {
  put("Music\\Word.mp3");
  put("Music\\Sword fight.mp3");
  put("Music\\Words.mp3");
  EXPECT_EQ(found("*ord").size(), 2U);
  EXPECT_EQ(found("*ord fight").size(), 1U);
  EXPECT_EQ(found("*ORD-fight").size(), 1U) << "what follows punctuation is a word of its own";
  EXPECT_EQ(found("music *ord -sword").size(), 1U);
  EXPECT_EQ(found("*xord"), names{});
}

TEST_F(share_query_test, QuotesAreIgnored) {
  put("Music\\My Song.mp3");
  EXPECT_EQ(found("\"song my\"").size(), 1U);
  EXPECT_EQ(found("\u201Csong\u201D \"-mine\"").size(), 1U);
  EXPECT_EQ(found("song \"-my\""), names{});
}

TEST_F(share_query_test, EveryScriptInAnyCaseAndForm) {
  put("Music\\Beyonc\u00E9\\D\u00E9j\u00E0 Vu.mp3");
  put("Music\\\u03A3\u03AF\u03C3\u03C5\u03C6\u03BF\u03C2\\\u03BF\u03B4\u03CC\u03C2.mp3");
  put("Music\\\u041A\u0438\u043D\u043E\\\u0417\u0432\u0435\u0437\u0434\u0430.mp3");
  put("Music\\\u6771\u4EAC\u4E8B\u5909\\\u7FA4\u9752\u65E5\u548C.mp3");
  put("Music\\Stra\u00DFe.mp3");
  put("Music\\\uFF21\uFF22\uFF23.mp3");
  EXPECT_EQ(found("beyonce\u0301 DE\u0301JA\u0300").size(), 1U) << "decomposed";
  EXPECT_EQ(found("\u03A3\u038A\u03A3\u03A5\u03A6\u039F\u03A3").size(), 1U) << "final sigma";
  EXPECT_EQ(found("\u043A\u0418\u041D\u043E \u0417\u0412\u0415\u0417\u0414\u0410").size(), 1U);
  EXPECT_EQ(found("\u6771\u4EAC\u4E8B\u5909").size(), 1U);
  EXPECT_EQ(found("\u6771\u4EAC\u4E8B"), names{}) << "part of a word";
  EXPECT_EQ(found("*\u65E5\u548C").size(), 1U);
  EXPECT_EQ(found("STRASSE").size(), 1U);
  EXPECT_EQ(found("abc").size(), 1U) << "full-width letters";
}

TEST_F(share_query_test, AtMostAsManyResultsAsAskedFor) {
  for (int i = 0; i < 5000; ++i) put("Music\\song " + std::to_string(i) + ".mp3", i % 2 == 1);
  EXPECT_EQ(found("song mp3").size(), 300U);
  EXPECT_EQ(found("song mp3", true, 3000).size(), 3000U);
  EXPECT_EQ(search.match("song mp3", true, 3000).everyone.size(), 2500U) << "those for everyone first";
  EXPECT_EQ(found("song", false, 0), names{});
}

TEST_F(share_query_test, BuddiesFilesOnlyForBuddies) {
  put("Music\\song.mp3");
  put("Private\\song.mp3", true);
  EXPECT_EQ(found("song"), names{"Music\\song.mp3"});
  EXPECT_EQ(found("song", true), (names{"Music\\song.mp3", "private Private\\song.mp3"}));
  EXPECT_EQ(found("private"), names{});
}

TEST_F(share_query_test, PathsWithExcludedPhrasesAreNeverReturned) {
  put("Music\\Some Label\\song.mp3");
  put("Music\\Other\\song.mp3");
  put("Music\\\u0416\u0443\u043A\\song.mp3");
  search.set_excluded_phrases({"some LABEL", " \u0436\u0423 ", "", "  "});
  EXPECT_EQ(found("song"), names{"Music\\Other\\song.mp3"});
  EXPECT_EQ(search.counters().hidden, 2U);
  search.set_excluded_phrases({"r\\s"});
  EXPECT_EQ(found("song").size(), 2U) << "over the border of folder and name";
  search.set_excluded_phrases({"."});
  EXPECT_EQ(found("song"), names{});
  search.set_excluded_phrases({});
  EXPECT_EQ(found("song").size(), 3U);
  search.set_excluded_phrases(names(5000, "x"));
  EXPECT_EQ(search.counters().phrases_dropped, 904U);
}

TEST_F(share_query_test, WhatIsGoneIsNotFound) {
  const auto id = put("Music\\song.mp3");
  put("Music\\other song.mp3");
  EXPECT_TRUE(index.remove(id));
  EXPECT_FALSE(index.remove(id));
  EXPECT_EQ(found("song").size(), 1U);
  EXPECT_EQ(found("*ong").size(), 1U);
}

TEST_F(share_query_test, MaliciousQueriesCostNoMoreThanTheirLimits) {
  for (int i = 0; i < 3000; ++i) put("Music\\w" + std::to_string(i) + "x\\song.mp3");
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "w" + std::to_string(i) + "x ";
  EXPECT_EQ(found(many), names{});
  EXPECT_EQ(found(std::string(65'536, 'a')), names{});
  EXPECT_EQ(found(std::string(65'536, '*')), names{});
  EXPECT_EQ(search.counters().too_long, 3U);
  EXPECT_EQ(found(std::string(1000, '*')), names{});
  std::string letters;
  for (int i = 0; i < 300; ++i) letters += std::string("*") + static_cast<char>('a' + i % 26) + " ";
  EXPECT_EQ(found(letters), names{});
  EXPECT_EQ(found(std::string("song\0mp3", 8)).size(), 300U) << "NUL separates";
  EXPECT_EQ(found(std::string(8, '\0')), names{});
  EXPECT_EQ(found("\xFF\xFE\x80\xC3 song").size(), 300U);
  EXPECT_EQ(found("so\xFFng"), names{});
  std::string terms;
  for (int i = 0; i < 65; ++i) terms += "-" + std::to_string(i) + " ";
  EXPECT_EQ(found(terms + "song"), names{});
  EXPECT_EQ(search.counters().too_long, 4U);
}

TEST_F(share_query_test, AnEndingOfTooManyWordsIsCutOrLookedForInWhatElseIsFound) {
  for (int i = 0; i < 2000; ++i) put("Music\\w" + std::to_string(i) + "x\\song" + std::to_string(i) + ".mp3");
  const auto alone = search.match("*x **", false, 1000);
  EXPECT_TRUE(alone.cut);
  EXPECT_EQ(alone.everyone.size(), 256U);
  EXPECT_EQ(found("song17 *x").size(), 1U);
  EXPECT_EQ(found("song17 *y"), names{});
  EXPECT_EQ(search.match("music *x", false, 5000).everyone.size(), 2000U);
  EXPECT_EQ(search.counters().cut, 1U);
}

TEST_F(share_query_test, PathsReadForOneQueryAreBounded) {
  for (int i = 0; i < 6000; ++i) put("Music\\Secret\\song " + std::to_string(i) + ".mp3");
  put("Music\\song.mp3");
  search.set_excluded_phrases({"secret"});
  const auto matches = search.match("song", false);
  EXPECT_TRUE(matches.cut);
  EXPECT_TRUE(matches.empty());
  EXPECT_EQ(search.counters().hidden, 2048U);
}

/// The rules once more, without any index.
bool naively(const std::string& path, const share_query& query) {
  std::set<std::string> words;
  const auto folded = fold(path);
  for (std::size_t at = 0;;) {
    const auto word = next_word(folded, at);
    if (word.empty()) break;
    words.emplace(word);
  }
  const auto has = [&](const std::string& word) { return words.contains(word); };
  return std::ranges::all_of(query.words, has) && std::ranges::none_of(query.excluded, has) &&
         std::ranges::all_of(query.endings, [&](const std::string& ending) {
           return std::ranges::any_of(words, [&](const std::string& word) { return word.ends_with(ending); });
         });
}

RC_GTEST_PROP(share_query_property_test, FindsWhatANaiveMatcherFinds, ()) {
  const names parts = {
      "a",      "ab",   "b",  "Ba", "aba", "\u00C9t\u00E9", "e\u0301te\u0301", "\u03A3\u03AF\u03C2",
      "\u6771", "2001", "-a", "'b", "*ab", "\u0416\u0443"};
  const auto text = [&](int most) {
    std::string out;
    const auto n = *rc::gen::inRange(1, most);
    for (int i = 0; i < n; ++i) out += (i > 0 ? " " : "") + *rc::gen::elementOf(parts);
    return out;
  };
  share_index index;
  share_search search(index);
  std::set<std::string> paths;
  for (int change = 0; change < 60; ++change) {
    const auto path = text(2) + "\\" + text(3) + "\\" + text(4);
    if (paths.contains(path) && *rc::gen::arbitrary<bool>()) {
      paths.erase(path);
      RC_ASSERT(index.remove(*index.find_exact(path)));
    } else {
      paths.insert(path);
      index.put(path, {});
    }
    if (change == 30 && *rc::gen::arbitrary<bool>()) index.pack();
  }
  for (int i = 0; i < 30; ++i) {
    const auto asked = text(4);
    const auto query = parse_query(asked, {});
    std::set<std::string> expected, got;
    if (query.verdict == share_query::kind::good)
      for (const auto& path : paths)
        if (naively(path, query)) expected.insert(path);
    for (const auto id : search.match(asked, false).everyone) got.insert(index.path(id));
    RC_ASSERT(got == expected);
  }
}

RC_GTEST_PROP(share_query_property_test, AnyBytesAreAnswered, (const std::string& query)) {
  share_index index;
  index.put("Music\\a b c\\d.mp3", {});
  share_search search(index);
  search.set_excluded_phrases({query});
  search.match(query, true);
  search.match(query + query + "abc", true);
  RC_SUCCEED("no crash");
}

}  // namespace

}  // namespace vsf::soulseek
