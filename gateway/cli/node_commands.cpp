#include "gateway/cli/node_commands.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "gateway/cli/follow_download.hpp"
#include "gateway/cli/interrupt.hpp"
#include "gateway/cli/status_text.hpp"
#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::size_t max_listed = 10'000;

std::string numbered(const std::string& path, std::uint64_t offset, std::uint64_t limit) {
  return path + "?offset=" + std::to_string(offset) + "&limit=" + std::to_string(limit);
}

std::string path_of(const std::string& id) { return "/api/v1/downloads/" + api_client::escaped(id); }

/// Prints the events behind `last`, of what the node keeps; moves `last` on.
void print_new(const console& to, const json& history, std::optional<std::uint64_t>& last, bool as_json) {
  const auto& events = list_of(history, "events");
  // A node whose store was emptied counts from the start again.
  if (!events.empty() && last && number_of(events.back(), "seq") < *last) last = 0;
  for (const auto& event : events) {
    const auto seq = number_of(event, "seq");
    if (last && seq <= *last) continue;
    if (last && *last > 0 && seq > *last + 1)
      to.err << "vsf: " << seq - *last - 1 << " events went by unseen" << std::endl;
    to.out << (as_json ? json_text(event) : event_text(event)) << std::endl;
    last = seq;
  }
}

}  // namespace

int run_status(api_client& node, const console& to, bool as_json) {
  const auto status = node.get("/api/v1/status");
  if (!status) return complain(to, status.error().message);
  if (as_json) {
    to.out << json_text(*status) << std::endl;
    return exit_done;
  }
  // Downloads exist once the mesh is up; without them the rest is still worth showing.
  const auto downloads = node.get(numbered("/api/v1/downloads", 0, 1000));
  to.out << status_text(*status, downloads ? *downloads : json(nullptr)) << std::flush;
  return exit_done;
}

int run_search(api_client& node, const console& to, const std::string& query, bool as_json) {
  const auto found = node.get("/api/v1/search?q=" + api_client::escaped(query));
  if (!found) return complain(to, found.error().message);
  to.out << (as_json ? json_text(*found) + "\n" : search_text(*found)) << std::flush;
  return exit_done;
}

int run_get(api_client& node, const console& to, const mbid& what, const get_options& how) {
  const auto begun = std::chrono::steady_clock::now();
  json wanted{{"mbid", to_string(what)}};
  if (!how.priority.empty()) wanted["priority"] = how.priority;
  const auto started = node.post("/api/v1/downloads", wanted);
  if (!started) return complain(to, "cannot get " + to_string(what) + ": " + started.error().message);
  const bool wait = how.wait || !how.out_dir.empty();
  const auto enough = [&](const json& download) {
    if (wait) return false;
    const auto state = text_of(download, "state");
    return (state != "queued" && state != "resolving") || std::chrono::steady_clock::now() - begun > 4s;
  };
  const auto ended = follow_download(node, to, *started, enough, wait ? 30s : 4s);
  if (!ended) return complain(to, ended.error().message);
  const auto state = text_of(*ended, "state");
  if (state == "failed" || state == "cancelled") {
    const auto reason = text_of(*ended, "reason", state == "failed" ? "the node gave no reason" : "");
    return complain(
        to, "cannot get " + to_string(what) + ": " + (state == "failed" ? "" : "cancelled ") + reason);
  }
  if (!wait) {
    to.out << text_of(*ended, "id") << std::endl;
    return exit_done;
  }
  if (how.out_dir.empty()) {
    to.out << text_of(*ended, "path") << std::endl;
    return exit_done;
  }
  const auto path = fetch_content(node, to, *ended, how.out_dir);
  if (!path) return complain(to, path.error().message);
  to.out << *path << std::endl;
  return exit_done;
}

int run_downloads(api_client& node, const console& to, bool as_json) {
  json all = json::array();
  std::uint64_t offset = 0;
  while (all.size() < max_listed) {
    auto page = node.get(numbered("/api/v1/downloads", offset, 1000));
    if (!page) return complain(to, page.error().message);
    for (const auto& d : list_of(*page, "downloads")) all.push_back(d);
    const auto next = number_of(*page, "next_offset");
    if (next <= offset) break;
    offset = next;
  }
  const json list{{"downloads", std::move(all)}};
  to.out << (as_json ? json_text(list) + "\n" : downloads_text(list)) << std::flush;
  return exit_done;
}

int run_control(api_client& node, const console& to, const std::string& id, const std::string& verb) {
  const auto done = node.post(path_of(id) + "/" + verb);
  if (!done) return complain(to, "cannot " + verb + " " + printable(id) + ": " + done.error().message);
  to.out << text_of(*done, "id") << " is now " << text_of(*done, "state") << std::endl;
  return exit_done;
}

int run_forget(api_client& node, const console& to, const std::string& id) {
  const auto done = node.remove(path_of(id));
  if (!done) return complain(to, "cannot forget " + printable(id) + ": " + done.error().message);
  to.out << text_of(*done, "id") << " is forgotten; a finished file stays where it is" << std::endl;
  return exit_done;
}

int run_priority(api_client& node, const console& to, const std::string& id, const std::string& priority) {
  const auto done = node.post(path_of(id) + "/priority", {{"priority", priority}});
  if (!done)
    return complain(to, "cannot change the priority of " + printable(id) + ": " + done.error().message);
  to.out << text_of(*done, "id") << " now has " << text_of(*done, "priority") << " priority" << std::endl;
  return exit_done;
}

int run_move(api_client& node, const console& to, const std::string& id, std::uint32_t place) {
  const auto done = node.post(path_of(id) + "/move", {{"place", place}});
  if (!done) return complain(to, "cannot move " + printable(id) + ": " + done.error().message);
  const auto now_at = number_of(*done, "place");
  to.out << text_of(*done, "id")
         << (now_at == 0 ? " does not wait for its turn: it is " + text_of(*done, "state")
                         : " is now number " + std::to_string(now_at) + " in the queue")
         << std::endl;
  return exit_done;
}

int run_limits(api_client& node, const console& to, const limit_options& wanted, bool as_json) {
  constexpr const char* path = "/api/v1/transfers/limits";
  auto holds = node.get(path);
  if (!holds) return complain(to, holds.error().message);
  bool change = false;
  const auto set = [&](const char* name, const std::optional<std::uint32_t>& value) {
    if (!value) return;
    (*holds)[name] = *value;
    change = true;
  };
  set("upload_limit_kib", wanted.upload_kib);
  set("download_limit_kib", wanted.download_kib);
  set("upload_limit_per_peer_kib", wanted.peer_kib);
  set("upload_slots", wanted.slots);
  set("active_downloads", wanted.active);
  if (change) holds = node.put(path, *holds);
  if (!holds) return complain(to, "cannot change the limits: " + holds.error().message);
  to.out << (as_json ? json_text(*holds) + "\n" : limits_text(*holds)) << std::flush;
  return exit_done;
}

int run_rescan(api_client& node, const console& to) {
  const auto done = node.post("/api/v1/library/rescan");
  if (!done) return complain(to, done.error().message);
  to.out << "the node looks through its folders now; vsf events shows what it finds" << std::endl;
  return exit_done;
}

int run_events(api_client& node, const console& to, bool as_json) {
  auto history = node.get("/api/v1/events/history?limit=20");
  if (!history) return complain(to, history.error().message);
  std::optional<std::uint64_t> last;
  print_new(to, *history, last, as_json);
  if (!last) last = 0;
  auto pause = 1000ms;
  bool lost = false;
  while (to.out && pause_for(pause)) {
    history = node.get("/api/v1/events/history?limit=1000");
    if (!history) {
      if (!lost) complain(to, history.error().message + "; still trying");
      lost = true;
      pause = std::min(pause * 2, 15'000ms);
      continue;
    }
    lost = false;
    pause = 1000ms;
    print_new(to, *history, last, as_json);
  }
  return exit_done;
}

}  // namespace vsf::cli
