#include "sim/report.hpp"

#include <sstream>

#include "sim/report_parts.hpp"
#include "sim/scenario.hpp"

namespace vsf::sim {

namespace {

constexpr std::size_t max_rows = 1000;

constexpr const char* style = R"(
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;max-width:1040px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.2em .6em;border-bottom:1px solid #8884;vertical-align:top;overflow-wrap:anywhere}
td.number{text-align:right;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;background:#8881}
svg text{font:12px system-ui,sans-serif;fill:currentColor}
.axis{stroke:currentColor}.grid{stroke:#8886;stroke-dasharray:3 3}
.good{fill:#3a9}.none{fill:#aaa}.bad{fill:#d33}
.fault{stroke:#c50;stroke-dasharray:4 2;stroke-width:1.5}
.population{fill:none;stroke:#46c;stroke-width:1.5}.curve{fill:none;stroke:#46c;stroke-width:2}
.never{fill:#aaa}.up{fill:#3a9}.again{fill:#46c}.cut{fill:#d33}.killed{fill:#e92}
.yes{color:#287}.no{color:#d33;font-weight:600}
pre{background:#8881;padding:.8em;overflow:auto}
)";

class page {
 public:
  std::string take() { return out_.str(); }
  page& raw(const std::string& html) {
    out_ << html << '\n';
    return *this;
  }
  page& heading(const std::string& text) { return raw("<h2>" + escaped(text) + "</h2>"); }
  page& paragraph(const std::string& text) { return raw("<p>" + escaped(text) + "</p>"); }
  page& begin_table(const std::vector<std::string>& columns) {
    out_ << "<table><tr>";
    for (const auto& c : columns) out_ << "<th>" << escaped(c) << "</th>";
    out_ << "</tr>\n";
    return *this;
  }
  page& row(const std::vector<std::string>& cells, const char* css = nullptr) {
    out_ << "<tr" << (css == nullptr ? "" : " class=\"" + std::string(css) + '"') << '>';
    for (const auto& c : cells) out_ << "<td>" << escaped(c) << "</td>";
    out_ << "</tr>\n";
    return *this;
  }
  page& end_table() { return raw("</table>"); }

 private:
  std::ostringstream out_;
};

std::string seconds_text(std::uint64_t us) { return fixed(static_cast<double>(us) / 1e6, 3) + " s"; }

std::string number_text(double value) {
  std::ostringstream out;
  out.precision(10);
  out << value;
  return out.str();
}

std::string wanted(const expectation& e) {
  std::string out;
  if (e.at_least) out += "at least " + number_text(*e.at_least);
  if (e.at_most) out += (out.empty() ? "at most " : ", at most ") + number_text(*e.at_most);
  return out;
}

bool holds(const expectation& e, const std::map<std::string, double>& metrics) {
  const auto at = metrics.find(e.metric);
  return at != metrics.end() && (!e.at_least || at->second >= *e.at_least) &&
         (!e.at_most || at->second <= *e.at_most);
}

void write_expectations(page& out, const scenario& plan, const verdict& judged) {
  out.heading("Expectations");
  if (plan.expectations.empty()) {
    out.paragraph("The scenario has none.");
    return;
  }
  out.begin_table({"metric", "expected", "is", ""});
  for (const auto& e : plan.expectations) {
    const auto at = judged.metrics.find(e.metric);
    const bool fine = holds(e, judged.metrics);
    out.row({e.metric, wanted(e), at == judged.metrics.end() ? "unknown" : number_text(at->second),
             fine ? "holds" : "does not hold"},
            fine ? "yes" : "no");
  }
  out.end_table();
}

void write_violations(page& out, const verdict& judged) {
  out.heading("What must not happen");
  if (judged.good()) {
    out.paragraph("Nothing of it happened.");
  } else {
    out.begin_table({"check", "where", "what", "at", "line of the log"});
    std::size_t rows = 0;
    for (const auto& v : judged.violations) {
      if (++rows > max_rows) break;
      out.row({v.check, v.where, v.what, seconds_text(v.at_us), std::to_string(v.line)}, "no");
    }
    out.end_table();
    if (rows > max_rows) out.paragraph(std::to_string(judged.violations.size() - max_rows) + " more.");
  }
  out.begin_table({"looked at", "how many"});
  for (const auto& [name, count] : judged.looked_at) out.row({name, std::to_string(count)});
  out.end_table();
}

void write_failures(page& out, const run_log& log) {
  out.heading("Operations that failed");
  std::vector<const operation*> failed;
  for (const auto& record : log.records)
    if (const auto* op = std::get_if<operation>(&record); op != nullptr && is_failure(*op))
      failed.push_back(op);
  if (failed.empty()) {
    out.paragraph("None: whatever a live node served was found and delivered.");
    return;
  }
  out.begin_table({"began", "took", "node", "what", "outcome", "live holders", "reason"});
  for (std::size_t i = 0; i < std::min(failed.size(), max_rows); ++i) {
    const auto& op = *failed[i];
    out.row({seconds_text(op.started_us), seconds_text(op.elapsed_us), std::to_string(op.node),
             std::string(name_of(op.what)) + ' ' + to_string(op.target), name_of(op.end),
             std::to_string(op.holders_alive.size()), op.reason});
  }
  out.end_table();
  if (failed.size() > max_rows) out.paragraph(std::to_string(failed.size() - max_rows) + " more.");
}

}  // namespace

std::string html_report(const run_log& log, const verdict& judged) {
  const auto& run = log.run();
  const auto plan = parse_scenario(run.scenario, "the log's scenario").value_or(scenario{});
  page out;
  out.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
  out.raw("<meta name=\"viewport\" content=\"width=device-width\">");
  out.raw("<title>" + escaped(plan.name) + ", seed " + std::to_string(run.seed) + "</title>");
  out.raw(std::string("<style>") + style + "</style></head><body>");
  out.raw("<h1>" + escaped(plan.name) + "</h1>").paragraph(plan.about);
  out.paragraph(std::to_string(run.nodes) + " nodes, seed " + std::to_string(run.seed) + ", cryptography " +
                run.crypto + ", " + seconds_text(log.end_us()) + " of virtual time.");
  out.heading("Operations over time")
      .raw(draw_timeline(log))
      .paragraph(
          "Green: what a live node served was found or delivered. Grey: nobody alive served it, or the asker "
          "died. Red: it was there and was not found or delivered. Blue line: nodes that are up, of all. "
          "Dashed: faults.");
  out.heading("How long a resolve takes").raw(draw_distribution(log, operation::kind::resolve));
  out.heading("How long a download takes").raw(draw_distribution(log, operation::kind::download));
  out.heading("Nodes at the end")
      .raw(draw_map(log))
      .paragraph("Two of the three axes of the latency model's space: what is far apart takes long.");
  write_expectations(out, plan, judged);
  out.heading("Metrics").begin_table({"metric", "value"});
  for (const auto& [name, value] : judged.metrics) out.row({name, number_text(value)});
  out.end_table();
  write_violations(out, judged);
  write_failures(out, log);
  out.heading("Scenario").raw("<pre>" + escaped(run.scenario) + "</pre></body></html>");
  return out.take();
}

}  // namespace vsf::sim
