#include "actors/telemetry/status_round.hpp"

#include <algorithm>

namespace vsf::telemetry {

bool status_round::add(const record<fb::ComponentReport>& report) {
  const bool before = complete();
  reports_[string_of(report->path())] = report;
  return !before && complete();
}

std::vector<std::unique_ptr<fb::ComponentReportT>> status_round::take_reports() {
  std::vector<std::unique_ptr<fb::ComponentReportT>> out;
  for (const auto& [path, report] : reports_)
    out.push_back(std::make_unique<fb::ComponentReportT>(report.unpack()));
  reports_.clear();
  return out;
}

bool actor_tree::is_restart(const std::string& path, bool running, std::uint32_t restarts) const {
  if (!running || restarts == 0) return false;
  const auto known = rows_.find(path);
  return known == rows_.end() ? path == "telemetry" : restarts > known->second.restarts;
}

void actor_tree::changed(const std::string& path, const std::string& kind, bool running,
                         std::uint32_t restarts, const std::string& reason) {
  const auto found = rows_.find(path);
  // An actor that never failed leaves no trace once it is gone: sessions and lookups come and go by the
  // thousand.
  if (!running && restarts == 0 && (reason == "ended" || reason == "removed")) {
    if (found != rows_.end()) rows_.erase(found);
    return;
  }
  if (found == rows_.end() && rows_.size() >= max_rows) {
    const auto gone =
        std::find_if(rows_.begin(), rows_.end(), [](const auto& r) { return !r.second.running; });
    ++rows_dropped_;
    if (gone == rows_.end()) return;
    rows_.erase(gone);
  }
  auto& r = rows_[path];
  if (restarts > r.restarts) restarts_total_ += restarts - r.restarts;
  r = row{kind, running, restarts, reason};
}

}  // namespace vsf::telemetry
