#include "actors/soulseek/share_scan.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "actors/library/scan_plan.hpp"
#include "actors/library/variant.hpp"
#include "actors/soulseek/share_text.hpp"

namespace vsf::soulseek {
namespace {

using library::is_beneath;

// A packing goes through all words: it pays after so many changes, or a fraction of the files if that is
// more.
constexpr std::uint64_t least_for_packing = 4096;

void strip_slashes(std::string& folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
}

std::string last_name(std::string_view folder) {
  auto name = shareable_name(folder.substr(folder.rfind('/') + 1));
  return name.empty() ? "Files" : name;
}

/// What lies behind a folder's own path in that of something beneath it.
std::string_view behind(std::string_view path, std::string_view folder) {
  path.remove_prefix(std::min(path.size(), folder.size()));
  while (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

}  // namespace

bool is_shared_name(std::string_view name) {
  constexpr std::array<std::string_view, 3> left_behind = {"desktop.ini", "thumbs.db", "ehthumbs.db"};
  name.remove_prefix(name.rfind('/') + 1);
  if (name.size() > 12) return true;
  const auto folded = fold(name);
  return std::ranges::find(left_behind, folded) == left_behind.end();
}

share_attributes attributes_of(const fb::FileEntry& entry) {
  share_attributes out;
  out.duration_s = entry.duration_ms() / 1000;
  if (library::is_lossless(entry.codec())) {
    out.sample_rate_hz = entry.sample_rate_hz();
    out.bit_depth = entry.bit_depth();
  } else {
    out.bitrate_kbps = entry.bitrate_kbps();
  }
  return out;
}

share_scan::share_scan(const share_scan_settings& settings, share_limits limits) : index_(limits) {
  std::set<std::string> taken;
  for (auto given : settings.roots) {
    strip_slashes(given.folder);
    const bool nested = std::ranges::any_of(settings.roots, [&](const share_root& other) {
      auto above = other.folder;
      strip_slashes(above);
      return !above.empty() && above != given.folder && is_beneath(given.folder, above);
    });
    const bool again =
        std::ranges::any_of(roots_, [&](const root& one) { return one.folder == given.folder; });
    if (given.folder.empty() || nested || again) continue;
    const auto name = last_name(given.folder);
    auto alias = name;
    for (int n = 2; !taken.insert(fold(alias)).second; ++n) alias = name + " (" + std::to_string(n) + ")";
    roots_.push_back({given.folder, alias, given.visibility});
  }
  excluded_ = settings.excluded;
  for (auto& folder : excluded_) strip_slashes(folder);
  std::erase(excluded_, "");
}

std::vector<std::string> share_scan::roots() const {
  std::vector<std::string> out;
  for (const auto& one : roots_) out.push_back(one.folder);
  return out;
}

const share_scan::root* share_scan::root_of(std::string_view local) const {
  const auto at =
      std::ranges::find_if(roots_, [&](const root& one) { return is_beneath(local, one.folder); });
  return at == roots_.end() ? nullptr : &*at;
}

std::optional<std::string> share_scan::virtual_path(std::string_view local) const {
  const auto* from = root_of(local);
  if (from == nullptr) return std::nullopt;
  if (std::ranges::any_of(excluded_, [&](const std::string& one) { return is_beneath(local, one); }))
    return std::nullopt;
  std::string out = from->alias;
  auto rest = behind(local, from->folder);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('/'), rest.size());
    out += '\\';
    out += shareable_name(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

std::uint32_t share_scan::keep_local(std::string_view local, std::string_view shared) {
  const auto rest = behind(local, root_of(local)->folder);
  const auto told = shared.substr(shared.find('\\') + 1);
  if (std::ranges::equal(rest, told, [](char a, char b) { return a == b || (a == '/' && b == '\\'); }))
    return 0;
  odd_names_[next_odd_] = local;
  return next_odd_++;
}

std::string share_scan::local_path(share_file_id file) const {
  if (const auto odd = odd_names_.find(index_.at(file).local); odd != odd_names_.end()) return odd->second;
  auto path = index_.path(file);
  const auto end = path.find('\\');
  const auto from =
      std::ranges::find_if(roots_, [&](const root& one) { return one.alias == path.substr(0, end); });
  std::ranges::replace(path, '\\', '/');
  return (from->folder == "/" ? "" : from->folder) + path.substr(end);
}

void share_scan::forget_local(share_file_id file) { odd_names_.erase(index_.at(file).local); }

std::vector<std::string> share_scan::begin(const std::vector<std::string>& folders) {
  scope_.clear();
  gone_.clear();
  seen_.assign(index_.end_id(), false);
  scanning_ = true;
  ++counters_.scans;
  if (folders.empty()) return scope_ = roots();
  std::vector<std::string> wanted;
  for (auto folder : folders) {
    strip_slashes(folder);
    if (root_of(folder) != nullptr) wanted.push_back(std::move(folder));
  }
  std::ranges::sort(wanted);
  for (auto& folder : wanted)
    if (std::ranges::none_of(scope_, [&](const std::string& above) { return is_beneath(folder, above); }))
      scope_.push_back(std::move(folder));
  return scope_;
}

void share_scan::mark(share_file_id file) {
  if (file >= seen_.size()) seen_.resize(std::max<std::size_t>(file + 1, seen_.size() * 2));
  seen_[file] = true;
}

void share_scan::see(const std::vector<net::walked_file>& files) {
  if (!scanning_) return;
  for (const auto& listed : files) {
    ++counters_.listed;
    const auto path = virtual_path(listed.path);
    if (!path) continue;
    share_file file;
    file.size_bytes = listed.size;
    file.visibility = root_of(listed.path)->visibility;
    const auto known = index_.find_exact(*path);
    if (known) {
      const auto before = index_.at(*known);
      if (before.size_bytes == file.size_bytes) {
        mark(*known);
        continue;
      }
      file.local = before.local;
    } else {
      file.local = keep_local(listed.path, *path);
    }
    const auto done = index_.put(*path, file);
    if (done.what == share_index::change::refused) {
      odd_names_.erase(file.local);
      ++counters_.refused;
      continue;
    }
    mark(done.file);
    ++(known ? counters_.changed : counters_.added);
    ++changes_;
  }
}

/// What is beneath a folder of the scan and was not seen.
void share_scan::find_gone(share_folder_id folder, const std::vector<std::string>& unread) {
  std::vector<share_folder_id> left{folder};
  while (!left.empty()) {
    const auto at = left.back();
    left.pop_back();
    for (const auto id : index_.files(at)) {
      if (id < seen_.size() && seen_[id]) continue;
      const auto local = unread.empty() ? std::string() : local_path(id);
      if (std::ranges::none_of(unread, [&](const std::string& one) { return is_beneath(local, one); }))
        gone_.push_back(id);
    }
    left.insert(left.end(), index_.subfolders(at).begin(), index_.subfolders(at).end());
  }
}

void share_scan::finish(bool complete, const std::vector<std::string>& unread) {
  if (!scanning_ || !complete) return;
  for (const auto& folder : scope_)
    if (const auto path = virtual_path(folder))
      if (const auto at = index_.find_exact_folder(*path)) find_gone(*at, unread);
}

bool share_scan::sweep_some(std::size_t most) {
  for (; most > 0 && !gone_.empty(); --most) {
    const auto file = gone_.back();
    gone_.pop_back();
    forget_local(file);
    if (!index_.remove(file)) continue;
    ++counters_.removed;
    ++changes_;
  }
  if (!gone_.empty()) return true;
  if (!scanning_) return false;
  scanning_ = false;
  gone_ = {};
  seen_ = {};
  pack_if_worthwhile();
  return false;
}

void share_scan::pack_if_worthwhile() {
  const auto& counts = index_.counts();
  const std::uint64_t files = std::uint64_t{counts.files} + counts.buddies_files;
  if (changes_ < std::max(least_for_packing, files / 16)) return;
  index_.pack();
  changes_ = 0;
}

bool share_scan::describe(const fb::FileEntry& entry) {
  const auto path = virtual_path(string_of(entry.path()));
  const auto file = path ? index_.find_exact(*path) : std::nullopt;
  if (!file || index_.at(*file).size_bytes != entry.size()) return false;
  ++counters_.described;
  return index_.set_attributes(*file, attributes_of(entry));
}

std::optional<share_file_id> share_scan::find(std::string_view virtual_path, bool buddy) const {
  const auto file = index_.find(virtual_path);
  if (!file || (!buddy && index_.for_buddies(*file))) return std::nullopt;
  return file;
}

}  // namespace vsf::soulseek
