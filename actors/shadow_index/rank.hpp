#pragma once

#include <optional>
#include <vector>

#include "actors/shadow_index/leaf.hpp"

namespace vsf::shadow_index {

/// One way to get a recording: this variant from this node.
struct candidate {
  public_key publisher{};
  node_id node{};
  fb::Variant variant;
  std::uint64_t issued_at_s = 0;
  std::uint32_t duration_ms = 0;     // what its publisher says of the recording; 0: nothing
  std::optional<fb::Sketch> sketch;  // likewise
};

inline constexpr std::size_t max_candidates = 256;

/// Best first; the same leaves in any order give the same list. Candidates for the same bytes (root, size,
/// codec) stand together. Order of the bytes: lossless, then those with two or more publishers, then quality
/// (the median of what the publishers say), then the number of publishers, then root. Order within: fresher
/// leaf, then publisher. Tombstones and the leaves of `self` are left out.
std::vector<candidate> rank(const std::vector<checked_leaf>& leaves, const node_id& self,
                            std::uint64_t now_s);

/// The tracks of a release over all publishers: what most of them say about (disc, track), at most
/// `max_release_tracks`.
inline constexpr std::size_t max_release_tracks = 512;
std::vector<fb::ReleaseTrack> merge_tracks(const std::vector<checked_leaf>& leaves);

}  // namespace vsf::shadow_index
