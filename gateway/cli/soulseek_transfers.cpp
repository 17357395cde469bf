// Files that come and go.
#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include "gateway/cli/interrupt.hpp"
#include "gateway/cli/live_console.hpp"
#include "gateway/cli/soulseek_commands.hpp"
#include "gateway/cli/soulseek_results.hpp"
#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using nlohmann::json;
using numbers = std::set<std::uint64_t>;
constexpr std::uint64_t page = 1000;
constexpr std::uint64_t max_listed = 20'000;
constexpr auto patience = 30s;  // with a node that is away

tl::unexpected<api_client::failure> failed(std::string message) {
  return tl::unexpected(api_client::failure{std::move(message), 0});
}

bool is_over(const json& transfer) {
  const auto state = text_of(transfer, "state");
  return state == "completed" || state == "failed" || state == "cancelled";
}

/// The node's list of transfers, or those of it with these numbers.
api_client::answer<json> listed(api_client& node, const std::string& kind, const numbers* only) {
  json out{{"transfers", json::array()}};
  for (std::uint64_t offset = 0; offset < max_listed; offset += page) {
    const auto part = node.get(paged(soulseek_path({kind}), offset, page));
    if (!part) return tl::unexpected(part.error());
    out["total"] = number_of(*part, "total");
    for (const auto& t : list_of(*part, "transfers"))
      if (only == nullptr || only->contains(number_of(t, "id"))) out["transfers"].push_back(t);
    if (list_of(*part, "transfers").size() < page) break;
    if (only != nullptr && out["transfers"].size() == only->size()) break;
  }
  return out;
}

/// One bar for all that is fetched.
class transfers_view {
 public:
  explicit transfers_view(const console& to) : lines_(to) {}

  void show(const json& transfers) {
    std::uint64_t done = 0, total = 0;
    std::size_t over = 0;
    bool moves = false;
    std::string waits;
    for (const auto& t : transfers) {
      done += number_of(t, "bytes_done");
      total += number_of(t, "size");
      if (is_over(t)) ++over;
      const bool runs = text_of(t, "state") == "transferring";
      moves = moves || runs;
      if (!runs && !is_over(t) && waits.empty()) waits = soulseek_transfer_words(t);
    }
    if (moves) rate_.add(clock::now(), done);
    auto line = moves ? progress_bar(done, total, rate_.bytes_per_second()) : waits;
    if (transfers.size() > 1)
      line = std::to_string(over) + " of " + std::to_string(transfers.size()) + " files  " + line;
    lines_.show({line}, line, moves ? "moves" : line, moves && total > 0 ? done * 10 / total : 0);
  }
  void say(const std::string& text) { lines_.say(text); }

 private:
  live_console lines_;
  rate_meter rate_;
};

/// Asks 2 to 10 times a second for these downloads until all are over; gives their last states.
api_client::answer<json> follow(api_client& node, const console& to, const numbers& which) {
  transfers_view view(to);
  auto pause = 100ms;
  auto heard = clock::now();
  while (true) {
    const auto list = listed(node, "downloads", &which);
    if (list) {
      heard = clock::now();
      const auto& all = list_of(*list, "transfers");
      if (all.size() < which.size())
        return failed("somebody took the download off the node's list; begin it again");
      if (std::all_of(all.begin(), all.end(), is_over)) return all;
      view.show(all);
    } else {
      const bool passing = list.error().status == 0 || list.error().status == 503;
      if (!passing || clock::now() - heard > patience) return tl::unexpected(list.error());
      view.say("waiting for the node: " + list.error().message);
    }
    if (!pause_for(pause))
      return failed("interrupted; the node goes on with it (vsf soulseek downloads, vsf soulseek cancel " +
                    std::to_string(*which.begin()) + ")");
    pause = std::min(pause * 3 / 2, 500ms);
  }
}

/// The body of a request for what the words of `get` name: USER PATH, or a RESULT like 12-abc234.
api_client::answer<json> wanted_by(const soulseek_call& call) {
  const auto first = call.text("USER"), path = call.text("PATH");
  if (call.has("PATH")) return json{{"user", first}, {call.has("--folder") ? "folder" : "path", path}};
  const auto dash = first.find('-');
  const auto digits = first.substr(0, dash);
  const bool is_result = dash != std::string::npos && !digits.empty() && digits.size() <= 10 &&
                         digits.find_first_not_of("0123456789") == std::string::npos;
  if (!is_result)
    return failed(printable(first) +
                  " is no result of a search, which looks like 12-abc234; or name a user and a path");
  const auto results = soulseek_results(call.node, std::stoull(digits));
  if (!results) return tl::unexpected(results.error());
  const soulseek_found* found = nullptr;
  const auto ranked = soulseek_ranked(*results);
  for (const auto& f : ranked) {
    if (f.id != first.substr(dash + 1)) continue;
    if (found != nullptr) return failed("two files have the name " + first + "; name the user and the path");
    found = &f;
  }
  if (found == nullptr)
    return failed("search " + digits + " has no result " + printable(first) + "; see vsf soulseek results " +
                  digits);
  if (!call.has("--folder"))
    return json{{"user", found->user["user"]},
                {"path", found->file["path"]},
                {"size", number_of(found->file, "size")}};
  const auto of_file = found->file["path"].get<std::string>();
  const auto end = of_file.rfind('\\');
  if (end == std::string::npos)
    return failed(printable(of_file) + " lies in no folder; get it without --folder");
  return json{{"user", found->user["user"]}, {"folder", of_file.substr(0, end)}};
}

/// Where the files went, and what went wrong.
int print_ends(const soulseek_call& call, const json& transfers) {
  if (call.has("--json")) call.to.out << json_text({{"transfers", transfers}}) << std::endl;
  int code = exit_done;
  for (const auto& t : transfers) {
    const auto state = text_of(t, "state");
    if (state == "completed") {
      if (!call.has("--json")) call.to.out << text_of(t, "file") << std::endl;
      continue;
    }
    const auto reason =
        text_of(t, "reason", state == "cancelled" ? "it was cancelled" : "the node gave no reason");
    code =
        complain(call.to, "cannot get " + text_of(t, "path") + " of " + text_of(t, "user") + ": " + reason +
                              "; try again with vsf soulseek retry " + std::to_string(number_of(t, "id")));
  }
  return code;
}

int control(const soulseek_call& call, const std::string& verb, const std::string& done,
            const json& body = nullptr) {
  const auto id = call.text("NUMBER");
  const std::string kind = call.has("--upload") ? "uploads" : "downloads";
  return tell_done(call, verb + " " + kind.substr(0, kind.size() - 1) + " " + id,
                   call.node.post(soulseek_path({kind, id, verb}), body),
                   kind.substr(0, kind.size() - 1) + " " + id + " " + done);
}

int print_list(const soulseek_call& call, const std::string& kind, std::string (*as_text)(const json&)) {
  return show_answer(call, "list the " + kind, listed(call.node, kind, nullptr), as_text);
}

}  // namespace

int run_soulseek_get(const soulseek_call& call) {
  const auto what = "get " + printable(call.has("PATH") ? call.text("PATH") + " of " + call.text("USER")
                                                        : call.text("USER"));
  const auto wanted = wanted_by(call);
  if (!wanted) return tell_done(call, what, wanted, "");
  const auto begun = call.node.post(soulseek_path({"downloads"}), *wanted);
  if (!begun) return tell_done(call, what, begun, "");
  numbers which;
  for (const auto& id : list_of(*begun, "ids"))
    if (id.is_number_unsigned()) which.insert(id.get<std::uint64_t>());
  if (begun->contains("id")) which.insert(number_of(*begun, "id"));
  int code = exit_done;
  if (const auto refused = number_of(*begun, "refused"); refused > 0)
    code = complain(
        call.to, std::to_string(refused) + " files of the folder were refused: " + text_of(*begun, "reason"));
  if (which.empty()) return complain(call.to, "cannot " + what + ": there is no file in it");
  if (call.has("--no-wait")) {
    if (call.has("--json"))
      call.to.out << json_text(*begun) << std::endl;
    else
      for (const auto id : which) call.to.out << id << "\n";
    call.to.out << std::flush;
    return code;
  }
  const auto ended = follow(call.node, call.to, which);
  if (!ended) return tell_done(call, what, ended, "");
  return std::max(code, print_ends(call, *ended));
}

int run_soulseek_downloads(const soulseek_call& call) {
  return print_list(call, "downloads", soulseek_downloads_text);
}
int run_soulseek_uploads(const soulseek_call& call) {
  return print_list(call, "uploads", soulseek_uploads_text);
}

int run_soulseek_cancel(const soulseek_call& call) { return control(call, "cancel", "is cancelled"); }
int run_soulseek_retry(const soulseek_call& call) { return control(call, "retry", "is tried again"); }
int run_soulseek_pause(const soulseek_call& call) { return control(call, "pause", "is paused"); }
int run_soulseek_resume(const soulseek_call& call) { return control(call, "resume", "goes on"); }
int run_soulseek_move(const soulseek_call& call) {
  const auto place = call.number("PLACE", 1);
  return control(call, "move", "has place " + std::to_string(place) + " among those that are not finished",
                 {{"place", place}});
}
int run_soulseek_forget(const soulseek_call& call) {
  const auto id = call.text("NUMBER");
  return tell_done(call, "forget download " + id, call.node.remove(soulseek_path({"downloads", id})),
                   "download " + id + " is forgotten; a finished file stays where it is");
}

int run_soulseek_limits(const soulseek_call& call) {
  const auto path = soulseek_path({"limits"});
  auto holds = call.node.get(path);
  if (!holds) return tell_done(call, "show the limits", holds, "");
  bool change = false;
  for (const auto& [option, name] : {std::pair("--upload-kib", "upload_limit_kib"),
                                     {"--download-kib", "download_limit_kib"},
                                     {"--user-kib", "upload_limit_per_peer_kib"},
                                     {"--slots", "upload_slots"},
                                     {"--user-slots", "upload_slots_per_user"},
                                     {"--active", "active_downloads"},
                                     {"--user-active", "active_downloads_per_user"}}) {
    if (!call.has(option)) continue;
    (*holds)[name] = call.number(option, 0);
    change = true;
  }
  if (change) holds = call.node.put(path, *holds);
  return show_answer(call, change ? "change the limits" : "show the limits", holds, soulseek_limits_text);
}

}  // namespace vsf::cli
