#include "actors/soulseek/share_index.hpp"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/soulseek/share_browse.hpp"

namespace vsf::soulseek {

namespace {

using change = share_index::change;

share_file file_of(std::uint64_t size, share_visibility visibility = share_visibility::everyone) {
  share_file out;
  out.size_bytes = size;
  out.visibility = visibility;
  return out;
}

/// "folder: name name" for each folder.
std::vector<std::string> lines(share_browser browser) {
  std::vector<std::string> out;
  while (browser.next()) {
    std::string line(browser.path());
    line += ":";
    std::uint32_t n = 0;
    browser.for_each_file([&](std::string_view name, const share_file&) {
      line.append(" ").append(name);
      ++n;
    });
    EXPECT_EQ(n, browser.count());
    out.push_back(line);
  }
  return out;
}

TEST(share_index_test, AddsReplacesAndRemoves) {
  share_index index;
  const auto added = index.put("Music\\A\\1.flac", file_of(10));
  EXPECT_EQ(added.what, change::added);
  EXPECT_EQ(index.path(added.file), "Music\\A\\1.flac");
  const auto revision = index.revision();
  EXPECT_EQ(index.put("Music\\A\\1.flac", file_of(10)).what, change::unchanged);
  EXPECT_EQ(index.revision(), revision);
  const auto replaced = index.put("Music\\A\\1.flac", file_of(11));
  EXPECT_EQ(replaced.what, change::replaced);
  EXPECT_EQ(replaced.file, added.file);
  EXPECT_EQ(index.at(added.file).size_bytes, 11U);
  EXPECT_NE(index.revision(), revision);
  EXPECT_TRUE(index.remove(added.file));
  EXPECT_FALSE(index.has(added.file));
  EXPECT_FALSE(index.find("Music\\A\\1.flac"));
  EXPECT_FALSE(index.find_folder("Music")) << "an empty folder is not shared";
  EXPECT_EQ(index.counts(), share_counts{});
}

TEST(share_index_test, KeepsWhatItIsTold) {
  share_index index;
  share_file file;
  file.size_bytes = (std::uint64_t{1} << 48) - 1;
  file.attributes = {320, 86'400, 5'644'800, 32, true};
  file.visibility = share_visibility::buddies;
  file.local = 4'000'000'000U;
  const auto id = index.put("Music\\1.dsf", file).file;
  EXPECT_EQ(index.at(id), file);
  EXPECT_TRUE(index.set_attributes(id, {}));
  EXPECT_EQ(index.at(id).attributes, share_attributes{});
  EXPECT_EQ(index.at(id).local, file.local);
  file.size_bytes = std::uint64_t{1} << 60;
  file.attributes = {1'000'000, 0xFFFFFFFF, 0xFFFFFFFF, 255, false};
  index.put("Music\\1.dsf", file);
  EXPECT_EQ(index.at(id).size_bytes, (std::uint64_t{1} << 48) - 1);
  EXPECT_EQ(index.at(id).attributes, (share_attributes{65'535, 0x1FFFFFFF, 0xFFFFFF, 255, false}));
  EXPECT_FALSE(index.set_attributes(id + 1, {}));
}

TEST(share_index_test, RefusesBadPathsAndWhatIsBeyondItsLimits) {
  share_index index({2, 3});
  for (const auto* path : {"", "name", "\\name", "a\\", "a\\\\b", "\\", "\\a\\b"})
    EXPECT_EQ(index.put(path, {}).what, change::refused) << path;
  EXPECT_EQ(index.put("a\\" + std::string(1025, 'x'), {}).what, change::refused);
  EXPECT_EQ(index.put(std::string(1025, 'x') + "\\a", {}).what, change::refused);
  std::string deep = "a";
  for (int i = 0; i < 64; ++i) deep += "\\a";
  EXPECT_EQ(index.put(deep + "\\a", {}).what, change::refused);
  EXPECT_EQ(index.refused(), 10U);
  EXPECT_EQ(index.put("a\\b\\c\\d\\1", {}).what, change::refused) << "four folders";
  EXPECT_EQ(index.put("a\\b\\c\\1", {}).what, change::added);
  EXPECT_EQ(index.put("a\\b\\c\\2", {}).what, change::added);
  EXPECT_EQ(index.put("a\\b\\c\\3", {}).what, change::refused) << "three files";
  EXPECT_TRUE(index.remove(*index.find("a\\b\\c\\2")));
  EXPECT_EQ(index.put("a\\b\\c\\3", {}).what, change::added);
  EXPECT_EQ(index.counts().files, 2U);
}

TEST(share_index_test, FindsExactlyAndWithTolerance) {
  share_index index;
  const auto upper = index.put("Music\\Beyonc\u00E9\\Halo.MP3", {}).file;
  const auto lower = index.put("Music\\Beyonc\u00E9\\halo.mp3", {}).file;
  EXPECT_EQ(index.find("Music\\Beyonc\u00E9\\Halo.MP3"), upper);
  EXPECT_EQ(index.find("Music\\Beyonc\u00E9\\halo.mp3"), lower) << "exactly comes first";
  EXPECT_FALSE(index.find_exact("music\\beyonc\u00E9\\HALO.mp3"));
  EXPECT_TRUE(index.find("music\\beyonc\u00E9\\HALO.mp3"));
  EXPECT_TRUE(index.find("Music\\Beyonce\u0301\\halo.mp3")) << "decomposed";
  EXPECT_TRUE(index.find("Music/Beyonc\u00E9/halo.mp3")) << "slashes";
  EXPECT_FALSE(index.find("Music\\Beyonc\u00E9\\hal.mp3"));
  EXPECT_FALSE(index.find("Music\\Beyonc\u00E9"));
  EXPECT_FALSE(index.find(""));
  EXPECT_FALSE(index.find("\\"));
  EXPECT_FALSE(index.find(std::string(100'000, 'a')));
  EXPECT_FALSE(index.find("..\\..\\etc\\passwd"));
  EXPECT_TRUE(index.find_folder("MUSIC\\beyonc\u00E9\\"));
  EXPECT_TRUE(index.find_folder("Music/Beyonc\u00E9/"));
  EXPECT_FALSE(index.find_folder("\\"));
  EXPECT_FALSE(index.find_folder("Music\\Halo.MP3"));
}

TEST(share_index_test, BrowsesFoldersInOrder) {
  share_index index;
  const auto buddies = share_visibility::buddies;
  index.put("Music\\B\\2.mp3", {});
  index.put("Music\\B\\1.mp3", {});
  index.put("Music\\A\\CD1\\1.mp3", {});
  index.put("Music\\A\\cover.jpg", file_of(1, buddies));
  index.put("Music\\A b\\x.mp3", {});
  index.put("Alone\\x.mp3", file_of(1, buddies));
  using list = std::vector<std::string>;
  EXPECT_EQ(lines({index, share_audience::everyone}),
            (list{"Music\\A\\CD1: 1.mp3", "Music\\A b: x.mp3", "Music\\B: 1.mp3 2.mp3"}));
  EXPECT_EQ(lines({index, share_audience::buddies}), (list{"Alone: x.mp3", "Music\\A: cover.jpg"}));
  EXPECT_EQ(index.counts(), (share_counts{4, 3, 2, 2}));
  const auto a = *index.find_folder("Music\\A");
  EXPECT_EQ(lines({index, share_audience::both, a}), (list{"Music\\A: cover.jpg", "Music\\A\\CD1: 1.mp3"}));
  EXPECT_EQ(lines({index, share_audience::both, a, false}), list{"Music\\A: cover.jpg"});
  EXPECT_EQ(lines({index, share_audience::everyone, a, false}), list{});
  EXPECT_EQ(count_beneath(index, share_audience::both, a), std::pair(2U, 2U));
  EXPECT_EQ(count_beneath(index, share_audience::everyone, a), std::pair(1U, 1U));
  EXPECT_EQ(count_beneath(index, share_audience::everyone, share_index::top), std::pair(3U, 4U));
  EXPECT_EQ(count_beneath(index, share_audience::both, share_index::top), std::pair(5U, 6U));
}

TEST(share_index_test, ABrowserStopsWhenTheIndexChanges) {
  share_index index;
  index.put("Music\\A\\1", {});
  index.put("Music\\B\\1", {});
  share_browser browser(index, share_audience::everyone);
  EXPECT_TRUE(browser.next());
  EXPECT_FALSE(browser.stale());
  index.put("Music\\C\\1", {});
  EXPECT_TRUE(browser.stale());
  EXPECT_FALSE(browser.next());
  share_index empty;
  EXPECT_FALSE(share_browser(empty, share_audience::both).next());
}

TEST(share_index_test, MemoryComesBackAfterManyChanges) {
  share_index index;
  const auto fill = [&](int from) {
    for (int i = from; i < from + 20'000; ++i)
      index.put("Music\\folder" + std::to_string(i / 10) + "\\name with number" + std::to_string(i), {});
  };
  const auto clear = [&] {
    for (share_file_id id = 0; id < index.end_id(); ++id) index.remove(id);
  };
  fill(0);
  index.pack();
  const auto before = index.memory_bytes();
  for (int round = 1; round < 10; ++round) {
    clear();
    fill(round * 100'000);
    index.pack();
  }
  EXPECT_LT(index.memory_bytes(), before * 8 / 5);
  EXPECT_EQ(index.counts().files, 20'000U);
  EXPECT_EQ(index.path(*index.find("music\\FOLDER90001\\name with number900015")),
            "Music\\folder90001\\name with number900015");
}

/// Counts, browsing and lookups against a map, through changes of every kind.
RC_GTEST_PROP(share_index_property_test, IsWhatAMapWouldBe, ()) {
  share_index index;
  std::map<std::string, share_file> model;
  const std::vector<std::string> parts = {"A", "a", "B b", "C", "\u00E9", "e\u0301"};
  for (int step = 0; step < 120; ++step) {
    std::string path = *rc::gen::elementOf(parts);
    const auto depth = *rc::gen::inRange(1, 4);
    for (int i = 0; i < depth; ++i) path += "\\" + *rc::gen::elementOf(parts);
    if (*rc::gen::inRange(0, 3) == 0) {
      const auto known = index.find_exact(path);
      RC_ASSERT(known.has_value() == model.contains(path));
      if (known) index.remove(*known);
      model.erase(path);
    } else {
      const auto file = file_of(*rc::gen::inRange<std::uint64_t>(0, 3),
                                *rc::gen::element(share_visibility::everyone, share_visibility::buddies));
      index.put(path, file);
      model[path] = file;
    }
    if (*rc::gen::inRange(0, 40) == 0) index.pack();
  }
  for (const auto audience : {share_audience::everyone, share_audience::buddies, share_audience::both}) {
    std::map<std::string, share_file> browsed;
    std::uint32_t folders = 0;
    share_browser browser(index, audience);
    while (browser.next()) {
      ++folders;
      std::string last;
      browser.for_each_file([&](std::string_view name, const share_file& file) {
        RC_ASSERT(last < name);
        last = name;
        browsed[std::string(browser.path()) + "\\" + last] = file;
      });
    }
    auto expected = model;
    if (audience != share_audience::both)
      std::erase_if(expected, [&](const auto& one) {
        return (one.second.visibility == share_visibility::buddies) != (audience == share_audience::buddies);
      });
    RC_ASSERT(browsed == expected);
    RC_ASSERT(count_beneath(index, audience, share_index::top) ==
              std::pair(folders, static_cast<std::uint32_t>(expected.size())));
  }
}

}  // namespace

}  // namespace vsf::soulseek
