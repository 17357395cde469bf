#include "actors/library/scan_plan.hpp"

#include <algorithm>
#include <array>

namespace vsf::library {
namespace {

constexpr std::array<std::string_view, 18> audio_extensions{"aif", "aifc", "aiff", "ape", "flac", "m4a",
                                                            "m4b", "mp+",  "mp2",  "mp3", "mp4",  "mpc",
                                                            "oga", "ogg",  "opus", "spx", "wav",  "wv"};

/// FNV-1a with a final mix (MurmurHash3's), the same everywhere.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (char c : text) h = (h ^ static_cast<std::uint8_t>(c)) * 0x100000001B3u;
  h = (h ^ h >> 33) * 0xFF51AFD7ED558CCDu;
  h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53u;
  return h ^ h >> 33;
}

}  // namespace

bool is_audio_name(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name.size() - dot > 5) return false;
  std::string extension(name.substr(dot + 1));
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return std::binary_search(audio_extensions.begin(), audio_extensions.end(), extension);
}

bool is_beneath(std::string_view path, std::string_view folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
  if (!path.starts_with(folder)) return false;
  return path.size() == folder.size() || folder == "/" || path[folder.size()] == '/';
}

scan_plan::scan_plan(std::vector<std::string> roots, std::size_t max_files)
    : roots_(std::move(roots)), max_files_(max_files) {}

scan_plan::verdict scan_plan::see(std::string_view path, std::uint64_t size, std::int64_t mtime_ns,
                                  const known_file* known) {
  if (seen_.size() >= max_files_) {
    ++counts_.over_limit;
    return verdict::unchanged;
  }
  seen_.push_back(hash_of(path));
  if (known == nullptr) {
    ++counts_.added;
    return verdict::added;
  }
  if (known->size != size || known->mtime_ns != mtime_ns) {
    ++counts_.changed;
    return verdict::changed;
  }
  ++counts_.unchanged;
  return verdict::unchanged;
}

void scan_plan::finish(bool complete, std::vector<std::string> unread) {
  std::sort(seen_.begin(), seen_.end());
  complete_ = complete && counts_.over_limit == 0;
  unread_ = std::move(unread);
}

bool scan_plan::is_gone(std::string_view known_path) const {
  const auto holds = [&](const std::string& folder) { return is_beneath(known_path, folder); };
  if (std::none_of(roots_.begin(), roots_.end(), holds)) return true;
  if (!complete_ || std::any_of(unread_.begin(), unread_.end(), holds)) return false;
  return !std::binary_search(seen_.begin(), seen_.end(), hash_of(known_path));
}

}  // namespace vsf::library
