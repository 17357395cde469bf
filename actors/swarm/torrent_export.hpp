#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/swarm/hash_tree.hpp"

/// A file we know the tree of, as BitTorrent v2 (BEP 52) names it. The tree is the same, so the root in our
/// leaves is the `pieces root` in the torrent, and any client of that network can check such a file.
namespace vsf::swarm {

/// Bencoding (BEP 3); parts are encoded already.
namespace bencode {
std::string text(std::string_view raw);
std::string number(std::uint64_t value);
std::string list(const std::vector<std::string>& parts);
/// Keys are raw; they come in the order of their bytes, as the encoding wants them.
std::string dictionary(const std::map<std::string, std::string>& parts);
}  // namespace bencode

struct torrent_options {
  std::vector<std::string> trackers{};   // a tier each, in this order
  std::vector<std::string> web_seeds{};  // BEP 19, each as web_seed_folder() gives it
};

struct torrent {
  std::string file;    // the bytes of a .torrent
  digest infohash_v2;  // SHA-256 of its info dictionary
  std::string magnet;  // BEP 9 and 53: magnet:?xt=urn:btmh:1220...
};

/// Where a file of that name is served, as every client understands it: the URL of its folder, ending in '/'.
/// `url` is that already, or the file's own (libtorrent takes that for a folder too, and finds nothing
/// there). nullopt: it is neither.
std::optional<std::string> web_seed_folder(const std::string& url, const std::string& name);

/// One file as a torrent with pieces of 1 MiB. `name` is the file's own, which the caller knows to be UTF-8.
/// Fails for an empty file, of which BEP 52 has no root, and for a name that is a path, none or too long.
result<torrent> export_torrent(const hash_tree& tree, const std::string& name,
                               const torrent_options& how = {});

}  // namespace vsf::swarm
