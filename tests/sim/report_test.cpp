#include "sim/report.hpp"

#include <gtest/gtest.h>

#include "sample_log.hpp"
#include "sim/report_parts.hpp"
#include "sim/run_diff.hpp"

namespace vsf::sim {
namespace {

using testing::edited_log;
using testing::json;

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t out = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++out;
  return out;
}

std::string page_of(edited_log& log) {
  const auto read = log.read().value();
  return html_report(read, check(read).value());
}

TEST(report, is_complete_in_itself) {
  edited_log log;
  const auto page = page_of(log);
  for (const auto* outside : {"http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  for (const auto* tag : {"svg", "table", "tr", "td", "g", "p", "pre", "body", "html"})
    EXPECT_EQ(count(page, '<' + std::string(tag) + '>') + count(page, '<' + std::string(tag) + ' '),
              count(page, "</" + std::string(tag) + '>'))
        << tag;
  EXPECT_EQ(count(page, "nan") + count(page, "inf,"), 0u);
}

TEST(report, shows_faults_nodes_and_metrics) {
  edited_log log;
  const auto page = page_of(log);
  EXPECT_EQ(count(page, "class=\"fault\""), 3u);
  EXPECT_EQ(count(page, ">kill_actor</text>"), 1u);
  const auto dots = draw_map(log.read().value());
  EXPECT_EQ(count(dots, "<title>node "), 14u);
  EXPECT_EQ(count(dots, "process killed, access"), 1u);
  EXPECT_EQ(count(dots, "up again after a stop, access"), 2u);
  for (const auto& [name, value] : testing::sample().metrics)
    EXPECT_NE(page.find("<td>" + name + "</td>"), std::string::npos) << name;
  EXPECT_NE(page.find("<td>at least 0.1</td>"), std::string::npos);
  EXPECT_NE(page.find("Nothing of it happened."), std::string::npos);
}

TEST(report, shows_why_an_operation_failed) {
  edited_log log;
  const auto line =
      log.find([](const json& r) { return r.value("op", "") == "download" && r["outcome"] == "ok"; });
  log.change(line, [](json& r) {
    r["outcome"] = "failed";
    r["reason"] = "<b>nobody & nothing</b>";
    r.erase("sha256");
  });
  const auto page = page_of(log);
  EXPECT_NE(page.find("&lt;b&gt;nobody &amp; nothing&lt;/b&gt;"), std::string::npos);
  EXPECT_EQ(page.find("<b>"), std::string::npos);
}

TEST(report, shows_violations) {
  edited_log log;
  log.insert(log.end(), to_json_line(restart_record{1'000'000, 3, "dht", "out of range"}));
  const auto page = page_of(log);
  EXPECT_NE(page.find("<td>dht was restarted with no fault: out of range</td>"), std::string::npos);
  EXPECT_EQ(page.find("Nothing of it happened."), std::string::npos);
}

TEST(report, a_distribution_ends_at_everybody) {
  edited_log log;
  const auto drawn = draw_distribution(log.read().value(), operation::kind::resolve);
  EXPECT_NE(drawn.find("980.0,24.0\"/>"), std::string::npos) << "the slowest is the right upper corner";
}

TEST(report, an_empty_run_can_be_drawn) {
  edited_log log;
  log.lines = {log.lines.front(), log.lines.back()};
  const auto page = page_of(log);
  EXPECT_EQ(count(page, "<svg"), 4u);
  EXPECT_EQ(count(page, "nan"), 0u);
}

TEST(run_diff, puts_metrics_side_by_side) {
  const auto rows =
      diff({{"a", 10}, {"b", 0}, {"c", 0}, {"gone", 1}}, {{"a", 9}, {"b", 0}, {"c", 2}, {"new", 1}});
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_DOUBLE_EQ(*rows[0].change_percent(), -10);
  EXPECT_DOUBLE_EQ(*rows[1].change_percent(), 0);
  EXPECT_FALSE(rows[2].change_percent());
  const auto text = to_text(rows);
  for (const auto* word : {"-10.00 %", "from 0", "gone", "new"})
    EXPECT_NE(text.find(word), std::string::npos) << word << '\n' << text;
}

TEST(run_diff, tells_what_changed_by_more) {
  const auto rows = diff({{"a", 100}, {"b", 100}, {"c", 0}, {"gone", 1}}, {{"a", 105}, {"b", 94}, {"c", 1}});
  EXPECT_EQ(beyond(rows, 5), (std::vector<std::string>{"b", "c", "gone"}));
  EXPECT_EQ(beyond(rows, 4.9), (std::vector<std::string>{"a", "b", "c", "gone"}));
}

TEST(run_diff, reads_results_only) {
  EXPECT_EQ(read_metrics(R"({"metrics": {"a": 1.5}})").value(), (metric_map{{"a", 1.5}}));
  EXPECT_FALSE(read_metrics(R"({"metrics": {"a": "x"}})"));
  EXPECT_FALSE(read_metrics(R"({"metric": {}})"));
  EXPECT_FALSE(read_metrics("["));
}

}  // namespace
}  // namespace vsf::sim
