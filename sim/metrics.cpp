#include "sim/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace vsf::sim {

namespace {

double percentile_ms(std::vector<std::uint64_t> values_us, double share) {
  if (values_us.empty()) return 0;
  std::sort(values_us.begin(), values_us.end());
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values_us.size())));
  return static_cast<double>(values_us[std::max<std::size_t>(rank, 1) - 1]) / 1000.0;
}

}  // namespace

std::map<std::string, double> metrics_of(const std::vector<operation>& operations) {
  std::map<std::string, double> out;
  std::vector<std::uint64_t> resolve_us, miss_us, download_us, soulseek_us;
  double resolves = 0, resolved = 0, downloads = 0, downloaded = 0, wrong = 0, bytes = 0, asked = 0,
         unavailable = 0, fake = 0, soulseek = 0;
  for (const auto& op : operations) {
    if (op.end == operation::outcome::wrong) ++wrong;
    if (op.end == operation::outcome::fake) ++fake;
    // Whoever died can't be asked, and what nobody alive serves can't be found.
    if (op.end == operation::outcome::node_died) continue;
    const bool ok = op.end == operation::outcome::ok;
    if (op.holders_alive.empty() && !ok) {
      ++unavailable;
      if (op.what == operation::kind::resolve) miss_us.push_back(op.elapsed_us);
      continue;
    }
    if (op.what == operation::kind::resolve) {
      ++resolves;
      resolved += ok ? 1 : 0;
      asked += op.asked;
      if (ok) resolve_us.push_back(op.elapsed_us);
    } else if (op.what == operation::kind::soulseek_download) {
      ++soulseek;
      bytes += static_cast<double>(op.bytes);
      if (ok) soulseek_us.push_back(op.elapsed_us);
    } else {
      ++downloads;
      downloaded += ok ? 1 : 0;
      bytes += static_cast<double>(op.bytes);
      if (ok) download_us.push_back(op.elapsed_us);
    }
  }
  out["operations"] = static_cast<double>(operations.size());
  out["resolves"] = resolves;
  out["resolve_success"] = resolves > 0 ? resolved / resolves : 0;
  out["resolve_p50_ms"] = percentile_ms(resolve_us, 0.5);
  out["resolve_p95_ms"] = percentile_ms(resolve_us, 0.95);
  out["resolve_asked_mean"] = resolves > 0 ? asked / resolves : 0;
  out["miss_p50_ms"] = percentile_ms(miss_us, 0.5);
  out["miss_p95_ms"] = percentile_ms(miss_us, 0.95);
  out["unavailable"] = unavailable;
  out["downloads"] = downloads;
  out["download_success"] = downloads > 0 ? downloaded / downloads : 0;
  out["download_p50_ms"] = percentile_ms(download_us, 0.5);
  out["download_p95_ms"] = percentile_ms(download_us, 0.95);
  out["soulseek_downloads"] = soulseek;
  out["soulseek_download_success"] = soulseek > 0 ? static_cast<double>(soulseek_us.size()) / soulseek : 0;
  out["soulseek_download_p50_ms"] = percentile_ms(soulseek_us, 0.5);
  out["soulseek_download_p95_ms"] = percentile_ms(soulseek_us, 0.95);
  out["bytes_moved"] = bytes;
  out["wrong_bytes"] = wrong;
  out["fakes_delivered"] = fake;
  return out;
}

std::vector<std::string> unmet(const std::vector<expectation>& expectations,
                               const std::map<std::string, double>& metrics) {
  std::vector<std::string> out;
  for (const auto& e : expectations) {
    const auto it = metrics.find(e.metric);
    std::ostringstream text;
    if (it == metrics.end()) {
      text << "there is no metric " << e.metric;
    } else if (e.at_least && it->second < *e.at_least) {
      text << e.metric << " is " << it->second << ", expected at least " << *e.at_least;
    } else if (e.at_most && it->second > *e.at_most) {
      text << e.metric << " is " << it->second << ", expected at most " << *e.at_most;
    } else {
      continue;
    }
    out.push_back(text.str());
  }
  return out;
}

}  // namespace vsf::sim
