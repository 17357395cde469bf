#pragma once

#include <optional>
#include <span>
#include <vector>

#include "actors/shadow_index/leaf.hpp"

namespace vsf::shadow_index {

/// What a leaf of this node would say: variants of a recording or tracks of a release; neither: it serves
/// nothing.
struct leaf_content {
  fb::LeafKind kind = fb::LeafKind::none;
  vsf::mbid mbid{};
  std::vector<fb::Variant> variants;
  std::vector<fb::ReleaseTrack> tracks;
  std::uint16_t tracks_total = 0;
  std::uint32_t duration_ms = 0;     // of a recording, 0: unknown
  std::optional<fb::Sketch> sketch;  // of a recording

  bool says_nothing() const { return variants.empty() && tracks.empty(); }
};

/// Only files that can be shared (library::why_not_shared) and carry this MBID count. Canonical: the same
/// files in any order give the same content. Never a path, a tag or an address. Variants: at most 10,
/// distinct roots, lossless first, then quality, size and root; duration and sketch are of the first that has
/// them. With a sketch there is room for 9.
leaf_content recording_content(const mbid& recording, std::span<const fb::FileEntryT> files);
/// Tracks: at most 28 of tracks_total, distinct, by disc, track and recording.
leaf_content release_content(const mbid& release, std::span<const fb::FileEntryT> files);

/// Sequence numbers of one publisher: unix milliseconds, but always above the last, whatever the clock does.
class seq_source {
 public:
  /// A number that was used before.
  void observe(std::uint64_t seq);
  std::uint64_t next(std::uint64_t unix_ms);
  std::uint64_t last() const { return last_; }

 private:
  std::uint64_t last_ = 0;
};

enum class build_verdict : std::uint8_t {
  keep,      // what is published still says this and its signature lasts
  sign,      // publish `leaf`: new or other content
  renew,     // publish `leaf`: the same content, signed again
  withdraw,  // publish `leaf`: a tombstone
  nothing,   // nothing is published and nothing is to be
};
struct build_result {
  build_verdict verdict = build_verdict::nothing;
  fb::LeafT leaf;  // to sign; empty for keep and nothing
};

/// Whether a signature has less than half of its time left, or was made by a clock that ran ahead.
bool signature_is_old(const fb::Leaf& leaf, std::uint64_t now_s);

/// Whether this identity, with its present nonce, made the leaf; false for null.
bool is_leaf_of(const fb::Leaf* leaf, const identity::identity& who);

/// Compares what this node serves with `published`, its own present leaf under the key (null: none). A leaf
/// of another identity counts as none. `unix_ms` is the wall time now, `lease_s` how long holders are
/// asked to keep the leaf after each put.
build_result build(const leaf_content& content, const fb::Leaf* published, const identity::identity& who,
                   seq_source& seqs, std::uint64_t unix_ms, std::uint32_t lease_s = default_lease_s);

}  // namespace vsf::shadow_index
