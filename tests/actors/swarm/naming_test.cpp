#include "actors/swarm/naming.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "net/crypto/crypto.hpp"
#include "storage/component_name.hpp"

namespace vsf::swarm {

namespace {

mbid some_mbid() { return *parse_mbid("5b11f4ce-a62d-471e-81fc-a69a8278c7da"); }

std::string sniff(std::string_view head) { return sniff_extension(crypto::as_bytes(head)); }

TEST(naming_test, SniffsContainers) {
  using namespace std::string_view_literals;
  EXPECT_EQ(sniff("fLaC\0\0\0\x22"sv), "flac");
  EXPECT_EQ(sniff("OggS\0\2\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\5\6\7\x08\x01\x13OpusHead"sv), "opus");
  EXPECT_EQ(sniff("OggS\0\2\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\5\6\7\x08\x01\x1e\x01vorbis"sv), "ogg");
  EXPECT_EQ(sniff("RIFF\x24\0\0\0WAVEfmt "sv), "wav");
  EXPECT_EQ(sniff("RIFF\x24\0\0\0AVI LIST"sv), "bin");
  EXPECT_EQ(sniff("FORM\0\0\0\0AIFF"sv), "aiff");
  EXPECT_EQ(sniff("\0\0\0\x20"
                  "ftypM4A "sv),
            "m4a");
  EXPECT_EQ(sniff("ID3\4\0\0\0\0\0\2xx\xff\xfb\x90\x64"sv), "mp3");
  EXPECT_EQ(sniff("ID3\4\0\0\0\0\0\2xxfLaC"sv), "flac");
  EXPECT_EQ(sniff("ID3\4\0\0\0\x7f\x7f\x7f"sv), "mp3");
  EXPECT_EQ(sniff("\xff\xfb\x90\x64\0\0"sv), "mp3");
  EXPECT_EQ(sniff("\xff\xf1\x50\x80\0\0"sv), "aac");
  EXPECT_EQ(sniff("\xff\xff\xff\xff"sv), "bin");
  EXPECT_EQ(sniff("wvpk"sv), "wv");
  EXPECT_EQ(sniff("MAC \x96\x0f"sv), "ape");
  EXPECT_EQ(sniff("#!/bin/sh\nrm -rf /"sv), "bin");
  EXPECT_EQ(sniff("MZ\x90\0"sv), "bin");
  EXPECT_EQ(sniff(""sv), "bin");
  EXPECT_EQ(sniff("f"sv), "bin");
}

TEST(naming_test, NamesFromMetadata) {
  EXPECT_EQ(finished_name(some_mbid(), "Miles Davis", "So What", "flac"), "Miles Davis - So What.flac");
  EXPECT_EQ(finished_name(some_mbid(), "", "So What", "flac"), "So What.flac");
  EXPECT_EQ(finished_name(some_mbid(), "", "", "mp3"), "5b11f4ce-a62d-471e-81fc-a69a8278c7da.mp3");
  EXPECT_EQ(finished_name(some_mbid(), "", "...", "mp3"), "5b11f4ce-a62d-471e-81fc-a69a8278c7da.mp3");
  EXPECT_EQ(finished_name(some_mbid(), "Björk", "Jóga", "ogg"), "Björk - Jóga.ogg");
}

TEST(naming_test, MakesDangerousNamesHarmless) {
  EXPECT_EQ(safe_component("../../etc/passwd", "mp3"), "_.._etc_passwd.mp3");
  EXPECT_EQ(safe_component("a/b\\c:d*e?f\"g<h>i|j", "mp3"), "a_b_c_d_e_f_g_h_i_j.mp3");
  EXPECT_EQ(safe_component(std::string("a\0b\nc\x7f", 6), "mp3"), "abc.mp3");
  EXPECT_EQ(safe_component(".hidden", "mp3"), "hidden.mp3");
  EXPECT_EQ(safe_component("CON", "mp3"), "_CON.mp3");
  EXPECT_EQ(safe_component("com1.tar", "mp3"), "_com1.tar.mp3");
  EXPECT_EQ(safe_component("CON" + std::string(300, ' ') + "x", "mp3"), "_CON.mp3");
  EXPECT_EQ(safe_component("  . ", "mp3"), "_.mp3");
  EXPECT_EQ(safe_component("gpj.\xE2\x80\xAE"
                           "exe",
                           "mp3"),
            "gpj.exe.mp3")
      << "no change of direction";
  EXPECT_EQ(safe_component("a\xFF\xC0\xAF"
                           "b",
                           "mp3"),
            "a___b.mp3");
}

TEST(naming_test, CutsAtACharacter) {
  std::string long_title;
  for (int i = 0; i < 100; ++i) long_title += "\xE6\xBC\xA2";  // 3 bytes each
  const auto name = safe_component(long_title, "flac");
  EXPECT_LE(name.size(), max_file_name_bytes);
  EXPECT_GE(name.size(), max_file_name_bytes - 4);
  EXPECT_EQ((name.size() - 5) % 3, 0U);
}

bool valid_utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<std::uint8_t>(s[i]);
    const std::size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 0;
    if (n == 0 || i + n > s.size()) return false;
    for (std::size_t k = 1; k < n; ++k)
      if ((static_cast<std::uint8_t>(s[i + k]) & 0xC0) != 0x80) return false;
    i += n;
  }
  return true;
}

RC_GTEST_PROP(naming_test, AnyInputGivesASafeComponent, ()) {
  // Bytes, among them many that matter.
  const auto letter =
      rc::gen::oneOf(rc::gen::arbitrary<char>(),
                     rc::gen::elementOf(std::string("./\\: CONaux\xE2\x80\xAE\xC2\x85\xF0\x9F\x8E\xB5-1")));
  const auto text = rc::gen::container<std::string>(letter);
  const auto times = *rc::gen::inRange(1, 40);
  std::string artist = *text, title;
  for (int i = 0; i < times; ++i) title += *text;
  static const std::vector<std::string> extensions{"flac", "mp3", "bin", "m4a"};
  const auto extension = *rc::gen::elementOf(extensions);
  for (const auto& name :
       {finished_name(some_mbid(), artist, title, extension), safe_component(title, extension)}) {
    RC_ASSERT(storage::check_component(name).has_value());
    RC_ASSERT(name.size() <= max_file_name_bytes);
    RC_ASSERT(valid_utf8(name));
    RC_ASSERT(name.ends_with("." + extension));
    RC_ASSERT(name.size() > extension.size() + 1);
    RC_ASSERT(name[0] != '.' && name[0] != ' ');
    const auto stem = name.substr(0, name.size() - extension.size() - 1);
    RC_ASSERT(stem.back() != '.' && stem.back() != ' ');
    RC_ASSERT(name.find_first_of("/\\:*?\"<>|") == std::string::npos);
    for (const char c : name) RC_ASSERT(static_cast<std::uint8_t>(c) >= 0x20 && c != 0x7F);
    auto upper = stem.substr(0, stem.find('.'));
    for (auto& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    for (const auto* device : {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9"}) RC_ASSERT(upper != device);
  }
}

}  // namespace

}  // namespace vsf::swarm
