#include "actors/soulseek/share_browse.hpp"

namespace vsf::soulseek {

share_browser::share_browser(const share_index& index, share_audience audience, share_folder_id from,
                             bool with_subfolders)
    : index_(&index),
      audience_(audience),
      from_(from),
      at_(from),
      deep_(with_subfolders),
      revision_(index.revision()) {}

bool share_browser::step() {
  if (!begun_) {
    begun_ = true;
    return true;
  }
  if (!deep_) return false;
  if (!index_->subfolders(at_).empty()) {
    at_ = index_->subfolders(at_).front();
    places_.push_back(0);
    return true;
  }
  while (at_ != from_) {
    at_ = index_->parent(at_);
    const auto siblings = index_->subfolders(at_);
    if (++places_.back() < siblings.size()) {
      at_ = siblings[places_.back()];
      return true;
    }
    places_.pop_back();
  }
  return false;
}

bool share_browser::next() {
  if (stale()) return false;
  while (step())
    if (count() > 0) {
      path_.clear();
      index_->append_folder_path(at_, path_);
      return true;
    }
  return false;
}

std::pair<std::uint32_t, std::uint32_t> count_beneath(const share_index& index, share_audience audience,
                                                      share_folder_id from, bool with_subfolders) {
  std::pair<std::uint32_t, std::uint32_t> out{};
  if (from == share_index::top && with_subfolders && audience != share_audience::both) {
    const auto& all = index.counts();
    if (audience == share_audience::everyone) return {all.folders, all.files};
    return {all.buddies_folders, all.buddies_files};
  }
  std::vector<share_folder_id> left{from};
  while (!left.empty()) {
    const auto folder = left.back();
    left.pop_back();
    const auto n = index.count(folder, audience);
    out.first += n > 0 ? 1 : 0;
    out.second += n;
    if (with_subfolders)
      left.insert(left.end(), index.subfolders(folder).begin(), index.subfolders(folder).end());
  }
  return out;
}

}  // namespace vsf::soulseek
