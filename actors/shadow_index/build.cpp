#include "actors/shadow_index/build.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <tuple>

namespace vsf::shadow_index {
namespace {

constexpr std::uint64_t clock_slack_s = 5 * 60;

bool shareable(const fb::FileEntryT& file) {
  return file.problem.empty() && file.size > 0 && file.root && !from_fb<digest>(*file.root).is_zero();
}

bool carries(const std::unique_ptr<fb::Bytes16>& field, const mbid& id) {
  return field && from_fb<mbid>(*field) == id;
}

/// Parts of 16: how many bits of MP3 one bit of this codec is worth.
std::uint32_t efficiency_16ths(fb::Codec codec) {
  switch (codec) {
    case fb::Codec::opus:
      return 26;
    case fb::Codec::aac:
    case fb::Codec::vorbis:
      return 21;
    case fb::Codec::musepack:
      return 19;
    case fb::Codec::mp3:
      return 16;
    default:
      return 8;
  }
}

fb::Variant variant_of(const fb::FileEntryT& file) {
  std::array<std::uint8_t, 16> prefix{};
  if (file.sha256) std::memcpy(prefix.data(), file.sha256->bytes()->data(), prefix.size());
  return fb::Variant(*file.root, fb::Bytes16(flatbuffers::span<const std::uint8_t, 16>(prefix)), file.size,
                     file.bitrate_kbps, file.codec, quality_of(file));
}

auto order_of(const fb::Variant& v) {
  // Ascending: what should come first is the least.
  return std::tuple(!is_lossless(v.codec()), 255 - v.quality(), ~v.size(), from_fb<digest>(v.root()));
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

bool is_mine(const fb::Leaf* leaf, const identity::identity& who) {
  return leaf != nullptr && leaf->publisher() != nullptr &&
         from_fb<public_key>(*leaf->publisher()) == who.signing_key.identity &&
         leaf->id_nonce() == who.id_nonce;
}

fb::LeafT leaf_of(const leaf_content& content, std::uint64_t seq, std::uint64_t now_s) {
  fb::LeafT out;
  out.kind = content.kind;
  out.mbid = box(content.mbid);
  out.seq = seq;
  out.issued_at_s = now_s;
  out.ttl_s = max_signature_ttl_s;
  out.variants = content.variants;
  out.tracks = content.tracks;
  out.tracks_total = content.tracks_total;
  return out;
}

}  // namespace

std::uint8_t quality_of(const fb::FileEntryT& file) {
  if (is_lossless(file.codec)) {
    std::uint32_t q = 210;
    if (file.bit_depth > 16) q += 25;
    if (file.sample_rate_hz >= 88'200) q += 15;
    if (file.sample_rate_hz != 0 && file.sample_rate_hz < 44'100) q -= 15;
    return static_cast<std::uint8_t>(q);
  }
  constexpr std::uint32_t best_lossy = 190;
  const std::uint32_t as_mp3 = file.bitrate_kbps * efficiency_16ths(file.codec) / 16;
  return static_cast<std::uint8_t>(std::min(best_lossy, as_mp3 * 180 / 320));
}

leaf_content recording_content(const mbid& recording, std::span<const fb::FileEntryT> files) {
  leaf_content out{fb::LeafKind::recording, recording, {}, {}, 0};
  for (const auto& file : files)
    if (shareable(file) && carries(file.recording, recording)) out.variants.push_back(variant_of(file));
  std::ranges::sort(out.variants, {}, order_of);
  // The same bytes may be there twice, and (with other tags read) even at two places of the order.
  std::set<digest> seen;
  std::erase_if(out.variants,
                [&](const fb::Variant& v) { return !seen.insert(from_fb<digest>(v.root())).second; });
  if (out.variants.size() > max_variants)
    out.variants.erase(out.variants.begin() + max_variants, out.variants.end());
  return out;
}

leaf_content release_content(const mbid& release, std::span<const fb::FileEntryT> files) {
  leaf_content out{fb::LeafKind::release, release, {}, {}, 0};
  std::map<std::tuple<std::uint16_t, std::uint16_t, mbid>, std::uint32_t> tracks;
  for (const auto& file : files) {
    if (!shareable(file) || !carries(file.release, release) || !file.recording) continue;
    const auto recording = from_fb<mbid>(*file.recording);
    if (recording.is_zero()) continue;
    auto& duration_ms = tracks[{file.disc, file.track, recording}];
    duration_ms = std::max(duration_ms, file.duration_ms);
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

bool signature_is_old(const fb::Leaf& leaf, std::uint64_t now_s) {
  if (leaf.issued_at_s() > now_s + clock_slack_s) return true;
  const std::uint64_t age_s = now_s > leaf.issued_at_s() ? now_s - leaf.issued_at_s() : 0;
  return age_s * 2 > leaf.ttl_s();
}

build_result build(const leaf_content& content, const fb::Leaf* published, const identity::identity& who,
                   seq_source& seqs, std::uint64_t unix_ms) {
  const std::uint64_t now_s = unix_ms / 1000;
  if (!is_mine(published, who)) published = nullptr;
  if (published != nullptr) seqs.observe(published->seq());
  const bool said_something = published != nullptr && published->ttl_s() != 0;

  if (content.says_nothing()) {
    if (!said_something) return {published == nullptr ? build_verdict::nothing : build_verdict::keep, {}};
    return {build_verdict::withdraw, make_tombstone(content.kind, content.mbid, seqs.next(unix_ms), now_s)};
  }
  const bool same = said_something && same_items(published->variants(), content.variants) &&
                    same_items(published->tracks(), content.tracks) &&
                    published->tracks_total() == content.tracks_total;
  if (same && !signature_is_old(*published, now_s)) return {build_verdict::keep, {}};
  return {same ? build_verdict::renew : build_verdict::sign, leaf_of(content, seqs.next(unix_ms), now_s)};
}

}  // namespace vsf::shadow_index
