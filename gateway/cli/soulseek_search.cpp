// What others have: searches, and the lists of what users share.
#include <algorithm>
#include <chrono>

#include "gateway/cli/interrupt.hpp"
#include "gateway/cli/live_console.hpp"
#include "gateway/cli/soulseek_commands.hpp"
#include "gateway/cli/soulseek_results.hpp"
#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using clock = std::chrono::steady_clock;
constexpr std::uint64_t page = 1000;         // the most that is told at once
constexpr std::uint64_t max_users = 10'000;  // a node keeps fewer
constexpr std::uint64_t usual_wait_s = 10;
constexpr std::uint64_t usual_rows = 100;

std::string search_path(std::uint64_t search) { return soulseek_path({"searches", std::to_string(search)}); }

int print_results(const soulseek_call& call, const json& results) {
  const auto search = number_of(results, "search");
  const auto found = soulseek_ranked(results);
  if (call.has("--json"))
    call.to.out << json_text(soulseek_found_json(results, found)) << std::endl;
  else
    call.to.out << soulseek_found_text(search, found, call.number("--limit", usual_rows)) << std::flush;
  return exit_done;
}

std::string progress_of(const json& results, std::uint64_t left_s) {
  return std::to_string(number_of(results, "files")) + " files of " +
         std::to_string(number_of(results, "users")) + " users; " + std::to_string(left_s) +
         " s left, Ctrl-C shows what is there";
}

/// Shows results as they come, for so long or until the search is over or somebody interrupts.
api_client::answer<json> follow_search(const soulseek_call& call, std::uint64_t search,
                                       std::chrono::seconds wait) {
  live_console lines(call.to);
  const auto end = clock::now() + wait;
  json results{{"search", search}};
  std::uint64_t seen = 0;
  while (true) {
    // The counts are cheap to ask for; the results only when they are others.
    auto counts = call.node.get(paged(search_path(search), 0, 1));
    if (!counts) return counts;
    const auto files = number_of(*counts, "files");
    if (call.to.live && files != seen) {
      auto all = soulseek_results(call.node, search);
      if (!all) return all;
      results = std::move(*all);
      seen = files;
    }
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(end - clock::now()).count();
    std::vector<std::string> shown{
        progress_of(*counts, static_cast<std::uint64_t>(std::max(left, decltype(left){})))};
    if (call.to.live && seen > 0)
      for (auto& row :
           split_lines(soulseek_found_text(search, soulseek_ranked(results), live_console::rows() - 5)))
        shown.push_back(std::move(row));
    lines.show(shown, shown.front(), std::to_string(files), 0);
    if (!flag_of(*counts, "running") || clock::now() >= end || !pause_for(1s)) break;
  }
  return soulseek_results(call.node, search);
}

}  // namespace

api_client::answer<json> soulseek_results(api_client& node, std::uint64_t search) {
  json out;
  for (std::uint64_t offset = 0; offset < max_users; offset += page) {
    auto part = node.get(paged(search_path(search), offset, page));
    if (!part) return part;
    const auto came = list_of(*part, "results").size();
    if (out.is_null())
      out = std::move(*part);
    else
      for (const auto& r : list_of(*part, "results")) out["results"].push_back(r);
    if (came < page) break;
  }
  return out;
}

int run_soulseek_search(const soulseek_call& call) {
  json wanted{{"text", call.text("TEXT")}};
  if (call.has("--user")) wanted["user"] = call.text("--user");
  if (call.has("--room")) wanted["room"] = call.text("--room");
  const auto what = "search for " + printable(call.text("TEXT"));
  const auto begun = call.node.post(soulseek_path({"searches"}), wanted);
  if (!begun) return tell_done(call, what, begun, "");
  const auto found = follow_search(call, number_of(*begun, "search"),
                                   std::chrono::seconds(call.number("--wait", usual_wait_s)));
  if (!found) return tell_done(call, what, found, "");
  return print_results(call, *found);
}

int run_soulseek_results(const soulseek_call& call) {
  const auto search = call.number("NUMBER", 0);
  const auto found = soulseek_results(call.node, search);
  if (!found) return tell_done(call, "show search " + std::to_string(search), found, "");
  return print_results(call, *found);
}

int run_soulseek_browse(const soulseek_call& call) {
  const auto user = call.text("USER"), folder = call.text("FOLDER");
  const auto offset = call.number("--offset", 0);
  auto path = paged(soulseek_path({"users", user, "shares"}), offset, call.number("--limit", page));
  if (!folder.empty()) path += "&folder=" + api_client::escaped(folder);
  const auto shares = call.node.get(path);
  if (!shares) return tell_done(call, "browse " + printable(user), shares, "");
  if (call.has("--json")) {
    call.to.out << json_text(*shares) << std::endl;
    return exit_done;
  }
  const auto& folders = list_of(*shares, "folders");
  call.to.out << soulseek_shares_text(*shares, offset, call.has("--files") || !folder.empty());
  const auto next = offset + folders.size();
  if (!folders.empty() && next < number_of(*shares, "folders_total"))
    call.to.out << "the next ones: --offset " << next << "\n";
  call.to.out << std::flush;
  return exit_done;
}

}  // namespace vsf::cli
