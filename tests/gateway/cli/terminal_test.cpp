#include "gateway/cli/terminal.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace {

using namespace vsf::cli;
using namespace std::chrono_literals;

TEST(printable, leaves_ordinary_text_alone) {
  for (const std::string text : {"", "Bj\xC3\xB6rk", "\xE5\x9D\x82\xE6\x9C\xAC", "\xF0\x9F\x8E\xB5", "a b-c"})
    EXPECT_EQ(printable(text), text);
}

TEST(printable, disarms_what_terminals_obey) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\xEF\xBF\xBD[31mb");
  EXPECT_EQ(printable("\r\n\t\x7f"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(printable("\xC2\x9B"), "\xEF\xBF\xBD") << "CSI as one character";
  EXPECT_EQ(printable("\xE2\x80\xAE"), "\xEF\xBF\xBD") << "right-to-left override";
  EXPECT_EQ(printable("\xE2\x80\xA8"), "\xEF\xBF\xBD") << "line separator";
}

TEST(printable, replaces_broken_bytes_one_by_one) {
  EXPECT_EQ(printable("\xff"), "\xEF\xBF\xBD");
  EXPECT_EQ(printable("\xC3("), "\xEF\xBF\xBD(");
  EXPECT_EQ(printable("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "overlong";
  EXPECT_EQ(printable("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") << "surrogate";
  EXPECT_EQ(printable("\xF4\x90\x80\x80").size(), 12u) << "beyond Unicode";
  EXPECT_EQ(printable("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "cut off";
}

TEST(printable, of_anything_is_safe_and_done_once) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const auto once = printable(text);
    for (const char c : once) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    RC_ASSERT(printable(once) == once);
  }));
}

TEST(json_members, that_are_missing_or_strange_are_nothing) {
  const nlohmann::json object{{"text", "a\x1b"}, {"null", nullptr}, {"number", 7},
                              {"minus", -7},     {"list", {1, 2}},  {"yes", true}};
  EXPECT_EQ(text_of(object, "text"), "a\xEF\xBF\xBD");
  EXPECT_EQ(text_of(object, "null", "-"), "-");
  EXPECT_EQ(text_of(object, "number", "-"), "-");
  EXPECT_EQ(text_of(nullptr, "text", "-"), "-");
  EXPECT_EQ(number_of(object, "number"), 7u);
  EXPECT_EQ(number_of(object, "minus"), 0u);
  EXPECT_EQ(number_of(object, "text"), 0u);
  EXPECT_EQ(list_of(object, "list").size(), 2u);
  EXPECT_TRUE(list_of(object, "text").empty());
  EXPECT_TRUE(flag_of(object, "yes"));
  EXPECT_FALSE(flag_of(object, "number"));
}

TEST(json_text_for_terminals, is_ascii) {
  const auto out = json_text({{"a", "\xC2\x9B\x1b\xff\xF0\x9F\x8E\xB5"}});
  EXPECT_TRUE(std::all_of(out.begin(), out.end(), [](char c) { return c >= 0x20 && c < 0x7f; })) << out;
}

TEST(human, bytes_and_durations) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.0 kB");
  EXPECT_EQ(human_bytes(999'949), "999.9 kB");
  EXPECT_EQ(human_bytes(999'950), "1.0 MB");
  EXPECT_EQ(human_bytes(12'345'678), "12.3 MB");
  EXPECT_EQ(human_bytes(~std::uint64_t{0}), "18.4 EB");
  EXPECT_EQ(human_duration(59), "59 s");
  EXPECT_EQ(human_duration(185), "3 min 05 s");
  EXPECT_EQ(human_duration(7'380), "2 h 03 min");
  EXPECT_EQ(human_duration(370'800), "4 d 07 h");
}

TEST(columns, line_up_by_characters_not_bytes) {
  EXPECT_EQ(table({{"A", "B"}, {"\xC3\xA9\xC3\xA9\xC3\xA9", "x"}}), "A    B\n\xC3\xA9\xC3\xA9\xC3\xA9  x\n");
  EXPECT_EQ(clipped("abcdef", 4), "abc\xE2\x80\xA6");
  EXPECT_EQ(clipped("abcd", 4), "abcd");
  const auto wide = table({{std::string(500, 'x'), "end"}});
  EXPECT_LT(wide.size(), 80u);
  EXPECT_NE(wide.find("end"), std::string::npos);
}

TEST(progress, tells_part_rate_and_time_left) {
  EXPECT_EQ(progress_text(25, 100, 15, 1), "[#####---------------]  25%  15 B/s  ETA 5 s  1 source");
  EXPECT_EQ(progress_text(0, 0, 0, 0), "[--------------------]   0%  0 B/s  ETA -  0 sources");
  EXPECT_EQ(progress_text(100, 100, 10, 2), "[####################] 100%  10 B/s  ETA 0 s  2 sources");
  EXPECT_NE(progress_text(200, 100, 10, 2).find("100%"), std::string::npos);
  EXPECT_NE(progress_text(99'999, 100'000, 10, 2).find(" 99%"), std::string::npos) << "100% means done";
}

TEST(rate, is_that_of_the_last_seconds) {
  rate_meter meter;
  const rate_meter::clock::time_point start{};
  EXPECT_EQ(meter.bytes_per_second(), 0u);
  for (int i = 0; i <= 100; ++i) meter.add(start + i * 100ms, static_cast<std::uint64_t>(i) * 1000);
  EXPECT_EQ(meter.bytes_per_second(), 10'000u);
  for (int i = 1; i <= 100; ++i)
    meter.add(start + 10s + i * 100ms, 100'000 + static_cast<std::uint64_t>(i) * 5000);
  EXPECT_EQ(meter.bytes_per_second(), 50'000u);
  meter.add(start + 30s, 10);
  EXPECT_EQ(meter.bytes_per_second(), 0u) << "a download that began again";
}

}  // namespace
