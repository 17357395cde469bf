#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "actors/soulseek/downloads.hpp"
#include "net/soulseek/types.hpp"

namespace vsf::soulseek {

/// A folder of another user that is to be downloaded with what is below it, from the listings that come.
/// Pure. It keeps its structure: a file of "Album\CD1" goes to "Album/CD1".
class folder_fetch {
 public:
  static constexpr std::size_t max_files = 5000;

  folder_fetch(std::string user, std::string folder);
  /// The files of those folders that are this one or below it and haven't come before, beyond the bound
  /// counted only.
  std::vector<downloads::wanted> take(const std::vector<folder>& listed);
  /// Whether a folder below it came.
  bool goes_deeper() const { return deeper_; }
  std::size_t beyond() const { return beyond_; }
  const std::string& user() const { return user_; }
  const std::string& folder_path() const { return folder_; }

 private:
  std::string user_, folder_;
  std::size_t depth_ = 0;  // of the folder above it
  std::set<std::string> seen_;
  bool deeper_ = false;
  std::size_t beyond_ = 0;
};

}  // namespace vsf::soulseek
