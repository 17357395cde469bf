#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/soulseek/transfer_bans.hpp"
#include "actors/soulseek/transfer_naming.hpp"
#include "actors/soulseek/transfer_types.hpp"
#include "storage/soulseek_store.hpp"

namespace vsf::soulseek {

namespace {

using folders = std::vector<std::string>;

TEST(transfer_reason_test, ExactTextsAndWhatOthersMakeOfThem) {
  EXPECT_EQ(text_of(refusal::banned), "Banned");
  EXPECT_EQ(text_of(refusal::cancelled), "Cancelled");
  EXPECT_EQ(text_of(refusal::complete), "Complete");
  EXPECT_EQ(text_of(refusal::not_shared), "File not shared.");
  EXPECT_EQ(text_of(refusal::read_error), "File read error.");
  EXPECT_EQ(text_of(refusal::shutting_down), "Pending shutdown.");
  EXPECT_EQ(text_of(refusal::queued), "Queued");
  EXPECT_EQ(text_of(refusal::too_many_files), "Too many files");
  EXPECT_EQ(text_of(refusal::too_many_megabytes), "Too many megabytes");
  for (int i = 1; i < static_cast<int>(refusal::other); ++i) {
    const auto why = static_cast<refusal>(i);
    EXPECT_EQ(refusal_of(text_of(why)), why) << i;
  }
  EXPECT_EQ(refusal_of("File not shared"), refusal::not_shared);
  EXPECT_EQ(refusal_of("Banned (bad manners)"), refusal::banned);
  EXPECT_EQ(refusal_of("queued"), refusal::queued);
  EXPECT_EQ(refusal_of(""), refusal::other);
  EXPECT_EQ(refusal_of("Disallowed extension"), refusal::other);
  EXPECT_FALSE(text_of(refusal::unfit_size).empty());
}

TEST(transfer_reason_test, WhatOthersWriteIsMadeFitToShow) {
  EXPECT_EQ(shown_reason("no\n\x1b[31mway\x7f"), "no[31mway");
  EXPECT_EQ(shown_reason("caf\xC3\xA9 \xE2\x80\xAE"
                         "x\xFF\xC3"),
            "caf\xC3\xA9 x");
  EXPECT_LE(shown_reason(std::string(5000, 'a')).size(), max_reason_bytes);
}

TEST(transfer_naming_test, FilesAreNamedAsTheirOwnersDoMadeSafe) {
  EXPECT_EQ(local_name("@@abc\\Music\\Artist\\01 - Song.flac"), "01 - Song.flac");
  EXPECT_EQ(local_name("Music/Song.MP3"), "Song.MP3");
  EXPECT_EQ(local_name("C:\\.."), "_");
  EXPECT_EQ(local_name("x\\..\\..\\etc\\passwd"), "passwd");
  EXPECT_EQ(local_name("x\\CON.flac"), "_CON.flac");
  EXPECT_EQ(local_name("x\\NUL"), "_NUL");
  EXPECT_EQ(local_name("x\\a:b*c?.mp3"), "a_b_c_.mp3");
  EXPECT_EQ(local_name(std::string("x\\a\0b.mp3", 9)), "ab.mp3");
  EXPECT_EQ(local_name("x\\.hidden"), "hidden");
  EXPECT_EQ(local_name("x\\"), "_");
  EXPECT_EQ(local_name("x\\Song.this is no extension"), "Song.this is no extension");
  EXPECT_LE(local_name("x\\" + std::string(4000, 'n') + ".flac").size(), 200U);
  EXPECT_EQ(local_name("x\\" + std::string(4000, 'n') + ".flac").substr(190), "nnnn.flac");
}

TEST(transfer_naming_test, FoldersKeepWhatSaysSomething) {
  EXPECT_EQ(local_folders("@@abc\\Music\\Artist\\Album\\Song.flac", 2), (folders{"Artist", "Album"}));
  EXPECT_EQ(local_folders("@@abc\\Music\\Artist\\Album\\Song.flac", 1), (folders{"Album"}));
  EXPECT_EQ(local_folders("@@abc\\Song.flac", 3), folders{});
  EXPECT_EQ(local_folders("C:\\..\\.\\Album\\..\\Song.flac", 8), (folders{"Album"}));
  EXPECT_EQ(local_folders("Song.flac", 8), folders{});
  EXPECT_EQ(local_folders("a\\PRN\\Song.flac", 1), (folders{"_PRN"}));
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "d\\";
  EXPECT_EQ(local_folders(deep + "x", 1000).size(), max_kept_folders);
}

bool is_safe(const std::string& component) {
  if (component.empty() || component.size() > 200 || component == "." || component == "..") return false;
  if (component.back() == '.' || component.back() == ' ') return false;
  return component.find_first_of(std::string("/\\:\0", 4)) == std::string::npos;
}

RC_GTEST_PROP(transfer_naming_property, NothingLeavesItsFolder, ()) {
  const std::string alphabet("\\/.. :\0aC\xC3\xA9\xFF", 12);
  const auto picks = *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
  std::string path;
  for (const auto p : picks) path += p < 128 ? alphabet[p % alphabet.size()] : static_cast<char>(p);
  RC_ASSERT(is_safe(local_name(path)));
  for (const auto& folder : local_folders(path, 8)) RC_ASSERT(is_safe(folder));
}

TEST(transfer_naming_test, PartialFilesAreNamedByNumbersAlone) {
  EXPECT_EQ(partial_name(0xABC, 0), "soulseek-0000000000000abc-0.part");
  EXPECT_NE(partial_name(1, 0), partial_name(1, 1));
}

TEST(transfer_naming_test, Latin1OnlyWhereItIsAnother) {
  EXPECT_EQ(as_latin1("Caf\xC3\xA9"), "Caf\xE9");
  EXPECT_EQ(as_latin1("Cafe"), std::nullopt);
  EXPECT_EQ(as_latin1("\xE2\x82\xAC"), std::nullopt) << "no euro there";
  EXPECT_EQ(as_latin1("x\xC3"), std::nullopt);
}

TEST(transfer_naming_test, TheSameFile) {
  EXPECT_TRUE(same_file("a\\Song.FLAC", 5, "b\\c\\song.flac", 5));
  EXPECT_FALSE(same_file("a\\Song.flac", 5, "b\\Song.flac", 6));
  EXPECT_FALSE(same_file("a\\Song.flac", 0, "b\\Song.flac", 0)) << "an unknown size is no size";
  EXPECT_FALSE(same_file("a\\Song.flac", 5, "b\\Song2.flac", 5));
}

TEST(transfer_bans_test, ByNameAndByNetwork) {
  transfer_bans bans;
  ASSERT_TRUE(bans.add_user("mallory"));
  ASSERT_TRUE(bans.add_network("192.0.2.0/24"));
  ASSERT_TRUE(bans.add_network("198.51.100.7"));
  ASSERT_TRUE(bans.add_network("2001:db8::/33"));
  const auto at = [](const char* text) { return parse_endpoint(text); };
  EXPECT_TRUE(bans.bans("mallory", std::nullopt));
  EXPECT_FALSE(bans.bans("Mallory", std::nullopt));
  EXPECT_TRUE(bans.bans("x", at("192.0.2.255:1")));
  EXPECT_FALSE(bans.bans("x", at("192.0.3.0:1")));
  EXPECT_TRUE(bans.bans("x", at("198.51.100.7:1")));
  EXPECT_FALSE(bans.bans("x", at("198.51.100.8:1")));
  EXPECT_TRUE(bans.bans("x", at("[2001:db8:7fff::1]:1")));
  EXPECT_FALSE(bans.bans("x", at("[2001:db8:8000::1]:1")));
  for (const auto* bad : {"", "/8", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3/8", "::/129", "x"})
    EXPECT_FALSE(bans.add_network(bad)) << bad;
  EXPECT_FALSE(bans.add_user(""));
  EXPECT_EQ(*parse_network("10.1.2.3/8"), *parse_network("10.0.0.0/8"));
  bans.remove_user("mallory");
  bans.remove_network(*parse_network("192.0.2.0/24"));
  EXPECT_FALSE(bans.bans("mallory", at("192.0.2.1:1")));
  ASSERT_TRUE(bans.add_network("0.0.0.0/0"));
  EXPECT_TRUE(bans.bans("x", at("8.8.8.8:1")));
  EXPECT_FALSE(bans.bans("x", at("[2001:db8:8000::1]:1"))) << "all of IPv4 alone";
}

TEST(soulseek_store_test, KeepsDownloadsBesideOtherThings) {
  std::shared_ptr<storage::memory_store> kv = storage::make_memory_store();
  storage::soulseek_store store(kv);
  fb::SoulseekDownloadT row;
  EXPECT_FALSE(store.put(record<fb::SoulseekDownload>::pack(row)));
  for (const std::uint64_t id : {7U, 3U}) {
    row.id = id;
    row.user = "u";
    ASSERT_TRUE(store.put(record<fb::SoulseekDownload>::pack(row)));
  }
  kv->crash();
  std::vector<std::uint64_t> seen;
  ASSERT_TRUE(store.for_each([&](const auto& r) {
    seen.push_back(r->id());
    return true;
  }));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{3, 7}));
  ASSERT_TRUE(store.erase(3));
  EXPECT_EQ(*store.count(), 1U);
}

TEST(soulseek_store_test, KeepsRowsByKindAndName) {
  std::shared_ptr<storage::memory_store> kv = storage::make_memory_store();
  storage::soulseek_store store(kv);
  const auto row = [](auto kept) {
    fb::SoulseekRowT out;
    out.kept.Set(std::move(kept));
    return record<fb::SoulseekRow>::pack(out);
  };
  fb::SoulseekInterestT like, hate;
  like.item = hate.item = "x";
  hate.hated = true;
  fb::SoulseekJoinedRoomT room;
  room.room = "x";
  fb::SoulseekPrivateMessageT message;
  message.id = 7;
  message.text = "one";
  const auto synced = storage::durability::synced;
  ASSERT_TRUE(store.put_rows({row(like), row(hate), row(room), row(message)}, synced));
  message.text = "two";
  ASSERT_TRUE(store.put_rows({row(message)}, synced));
  const auto kinds = [&] {
    std::vector<fb::SoulseekKept> out;
    EXPECT_TRUE(store.for_each_row([&](const auto& r) {
      out.push_back(r->kept_type());
      if (const auto* m = r->kept_as_SoulseekPrivateMessage()) {
        EXPECT_EQ(m->text()->str(), "two");
      }
      return true;
    }));
    return out;
  };
  using kind = fb::SoulseekKept;
  EXPECT_EQ(kinds(), (std::vector<kind>{kind::SoulseekPrivateMessage, kind::SoulseekJoinedRoom,
                                        kind::SoulseekInterest, kind::SoulseekInterest}));
  ASSERT_TRUE(store.erase_rows({row(hate), row(room)}, synced));
  EXPECT_EQ(kinds(), (std::vector<kind>{kind::SoulseekPrivateMessage, kind::SoulseekInterest}));
  EXPECT_EQ(*store.count(), 0U) << "none is a download";
  EXPECT_FALSE(store.put_rows({row(fb::SoulseekJoinedRoomT{})}, synced));
  EXPECT_FALSE(store.put_rows({row(message), record<fb::SoulseekRow>()}, synced));
  EXPECT_FALSE(store.put_rows({row(fb::SoulseekPrivateMessageT{})}, synced));
}

}  // namespace

}  // namespace vsf::soulseek
