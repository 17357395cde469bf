#include "sim/log_records.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace vsf::sim {

namespace {

using json = nlohmann::ordered_json;

constexpr std::array<const char*, 3> kinds{"resolve", "download", "soulseek_download"};
constexpr std::array<const char*, 8> outcomes{"pending", "ok",        "empty",     "wrong",
                                              "failed",  "node_died", "timed_out", "fake"};

json named(const char* record) {
  json out;
  out["record"] = record;
  return out;
}

json to_json(const run_record& r) {
  auto out = named("run");
  out["seed"] = r.seed;
  out["nodes"] = r.nodes;
  out["crypto"] = r.crypto;
  out["network"] = r.network;
  out["unix_ms_at_start"] = r.unix_ms_at_start;
  out["memory_bytes"] = r.memory_bytes;
  out["scenario"] = r.scenario;
  return out;
}

json to_json(const recording_record& r) {
  auto out = named("recording");
  out["mbid"] = to_string(r.mbid);
  out["encodings"] = json::array();
  for (const auto& e : r.encodings)
    out["encodings"].push_back(
        {{"size", e.size}, {"root", to_hex(e.root)}, {"sha256", to_hex(e.sha256)}, {"genuine", e.genuine}});
  return out;
}

json to_json(const node_record& r) {
  auto out = named("node");
  out["at_us"] = r.at_us;
  out["node"] = r.node;
  out["what"] = r.what;
  out["id"] = to_hex(r.id);
  out["key"] = to_hex(r.key);
  return out;
}

json to_json(const share_record& r) {
  auto out = named("share");
  out["node"] = r.node;
  out["mbid"] = to_string(r.mbid);
  out["root"] = to_hex(r.root);
  return out;
}

json to_json(const fault_record& r) {
  auto out = named("fault");
  out["at_us"] = r.at_us;
  out["what"] = r.what;
  out["value"] = r.value;
  out["for_s"] = r.for_s;
  out["nodes"] = r.nodes;
  return out;
}

json to_json(const operation& op) {
  json out;
  out["op"] = name_of(op.what);
  out["t_us"] = op.started_us;
  out["elapsed_us"] = op.elapsed_us;
  out["node"] = op.node;
  out["mbid"] = to_string(op.target);
  out["outcome"] = name_of(op.end);
  out["holders_alive"] = op.holders_alive;
  out["holders_found"] = op.holders_found;
  out["replicas"] = op.replicas;
  out["asked"] = op.asked;
  out["bytes"] = op.bytes;
  if (op.what == operation::kind::resolve) {
    out["candidates"] = json::array();
    for (const auto& c : op.candidates)
      out["candidates"].push_back(
          {{"node", c.node}, {"root", to_hex(c.root)}, {"issued_at_s", c.issued_at_s}});
  }
  if (!op.sha256.empty()) out["sha256"] = op.sha256;
  if (!op.reason.empty()) out["reason"] = op.reason;
  return out;
}

json to_json(const restart_record& r) {
  auto out = named("restart");
  out["at_us"] = r.at_us;
  out["node"] = r.node;
  out["path"] = r.path;
  out["reason"] = r.reason;
  return out;
}

json to_json(const sample_record& r) {
  auto out = named("sample");
  out["at_us"] = r.at_us;
  out["node"] = r.node;
  out["mailbox"] = r.mailbox;
  out["mailbox_of"] = r.mailbox_of;
  out["gauges"] = r.gauges;
  out["memory_bytes"] = r.memory_bytes;
  out["disk_bytes"] = r.disk_bytes;
  return out;
}

json to_json(const leaf_record& r) {
  auto out = named("leaf");
  out["hash"] = to_hex(r.hash);
  out["raw"] = to_hex(r.raw);
  return out;
}

json to_json(const ack_record& r) {
  auto out = named("ack");
  out["at_us"] = r.at_us;
  out["node"] = r.node;
  out["key"] = to_hex(r.key);
  out["publisher"] = to_hex(r.publisher);
  out["seq"] = r.seq;
  out["hash"] = to_hex(r.hash);
  out["holders"] = r.holders;
  return out;
}

json to_json(const stored_record& r) {
  auto out = named("stored");
  out["node"] = r.node;
  out["key"] = to_hex(r.key);
  out["publisher"] = to_hex(r.publisher);
  out["seq"] = r.seq;
  out["ttl_s"] = r.ttl_s;
  out["lease_ends_ms"] = r.lease_ends_ms;
  out["hash"] = to_hex(r.hash);
  return out;
}

json to_json(const end_record& r) {
  auto out = named("end");
  out["at_us"] = r.at_us;
  out["records"] = r.records;
  return out;
}

/// Reads the fields of one object; remembers the first thing that is wrong with them.
class fields {
 public:
  explicit fields(const json& object) : object_(object) {}

  const std::string& problem() const { return problem_; }
  void complain(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }

  std::uint64_t number(const char* name, std::uint64_t most = ~std::uint64_t{0}) {
    const auto* at = find(name);
    if (at == nullptr) return 0;
    if (!at->is_number_unsigned() || at->get<std::uint64_t>() > most) {
      complain('`' + std::string(name) + "` is not a whole number from 0 to " + std::to_string(most));
      return 0;
    }
    return at->get<std::uint64_t>();
  }
  double real(const char* name) {
    const auto* at = find(name);
    if (at != nullptr && !at->is_number()) complain('`' + std::string(name) + "` is not a number");
    return at != nullptr && at->is_number() ? at->get<double>() : 0;
  }
  std::string text(const char* name, bool may_be_absent = false) {
    if (may_be_absent && !object_.contains(name)) return {};
    const auto* at = find(name);
    if (at != nullptr && !at->is_string()) complain('`' + std::string(name) + "` is not a text");
    return at != nullptr && at->is_string() ? at->get<std::string>() : std::string();
  }
  bool flag(const char* name) {
    const auto* at = find(name);
    if (at != nullptr && !at->is_boolean()) complain('`' + std::string(name) + "` is neither true nor false");
    return at != nullptr && at->is_boolean() && at->get<bool>();
  }
  template <class Fixed>
  Fixed fixed(const char* name) {
    const auto value = fixed_from_hex<Fixed>(text(name));
    if (!value)
      complain('`' + std::string(name) + "` is not of " + std::to_string(2 * Fixed::length) + " hex digits");
    return value.value_or(Fixed{});
  }
  vsf::mbid mbid(const char* name) {
    const auto value = parse_mbid(text(name));
    if (!value) complain('`' + std::string(name) + "` is not an MBID");
    return value.value_or(vsf::mbid{});
  }
  std::vector<std::size_t> numbers(const char* name) {
    std::vector<std::size_t> out;
    for (const auto& one : list(name)) {
      if (!one.is_number_unsigned()) {
        complain('`' + std::string(name) + "` is not a list of whole numbers");
        return {};
      }
      out.push_back(one.get<std::size_t>());
    }
    return out;
  }
  const json& list(const char* name) {
    static const json empty = json::array();
    const auto* at = find(name);
    if (at == nullptr) return empty;
    if (!at->is_array()) complain('`' + std::string(name) + "` is not a list");
    return at->is_array() ? *at : empty;
  }
  template <std::size_t N>
  std::size_t one_of(const char* name, const std::array<const char*, N>& words) {
    const auto word = text(name);
    const auto at = std::find(words.begin(), words.end(), word);
    if (at == words.end()) complain('`' + std::string(name) + "` is " + word + ", which is unknown");
    return at == words.end() ? 0 : static_cast<std::size_t>(at - words.begin());
  }

 private:
  const json* find(const char* name) {
    const auto at = object_.find(name);
    if (at != object_.end()) return &*at;
    complain('`' + std::string(name) + "` is missing");
    return nullptr;
  }

  const json& object_;
  std::string problem_;
};

log_record parse_run(fields& f) {
  return run_record{f.text("scenario"),      f.number("seed"),  f.number("nodes", 1'000'000),
                    f.text("crypto"),        f.text("network"), f.number("unix_ms_at_start"),
                    f.number("memory_bytes")};
}

log_record parse_recording(fields& f) {
  recording_record out;
  out.mbid = f.mbid("mbid");
  for (const auto& one : f.list("encodings")) {
    fields e(one);
    if (!one.is_object()) {
      f.complain("`encodings` is not a list of objects");
      break;
    }
    out.encodings.push_back(
        {e.number("size"), e.fixed<digest>("root"), e.fixed<digest>("sha256"), e.flag("genuine")});
    if (!e.problem().empty()) f.complain("in `encodings`, " + e.problem());
  }
  return out;
}

log_record parse_node(fields& f) {
  static constexpr std::array<const char*, 3> changes{"up", "power_cut", "process_kill"};
  return node_record{f.number("at_us"), f.number("node"), changes[f.one_of("what", changes)],
                     f.fixed<node_id>("id"), f.fixed<public_key>("key")};
}

log_record parse_share(fields& f) {
  return share_record{f.number("node"), f.mbid("mbid"), f.fixed<digest>("root")};
}

log_record parse_fault(fields& f) {
  return fault_record{f.number("at_us"), f.text("what"), f.real("value"), f.real("for_s"),
                      f.numbers("nodes")};
}

std::vector<operation::candidate> parse_candidates(fields& f) {
  std::vector<operation::candidate> out;
  for (const auto& one : f.list("candidates")) {
    if (!one.is_object() || !one.contains("node") || !one["node"].is_number_integer()) {
      f.complain("`candidates` is not a list of objects with a node each");
      break;
    }
    fields c(one);
    out.push_back({one["node"].get<std::int64_t>(), c.fixed<digest>("root"), c.number("issued_at_s")});
    if (!c.problem().empty()) f.complain("in `candidates`, " + c.problem());
  }
  return out;
}

log_record parse_operation(fields& f) {
  operation out;
  out.what = static_cast<operation::kind>(f.one_of("op", kinds));
  out.started_us = f.number("t_us");
  out.elapsed_us = f.number("elapsed_us");
  out.node = f.number("node");
  out.target = f.mbid("mbid");
  out.end = static_cast<operation::outcome>(f.one_of("outcome", outcomes));
  out.holders_alive = f.numbers("holders_alive");
  out.holders_found = f.number("holders_found");
  out.replicas = static_cast<std::uint32_t>(f.number("replicas", ~std::uint32_t{0}));
  out.asked = static_cast<std::uint32_t>(f.number("asked", ~std::uint32_t{0}));
  out.bytes = f.number("bytes");
  if (out.what == operation::kind::resolve) out.candidates = parse_candidates(f);
  out.sha256 = f.text("sha256", true);
  out.reason = f.text("reason", true);
  return out;
}

log_record parse_restart(fields& f) {
  return restart_record{f.number("at_us"), f.number("node"), f.text("path"), f.text("reason")};
}

log_record parse_sample(fields& f, const json& object) {
  sample_record out{
      f.number("at_us"),        f.number("node"),      f.number("mailbox"), f.text("mailbox_of"), {},
      f.number("memory_bytes"), f.number("disk_bytes")};
  const auto gauges = object.find("gauges");
  if (gauges == object.end() || !gauges->is_object()) {
    f.complain("`gauges` is not an object");
    return out;
  }
  for (const auto& [name, value] : gauges->items()) {
    if (!value.is_number_integer()) f.complain("in `gauges`, " + name + " is not a whole number");
    if (value.is_number_integer()) out.gauges[name] = value.get<std::int64_t>();
  }
  return out;
}

log_record parse_leaf(fields& f) {
  leaf_record out{f.fixed<digest>("hash"), {}};
  auto raw = from_hex(f.text("raw"));
  if (!raw) f.complain("`raw` is not hex");
  if (raw) out.raw = std::move(*raw);
  return out;
}

log_record parse_ack(fields& f) {
  return ack_record{
      f.number("at_us"), f.number("node"),        f.fixed<dht_key>("key"), f.fixed<public_key>("publisher"),
      f.number("seq"),   f.fixed<digest>("hash"), f.numbers("holders")};
}

log_record parse_stored(fields& f) {
  return stored_record{f.number("node"),
                       f.fixed<dht_key>("key"),
                       f.fixed<public_key>("publisher"),
                       f.number("seq"),
                       static_cast<std::uint32_t>(f.number("ttl_s", ~std::uint32_t{0})),
                       f.number("lease_ends_ms"),
                       f.fixed<digest>("hash")};
}

log_record parse_end(fields& f) { return end_record{f.number("at_us"), f.number("records")}; }

log_record parse_named(const std::string& name, fields& f, const json& object) {
  if (name == "run") return parse_run(f);
  if (name == "recording") return parse_recording(f);
  if (name == "node") return parse_node(f);
  if (name == "share") return parse_share(f);
  if (name == "fault") return parse_fault(f);
  if (name == "restart") return parse_restart(f);
  if (name == "sample") return parse_sample(f, object);
  if (name == "leaf") return parse_leaf(f);
  if (name == "ack") return parse_ack(f);
  if (name == "stored") return parse_stored(f);
  if (name == "end") return parse_end(f);
  f.complain("`record` is " + name + ", which is unknown");
  return end_record{};
}

}  // namespace

const char* name_of(operation::kind what) { return kinds[static_cast<std::size_t>(what)]; }
const char* name_of(operation::outcome end) { return outcomes[static_cast<std::size_t>(end)]; }

std::string to_json_line(const log_record& what) {
  // A reason may quote bytes that are no UTF-8.
  return std::visit([](const auto& r) { return to_json(r); }, what)
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

result<log_record> parse_log_line(std::string_view line) {
  const auto object = json::parse(line, nullptr, false);
  if (object.is_discarded() || !object.is_object()) return fail("it is not a JSON object");
  fields f(object);
  const auto out = object.contains("op") ? parse_operation(f) : parse_named(f.text("record"), f, object);
  if (!f.problem().empty()) return fail(f.problem());
  return out;
}

}  // namespace vsf::sim
