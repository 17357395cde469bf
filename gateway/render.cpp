#include "gateway/render.hpp"

#include <map>
#include <utility>

#include <nlohmann/json.hpp>

namespace vsf::gateway {

namespace {

using json = nlohmann::ordered_json;

/// Text from peers and files may be anything; what is no UTF-8 is shown as replacement characters.
response ok(const json& body, unsigned status = 200) {
  return {status, "application/json", body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

template <class Fb>
json hex(const Fb* x) {
  return x == nullptr ? json(nullptr) : json(to_hex(byte_view{x->bytes()->data(), x->bytes()->size()}));
}
json mbid_text(const fb::Bytes16* x) {
  return x == nullptr ? json(nullptr) : json(to_string(from_fb<mbid>(*x)));
}
json text(const flatbuffers::String* x) {
  return x == nullptr || x->size() == 0 ? json(nullptr) : json(x->str());
}
json address(const fb::Endpoint* x) { return x == nullptr ? json(nullptr) : json(to_string(from_fb(*x))); }

template <class Vector, class Make>
json list(const Vector* xs, Make make) {
  json out = json::array();
  if (xs != nullptr)
    for (const auto* x : *xs) out.push_back(make(*x));
  return out;
}

json variant_json(const fb::Variant* v) {
  if (v == nullptr) return nullptr;
  return {{"root", hex(&v->root())},
          {"sha256_prefix", hex(&v->sha256_prefix())},
          {"size", v->size()},
          {"bitrate_kbps", v->bitrate_kbps()},
          {"codec", fb::EnumNameCodec(v->codec())},
          {"quality", v->quality()}};
}

json source_json(const fb::SourceStatus& s) {
  return {{"node", hex(s.node())},
          {"address", address(s.address())},
          {"state", fb::EnumNameSourceState(s.state())},
          {"bytes", s.bytes()},
          {"bad_leaves", s.bad_leaves()},
          {"rate_bytes_per_s", s.rate_bytes_per_s()},
          {"bytes_asked", s.bytes_asked()},
          {"reason", text(s.reason())}};
}

json rejection_json(const fb::Rejection& r) {
  return {{"publisher", hex(r.publisher())},
          {"node", hex(r.node())},
          {"root", hex(r.root())},
          {"reason", text(r.reason())},
          {"at_ms", r.at_ms()}};
}

json transfer_json(const fb::TransferStatus& t) {
  return {{"id", text(t.transfer())},
          {"mbid", mbid_text(t.mbid())},
          {"state", fb::EnumNameTransferState(t.state())},
          {"variant", variant_json(t.variant())},
          {"bytes_total", t.bytes_total()},
          {"bytes_verified", t.bytes_verified()},
          {"bytes_received", t.bytes_received()},
          {"bytes_kept", t.bytes_kept()},
          {"bytes_wasted", t.bytes_wasted()},
          {"rate_bytes_per_s", t.rate_bytes_per_s()},
          {"priority", fb::EnumNamePriority(t.priority())},
          {"place", t.place() == 0 ? json(nullptr) : json(t.place())},
          {"chunks", to_bytes(view_of(t.chunks()))},
          {"sources", list(t.sources(), source_json)},
          {"rejections", list(t.rejections(), rejection_json)},
          {"path", text(t.path())},
          {"sha256", hex(t.sha256())},
          {"content", text(t.content())},
          {"reason", text(t.reason())},
          {"created_ms", t.created_ms()},
          {"finished_ms", t.finished_ms() == 0 ? json(nullptr) : json(t.finished_ms())}};
}

json file_json(const fb::FileEntry& f) {
  return {{"path", text(f.path())},
          {"size", f.size()},
          {"container", text(f.container())},
          {"codec", text(f.codec_name())},
          {"sample_rate_hz", f.sample_rate_hz()},
          {"bit_depth", f.bit_depth()},
          {"channels", f.channels()},
          {"bitrate_kbps", f.bitrate_kbps()},
          {"duration_ms", f.duration_ms()},
          {"recording", mbid_text(f.recording())},
          {"release", mbid_text(f.release())},
          {"artist", text(f.artist())},
          {"album", text(f.album())},
          {"title", text(f.title())},
          {"disc", f.disc()},
          {"track", f.track()},
          {"sha256", hex(f.sha256())},
          {"root", hex(f.root())},
          {"problem", text(f.problem())}};
}

json counter_json(const fb::Counter& c) {
  return {{"name", text(c.name())}, {"label", text(c.label())}, {"value", c.value()}};
}
json gauge_json(const fb::Gauge& g) {
  return {{"name", text(g.name())}, {"label", text(g.label())}, {"value", g.value()}};
}

json child_json(const fb::ChildReport& c) {
  return {{"path", text(c.path())},
          {"kind", text(c.kind())},
          {"running", c.running()},
          {"restarts", c.restarts()},
          {"last_error", text(c.last_error())}};
}

json component_json(const fb::ComponentReport& r) {
  json notes = json::array();
  if (r.notes() != nullptr)
    for (const auto* n : *r.notes()) notes.push_back(n->str());
  return {{"path", text(r.path())},
          {"kind", text(r.kind())},
          {"mailbox", r.mailbox()},
          {"counters", list(r.counters(), counter_json)},
          {"gauges", list(r.gauges(), gauge_json)},
          {"children", list(r.children(), child_json)},
          {"notes", notes}};
}

json peer_json(const fb::PeerInfo& p) {
  return {{"node", hex(p.id())},        {"address", address(p.address())},
          {"inbound", p.inbound()},     {"since_ms", p.since_ms()},
          {"rtt_us", p.rtt_us()},       {"bytes_in", p.bytes_in()},
          {"bytes_out", p.bytes_out()}, {"channels", p.channels()}};
}

json puzzle_json(const fb::NodeStatus& s) {
  if (s.ready() || s.puzzle_expected() == 0) return nullptr;
  return {{"tried", s.puzzle_tried()}, {"expected", s.puzzle_expected()}};
}

json candidate_json(const fb::Candidate& c) {
  const auto* contact = c.contact();
  auto out = variant_json(c.variant());
  if (out.is_null()) out = json::object();
  out["node"] = hex(c.node());
  out["publisher"] = hex(c.publisher());
  out["address"] = contact == nullptr ? json(nullptr) : json(to_string(from_fb(contact->address())));
  out["issued_at_s"] = c.issued_at_s();
  return out;
}

json track_json(const fb::ReleaseTrack& t) {
  return {{"disc", t.disc()},
          {"track", t.track()},
          {"recording", mbid_text(&t.recording())},
          {"duration_ms", t.duration_ms()}};
}

json resolve_json(const fb::ResolveResult& r) {
  json tracks = json::array();
  if (r.tracks() != nullptr)
    for (const auto* t : *r.tracks()) tracks.push_back(track_json(*t));
  return {{"mbid", mbid_text(r.mbid())},
          {"kind", fb::EnumNameLeafKind(r.kind())},
          {"candidates", list(r.candidates(), candidate_json)},
          {"tracks", tracks},
          {"publishers", r.publishers()},
          {"replicas", r.replicas()},
          {"asked", r.asked()},
          {"cached", r.cached()},
          {"elapsed_us", r.elapsed_us()}};
}

json event_object(const fb::Event& e) {
  return {{"seq", e.seq()},
          {"time_ms", e.time_ms()},
          {"kind", fb::EnumNameEventKind(e.kind())},
          {"subject", text(e.subject())},
          {"text", text(e.text())}};
}

json files_json(const std::vector<record<fb::FileEntry>>& files) {
  json out = json::array();
  for (const auto& f : files) out.push_back(file_json(*f));
  return out;
}

}  // namespace

response render_health(const fb::NodeStatus& status) {
  return ok({{"status", "ok"}, {"ready", status.ready()}, {"puzzle", puzzle_json(status)}});
}

/// What was given to and got from each peer, of all components together.
json traffic_json(const fb::NodeStatus& s) {
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> rows;  // an empty name: all others
  std::uint64_t up = 0, down = 0;
  if (s.reports() != nullptr)
    for (const auto* report : *s.reports()) {
      if (report->traffic() == nullptr) continue;
      for (const auto* row : *report->traffic()) {
        auto& sums = rows[row->node() == nullptr ? std::string() : to_hex(from_fb<node_id>(*row->node()))];
        sums.first += row->bytes_up();
        sums.second += row->bytes_down();
        up += row->bytes_up();
        down += row->bytes_down();
      }
    }
  auto peers = json::array();
  for (const auto& [node, sums] : rows)
    peers.push_back({{"node", node.empty() ? json(nullptr) : json(node)},
                     {"bytes_up", sums.first},
                     {"bytes_down", sums.second}});
  return {{"bytes_up", up},
          {"bytes_down", down},
          {"ratio", down == 0 ? json(nullptr) : json(static_cast<double>(up) / static_cast<double>(down))},
          {"peers", std::move(peers)}};
}

response render_status(const fb::NodeStatus& s) {
  return ok({{"node", s.ready() ? hex(s.node()) : json(nullptr)},
             {"identity", hex(s.identity())},
             {"network", text(s.network())},
             {"version", text(s.version())},
             {"ready", s.ready()},
             {"puzzle", puzzle_json(s)},
             {"started_ms", s.started_ms()},
             {"now_ms", s.now_ms()},
             {"components", list(s.reports(), component_json)},
             {"traffic", traffic_json(s)},
             {"peers", list(s.peers(), peer_json)}});
}

response render_resolve(const fb::ResolveResult& found) { return ok(resolve_json(found)); }

response render_transfer(const fb::TransferStatus& transfer, unsigned status_code) {
  return ok(transfer_json(transfer), status_code);
}

response render_transfers(const fb::TransferList& transfers, std::uint32_t offset, std::uint32_t limit) {
  auto items = list(transfers.transfers(), transfer_json);
  const bool more = items.size() == limit;
  return ok({{"downloads", std::move(items)}, {"next_offset", more ? json(offset + limit) : json(nullptr)}});
}

response render_limits(const fb::TransferLimits& limits) {
  return ok({{"upload_limit_kib", limits.upload_limit_kib()},
             {"download_limit_kib", limits.download_limit_kib()},
             {"upload_limit_per_peer_kib", limits.upload_limit_per_peer_kib()},
             {"upload_slots", limits.upload_slots()},
             {"active_downloads", limits.active_downloads()},
             {"note", "a change holds until the node ends and is not written to its configuration file"}});
}

response render_library(const std::vector<record<fb::FileEntry>>& files, bool more) {
  json next = nullptr;
  if (more && !files.empty()) next = string_of(files.back()->path());
  return ok({{"files", files_json(files)}, {"next_after", next}});
}

response render_search(const std::string& query, const std::vector<record<fb::FileEntry>>& own,
                       const record<fb::ResolveResult>& found) {
  return ok({{"query", query},
             {"library", files_json(own)},
             {"mesh", found ? resolve_json(*found) : json(nullptr)}});
}

response render_events(const std::vector<record<fb::Event>>& events) {
  json out = json::array();
  for (const auto& e : events) out.push_back(event_object(*e));
  return ok({{"events", out}});
}

std::string event_json(const fb::Event& event) {
  return event_object(event).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace vsf::gateway
