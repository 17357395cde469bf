#include "sim/run_diff.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include <nlohmann/json.hpp>

namespace vsf::sim {

namespace {

std::string text_of(const std::optional<double>& value) {
  if (!value) return "-";
  std::ostringstream out;
  out << std::setprecision(10) << *value;
  return out.str();
}

std::string change_of(const diff_row& row) {
  if (!row.before) return "new";
  if (!row.after) return "gone";
  const auto percent = row.change_percent();
  if (!percent) return "from 0";
  std::ostringstream out;
  out << std::showpos << std::fixed << std::setprecision(2) << *percent << " %";
  return out.str();
}

}  // namespace

std::optional<double> diff_row::change_percent() const {
  if (!before || !after) return std::nullopt;
  if (*before == *after) return 0;
  if (*before == 0) return std::nullopt;
  return (*after - *before) / std::fabs(*before) * 100;
}

result<metric_map> read_metrics(const std::string& result_json) {
  const auto said = nlohmann::json::parse(result_json, nullptr, false);
  if (!said.is_object() || !said.contains("metrics") || !said["metrics"].is_object())
    return fail("it is no JSON object with `metrics`, as vsf-sim run --json writes it");
  metric_map out;
  for (const auto& [name, value] : said["metrics"].items()) {
    if (!value.is_number()) return fail("the metric " + name + " is no number");
    out[name] = value.get<double>();
  }
  return out;
}

std::vector<diff_row> diff(const metric_map& before, const metric_map& after) {
  std::map<std::string, diff_row> rows;
  for (const auto& [name, value] : before) rows[name].before = value;
  for (const auto& [name, value] : after) rows[name].after = value;
  std::vector<diff_row> out;
  for (auto& [name, row] : rows) {
    row.metric = name;
    out.push_back(row);
  }
  return out;
}

std::string to_text(const std::vector<diff_row>& rows) {
  std::size_t width = 6;
  for (const auto& row : rows) width = std::max(width, row.metric.size());
  std::ostringstream out;
  const auto line = [&](const std::string& a, const std::string& b, const std::string& c,
                        const std::string& d) {
    out << std::left << std::setw(static_cast<int>(width)) << a << std::right << std::setw(18) << b
        << std::setw(18) << c << std::setw(14) << d << '\n';
  };
  line("metric", "before", "after", "change");
  for (const auto& row : rows) line(row.metric, text_of(row.before), text_of(row.after), change_of(row));
  return out.str();
}

std::vector<std::string> beyond(const std::vector<diff_row>& rows, double percent) {
  std::vector<std::string> out;
  for (const auto& row : rows) {
    const auto change = row.change_percent();
    if (!change || std::fabs(*change) > percent) out.push_back(row.metric);
  }
  return out;
}

}  // namespace vsf::sim
