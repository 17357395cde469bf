#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "messages/types.hpp"

namespace vsf::cli {

/// A name that stays in the folder it is put into: what follows the last '/', without control characters or a
/// dot in front, valid UTF-8 of at most 200 bytes; `fallback` if nothing is left.
std::string safe_file_name(std::string_view offered, std::string_view fallback);

/// A file being received. Lies in the folder under a name of its own until `keep`; removed if that doesn't
/// happen.
class arriving_file {
 public:
  arriving_file() = default;
  ~arriving_file();
  arriving_file(const arriving_file&) = delete;
  arriving_file& operator=(const arriving_file&) = delete;

  /// Makes the folder if need be. Fails with a message naming it.
  result<void> open(const std::string& folder);
  std::FILE* stream() const { return stream_; }
  /// Syncs it and gives it its name; never replaces a file: " (2)" and so on goes before the extension. If
  /// the name is taken by a file with the same content, that one is kept. Gives the path.
  result<std::string> keep(const std::string& name);

 private:
  std::string folder_;
  std::string path_;
  std::FILE* stream_ = nullptr;
};

}  // namespace vsf::cli
