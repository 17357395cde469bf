#include "gateway/cli/follow_download.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "gateway/cli/download_view.hpp"
#include "gateway/cli/file_name.hpp"
#include "gateway/cli/interrupt.hpp"
#include "gateway/cli/live_console.hpp"
#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using nlohmann::json;

/// A bar and a line for each source. A source that lied is named once for good.
class progress_view {
 public:
  explicit progress_view(const console& to) : lines_(to) {}

  void show(const json& download) {
    name_culprits(download);
    const auto state = text_of(download, "state", "unknown");
    const auto reason = text_of(download, "reason");
    const auto done = number_of(download, "bytes_verified");
    const auto total = number_of(download, "bytes_total");
    const bool moves = state == "transferring";
    if (moves) rate_.add(clock::now(), done);
    const auto& sources = list_of(download, "sources");
    const auto active = static_cast<std::size_t>(std::count_if(
        sources.begin(), sources.end(), [](const json& s) { return text_of(s, "state") == "active"; }));
    const auto words = state + (reason.empty() ? "" : ": " + reason);
    const auto first = moves ? progress_text(done, total, rate_.bytes_per_second(), active) : words;
    std::vector<std::string> lines{first};
    for (auto& line : source_lines(download, live_console::rows() - 1)) lines.push_back(std::move(line));
    lines_.show(lines, first, words, total == 0 ? 0 : done * 10 / total);
  }
  void name_culprits(const json& download) {
    for (auto& line : culprits_of(download))
      if (named_.insert(line).second) lines_.print(line);
  }
  void say(const std::string& text) { lines_.say(text); }

 private:
  live_console lines_;
  rate_meter rate_;
  std::set<std::string> named_;
};

tl::unexpected<api_client::failure> failed(std::string message) {
  return tl::unexpected(api_client::failure{std::move(message), 0});
}

}  // namespace

bool has_ended(const json& download) {
  const auto state = text_of(download, "state");
  return state == "done" || state == "failed" || state == "cancelled";
}

api_client::answer<json> follow_download(api_client& node, const console& to, json download,
                                         const std::function<bool(const json&)>& enough,
                                         std::chrono::milliseconds patience) {
  progress_view view(to);
  const auto path = "/api/v1/downloads/" + api_client::escaped(text_of(download, "id"));
  auto pause = 100ms;
  auto heard = clock::now();
  while (true) {
    // How it ended is for the caller to say.
    if (has_ended(download)) {
      view.name_culprits(download);
      return download;
    }
    view.show(download);
    if (enough(download)) return download;
    if (!pause_for(pause))
      return failed("interrupted; the node goes on with the download (vsf downloads, vsf cancel " +
                    text_of(download, "id") + ")");
    pause = std::min(pause * 3 / 2, 500ms);
    auto next = node.get(path);
    if (next) {
      download = std::move(*next);
      heard = clock::now();
      continue;
    }
    const bool passing = next.error().status == 0 || next.error().status == 503;
    if (!passing || clock::now() - heard > patience) return next;
    view.say("waiting for the node: " + next.error().message);
    pause = 500ms;
  }
}

api_client::answer<std::string> fetch_content(api_client& node, const console& to, const json& download,
                                              const std::string& folder) {
  arriving_file file;
  if (const auto opened = file.open(folder); !opened) return failed(opened.error().message);
  const auto id = text_of(download, "id");
  const auto total = number_of(download, "bytes_total");
  progress_view view(to);
  auto shown = clock::now();
  const auto progress = [&](std::uint64_t bytes) {
    if (clock::now() - shown > 250ms) {
      shown = clock::now();
      view.say("copying the file: " + human_bytes(bytes) + " of " + human_bytes(total));
    }
    return !interrupted();
  };
  const auto got =
      node.receive("/api/v1/downloads/" + api_client::escaped(id) + "/content", file.stream(), progress);
  if (!got) return tl::unexpected(got.error());
  if (got->size_bytes != total)
    return failed("the node sent " + std::to_string(got->size_bytes) + " bytes of a file of " +
                  std::to_string(total) + "; try again");
  const auto wanted = text_of(download, "sha256");
  if (!wanted.empty() && wanted != to_hex(got->sha256))
    return failed("what the node sent is not the file it downloaded (its SHA-256 differs); try again");
  const auto kept = file.keep(safe_file_name(got->name, "download-" + id + ".bin"));
  if (!kept) return failed(kept.error().message);
  return *kept;
}

}  // namespace vsf::cli
