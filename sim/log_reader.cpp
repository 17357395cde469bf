#include "sim/log_reader.hpp"

#include <algorithm>
#include <fstream>

namespace vsf::sim {

namespace {

/// The largest node number in a record, with what a run does not have counted as well.
std::size_t largest_node(const log_record& what) {
  const auto most = [](const std::vector<std::size_t>& all) {
    return all.empty() ? 0 : *std::max_element(all.begin(), all.end());
  };
  struct visitor {
    decltype(most) most_of;
    std::size_t operator()(const run_record&) const { return 0; }
    std::size_t operator()(const recording_record&) const { return 0; }
    std::size_t operator()(const leaf_record&) const { return 0; }
    std::size_t operator()(const end_record&) const { return 0; }
    std::size_t operator()(const fault_record& r) const { return most_of(r.nodes); }
    std::size_t operator()(const ack_record& r) const { return std::max(r.node, most_of(r.holders)); }
    std::size_t operator()(const operation& r) const {
      auto out = std::max(r.node, most_of(r.holders_alive));
      for (const auto& c : r.candidates)
        if (c.node != operation::candidate::nobody) out = std::max(out, static_cast<std::size_t>(c.node));
      return out;
    }
    std::size_t operator()(const node_record& r) const { return r.node; }
    std::size_t operator()(const share_record& r) const { return r.node; }
    std::size_t operator()(const restart_record& r) const { return r.node; }
    std::size_t operator()(const sample_record& r) const { return r.node; }
    std::size_t operator()(const stored_record& r) const { return r.node; }
  };
  return std::visit(visitor{most}, what);
}

/// Why this record can't follow what was read; empty: it can.
std::string misfit(const run_log& so_far, const log_record& next) {
  const bool is_run = std::holds_alternative<run_record>(next);
  if (so_far.records.empty()) {
    if (!is_run) return "a log begins with its run record";
    return std::get<run_record>(next).nodes == 0 ? "`nodes` is 0" : "";
  }
  if (is_run) return "a second run record";
  if (std::holds_alternative<end_record>(so_far.records.back())) return "something follows the end record";
  const auto nodes = so_far.run().nodes;
  if (const auto largest = largest_node(next); largest >= nodes)
    return "there is no node " + std::to_string(largest) + ", the run has " + std::to_string(nodes);
  if (const auto* end = std::get_if<end_record>(&next))
    if (const auto lines = so_far.records.size() + 1; end->records != lines)
      return "the end record speaks of " + std::to_string(end->records) + " records, this is the " +
             std::to_string(lines) + "th";
  return {};
}

}  // namespace

result<run_log> read_log(std::istream& in, const std::string& name) {
  run_log out;
  const auto at_line = [&](std::size_t line, const std::string& why) {
    return fail(name + ":" + std::to_string(line) + ": " + why);
  };
  std::string text;
  while (std::getline(in, text)) {
    const auto line = out.records.size() + 1;
    auto next = parse_log_line(text);
    if (!next) return at_line(line, next.error().message);
    if (const auto why = misfit(out, *next); !why.empty()) return at_line(line, why);
    out.records.push_back(std::move(*next));
  }
  if (in.bad()) return at_line(out.records.size() + 1, "the file can't be read any further");
  if (out.records.empty()) return at_line(1, "the log is empty");
  if (!std::holds_alternative<end_record>(out.records.back()))
    return at_line(out.records.size(), "the log ends without its end record: the run was cut short");
  return out;
}

result<run_log> read_log(const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail(path + ": no such file or no permission");
  return read_log(in, path);
}

}  // namespace vsf::sim
