#include "actors/swarm/torrent_export.hpp"

#include <algorithm>

namespace vsf::swarm {

namespace bencode {

std::string text(std::string_view raw) { return std::to_string(raw.size()) + ":" + std::string(raw); }

std::string number(std::uint64_t value) { return "i" + std::to_string(value) + "e"; }

std::string list(const std::vector<std::string>& parts) {
  std::string out = "l";
  for (const auto& part : parts) out += part;
  return out + "e";
}

std::string dictionary(const std::map<std::string, std::string>& parts) {
  std::string out = "d";
  for (const auto& [key, value] : parts) out += text(key) + value;
  return out + "e";
}

}  // namespace bencode

namespace {

constexpr std::size_t max_name_bytes = 255;  // of a file, wherever it is put

std::string raw_text(const digest& x) { return {reinterpret_cast<const char*>(x.data()), x.size()}; }

/// What stands in the tree over one whole piece, padding included.
digest piece_root(crypto::sha256_hasher& hasher, std::vector<digest> level) {
  for (; level.size() > 1; level.resize(level.size() / 2))
    for (std::size_t i = 0; i < level.size() / 2; ++i) level[i] = hasher.pair(level[2 * i], level[2 * i + 1]);
  return level.front();
}

/// BEP 52 "piece layers": by root, the roots of all pieces of the file, for files of more than one.
std::string piece_layers(const hash_tree& tree) {
  const auto pieces = piece_count(tree.size());
  if (pieces < 2) return bencode::dictionary({});
  crypto::sha256_hasher hasher;
  std::string layer;
  layer.reserve(std::size_t{pieces} * digest::length);
  for (std::uint32_t i = 0; i < pieces; ++i) layer += raw_text(piece_root(hasher, tree.prove(i).leaves));
  return bencode::dictionary({{raw_text(tree.root()), bencode::text(layer)}});
}

/// For a query: everything but letters, digits and -._~ as %XX.
std::string escaped(std::string_view raw) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : raw) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      out.push_back(c);
    else
      (out += '%').append({digits[byte >> 4], digits[byte & 15]});
  }
  return out;
}

std::string magnet_link(const digest& infohash, std::uint64_t size_bytes, const std::string& name,
                        const torrent_options& how) {
  // 12 20: a multihash of SHA-256, 32 bytes.
  auto out = "magnet:?xt=urn:btmh:1220" + to_hex(infohash) + "&dn=" + escaped(name) +
             "&xl=" + std::to_string(size_bytes);
  for (const auto& url : how.trackers) out += "&tr=" + escaped(url);
  for (const auto& url : how.web_seeds) out += "&ws=" + escaped(url);
  return out;
}

/// %XX as the byte it stands for; anything else as it is.
std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto raw = text.starts_with('%') && text.size() >= 3 ? from_hex(text.substr(1, 2)) : std::nullopt;
    out.push_back(raw ? static_cast<char>(raw->front()) : text.front());
    text.remove_prefix(raw ? 3 : 1);
  }
  return out;
}

std::string url_list(const std::vector<std::string>& urls) {
  std::vector<std::string> parts;
  for (const auto& url : urls) parts.push_back(bencode::text(url));
  return bencode::list(parts);
}

}  // namespace

std::optional<std::string> web_seed_folder(const std::string& url, const std::string& name) {
  const auto after_folder = url.rfind('/') + 1;
  const auto last = url.substr(after_folder);
  if (!last.empty() && unescaped(last) != name) return std::nullopt;
  return url.substr(0, after_folder);
}

result<torrent> export_torrent(const hash_tree& tree, const std::string& name, const torrent_options& how) {
  if (tree.size() == 0) return fail("an empty file has no BitTorrent v2 root, so there is no torrent of it");
  if (name.empty() || name == "." || name == ".." || name.size() > max_name_bytes ||
      name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    return fail("a torrent needs the file's name, of 1 to 255 bytes and without a path");
  const auto entry = bencode::dictionary(
      {{"length", bencode::number(tree.size())}, {"pieces root", bencode::text(raw_text(tree.root()))}});
  const auto info =
      bencode::dictionary({{"file tree", bencode::dictionary({{name, bencode::dictionary({{"", entry}})}})},
                           {"meta version", bencode::number(2)},
                           {"name", bencode::text(name)},
                           {"piece length", bencode::number(piece_size)}});
  std::map<std::string, std::string> all{{"info", info}, {"piece layers", piece_layers(tree)}};
  if (!how.trackers.empty()) {
    all["announce"] = bencode::text(how.trackers.front());
    std::vector<std::string> tiers;
    for (const auto& url : how.trackers) tiers.push_back(url_list({url}));
    if (tiers.size() > 1) all["announce-list"] = bencode::list(tiers);
  }
  if (!how.web_seeds.empty()) all["url-list"] = url_list(how.web_seeds);
  torrent out;
  out.infohash_v2 = crypto::sha256(crypto::as_bytes(info));
  out.file = bencode::dictionary(all);
  out.magnet = magnet_link(out.infohash_v2, tree.size(), name, how);
  return out;
}

}  // namespace vsf::swarm
