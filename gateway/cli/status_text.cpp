#include "gateway/cli/status_text.hpp"

#include <algorithm>
#include <map>

#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using nlohmann::json;

std::string readiness(const json& status) {
  if (flag_of(status, "ready")) return "yes";
  if (!status.contains("puzzle") || !status["puzzle"].is_object()) return "no";
  const auto tried = number_of(status["puzzle"], "tried");
  const auto expected = std::max<std::uint64_t>(number_of(status["puzzle"], "expected"), 1);
  return "no: working on the node's id, " + std::to_string(tried * 100 / expected) +
         "% of the tries that are needed on average (only at the first start)";
}

std::string peers_of(const json& status) {
  const auto& peers = list_of(status, "peers");
  const auto inbound =
      std::count_if(peers.begin(), peers.end(), [](const json& p) { return flag_of(p, "inbound"); });
  if (peers.empty()) return "0";
  return std::to_string(peers.size()) + " (" + std::to_string(inbound) + " called us)";
}

/// "16 files, 15 shareable (2.9 MB), 3 to look into, scanning".
std::string library_of(const json& status) {
  for (const auto& part : list_of(status, "components")) {
    if (text_of(part, "path") != "library") continue;
    std::map<std::string, std::uint64_t> gauges;
    for (const auto& gauge : list_of(part, "gauges"))
      gauges[text_of(gauge, "name")] = number_of(gauge, "value");
    auto out = std::to_string(gauges["files"]) + " files, " + std::to_string(gauges["files_shareable"]) +
               " shareable (" + human_bytes(gauges["bytes_shareable"]) + ")";
    if (const auto left = gauges["files_to_analyze"]; left > 0)
      out += ", " + std::to_string(left) + " to look into";
    return out + (gauges["scanning"] > 0 ? ", scanning" : "");
  }
  return "-";
}

std::string transfers_of(const json& downloads) {
  if (downloads.is_null()) return "-";
  const auto& all = list_of(downloads, "downloads");
  if (all.empty()) return "none";
  std::map<std::string, int> states;
  for (const auto& d : all) ++states[text_of(d, "state", "unknown")];
  std::string out;
  for (const auto& [state, count] : states)
    out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  const bool more = downloads.contains("next_offset") && downloads["next_offset"].is_number();
  return out + (more ? " of the newest " + std::to_string(all.size()) : "");
}

std::string restarts_of(const json& status) {
  std::string out;
  for (const auto& part : list_of(status, "components"))
    for (const auto& child : list_of(part, "children"))
      if (number_of(child, "restarts") > 0)
        out += "  " + text_of(child, "path", "?") + " was restarted " +
               std::to_string(number_of(child, "restarts")) + " times" +
               (text_of(child, "last_error").empty() ? "" : ": " + text_of(child, "last_error")) + "\n";
  return out;
}

/// "queued, number 3" where it waits for its turn.
std::string state_of(const json& download) {
  const auto place = number_of(download, "place");
  return text_of(download, "state") + (place == 0 ? "" : ", number " + std::to_string(place));
}

std::string kib_of(const json& limits, const char* name) {
  const auto kib = number_of(limits, name);
  return kib == 0 ? "no limit" : std::to_string(kib) + " KiB/s";
}

std::string kbps_of(const json& object) {
  const auto kbps = number_of(object, "bitrate_kbps");
  return kbps == 0 ? "-" : std::to_string(kbps) + " kbit/s";
}

}  // namespace

std::string status_text(const json& status, const json& downloads) {
  const auto up_ms =
      number_of(status, "now_ms") - std::min(number_of(status, "started_ms"), number_of(status, "now_ms"));
  std::string out;
  out += labelled("node", text_of(status, "node", "none yet"));
  out += labelled("network", text_of(status, "network", "-"));
  out += labelled("version", text_of(status, "version", "-"));
  out += labelled("up", human_duration(up_ms / 1000));
  out += labelled("ready", readiness(status));
  out += labelled("peers", peers_of(status));
  out += labelled("library", library_of(status));
  out += labelled("downloads", transfers_of(downloads));
  if (const auto restarts = restarts_of(status); !restarts.empty()) out += "restarts\n" + restarts;
  std::string notes;
  for (const auto& part : list_of(status, "components"))
    for (const auto& note : list_of(part, "notes"))
      if (note.is_string())
        notes +=
            "  " + text_of(part, "path", "?") + ": " + printable(note.get_ref<const std::string&>()) + "\n";
  return out + (notes.empty() ? "" : "notes\n" + notes);
}

std::string downloads_text(const json& downloads) {
  const auto& all = list_of(downloads, "downloads");
  if (all.empty()) return "there are no downloads; begin one with: vsf get MBID\n";
  std::vector<std::vector<std::string>> rows{
      {"ID", "STATE", "DONE", "SIZE", "RATE", "SOURCES", "PRIORITY", "RECORDING", "FILE OR REASON"}};
  for (const auto& d : all) {
    const auto path = text_of(d, "path");
    rows.push_back({text_of(d, "id"), state_of(d),
                    share_of(number_of(d, "bytes_verified"), number_of(d, "bytes_total")),
                    size_of(d, "bytes_total"), rate_of(d, "rate_bytes_per_s"),
                    std::to_string(list_of(d, "sources").size()), text_of(d, "priority", "-"),
                    text_of(d, "mbid"), path.empty() ? text_of(d, "reason") : path});
  }
  return table(rows);
}

std::string limits_text(const json& limits) {
  constexpr std::size_t column = 18;
  std::string out;
  out += labelled("upload", kib_of(limits, "upload_limit_kib"), column);
  out += labelled("download", kib_of(limits, "download_limit_kib"), column);
  out += labelled("upload per peer", kib_of(limits, "upload_limit_per_peer_kib"), column);
  out += labelled("upload slots", std::to_string(number_of(limits, "upload_slots")), column);
  out += labelled("active downloads", std::to_string(number_of(limits, "active_downloads")), column);
  const auto note = text_of(limits, "note");
  return out + (note.empty() ? "" : note + "\n");
}

std::string search_text(const json& found) {
  std::string out;
  const auto& own = list_of(found, "library");
  if (!own.empty()) {
    std::vector<std::vector<std::string>> rows{{"ARTIST", "TITLE", "ALBUM", "CODEC", "SIZE", "PATH"}};
    for (const auto& f : own)
      rows.push_back({text_of(f, "artist"), text_of(f, "title"), text_of(f, "album"), text_of(f, "codec"),
                      size_of(f, "size"), text_of(f, "path")});
    out += "in this node's library: " + std::to_string(own.size()) + "\n" + table(rows);
  }
  const bool asked = found.contains("mesh") && found["mesh"].is_object();
  if (!asked)
    return own.empty() ? "nothing found in this node's library; the mesh is searched by MBID\n" : out;
  const auto& mesh = found["mesh"];
  const auto& candidates = list_of(mesh, "candidates");
  if (candidates.empty()) return out + "not found: nobody in the mesh has it\n";
  std::vector<std::vector<std::string>> rows{{"CODEC", "BITRATE", "SIZE", "QUALITY", "ADDRESS", "NODE"}};
  for (const auto& c : candidates)
    rows.push_back({text_of(c, "codec", "-"), kbps_of(c), size_of(c, "size"),
                    std::to_string(number_of(c, "quality")), text_of(c, "address", "unknown"),
                    text_of(c, "node")});
  return out + "in the mesh: " + std::to_string(candidates.size()) + " from " +
         std::to_string(number_of(mesh, "publishers")) + " publishers, in " +
         std::to_string(number_of(mesh, "elapsed_us") / 1000) + " ms\n" + table(rows);
}

std::string event_text(const json& event) {
  const auto subject = text_of(event, "subject");
  return local_time(number_of(event, "time_ms")) + "  " + text_of(event, "kind", "?") +
         (subject.empty() ? "" : "  " + subject) + "  " + text_of(event, "text");
}

}  // namespace vsf::cli
