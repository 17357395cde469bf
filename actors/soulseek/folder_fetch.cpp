#include "actors/soulseek/folder_fetch.hpp"

#include <algorithm>

#include "actors/soulseek/transfer_naming.hpp"

namespace vsf::soulseek {
namespace {

std::size_t components(std::string_view path) {
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '\\'));
}

}  // namespace

folder_fetch::folder_fetch(std::string user, std::string folder)
    : user_(std::move(user)), folder_(std::move(folder)) {
  while (!folder_.empty() && folder_.back() == '\\') folder_.pop_back();
  depth_ = components(folder_);
}

std::vector<downloads::wanted> folder_fetch::take(const std::vector<folder>& listed) {
  std::vector<downloads::wanted> out;
  for (const auto& f : listed) {
    auto path = f.name;
    while (!path.empty() && path.back() == '\\') path.pop_back();
    const bool below =
        path.size() > folder_.size() && path.starts_with(folder_) && path[folder_.size()] == '\\';
    if (!below && path != folder_) continue;
    deeper_ = deeper_ || below;
    for (const auto& x : f.files) {
      auto whole = path + '\\' + x.name;
      if (seen_.size() >= max_files) {
        if (!seen_.contains(whole)) ++beyond_;
        continue;
      }
      if (!seen_.insert(whole).second) continue;
      downloads::wanted w;
      w.from = {user_, std::move(whole), x.size};
      w.keep_folders = std::min(max_kept_folders, components(path) - depth_ + 1);
      out.push_back(std::move(w));
    }
  }
  return out;
}

}  // namespace vsf::soulseek
