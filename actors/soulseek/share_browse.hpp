#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/soulseek/share_index.hpp"

namespace vsf::soulseek {

/// Goes through the folders that have files for an audience, a folder before its subfolders, names in byte
/// order, so that a writer can pull them one by one: nothing is copied but the path of one folder.
class share_browser {
 public:
  /// All folders, or `from` with its subfolders or without them. Ends early if the index changes.
  share_browser(const share_index& index, share_audience audience, share_folder_id from = share_index::top,
                bool with_subfolders = true);

  /// Moves to the next folder; false: there is none, or stale().
  bool next();
  /// The index has changed since: what was read and what would follow don't belong together.
  bool stale() const { return index_->revision() != revision_; }

  std::string_view path() const { return path_; }
  share_folder_id folder() const { return at_; }
  /// Files of this folder for the audience.
  std::uint32_t count() const { return index_->count(at_, audience_); }
  /// visit(name, file) for these files, in the byte order of their names.
  template <class Visit>
  void for_each_file(Visit visit) const {
    std::size_t place = 0;
    while (for_some_files(place, std::size_t(-1), visit)) {
    }
  }
  /// At most `count` of the folder's from `place` on, which moves; false: that was its end.
  template <class Visit>
  bool for_some_files(std::size_t& place, std::size_t count, Visit visit) const {
    const auto files = index_->files(at_);
    for (; place < files.size() && count > 0; ++place, --count) {
      const auto id = files[place];
      const bool buddies = index_->for_buddies(id);
      if (audience_ == share_audience::both || buddies == (audience_ == share_audience::buddies))
        visit(index_->name(id), index_->at(id));
    }
    return place < files.size();
  }

 private:
  bool step();

  const share_index* index_;
  share_audience audience_;
  share_folder_id from_, at_;
  bool deep_;
  bool begun_ = false;
  std::uint64_t revision_;
  std::vector<std::size_t> places_;  // of the folders from `from_` down to at_ among their siblings
  std::string path_;
};

/// How many folders and files a share_browser will give, without going through names.
std::pair<std::uint32_t, std::uint32_t> count_beneath(const share_index& index, share_audience audience,
                                                      share_folder_id from, bool with_subfolders = true);

}  // namespace vsf::soulseek
