#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "gateway/render.hpp"
#include "tests/gateway/sample_records.hpp"

namespace {

using namespace vsf;
using namespace vsf::gateway;
using namespace vsf::gateway::test;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

/// Breaches of the text format of Prometheus (exposition format 0.0.4).
std::vector<std::string> breaches(const std::string& text) {
  static const std::regex help(R"(# HELP [a-zA-Z_:][a-zA-Z0-9_:]* .*)");
  static const std::regex type(
      R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped))");
  static const std::regex sample(
      R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(\\[\\n"]|[^"\\])*"(,[a-zA-Z_][a-zA-Z0-9_]*="(\\[\\n"]|[^"\\])*")*,?\})? [-+0-9.eE]+)");
  std::vector<std::string> out;
  std::set<std::string> typed;
  std::set<std::string> series;
  for (const auto& line : lines_of(text)) {
    std::smatch match;
    if (std::regex_match(line, match, type)) {
      if (!typed.insert(match[1]).second) out.push_back("typed twice: " + line);
    } else if (std::regex_match(line, match, sample)) {
      if (typed.count(match[1]) == 0) out.push_back("untyped: " + line);
      if (!series.insert(line.substr(0, line.rfind(' '))).second) out.push_back("twice: " + line);
    } else if (!std::regex_match(line, help)) {
      out.push_back("malformed: " + line);
    }
  }
  if (text.empty() || text.back() != '\n') out.push_back("the last line has no end");
  return out;
}

TEST(metrics, are_in_the_text_format) {
  const auto out = render_metrics(*pack<fb::NodeStatus>(full_status()));
  EXPECT_EQ(out.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(breaches(out.body), std::vector<std::string>{});
}

TEST(metrics, carry_what_the_components_count) {
  const auto lines = lines_of(render_metrics(*pack<fb::NodeStatus>(full_status())).body);
  const std::set<std::string> all(lines.begin(), lines.end());
  for (const auto* line : {"vsf_ready 1", "vsf_uptime_seconds 90.5", "vsf_peers 1",
                           "vsf_shadow_index_publisher_leaves_refused_total{reason=\"bad_mac\"} 12",
                           "vsf_shadow_index_publisher_keys_alive -4",
                           "vsf_mailbox_messages{component=\"shadow_index/publisher\"} 3",
                           "# TYPE vsf_shadow_index_publisher_leaves_refused_total counter",
                           "# TYPE vsf_shadow_index_publisher_keys_alive gauge"})
    EXPECT_EQ(all.count(line), 1u) << line;
}

TEST(metrics, series_of_one_name_stand_together) {
  auto status = full_status();
  auto second = std::make_unique<fb::ComponentReportT>();
  second->path = "dht";
  status.reports.push_back(std::move(second));
  auto counter = std::make_unique<fb::CounterT>();
  counter->name = "leaves refused";
  counter->label = "reason=\"too_old\"";
  status.reports.front()->counters.push_back(std::move(counter));
  const auto out = render_metrics(*pack<fb::NodeStatus>(status)).body;
  EXPECT_EQ(breaches(out), std::vector<std::string>{});
  std::vector<std::string> order;
  for (const auto& line : lines_of(out)) {
    const auto name = line.substr(0, line.find_first_of("{ "));
    if (line.front() != '#' && (order.empty() || order.back() != name)) order.push_back(name);
  }
  EXPECT_EQ(std::set<std::string>(order.begin(), order.end()).size(), order.size());
}

TEST(metrics, hostile_labels_stay_inside_their_quotes) {
  auto status = full_status();
  status.reports.front()->counters.front()->label = "reason=\"a\\\nvsf_ready 7\"";
  status.reports.front()->path = "x\"} evil 1";
  EXPECT_EQ(breaches(render_metrics(*pack<fb::NodeStatus>(status)).body), std::vector<std::string>{});
}

TEST(metrics, of_an_empty_status) {
  const auto out = render_metrics(*pack<fb::NodeStatus>({})).body;
  EXPECT_EQ(breaches(out), std::vector<std::string>{});
  EXPECT_NE(out.find("vsf_ready 0\n"), std::string::npos);
}

}  // namespace
