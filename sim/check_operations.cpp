#include <algorithm>
#include <cmath>
#include <set>

#include "sim/check_parts.hpp"

namespace vsf::sim {

namespace {

using outcome = operation::outcome;

/// A file counts as served from this long after its node came up (docs/simulator.md).
constexpr std::uint64_t grace_us = 60'000'000;

/// Who is up since when, and who serves what, as far as the log was read.
struct truth {
  std::vector<std::optional<std::uint64_t>> up_since_us;
  std::map<mbid, const recording_record*> recordings;
  std::map<mbid, std::map<std::size_t, digest>> shared;  // recording -> node -> root

  bool serves(std::size_t node, const mbid& recording) const {
    const auto holders = shared.find(recording);
    if (holders == shared.end()) return false;
    const auto file = holders->second.find(node);
    if (file == holders->second.end()) return false;
    const auto known = recordings.find(recording);
    return known != recordings.end() &&
           std::any_of(known->second->encodings.begin(), known->second->encodings.end(),
                       [&](const auto& e) { return e.genuine && e.root == file->second; });
  }
  bool holds(std::size_t node, const operation& op) const {
    const auto& since = up_since_us[node];
    return since && *since + grace_us <= op.started_us && serves(node, op.target);
  }
  std::vector<std::size_t> holders(const operation& op) const {
    std::vector<std::size_t> out;
    const auto all = shared.find(op.target);
    if (all == shared.end()) return out;
    for (const auto& [node, root] : all->second)
      if (node != op.node && holds(node, op)) out.push_back(node);
    return out;
  }
};

/// Whether any node may open a connection to any other at all times.
bool all_reach_all(const scenario& plan) {
  return plan.network.nat[0] >= 1 && plan.network.ipv6 == 0 &&
         std::none_of(plan.faults.begin(), plan.faults.end(), [](const fault& f) {
           return f.what == fault::kind::partition || f.what == fault::kind::one_way;
         });
}

struct figures {
  std::vector<std::uint64_t> found_us, missed_us, fetched_us, fetched_from_users_us;
  std::uint64_t operations = 0, resolves = 0, downloads = 0, unavailable = 0, wrong = 0, fake = 0, asked = 0,
                bytes = 0, from_users = 0;

  void add(const operation& op, outcome end, bool available) {
    ++operations;
    wrong += end == outcome::wrong ? 1 : 0;
    fake += end == outcome::fake ? 1 : 0;
    if (end == outcome::node_died) return;
    const bool resolve = op.what == operation::kind::resolve;
    if (!available && end != outcome::ok) {
      ++unavailable;
      if (resolve) missed_us.push_back(op.elapsed_us);
      return;
    }
    const bool from_user = op.what == operation::kind::soulseek_download;
    auto& times_us = resolve ? found_us : from_user ? fetched_from_users_us : fetched_us;
    if (end == outcome::ok) times_us.push_back(op.elapsed_us);
    if (resolve) {
      ++resolves;
      asked += op.asked;
    } else {
      ++(from_user ? from_users : downloads);
      bytes += op.bytes;
    }
  }
};

/// The least value that at least that share of them does not exceed, in milliseconds.
double quantile_ms(std::vector<std::uint64_t>& values_us, double share) {
  if (values_us.empty()) return 0;
  const auto below = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values_us.size()))) - 1;
  const auto at = values_us.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values_us.begin(), at, values_us.end());
  return static_cast<double>(*at) / 1000.0;
}

double share_of(std::size_t part, std::uint64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

void write_metrics(figures& f, std::map<std::string, double>& out) {
  const auto number = [](std::uint64_t x) { return static_cast<double>(x); };
  out["operations"] = number(f.operations);
  out["resolves"] = number(f.resolves);
  out["resolve_success"] = share_of(f.found_us.size(), f.resolves);
  out["resolve_p50_ms"] = quantile_ms(f.found_us, 0.5);
  out["resolve_p95_ms"] = quantile_ms(f.found_us, 0.95);
  out["resolve_asked_mean"] = share_of(f.asked, f.resolves);
  out["miss_p50_ms"] = quantile_ms(f.missed_us, 0.5);
  out["miss_p95_ms"] = quantile_ms(f.missed_us, 0.95);
  out["unavailable"] = number(f.unavailable);
  out["downloads"] = number(f.downloads);
  out["download_success"] = share_of(f.fetched_us.size(), f.downloads);
  out["download_p50_ms"] = quantile_ms(f.fetched_us, 0.5);
  out["download_p95_ms"] = quantile_ms(f.fetched_us, 0.95);
  out["soulseek_downloads"] = number(f.from_users);
  out["soulseek_download_success"] = share_of(f.fetched_from_users_us.size(), f.from_users);
  out["soulseek_download_p50_ms"] = quantile_ms(f.fetched_from_users_us, 0.5);
  out["soulseek_download_p95_ms"] = quantile_ms(f.fetched_from_users_us, 0.95);
  out["bytes_moved"] = number(f.bytes);
  out["wrong_bytes"] = number(f.wrong);
  out["fakes_delivered"] = number(f.fake);
}

std::string list_of(const std::vector<std::size_t>& nodes) {
  std::string out = "[";
  for (const auto node : nodes) out += (out.size() > 1 ? " " : "") + std::to_string(node);
  return out + "]";
}

class operations_check {
 public:
  operations_check(const scenario& plan, verdict& out) : reachable_(all_reach_all(plan)), out_(out) {}

  void run(const run_log& log) {
    truth_.up_since_us.resize(log.run().nodes);
    for (std::size_t i = 0; i < log.records.size(); ++i) {
      line_ = i + 1;
      std::visit([this](const auto& r) { take(r); }, log.records[i]);
    }
    write_metrics(figures_, out_.metrics);
    out_.looked_at["operations"] = figures_.operations;
  }

 private:
  template <class Other>
  void take(const Other&) {}
  void take(const recording_record& r) { truth_.recordings[r.mbid] = &r; }
  void take(const share_record& r) { truth_.shared[r.mbid][r.node] = r.root; }
  void take(const node_record& r) {
    auto& since = truth_.up_since_us[r.node];
    const bool up = r.what == "up";
    if (up == since.has_value())
      complain("node_state", r.node, r.at_us, "is " + r.what + " though it was" + (up ? "" : " not") + " up");
    since = up ? std::optional(r.at_us) : std::nullopt;
  }
  void take(const operation& op) {
    const auto end = op.what == operation::kind::resolve ? resolve_outcome(op) : download_outcome(op);
    if (end != op.end)
      complain(op, "outcome", std::string("is ") + name_of(op.end) + ", but by its record " + name_of(end));
    const auto alive = truth_.holders(op);
    auto logged = op.holders_alive;
    std::sort(logged.begin(), logged.end());
    const bool fits = reachable_ ? logged == alive
                                 : std::includes(alive.begin(), alive.end(), logged.begin(), logged.end());
    if (!fits)
      complain(op, "holders",
               "says that " + list_of(logged) + " served it, by the node and share records " +
                   list_of(alive) + " did");
    figures_.add(op, end, reachable_ ? !alive.empty() : !logged.empty());
  }

  outcome resolve_outcome(const operation& op) {
    std::size_t found = 0;
    bool invented = false;
    for (const auto& c : op.candidates) {
      if (c.node == operation::candidate::nobody)
        invented = true;
      else if (truth_.holds(static_cast<std::size_t>(c.node), op))
        ++found;
    }
    if (found != op.holders_found && op.end != outcome::node_died)
      complain(op, "holders_found",
               "says " + std::to_string(op.holders_found) + ", by its candidates " + std::to_string(found));
    if (invented) complain(op, "invented_candidate", "was answered with a node that is none of the run");
    // What ended it before an answer came is the simulator's to say.
    if (op.end != outcome::ok && op.end != outcome::empty && op.end != outcome::wrong) return op.end;
    return invented ? outcome::wrong : found > 0 ? outcome::ok : outcome::empty;
  }

  outcome download_outcome(const operation& op) {
    if (op.sha256.empty()) {
      const bool delivered = op.end == outcome::ok || op.end == outcome::fake;
      if (delivered) complain(op, "delivered_file", "is done without the SHA-256 of what was delivered");
      return delivered ? outcome::wrong : op.end;
    }
    const auto known = truth_.recordings.find(op.target);
    const recording_record::encoding* file = nullptr;
    if (known != truth_.recordings.end())
      for (const auto& e : known->second->encodings)
        if (to_hex(e.sha256) == op.sha256) file = &e;
    if (file == nullptr)
      complain(op, "delivered_file", "SHA-256 " + op.sha256 + " is of no file of this recording");
    else if (!file->genuine && op.end != outcome::fake)
      complain(op, "delivered_file",
               "SHA-256 " + op.sha256 + " is of a fake, which the run took for genuine");
    return file == nullptr ? outcome::wrong : file->genuine ? outcome::ok : outcome::fake;
  }

  void complain(const operation& op, const char* check, const std::string& what) {
    complain(check, op.node, op.started_us + op.elapsed_us,
             std::string(name_of(op.what)) + " of " + to_string(op.target) + ' ' + what);
  }
  void complain(const char* check, std::size_t node, std::uint64_t at_us, const std::string& what) {
    out_.violations.push_back({check, node_name(node), what, at_us, line_});
  }

  bool reachable_;
  verdict& out_;
  truth truth_;
  figures figures_;
  std::size_t line_ = 0;
};

}  // namespace

void check_operations(const run_log& log, const scenario& plan, verdict& out) {
  operations_check(plan, out).run(log);
}

}  // namespace vsf::sim
