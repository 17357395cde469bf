#include "gateway/cli/follow_download.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <vector>

#include "gateway/cli/download_view.hpp"
#include "gateway/cli/file_name.hpp"
#include "gateway/cli/interrupt.hpp"
#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using nlohmann::json;

struct terminal_size {
  std::size_t columns = 80, rows = 24;
};
terminal_size size_of_terminal() {
  winsize size{};
  terminal_size out;
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) return out;
  if (size.ws_col > 20) out.columns = size.ws_col;
  if (size.ws_row > 1) out.rows = size.ws_row;
  return out;
}

/// Progress for a person: on a terminal a bar and a line for each source, which change; elsewhere a line for
/// each new state and every tenth. A source that lied is named once for good.
class progress_view {
 public:
  explicit progress_view(const console& to) : to_(to) {}
  ~progress_view() { clear(); }
  progress_view(const progress_view&) = delete;
  progress_view& operator=(const progress_view&) = delete;

  void show(const json& download) {
    name_culprits(download);
    const auto state = text_of(download, "state", "unknown");
    const auto reason = text_of(download, "reason");
    const auto done = number_of(download, "bytes_verified");
    const auto total = number_of(download, "bytes_total");
    if (state == "transferring") rate_.add(clock::now(), done);
    const auto& sources = list_of(download, "sources");
    const auto active = static_cast<std::size_t>(std::count_if(
        sources.begin(), sources.end(), [](const json& s) { return text_of(s, "state") == "active"; }));
    const auto bar = progress_text(done, total, rate_.bytes_per_second(), active);
    const auto words = state + (reason.empty() ? "" : ": " + reason);
    if (to_.live) {
      const auto size = size_of_terminal();
      std::vector<std::string> lines{state == "transferring" ? bar : words};
      for (auto& line : source_lines(download, size.rows - 1)) lines.push_back(std::move(line));
      to_.err << live_.show(lines, size.columns) << std::flush;
      return;
    }
    const auto tenth = total == 0 ? 0 : done * 10 / total;
    if (words == last_words_ && tenth == last_tenth_) return;
    to_.err << (state == "transferring" ? bar : words) << std::endl;
    last_words_ = words;
    last_tenth_ = tenth;
  }
  void name_culprits(const json& download) {
    for (auto& line : culprits_of(download))
      if (named_.insert(line).second) to_.err << live_.clear() << line << std::endl;
  }
  void say(const std::string& text) {
    if (to_.live) {
      to_.err << live_.show({text}, size_of_terminal().columns) << std::flush;
      return;
    }
    if (text != last_words_) to_.err << text << std::endl;
    last_words_ = text;
  }

 private:
  void clear() { to_.err << live_.clear() << std::flush; }

  const console& to_;
  rate_meter rate_;
  live_lines live_;
  std::set<std::string> named_;
  std::string last_words_;
  std::uint64_t last_tenth_ = 0;
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
