#include "sim/fuzzer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <set>
#include <sstream>

#include "net/crypto/crypto.hpp"
#include "net/crypto/random.hpp"
#include "sim/auditor.hpp"
#include "sim/checker.hpp"
#include "sim/latency_model.hpp"
#include "sim/metrics.hpp"
#include "sim/recorder.hpp"
#include "sim/workload.hpp"

namespace vsf::sim {

namespace {

constexpr double join_s = 60;
constexpr double warmup_s = 120;
constexpr double drain_s = 330;  // a download is given up by its user after 300
constexpr std::size_t fewest_kinds = 5;
constexpr std::size_t most_kinds = 9;
constexpr double most_apart_s = 560;  // wall clocks
// Fewer operations than that say nothing about a share.
constexpr double enough_operations = 20;
constexpr double enough_resumed_kib = 1024;
constexpr std::size_t most_violations_shown = 5;

/// Numbers that are the same on every compiler and stay short in a file.
class drawer {
 public:
  explicit drawer(std::uint64_t seed) : random_(seed) {}

  double between(double low, double high) { return tidy(low + (high - low) * unit()); }
  /// Every size is as likely as its double.
  double by_size(double low, double high) { return tidy(low * std::exp2(std::log2(high / low) * unit())); }
  bool chance(double share) { return unit() < share; }
  std::size_t below(std::size_t bound) { return random_.below(bound); }
  std::uint64_t word() { return random_.u64(); }

 private:
  double unit() { return static_cast<double>(random_.below(1'000'000)) / 1e6; }
  static double tidy(double x) {
    const double parts = x >= 10 ? 1 : x >= 1 ? 10 : 1000;
    return std::round(x * parts) / parts;  // exactly what a file with these digits is read as
  }
  crypto::seeded_random random_;
};

/// A share and a value that hurt and can be survived.
void draw_strength(fault& f, drawer& draw) {
  using enum fault::kind;
  f.share = draw.between(0.05, 0.3);
  switch (f.what) {
    case power_cut:
    case process_kill:
      f.back_after_s = draw.between(15, 120);
      break;
    case partition:
      f.share = draw.between(0.1, 0.5);
      break;
    case loss:
      f.value = draw.between(0.05, 0.4);
      break;
    case duplicate:
    case reorder:
      f.value = draw.between(0.05, 0.5);
      break;
    case corrupt:
      f.value = draw.between(0.001, 0.02);
      break;
    case slow_uplink:
      f.value = std::round(draw.by_size(16, 128));
      break;
    case slow_disk:
      f.value = draw.between(5, 100);
      break;
    case clock_jump:
      f.value = draw.between(5, 120) * (draw.chance(0.5) ? 1 : -1);
      break;
    case one_way:
    case disk_full:
    case nat_rebind:
    case kill_actor:
    case server_down:
      break;
  }
}

std::vector<fault> draw_faults(double first_s, double last_s, bool with_nat, drawer& draw) {
  std::vector<fault::kind> kinds;
  for (std::size_t k = 0; k < fault::kinds; ++k)
    if (const auto what = static_cast<fault::kind>(k);
        what != fault::kind::server_down && (what != fault::kind::nat_rebind || with_nat))
      kinds.push_back(what);
  for (auto i = kinds.size() - 1; i > 0; --i) std::swap(kinds[i], kinds[draw.below(i + 1)]);
  kinds.resize(fewest_kinds + draw.below(most_kinds - fewest_kinds + 1));
  std::vector<fault> out;
  for (const auto what : kinds)
    for (std::size_t n = 1 + draw.below(2); n > 0; --n) {
      fault f;
      f.what = what;
      draw_strength(f, draw);
      const auto longest = std::min(180.0, (last_s - first_s) / 2);
      f.for_s = std::round(draw.between(std::min(15.0, longest / 2), longest));
      f.back_after_s = std::min(f.back_after_s, longest);
      const auto takes = std::max(f.for_s, f.back_after_s);
      f.at_s = std::round(draw.between(first_s, last_s - takes));
      out.push_back(f);
    }
  std::stable_sort(out.begin(), out.end(), [](const fault& a, const fault& b) { return a.at_s < b.at_s; });
  return out;
}

bool has_nat(const network_plan& plan) { return plan.nat != network_plan{}.nat; }

/// Half of the nodes at least can be dialled; the others are divided among the kinds of NAT.
void draw_nat(network_plan& plan, drawer& draw) {
  auto rest = 100 - (50 + draw.below(41));
  plan.nat = {static_cast<double>(100 - rest) / 100, 0, 0, 0, 0};
  std::array<std::size_t, nat_types - 1> kinds{1, 2, 3, 4};
  for (auto i = kinds.size() - 1; i > 0; --i) std::swap(kinds[i], kinds[draw.below(i + 1)]);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto share = i + 1 == kinds.size() ? rest : draw.below(rest + 1);
    plan.nat[kinds[i]] = static_cast<double>(share) / 100;
    rest -= share;
  }
  plan.nat_mapping_s = std::round(draw.between(30, 300));
}

/// Who is there, under which addresses.
void draw_people(scenario& plan, drawer& draw) {
  if (draw.chance(0.5)) draw_nat(plan.network, draw);
  if (draw.chance(0.35)) plan.network.ipv6 = draw.between(0.15, 0.5);
  if (!draw.chance(0.4)) return;
  auto& churn = plan.population.churn;
  churn.session_mean_s = draw.by_size(900, 7200);
  churn.session_shape = draw.between(0.4, 1.5);
  churn.absence_mean_s = std::round(draw.between(30, 300));
  churn.power_cut = draw.between(0, 1);
}

void draw_music(catalogue_plan& plan, drawer& draw) {
  plan.recordings = 40 + draw.below(60);
  plan.zipf_exponent = draw.between(0.5, 1.1);
  plan.files_per_node = 3 + draw.below(3);
  plan.min_kib = 96;
  plan.max_kib = 128 + draw.below(8) * 64;
  if (draw.chance(0.3)) plan.max_kib = 3072;  // some have several pieces
  if (draw.chance(0.4)) plan.second_encoding = draw.between(0.1, 0.6);
  if (draw.chance(0.4)) plan.fake = draw.between(0.02, 0.15);
}

/// In the middle of the faults or long after them.
void draw_crowds(scenario& plan, double begin_s, drawer& draw) {
  if (!draw.chance(0.5)) return;
  for (std::size_t n = 1 + draw.below(3); n > 0; --n)
    plan.workload.flash_crowds.push_back({std::round(begin_s + draw.between(10, plan.timeline.workload_s)),
                                          draw.between(0.1, 0.6), draw.between(1, 30)});
}

/// Nobody takes a leaf from more than ten minutes ahead: that far apart no two clocks may be.
void draw_clocks(scenario& plan, drawer& draw) {
  double apart = 0;
  for (const auto& f : plan.faults)
    if (f.what == fault::kind::clock_jump) apart += std::abs(f.value);
  if (draw.chance(0.5))
    plan.population.clock_skew_s = std::min(draw.by_size(1, 240), std::floor((most_apart_s - apart) / 2));
}

}  // namespace

trial draw_trial(const fuzz_options& options, std::uint64_t number) {
  drawer draw(latency::mix(latency::mix(options.seed) ^ number));
  trial out;
  out.seed = draw.word() >> 32;
  out.schedule_seed = draw.word() >> 32;
  auto& plan = out.plan;
  plan.name = "fuzz-" + std::to_string(options.seed) + "-" + std::to_string(number);
  plan.nodes = options.nodes;
  plan.network.loss = draw.between(0, 0.03);
  plan.network.duplicate = draw.between(0, 0.02);
  plan.network.reorder = draw.between(0, 0.05);
  plan.network.uplink_kib_per_s = static_cast<std::uint64_t>(draw.by_size(128, 4096));
  plan.population.join_spread_s = join_s;
  plan.population.puzzle_bits = 4;
  plan.population.bootstrap_contacts = 2 + draw.below(2);
  draw_people(plan, draw);
  draw_music(plan.catalogue, draw);
  plan.timeline.warmup_s = warmup_s;
  plan.timeline.workload_s = std::max(60.0, options.minutes * 60 - join_s - warmup_s - drain_s);
  plan.timeline.drain_s = drain_s;
  plan.workload.resolves_per_node = std::round(draw.between(6, 12));
  plan.workload.downloads_per_node = std::round(draw.between(2, 4));
  const auto begin = join_s + warmup_s;
  draw_crowds(plan, begin, draw);
  plan.faults =
      draw_faults(begin + 10, begin + 10 + plan.timeline.workload_s * 0.5, has_nat(plan.network), draw);
  draw_clocks(plan, draw);
  return out;
}

std::size_t fault_kinds(const scenario& plan) {
  std::set<fault::kind> kinds;
  for (const auto& f : plan.faults) kinds.insert(f.what);
  return kinds.size();
}

std::vector<expectation> promises_of(const scenario& plan) {
  std::vector<expectation> out{{"wrong_bytes", {}, 0}, {"wrong_files", {}, 0},   {"lost_downloads", {}, 0},
                               {"let_in", {}, 0},      {"mailbox_max", {}, 500}, {"wasted_share", {}, 0.25}};
  const bool kills_actors = std::any_of(plan.faults.begin(), plan.faults.end(),
                                        [](const fault& f) { return f.what == fault::kind::kill_actor; });
  if (!kills_actors) out.push_back({"actor_restarts", {}, 0});
  return out;
}

namespace {

/// What the run's own log says, judged by a checker that shares no code with the simulator.
void check_log(const operation_log& log, std::vector<std::string>& failures) {
  std::stringstream lines;
  for (const auto& line : log.lines()) lines << line << '\n';
  const auto read = read_log(lines, "the log of this run");
  const auto judged = read ? check(*read) : tl::unexpected(read.error());
  if (!judged) {
    failures.push_back(judged.error().message);
    return;
  }
  const auto shown = std::min(judged->violations.size(), most_violations_shown);
  for (std::size_t i = 0; i < shown; ++i) failures.push_back(to_string(judged->violations[i]));
  if (shown < judged->violations.size())
    failures.push_back("and " + std::to_string(judged->violations.size() - shown) + " more violations");
}

std::vector<expectation> expected_of(const scenario& plan, const std::map<std::string, double>& metrics) {
  auto out = plan.expectations;
  const auto promised = promises_of(plan);
  out.insert(out.end(), promised.begin(), promised.end());
  const auto enough = [&](const char* count) { return metrics.at(count) >= enough_operations; };
  out.push_back({"settled_downloads_failed", {}, 0});
  out.push_back({"avoidable_fakes", {}, 0});
  // The leaf that a full disk refused is no small part of one small file.
  if (metrics.at("resumed_kib") >= enough_resumed_kib) out.push_back({"refetched_share", {}, 0.05});
  if (enough("settled_resolves")) out.push_back({"settled_resolve_success", 0.95, {}});
  if (enough("settled_downloads")) out.push_back({"settled_download_success", 0.9, {}});
  return out;
}

}  // namespace

trial_result run_trial(const trial& what, const std::optional<std::string>& ops) {
  const auto started = std::chrono::steady_clock::now();
  trial_result out;
  auto opened = operation_log::open(ops, true);
  if (!opened) {
    out.failures.push_back(opened.error().message);
    return out;
  }
  auto& log = *opened;
  try {
    world w(what.plan, what.seed);
    w.schedule_by(what.schedule_seed);
    recorder notes(w, log, what.seed, crypto::in_use() == crypto::suite::real ? "real" : "stand-in");
    notes.begin();
    workload users(w, log);
    auditor audit(w, latency::mix(what.seed ^ 0xA0D17u));
    users.schedule();
    audit.schedule();
    w.run_until(users.end());
    users.close();
    out.trace_hash = w.trace_hash();
    out.metrics = metrics_of(log.operations());
    out.metrics.merge(audit.finish(log.operations()));
    if (!notes.close()) out.failures.push_back("the log is incomplete");
    out.metrics["actor_restarts"] = static_cast<double>(notes.restarts());
    const auto missed = unmet(expected_of(what.plan, out.metrics), out.metrics);
    out.failures.insert(out.failures.end(), missed.begin(), missed.end());
    for (const auto& [name, value] : out.metrics)
      if (name.starts_with("let_in.") && value > 0) out.failures.push_back("a node was broken into: " + name);
    check_log(log, out.failures);
  } catch (const time_stands_still& stuck) {
    out.failures.push_back(stuck.what());
  }
  out.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return out;
}

// ---- Shrinking

namespace {

/// All plans that are one step simpler, the boldest steps first.
std::vector<trial> simpler(const trial& from) {
  std::vector<trial> out;
  const auto with = [&](const auto& change) {
    auto next = from;
    change(next.plan);
    if (!(next == from)) out.push_back(std::move(next));
  };
  const auto count = from.plan.faults.size();
  if (count > 1) {
    const auto half = static_cast<std::ptrdiff_t>(count / 2);
    with([&](scenario& p) { p.faults.erase(p.faults.begin(), p.faults.begin() + half); });
    with([&](scenario& p) { p.faults.erase(p.faults.begin() + half, p.faults.end()); });
  }
  with([](scenario& p) { p.nodes = std::max<std::size_t>(8, p.nodes / 2); });
  with([](scenario& p) { p.nodes = std::max<std::size_t>(8, p.nodes * 3 / 4); });
  for (std::size_t i = 0; i < count; ++i)
    with([&](scenario& p) { p.faults.erase(p.faults.begin() + static_cast<std::ptrdiff_t>(i)); });
  with([](scenario& p) {
    double last = p.population.join_spread_s + p.timeline.warmup_s;
    for (const auto& f : p.faults) last = std::max(last, f.at_s + std::max(f.for_s, f.back_after_s));
    for (const auto& c : p.workload.flash_crowds) last = std::max(last, c.at_s + c.over_s);
    const auto least = last - p.population.join_spread_s - p.timeline.warmup_s + 60;
    p.timeline.workload_s = std::min(p.timeline.workload_s, std::max(least, p.timeline.workload_s / 2));
  });
  with([](scenario& p) {
    p.network = network_plan{};
    p.population.clock_skew_s = 0;
  });
  with([](scenario& p) { p.population.churn = churn_plan{}; });
  with([](scenario& p) { p.workload.flash_crowds.clear(); });
  for (std::size_t i = 0; i < from.plan.workload.flash_crowds.size(); ++i)
    with([&](scenario& p) {
      p.workload.flash_crowds.erase(p.workload.flash_crowds.begin() + static_cast<std::ptrdiff_t>(i));
    });
  with([](scenario& p) {
    p.network.nat = network_plan{}.nat;
    p.network.nat_mapping_s = network_plan{}.nat_mapping_s;
    std::erase_if(p.faults, [](const fault& f) { return f.what == fault::kind::nat_rebind; });
  });
  for (std::size_t kind = 1; kind < nat_types; ++kind)
    if (from.plan.network.nat[kind] > 0)
      with([&](scenario& p) {
        p.network.nat[0] = std::round(100 * (p.network.nat[0] + p.network.nat[kind])) / 100;
        p.network.nat[kind] = 0;
      });
  with([](scenario& p) { p.network.ipv6 = 0; });
  with([](scenario& p) { static_cast<link_conditions&>(p.network) = link_conditions{}; });
  with([](scenario& p) { p.network.uplink_kib_per_s = 0; });
  with([](scenario& p) { p.population.clock_skew_s = 0; });
  with([](scenario& p) { p.catalogue.fake = 0; });
  with([](scenario& p) { p.catalogue.second_encoding = 0; });
  with([](scenario& p) { p.catalogue.max_kib = std::max(p.catalogue.min_kib, p.catalogue.max_kib / 2); });
  with([](scenario& p) {
    p.catalogue.files_per_node = std::max<std::size_t>(1, p.catalogue.files_per_node / 2);
  });
  with([](scenario& p) { p.workload.downloads_per_node = std::floor(p.workload.downloads_per_node / 2); });
  with([](scenario& p) { p.workload.resolves_per_node = std::floor(p.workload.resolves_per_node / 2); });
  auto fifo = from;
  fifo.schedule_seed = 0;
  if (!(fifo == from)) out.push_back(std::move(fifo));
  return out;
}

}  // namespace

shrunk shrink(trial failing, const std::function<bool(const trial&)>& still_fails, std::size_t most_runs) {
  shrunk out{std::move(failing), 0};
  for (bool smaller = true; smaller && out.runs < most_runs;) {
    smaller = false;
    for (auto& next : simpler(out.smallest)) {
      if (out.runs == most_runs) break;
      ++out.runs;
      if (!still_fails(next)) continue;
      out.smallest = std::move(next);
      smaller = true;
      break;
    }
  }
  return out;
}

bool fails_alike(const std::vector<std::string>& failures, const std::string& wanted) {
  const auto word = wanted.substr(0, wanted.find(' '));
  return std::any_of(failures.begin(), failures.end(),
                     [&](const std::string& f) { return f.substr(0, f.find(' ')) == word; });
}

std::string repeat_command(const trial& what, const std::string& file, const std::string& mutant) {
  return "vsf-sim fuzz --plan " + file + " --seed " + std::to_string(what.seed) + " --schedule-seed " +
         std::to_string(what.schedule_seed) + (mutant.empty() ? "" : " --mutant " + mutant);
}

}  // namespace vsf::sim
