#include "actors/soulseek/share_scan.hpp"

#include <gtest/gtest.h>

#include "actors/library/walker.hpp"

namespace vsf::soulseek {

namespace {

using strings = std::vector<std::string>;

class share_scan_test : public ::testing::Test {
 protected:
  void on_disk(const std::string& path, std::uint64_t size) { disk.put({path, size, 0}); }
  void list(const strings& folders) {
    for (const auto& folder : folders)
      disk.walk(
          folder, {}, is_shared_name,
          [&](std::vector<net::walked_file> batch) {
            scan.see(batch);
            return true;
          },
          std::atomic<bool>{false});
  }
  void run(const strings& folders = {}, const strings& unread = {}, bool complete = true) {
    list(scan.begin(folders));
    scan.finish(complete, unread);
    while (scan.sweep_some(1)) {
    }
  }
  share_file_id at(const std::string& path) const { return scan.index().find_exact(path).value_or(no_id); }

  library::table_walker disk;
  share_scan scan{{{{"/srv/music", share_visibility::everyone},
                    {"/srv/music/nested", share_visibility::everyone},
                    {"/home/me/Music/", share_visibility::buddies},
                    {"", share_visibility::everyone}},
                   {"/srv/music/unfinished/"}}};
};

TEST_F(share_scan_test, EveryFileIsSharedAsSoonAsItIsListed) {
  on_disk("/srv/music/A/1.flac", 10);
  on_disk("/srv/music/A/cover.jpg", 20);
  on_disk("/srv/music/A/rip.log", 30);
  on_disk("/srv/music/A/Thumbs.DB", 30);
  on_disk("/srv/music/unfinished/x.flac", 5);
  on_disk("/home/me/Music/1.mp3", 40);
  list(scan.begin());
  EXPECT_EQ(scan.index().counts(), (share_counts{3, 1, 1, 1}));
  EXPECT_TRUE(scan.find("music\\A\\cover.jpg", false));
  EXPECT_EQ(scan.local_path(*scan.find("music\\A\\cover.jpg", false)), "/srv/music/A/cover.jpg");
  EXPECT_FALSE(scan.find("Music (2)\\1.mp3", false)) << "for buddies only";
  EXPECT_EQ(scan.local_path(*scan.find("Music (2)\\1.mp3", true)), "/home/me/Music/1.mp3");
  EXPECT_FALSE(scan.virtual_path("/srv/musical/x"));
  EXPECT_FALSE(scan.virtual_path("/srv/music/unfinished/x.flac"));
}

TEST_F(share_scan_test, ASecondScanTakesOutWhatIsGone) {
  for (int i = 0; i < 10; ++i) on_disk("/srv/music/A/" + std::to_string(i), 1);
  on_disk("/srv/music/B/1", 1);
  run();
  EXPECT_EQ(scan.counters().added, 11U);
  disk.remove("/srv/music/A/3");
  disk.remove("/srv/music/B/1");
  on_disk("/srv/music/A/4", 2);
  run();
  EXPECT_FALSE(scan.scanning());
  EXPECT_EQ(scan.index().counts(), (share_counts{9, 1, 0, 0}));
  EXPECT_EQ(scan.counters().added, 11U);
  EXPECT_EQ(scan.counters().changed, 1U);
  EXPECT_EQ(scan.counters().removed, 2U);
}

TEST_F(share_scan_test, WhatCouldNotBeReadStays) {
  on_disk("/srv/music/A/1", 1);
  on_disk("/srv/music/B/1", 1);
  run();
  disk.remove("/srv/music/A/1");
  disk.remove("/srv/music/B/1");
  run({}, {}, false);
  EXPECT_EQ(scan.index().counts().files, 2U);
  run({}, {"/srv/music/A"});
  EXPECT_NE(at("music\\A\\1"), no_id);
  EXPECT_EQ(at("music\\B\\1"), no_id);
}

TEST_F(share_scan_test, OnlySomeFolders) {
  on_disk("/srv/music/A/1", 1);
  on_disk("/srv/music/a/1", 1);
  on_disk("/srv/music/B/1", 1);
  run();
  disk.remove("/srv/music/A/1");
  disk.remove("/srv/music/B/1");
  EXPECT_EQ(scan.begin({"/srv/music/A/x", "/srv/music/A/", "/etc"}), strings{"/srv/music/A"});
  run({"/srv/music/A"});
  EXPECT_EQ(scan.index().counts().files, 2U);
  EXPECT_NE(at("music\\B\\1"), no_id) << "not looked at";
  run({"/srv/music/A"});
  EXPECT_NE(at("music\\a\\1"), no_id) << "another folder, though alike";
}

TEST_F(share_scan_test, NamesThatCantBeToldLeadBackToTheirFiles) {
  on_disk("/srv/music/caf\xE9/a\\b.mp3", 1);
  run();
  const auto id = at("music\\caf\u00E9\\a\u2216b.mp3");
  ASSERT_NE(id, no_id);
  EXPECT_EQ(scan.local_path(id), "/srv/music/caf\xE9/a\\b.mp3");
  run();
  EXPECT_EQ(scan.counters().added, 1U);
  on_disk("/srv/music/caf\xE9/a\\b.mp3", 2);
  run();
  EXPECT_EQ(scan.local_path(id), "/srv/music/caf\xE9/a\\b.mp3");
  disk.remove("/srv/music/caf\xE9/a\\b.mp3");
  run();
  EXPECT_EQ(scan.index().counts().files, 0U);
}

TEST_F(share_scan_test, AttributesComeWhenTheLibraryKnowsThem) {
  on_disk("/srv/music/1.flac", 10);
  on_disk("/srv/music/2.mp3", 20);
  run();
  fb::FileEntryT entry;
  entry.path = "/srv/music/1.flac";
  entry.size = 10;
  entry.codec = fb::Codec::flac;
  entry.duration_ms = 61'900;
  entry.sample_rate_hz = 96'000;
  entry.bit_depth = 24;
  entry.bitrate_kbps = 2800;
  EXPECT_TRUE(scan.describe(*record<fb::FileEntry>::pack(entry)));
  EXPECT_EQ(scan.index().at(at("music\\1.flac")).attributes, (share_attributes{0, 61, 96'000, 24, false}));
  entry.path = "/srv/music/2.mp3";
  EXPECT_FALSE(scan.describe(*record<fb::FileEntry>::pack(entry))) << "another size";
  entry.size = 20;
  entry.codec = fb::Codec::mp3;
  entry.bitrate_kbps = 320;
  EXPECT_TRUE(scan.describe(*record<fb::FileEntry>::pack(entry)));
  EXPECT_EQ(scan.index().at(at("music\\2.mp3")).attributes, (share_attributes{320, 61, 0, 0, false}));
  entry.path = "/elsewhere/2.mp3";
  EXPECT_FALSE(scan.describe(*record<fb::FileEntry>::pack(entry)));
  on_disk("/srv/music/2.mp3", 21);
  run();
  EXPECT_EQ(scan.index().at(at("music\\2.mp3")).attributes, share_attributes{});
  EXPECT_EQ(scan.counters().described, 2U);
}

TEST(share_scan_roots_test, AliasesAreUnique) {
  share_scan scan({{{"/a/Music"}, {"/b/music"}, {"/c/MUSIC"}, {"/a/Music"}, {"/"}}, {}});
  EXPECT_EQ(scan.roots(), strings{"/"}) << "all else lies beneath";
  share_scan three({{{"/a/Music"}, {"/b/music"}, {"/c/MUSIC"}, {"/a/Music/"}}, {}});
  EXPECT_EQ(three.virtual_path("/a/Music/x"), "Music\\x");
  EXPECT_EQ(three.virtual_path("/b/music/x"), "music (2)\\x");
  EXPECT_EQ(three.virtual_path("/c/MUSIC/x"), "MUSIC (3)\\x");
  share_scan whole({{{"/"}}, {}});
  EXPECT_EQ(whole.virtual_path("/x/y"), "Files\\x\\y");
  whole.begin();
  whole.see({{"/x/y", 1, 0}});
  EXPECT_EQ(whole.local_path(*whole.find("Files\\x\\y", false)), "/x/y");
}

}  // namespace

}  // namespace vsf::soulseek
