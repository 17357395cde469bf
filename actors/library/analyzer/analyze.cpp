#include "actors/library/analyzer/analyze.hpp"

#include "actors/swarm/hash_tree.hpp"
#include "net/analyzer_process/wire.hpp"

namespace vsf::library {

void hash_content(const byte_source& source, fb::FileEntryT& entry) {
  bytes chunk(256 * 1024);
  crypto::sha256_hasher whole;
  whole.begin();
  swarm::tree_builder tree;
  for (std::uint64_t at = 0; at < source.size();) {
    const auto got = source.read_at(at, chunk);
    if (got == 0) break;
    const auto part = byte_view(chunk).first(got);
    whole.update(part);
    tree.update(part);
    at += got;
  }
  entry.size = tree.size();
  entry.sha256 = box(whole.finish());
  entry.root = box(tree.root());
}

fb::FileEntryT analyze(const byte_source& source, bool fingerprint) {
  auto entry = read_tags(source);
  entry.size = source.size();
  if (entry.problem.empty()) {
    hash_content(source, entry);
    if (entry.size != source.size()) {
      entry.problem = "it can't be read to its end";
      entry.fault = fb::FileFault::unread;
    }
  }
  if (entry.problem.empty() && fingerprint) {
    auto print = fingerprint_of(source);
    entry.fingerprint = std::move(print.text);
    entry.sub_fingerprints = std::move(print.sub_fingerprints);
    entry.fingerprinted = true;
  }
  net::clean_entry(entry);
  return entry;
}

}  // namespace vsf::library
