#include "gateway/cli/download_view.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "gateway/cli/terminal.hpp"

namespace {

using namespace vsf::cli;
using nlohmann::json;
using lines = std::vector<std::string>;

json three_sources() {
  return json::parse(R"({"bytes_total": 1000, "sources": [
    {"address": "10.0.0.1:50315", "state": "lost", "bytes": 0, "reason": "it hung up"},
    {"address": "10.0.0.2:50315", "state": "active", "bytes": 455, "rate_bytes_per_s": 1200000, "bad_leaves": 0, "reason": null},
    {"address": "10.0.0.3:50315", "state": "banned", "bytes": 20, "rate_bytes_per_s": 0, "bad_leaves": 1,
     "reason": "sent bytes that are not the file's"}]})");
}

/// What a terminal shows that was sent these bytes: rows without trailing spaces. Knows what live_lines uses.
class tiny_terminal {
 public:
  void send(const std::string& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] == '\x1b') {
        const auto end = bytes.find_first_of("AJK", i);
        obey(bytes[end], bytes.substr(i + 2, end - i - 2));
        i = end;
      } else if (bytes[i] == '\r') {
        column_ = 0;
      } else if (bytes[i] == '\n') {
        ++row_;
        column_ = 0;
      } else {
        auto& line = row(row_);
        line.resize(std::max(line.size(), column_), ' ');
        line.replace(column_++, 1, 1, bytes[i]);
      }
    }
  }
  lines shown() {
    auto out = rows_;
    while (!out.empty() && out.back().empty()) out.pop_back();
    return out;
  }
  std::size_t at() const { return row_; }

 private:
  std::string& row(std::size_t n) {
    if (rows_.size() <= n) rows_.resize(n + 1);
    return rows_[n];
  }
  void obey(char what, const std::string& argument) {
    if (what == 'A') row_ -= std::stoul(argument);
    if (what == 'K' || what == 'J') row(row_).resize(std::min(row(row_).size(), column_));
    if (what == 'J') rows_.resize(row_ + 1);
  }
  lines rows_;
  std::size_t row_ = 0, column_ = 0;
};

TEST(source_lines, tell_what_each_gives_and_mark_the_culprit) {
  EXPECT_EQ(source_lines(three_sources(), 10),
            (lines{"  10.0.0.3:50315  banned  0 B/s     2%   1 bad leaf  <- CULPRIT: sent bytes that are not "
                   "the file's",
                   "  10.0.0.2:50315  active  1.2 MB/s  45%",
                   "  10.0.0.1:50315  lost    0 B/s     0%               it hung up"}));
}

TEST(source_lines, that_do_not_fit_are_counted) {
  EXPECT_EQ(source_lines(three_sources(), 3).size(), 3u);
  const auto two = source_lines(three_sources(), 2);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_NE(two[0].find("CULPRIT"), std::string::npos) << "what matters most stays";
  EXPECT_EQ(two[1], "  and 2 more");
  EXPECT_TRUE(source_lines(three_sources(), 0).empty());
}

TEST(source_lines, of_something_else_do_no_harm) {
  EXPECT_TRUE(source_lines(nullptr, 5).empty());
  EXPECT_TRUE(source_lines(json{{"sources", 7}}, 5).empty());
  EXPECT_EQ(source_lines(json::parse(R"({"sources": [null, {"state": "act\u001b[2Jive", "bytes": -1}]})"), 5),
            (lines{"  address unknown  unknown     0 B/s  -",
                   "  address unknown  act\xEF\xBF\xBD[2Jive  0 B/s  -"}));
}

TEST(culprits, are_those_that_are_banned) {
  EXPECT_EQ(culprits_of(three_sources()),
            (lines{"10.0.0.3:50315 is banned: sent bytes that are not the file's"}));
  EXPECT_EQ(culprits_of(json::parse(R"({"sources": [{"state": "banned"}]})")),
            (lines{"a source of unknown address is banned: it sent bytes that are not the file's"}));
  EXPECT_TRUE(culprits_of(nullptr).empty());
}

TEST(live_lines, replace_what_stood_there) {
  tiny_terminal screen;
  screen.send("before\n");
  live_lines live;
  EXPECT_EQ(live.clear(), "");
  screen.send(live.show({"one long line", "two", "three"}, 80));
  EXPECT_EQ(screen.shown(), (lines{"before", "one long line", "two", "three"}));
  screen.send(live.show({"one", "2"}, 80));
  EXPECT_EQ(screen.shown(), (lines{"before", "one", "2"}));
  screen.send(live.show({"a", "b", "c", "d"}, 80));
  EXPECT_EQ(screen.shown(), (lines{"before", "a", "b", "c", "d"}));
  screen.send(live.clear());
  EXPECT_EQ(screen.shown(), (lines{"before"}));
  EXPECT_EQ(screen.at(), 1u) << "what is written next begins where the lines did";
  EXPECT_EQ(live.clear(), "");
}

TEST(live_lines, never_reach_the_last_column) {
  live_lines live;
  tiny_terminal screen;
  screen.send(live.show({std::string(200, 'x'), "y"}, 21));
  ASSERT_EQ(screen.shown().size(), 2u);
  EXPECT_EQ(width_of(screen.shown()[0]), 20u);
}

TEST(live_lines, show_the_last_lines_whatever_came_before) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& heights) {
    tiny_terminal screen;
    live_lines live;
    for (const auto h : heights) {
      lines wanted;
      for (int i = 0; i <= h % 7; ++i)
        wanted.push_back("line " + std::to_string(i) + " of " + std::to_string(h));
      screen.send(live.show(wanted, 80));
      RC_ASSERT(screen.shown() == wanted);
    }
  }));
}

}  // namespace
