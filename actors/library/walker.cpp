#include "actors/library/walker.hpp"

namespace vsf::library {

net::walk_report table_walker::walk(const std::string& root, const net::walk_limits& limits,
                                    const std::function<bool(std::string_view name)>& wanted,
                                    const std::function<bool(std::vector<net::walked_file> batch)>& give,
                                    const std::atomic<bool>& stop) {
  net::walk_report report;
  std::vector<net::walked_file> batch;
  const auto prefix = root + "/";
  for (auto it = files_.lower_bound(prefix); it != files_.end() && it->first.starts_with(prefix); ++it) {
    if (stop || report.files >= limits.max_files) {
      report.stopped = stop;
      report.limited = !stop;
      break;
    }
    if (!wanted(it->first)) {
      ++report.unwanted;
      continue;
    }
    ++report.files;
    batch.push_back(it->second);
    if (batch.size() < limits.batch) continue;
    if (!give(std::exchange(batch, {}))) {
      report.stopped = true;
      return report;
    }
  }
  if (!batch.empty()) report.stopped = !give(std::move(batch)) || report.stopped;
  return report;
}

}  // namespace vsf::library
