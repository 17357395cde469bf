#include "gateway/cli/download_view.hpp"

#include <algorithm>
#include <array>

#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using nlohmann::json;

/// Where a source stands in the list: the fewer lines fit, the more its state matters.
std::size_t rank_of(const json& source) {
  constexpr std::array<std::string_view, 4> first{"banned", "active", "connecting", "idle"};
  const auto state = text_of(source, "state");
  return static_cast<std::size_t>(std::find(first.begin(), first.end(), state) - first.begin());
}

std::string bad_leaves_of(const json& source) {
  const auto bad = number_of(source, "bad_leaves");
  if (bad == 0) return "";
  return std::to_string(bad) + (bad == 1 ? " bad leaf" : " bad leaves");
}

std::string remark_on(const json& source) {
  const auto reason = text_of(source, "reason");
  if (text_of(source, "state") != "banned") return reason;
  return reason.empty() ? "<- CULPRIT" : "<- CULPRIT: " + reason;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::vector<std::string> source_lines(const json& download, std::size_t most) {
  const auto& listed = list_of(download, "sources");
  std::vector<const json*> sources;
  for (const auto& s : listed) sources.push_back(&s);
  std::stable_sort(sources.begin(), sources.end(),
                   [](const json* a, const json* b) { return rank_of(*a) < rank_of(*b); });
  const auto total = number_of(download, "bytes_total");
  const bool all = sources.size() <= most;
  const auto fit = all ? sources.size() : std::max<std::size_t>(most, 1) - 1;
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < fit; ++i) {
    const auto& s = *sources[i];
    rows.push_back({"  " + text_of(s, "address", "address unknown"), text_of(s, "state", "unknown"),
                    human_bytes(number_of(s, "rate_bytes_per_s")) + "/s",
                    share_of(number_of(s, "bytes"), total), bad_leaves_of(s), remark_on(s)});
  }
  std::vector<std::string> out;
  for (auto& line : split_lines(table(rows))) out.push_back(without_trailing_spaces(std::move(line)));
  if (!all && most > 0) out.push_back("  and " + std::to_string(sources.size() - fit) + " more");
  return out;
}

std::vector<std::string> culprits_of(const json& download) {
  std::vector<std::string> out;
  for (const auto& s : list_of(download, "sources")) {
    if (text_of(s, "state") != "banned") continue;
    out.push_back(text_of(s, "address", "a source of unknown address") +
                  " is banned: " + text_of(s, "reason", "it sent bytes that are not the file's"));
  }
  return out;
}

std::string live_lines::back_to_first() const {
  return (shown_ > 1 ? "\x1b[" + std::to_string(shown_ - 1) + "A" : "") + "\r";
}

std::string live_lines::show(const std::vector<std::string>& lines, std::size_t columns) {
  auto out = back_to_first();
  for (std::size_t i = 0; i < lines.size(); ++i)
    // A row that is full to its end makes some terminals go on to the next.
    out += (i == 0 ? "" : "\n") + clipped(lines[i], columns - 1) + "\x1b[K";
  shown_ = lines.size();
  return out + "\x1b[J";
}

std::string live_lines::clear() {
  if (shown_ == 0) return "";
  const auto out = back_to_first() + "\x1b[J";
  shown_ = 0;
  return out;
}

}  // namespace vsf::cli
