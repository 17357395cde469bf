#include "actors/shadow_index/build.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "actors/library/variant.hpp"

namespace vsf::shadow_index {
namespace {

constexpr std::uint64_t clock_slack_s = 5 * 60;

bool same_sketch(const fb::Sketch* published, const std::optional<fb::Sketch>& wanted) {
  if (published == nullptr || !wanted) return published == nullptr && !wanted;
  return std::memcmp(published, &*wanted, sizeof(fb::Sketch)) == 0;
}

bool carries(const std::unique_ptr<fb::Bytes16>& field, const mbid& id) {
  return field && from_fb<mbid>(*field) == id;
}

auto order_of(const fb::Variant& v) {
  // Ascending: what should come first is the least.
  return std::tuple(!library::is_lossless(v.codec()), 255 - v.quality(), ~v.size(),
                    from_fb<digest>(v.root()));
}

/// The padding of a schema's struct is always zero: bytes that differ mean values that differ.
template <class Struct>
bool same_items(const flatbuffers::Vector<const Struct*>* published, const std::vector<Struct>& wanted) {
  const std::size_t n = published == nullptr ? 0 : published->size();
  if (n != wanted.size()) return false;
  for (flatbuffers::uoffset_t i = 0; i < n; ++i)
    if (std::memcmp(published->Get(i), &wanted[i], sizeof(Struct)) != 0) return false;
  return true;
}

fb::LeafT leaf_of(const leaf_content& content, std::uint64_t seq, std::uint64_t now_s,
                  std::uint32_t lease_s) {
  fb::LeafT out;
  out.kind = content.kind;
  out.lease_s = lease_s;
  out.mbid = box(content.mbid);
  out.seq = seq;
  out.issued_at_s = now_s;
  out.ttl_s = max_signature_ttl_s;
  out.variants = content.variants;
  out.tracks = content.tracks;
  out.tracks_total = content.tracks_total;
  out.duration_ms = content.duration_ms;
  if (content.sketch) out.sketch = std::make_unique<fb::Sketch>(*content.sketch);
  return out;
}

}  // namespace

leaf_content recording_content(const mbid& recording, std::span<const fb::FileEntryT> files) {
  leaf_content out;
  out.kind = fb::LeafKind::recording;
  out.mbid = recording;
  // Of files with the same bytes, one that has been listened to already.
  std::map<digest, const fb::FileEntryT*> by_root;
  for (const auto& file : files) {
    if (!carries(file.recording, recording)) continue;
    const auto variant = library::variant_of(file);
    if (!variant) continue;
    out.variants.push_back(*variant);
    auto& known = by_root[from_fb<digest>(variant->root())];
    if (known == nullptr || (!known->sketch && file.sketch)) known = &file;
  }
  std::ranges::sort(out.variants, {}, order_of);
  // The same bytes may be there twice, and (with other tags read) even at two places of the order.
  std::set<digest> seen;
  std::erase_if(out.variants,
                [&](const fb::Variant& v) { return !seen.insert(from_fb<digest>(v.root())).second; });
  for (const auto& v : out.variants) {
    const auto& file = *by_root.at(from_fb<digest>(v.root()));
    if (out.duration_ms == 0) out.duration_ms = file.duration_ms;
    if (!out.sketch && file.sketch) out.sketch = *file.sketch;
  }
  const auto room = out.sketch ? max_variants - 1 : max_variants;
  if (out.variants.size() > room)
    out.variants.erase(out.variants.begin() + static_cast<std::ptrdiff_t>(room), out.variants.end());
  return out;
}

leaf_content release_content(const mbid& release, std::span<const fb::FileEntryT> files) {
  leaf_content out;
  out.kind = fb::LeafKind::release;
  out.mbid = release;
  std::map<std::tuple<std::uint16_t, std::uint16_t, mbid>, std::uint32_t> tracks;
  for (const auto& file : files) {
    if (!carries(file.release, release)) continue;
    const auto track = library::release_track_of(file);
    if (!track) continue;
    auto& duration_ms = tracks[{track->disc(), track->track(), from_fb<mbid>(track->recording())}];
    duration_ms = std::max(duration_ms, track->duration_ms());
  }
  out.tracks_total = static_cast<std::uint16_t>(
      std::min<std::size_t>(tracks.size(), std::numeric_limits<std::uint16_t>::max()));
  for (const auto& [where, duration_ms] : tracks) {
    if (out.tracks.size() == max_tracks) break;
    const auto& [disc, track, recording] = where;
    out.tracks.emplace_back(to_fb(recording), duration_ms, disc, track);
  }
  return out;
}

void seq_source::observe(std::uint64_t seq) { last_ = std::max(last_, seq); }

std::uint64_t seq_source::next(std::uint64_t unix_ms) {
  last_ = std::max(unix_ms, last_ + 1);
  return last_;
}

bool is_leaf_of(const fb::Leaf* leaf, const identity::identity& who) {
  return leaf != nullptr && leaf->publisher() != nullptr &&
         from_fb<public_key>(*leaf->publisher()) == who.signing_key.identity &&
         leaf->id_nonce() == who.id_nonce;
}

bool signature_is_old(const fb::Leaf& leaf, std::uint64_t now_s) {
  if (leaf.issued_at_s() > now_s + clock_slack_s) return true;
  const std::uint64_t age_s = now_s > leaf.issued_at_s() ? now_s - leaf.issued_at_s() : 0;
  return age_s * 2 > leaf.ttl_s();
}

build_result build(const leaf_content& content, const fb::Leaf* published, const identity::identity& who,
                   seq_source& seqs, std::uint64_t unix_ms, std::uint32_t lease_s) {
  // The default goes without saying: the largest leaves have no byte to spare.
  if (lease_s == default_lease_s) lease_s = 0;
  const std::uint64_t now_s = unix_ms / 1000;
  if (!is_leaf_of(published, who)) published = nullptr;
  if (published != nullptr) seqs.observe(published->seq());
  const bool said_something = published != nullptr && published->ttl_s() != 0;

  if (content.says_nothing()) {
    if (!said_something) return {published == nullptr ? build_verdict::nothing : build_verdict::keep, {}};
    return {build_verdict::withdraw, make_tombstone(content.kind, content.mbid, seqs.next(unix_ms), now_s)};
  }
  const bool same = said_something && same_items(published->variants(), content.variants) &&
                    same_items(published->tracks(), content.tracks) &&
                    published->tracks_total() == content.tracks_total &&
                    published->duration_ms() == content.duration_ms &&
                    same_sketch(published->sketch(), content.sketch) && published->lease_s() == lease_s;
  if (same && !signature_is_old(*published, now_s)) return {build_verdict::keep, {}};
  return {same ? build_verdict::renew : build_verdict::sign,
          leaf_of(content, seqs.next(unix_ms), now_s, lease_s)};
}

}  // namespace vsf::shadow_index
