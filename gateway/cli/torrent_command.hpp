#pragma once

#include <string>
#include <vector>

#include "gateway/cli/console.hpp"

namespace vsf::cli {

struct torrent_request {
  std::string file;
  std::string out{};  // empty: the file's name with .torrent behind it, in the current folder
  std::vector<std::string> trackers{};
  std::vector<std::string> web_seeds{};  // the file's URL, or its folder's ending in '/'
  bool json = false;
};

/// Writes a BitTorrent v2 .torrent of a file and prints its magnet link, or {root, infohash_v2, magnet,
/// torrent}. Never replaces another file. Exit 2: an address that no client would ask.
int run_tool_torrent(const console& to, const torrent_request& what);

}  // namespace vsf::cli
