#include "sim/report_parts.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "sim/latency_model.hpp"

namespace vsf::sim {

namespace {

constexpr double width = 1000, left = 50, right = 20, top = 24, bottom = 34;
constexpr std::size_t bins = 120;
constexpr std::size_t steps = 200;

struct svg {
  std::ostringstream out;
  double height;

  explicit svg(double h, const std::string& label) : height(h) {
    out << "<svg viewBox=\"0 0 " << width << ' ' << h << "\" role=\"img\" aria-label=\"" << escaped(label)
        << "\">";
  }
  double x(double share) const { return left + share * (width - left - right); }
  double y(double share) const { return height - bottom - share * (height - top - bottom); }
  void rect(double x0, double y0, double x1, double y1, const char* css) {
    out << "<rect class=\"" << css << "\" x=\"" << fixed(x0, 1) << "\" y=\"" << fixed(y1, 1) << "\" width=\""
        << fixed(std::max(0.0, x1 - x0), 1) << "\" height=\"" << fixed(std::max(0.0, y0 - y1), 1) << "\"/>";
  }
  void line(double x0, double y0, double x1, double y1, const char* css) {
    out << "<line class=\"" << css << "\" x1=\"" << fixed(x0, 1) << "\" y1=\"" << fixed(y0, 1) << "\" x2=\""
        << fixed(x1, 1) << "\" y2=\"" << fixed(y1, 1) << "\"/>";
  }
  void text(double at_x, double at_y, const std::string& what, const char* anchor = "middle") {
    out << "<text x=\"" << fixed(at_x, 1) << "\" y=\"" << fixed(at_y, 1) << "\" text-anchor=\"" << anchor
        << "\">" << escaped(what) << "</text>";
  }
  /// Time or another quantity along the bottom, in five parts.
  void axis(double most, const std::string& unit) {
    line(x(0), y(0), x(1), y(0), "axis");
    for (int i = 0; i <= 5; ++i)
      text(x(i / 5.0), height - bottom + 18, fixed(most * i / 5, most < 20 ? 1 : 0) + ' ' + unit,
           i == 5 ? "end" : "middle");
  }
  std::string take() {
    out << "</svg>";
    return out.str();
  }
};

struct bin {
  std::size_t good = 0, unavailable = 0, failed = 0;
  std::size_t all() const { return good + unavailable + failed; }
};

void draw_faults(svg& page, const run_log& log, double end_us) {
  std::size_t row = 0;
  for (const auto& record : log.records) {
    const auto* f = std::get_if<fault_record>(&record);
    if (f == nullptr) continue;
    const auto at = page.x(std::min(1.0, static_cast<double>(f->at_us) / end_us));
    page.out << "<g><title>" << escaped(f->what) << " of " << f->nodes.size() << " nodes at "
             << fixed(static_cast<double>(f->at_us) / 1e6, 1) << " s</title>";
    page.line(at, page.y(0), at, top, "fault");
    page.out << "</g>";
    page.text(at + 3, top + 10 + 12 * static_cast<double>(row++ % 4), f->what, "start");
  }
}

void draw_population(svg& page, const run_log& log, double end_us) {
  const auto nodes = static_cast<double>(log.run().nodes);
  std::ostringstream points;
  std::size_t up = 0;
  points << fixed(page.x(0), 1) << ',' << fixed(page.y(0), 1);
  const auto mark = [&](double share_of_time) {
    points << ' ' << fixed(page.x(std::min(1.0, share_of_time)), 1) << ','
           << fixed(page.y(static_cast<double>(up) / nodes), 1);
  };
  std::vector<bool> is_up(log.run().nodes);
  for (const auto& record : log.records) {
    const auto* n = std::get_if<node_record>(&record);
    if (n == nullptr || is_up[n->node] == (n->what == "up")) continue;
    mark(static_cast<double>(n->at_us) / end_us);
    is_up[n->node] = n->what == "up";
    up = is_up[n->node] ? up + 1 : up - 1;
    mark(static_cast<double>(n->at_us) / end_us);
  }
  mark(1);
  page.out << "<polyline class=\"population\" points=\"" << points.str() << "\"/>";
}

constexpr std::array<const char*, latency::regions.size()> region_names{
    "North America, east", "North America, west", "Europe",  "East Asia", "South Asia",
    "Southeast Asia",      "South America",       "Oceania", "Africa"};

enum class standing : std::uint8_t { never_up, up, up_again, cut, killed };
constexpr std::array<const char*, 5> standing_css{"never", "up", "again", "cut", "killed"};
constexpr std::array<const char*, 5> standing_text{"never started", "up", "up again after a stop",
                                                   "lost power", "process killed"};

std::vector<standing> standings(const run_log& log) {
  std::vector<standing> out(log.run().nodes, standing::never_up);
  for (const auto& record : log.records)
    if (const auto* n = std::get_if<node_record>(&record)) {
      auto& s = out[n->node];
      if (n->what == "up")
        s = s == standing::never_up ? standing::up : standing::up_again;
      else
        s = n->what == "power_cut" ? standing::cut : standing::killed;
    }
  return out;
}

}  // namespace

bool is_failure(const operation& op) {
  return op.end != operation::outcome::ok && op.end != operation::outcome::node_died &&
         !(op.holders_alive.empty() && op.end != operation::outcome::wrong &&
           op.end != operation::outcome::fake);
}

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string draw_timeline(const run_log& log) {
  const auto end_us = std::max(1.0, static_cast<double>(log.end_us()));
  std::vector<bin> all(bins);
  for (const auto& record : log.records) {
    const auto* op = std::get_if<operation>(&record);
    if (op == nullptr) continue;
    const auto share = static_cast<double>(op->started_us + op->elapsed_us) / end_us;
    auto& b = all[std::min(bins - 1, static_cast<std::size_t>(std::min(1.0, share) * bins))];
    if (is_failure(*op))
      ++b.failed;
    else
      ++(op->end == operation::outcome::ok ? b.good : b.unavailable);
  }
  std::size_t most = 1;
  for (const auto& b : all) most = std::max(most, b.all());
  svg page(300, "operations over time");
  for (std::size_t i = 0; i < bins; ++i) {
    const auto x0 = page.x(static_cast<double>(i) / bins), x1 = page.x(static_cast<double>(i + 1) / bins) - 1;
    const auto at = [&](std::size_t n) { return page.y(static_cast<double>(n) / static_cast<double>(most)); };
    const auto& b = all[i];
    page.rect(x0, at(0), x1, at(b.failed), "bad");
    page.rect(x0, at(b.failed), x1, at(b.failed + b.unavailable), "none");
    page.rect(x0, at(b.failed + b.unavailable), x1, at(b.all()), "good");
  }
  draw_population(page, log, end_us);
  draw_faults(page, log, end_us);
  page.text(left - 6, page.y(1) + 4, std::to_string(most), "end");
  page.text(left - 6, page.y(0) + 4, "0", "end");
  page.axis(end_us / 1e6, "s");
  return page.take();
}

std::string draw_distribution(const run_log& log, operation::kind what) {
  std::vector<double> ms;
  for (const auto& record : log.records)
    if (const auto* op = std::get_if<operation>(&record);
        op != nullptr && op->what == what && op->end == operation::outcome::ok)
      ms.push_back(static_cast<double>(op->elapsed_us) / 1000);
  std::sort(ms.begin(), ms.end());
  svg page(260, std::string("time of a ") + name_of(what));
  const auto most = ms.empty() ? 1.0 : std::max(1.0, ms.back());
  for (const auto share : {0.5, 0.95, 1.0}) {
    page.line(page.x(0), page.y(share), page.x(1), page.y(share), "grid");
    page.text(left - 6, page.y(share) + 4, fixed(share * 100, 0) + " %", "end");
  }
  std::ostringstream points;
  points << fixed(page.x(0), 1) << ',' << fixed(page.y(0), 1);
  // A few hundred points draw the same line as a hundred thousand.
  for (std::size_t i = 0; i < std::min(ms.size(), steps); ++i) {
    const auto rank = ms.size() <= steps ? i : (i + 1) * ms.size() / steps - 1;
    points << ' ' << fixed(page.x(ms[rank] / most), 1) << ','
           << fixed(page.y(static_cast<double>(rank + 1) / static_cast<double>(ms.size())), 1);
  }
  page.out << "<polyline class=\"curve\" points=\"" << points.str() << "\"/>";
  page.axis(most, "ms");
  return page.take();
}

std::string draw_map(const run_log& log) {
  // The two axes along which the model's regions lie furthest apart.
  constexpr double reach_us = 150'000;
  svg page(640, "nodes on the latency model's map");
  const auto x_of = [&](std::int32_t us) { return page.x(std::clamp(0.5 + us / (2 * reach_us), 0.0, 1.0)); };
  const auto y_of = [&](std::int32_t us) { return page.y(std::clamp(0.5 + us / (2 * reach_us), 0.0, 1.0)); };
  for (std::size_t i = 0; i < latency::regions.size(); ++i) {
    const auto& centre = latency::regions[i].centre_us;
    page.text(x_of(centre[1]), y_of(centre[2]) - 40, region_names[i]);
  }
  const auto states = standings(log);
  for (std::size_t node = 0; node < states.size(); ++node) {
    const auto place = latency::place_of(log.run().seed, node);
    const auto state = static_cast<std::size_t>(states[node]);
    page.out << "<circle class=\"" << standing_css[state] << "\" cx=\""
             << fixed(x_of(place.position_us[1]), 1) << "\" cy=\"" << fixed(y_of(place.position_us[2]), 1)
             << "\" r=\"4\"><title>node " << node << ", " << standing_text[state] << ", access delay "
             << fixed(place.access_us / 1000.0, 1) << " ms</title></circle>";
  }
  for (std::size_t state = 0; state < standing_css.size(); ++state) {
    const auto y = top + 16 * static_cast<double>(state);
    const auto count = std::count(states.begin(), states.end(), static_cast<standing>(state));
    page.out << "<circle class=\"" << standing_css[state] << "\" cx=\"" << left << "\" cy=\"" << y - 4
             << "\" r=\"4\"/>";
    page.text(left + 10, y, standing_text[state] + std::string(": ") + std::to_string(count), "start");
  }
  return page.take();
}

}  // namespace vsf::sim
