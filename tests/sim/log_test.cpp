#include <gtest/gtest.h>

#include "sample_log.hpp"

namespace vsf::sim {
namespace {

using testing::edited_log;
using testing::sample;

std::string text_of(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + '\n';
  return out;
}

result<run_log> read(const std::string& text) {
  std::istringstream in(text);
  return read_log(in, "a.ops");
}

std::string why(const std::string& text) {
  const auto log = read(text);
  return log ? "it was read" : log.error().message;
}

TEST(log, every_record_is_written_as_it_was_read) {
  std::set<std::size_t> kinds;
  for (const auto& line : sample().lines) {
    const auto parsed = parse_log_line(line);
    ASSERT_TRUE(parsed) << parsed.error().message << ": " << line;
    EXPECT_EQ(to_json_line(*parsed), line);
    kinds.insert(parsed->index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<log_record>) << "the sample lacks a kind of record";
}

TEST(log, names_file_line_and_reason) {
  auto lines = sample().lines;
  EXPECT_EQ(why(""), "a.ops:1: the log is empty");
  EXPECT_EQ(why(lines[1] + '\n'), "a.ops:1: a log begins with its run record");
  EXPECT_EQ(why(lines[0] + '\n' + lines[0] + '\n'), "a.ops:2: a second run record");
  EXPECT_EQ(why(lines[0] + "\n{\"record\":\"share\"}\n"), "a.ops:2: `node` is missing");
  EXPECT_EQ(why(lines[0] + "\n{\"record\":\"moon\"}\n"), "a.ops:2: `record` is moon, which is unknown");
  EXPECT_EQ(why(lines[0] + "\n[1]\n"), "a.ops:2: it is not a JSON object");
  const auto all = std::to_string(lines.size());
  lines.erase(lines.begin() + 5);
  EXPECT_NE(why(text_of(lines)).find("the end record speaks of " + all + " records"), std::string::npos);
  lines.pop_back();
  EXPECT_NE(why(text_of(lines)).find("ends without its end record"), std::string::npos);
  EXPECT_NE(read_log("/nowhere/a.ops").error().message.find("/nowhere/a.ops"), std::string::npos);
}

TEST(log, knows_only_the_nodes_of_the_run) {
  edited_log log;
  const auto ack = log.find(edited_log::kind("ack"));
  log.change(ack, [](auto& r) { r["holders"].push_back(14); });
  const auto read = log.read();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message,
            "sample:" + std::to_string(ack + 1) + ": there is no node 14, the run has 14");
}

/// One record of each kind and a few more, so that many damaged copies are read and judged fast.
std::vector<std::string> short_log() {
  std::vector<std::string> out;
  std::map<std::size_t, std::size_t> taken;
  for (const auto& line : sample().lines)
    if (taken[parse_log_line(line)->index()]++ < 20) out.push_back(line);
  auto end = testing::json::parse(out.back());
  end["records"] = out.size();
  out.back() = end.dump();
  return out;
}

TEST(log, no_truncation_is_taken_for_a_whole_log) {
  const auto whole = text_of(short_log());
  ASSERT_TRUE(read(whole));
  for (std::size_t size = 0; size + 1 < whole.size(); size += 1 + size % 97)
    EXPECT_FALSE(read(whole.substr(0, size))) << size;
}

TEST(log, damaged_logs_are_refused_or_judged) {
  const auto lines = short_log();
  crypto::seeded_random random(23);
  std::size_t refused = 0, judged = 0, violated = 0;
  for (int round = 0; round < 1500; ++round) {
    auto damaged = lines;
    for (auto flips = 1 + random.below(3); flips > 0; --flips) {
      auto& line = damaged[random.below(damaged.size())];
      const auto at = random.below(line.size());
      switch (random.below(4)) {
        case 0:
          line[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          line[at] = static_cast<char>('0' + random.below(10));
          break;
        case 2:
          line.resize(at + 1);
          break;
        default:
          std::swap(line, damaged[random.below(damaged.size())]);
      }
    }
    const auto log = read(text_of(damaged));
    if (!log) {
      ++refused;
      EXPECT_EQ(log.error().message.find("a.ops:"), 0u);
      continue;
    }
    ++judged;
    const auto verdict = check(*log);
    if (verdict && !verdict->good()) ++violated;
  }
  EXPECT_GT(refused, 100u);
  EXPECT_GT(judged, 50u);
  EXPECT_GT(violated, 20u);
}

TEST(log, listening_changes_nothing_that_is_sent) {
  const auto plan = parse_scenario(testing::sample_plan, "sample").value();
  for (const std::uint64_t schedule_seed : {0u, 9u}) {
    const auto heard = testing::simulate(plan, 4, schedule_seed, true);
    const auto unheard = testing::simulate(plan, 4, schedule_seed, false);
    EXPECT_EQ(heard.trace_hash, unheard.trace_hash) << schedule_seed;
    EXPECT_EQ(heard.metrics, unheard.metrics);
    EXPECT_GT(heard.lines.size(), 100u);
    EXPECT_TRUE(unheard.lines.empty());
  }
}

}  // namespace
}  // namespace vsf::sim
