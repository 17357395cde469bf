#include "actors/shadow_index/rank.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "actors/library/variant.hpp"

namespace vsf::shadow_index {
namespace {

struct same_bytes {
  std::vector<candidate> from;
  std::uint8_t quality = 0;
};

std::uint8_t median_quality(const std::vector<candidate>& from) {
  std::vector<std::uint8_t> all;
  for (const auto& c : from) all.push_back(c.variant.quality());
  // The lower median: one publisher's praise doesn't lift a root.
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>((all.size() - 1) / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

}  // namespace

std::vector<candidate> rank(const std::vector<checked_leaf>& leaves, const node_id& self,
                            std::uint64_t now_s) {
  using bytes_id = std::tuple<digest, std::uint64_t, fb::Codec>;
  std::map<bytes_id, same_bytes> groups;
  for (const auto& leaf : leaves) {
    if (leaf.tombstone || leaf.node == self || leaf.leaf->variants() == nullptr) continue;
    for (const auto* v : *leaf.leaf->variants()) {
      candidate one{leaf.publisher,           leaf.node, *v, std::min(leaf.issued_at_s, now_s),
                    leaf.leaf->duration_ms(), {}};
      if (const auto* sketch = leaf.leaf->sketch()) one.sketch = *sketch;
      groups[{from_fb<digest>(v->root()), v->size(), v->codec()}].from.push_back(std::move(one));
    }
  }
  std::vector<std::pair<bytes_id, same_bytes>> sorted;
  for (auto& [id, group] : groups) {
    group.quality = median_quality(group.from);
    std::ranges::sort(group.from, {},
                      [](const candidate& c) { return std::tuple(~c.issued_at_s, c.publisher); });
    sorted.emplace_back(id, std::move(group));
  }
  std::ranges::sort(sorted, {}, [](const auto& x) {
    const auto& [id, group] = x;
    return std::tuple(!library::is_lossless(std::get<2>(id)), group.from.size() < 2, 255 - group.quality,
                      ~group.from.size(), id);
  });
  std::vector<candidate> out;
  for (const auto& [id, group] : sorted)
    for (const auto& c : group.from) {
      if (out.size() == max_candidates) return out;
      out.push_back(c);
    }
  return out;
}

std::vector<fb::ReleaseTrack> merge_tracks(const std::vector<checked_leaf>& leaves) {
  using place = std::pair<std::uint16_t, std::uint16_t>;
  struct claim {
    std::set<public_key> publishers;
    std::map<std::uint32_t, std::size_t> durations;
  };
  std::map<place, std::map<mbid, claim>> places;
  for (const auto& leaf : leaves) {
    if (leaf.tombstone || leaf.leaf->tracks() == nullptr) continue;
    for (const auto* t : *leaf.leaf->tracks()) {
      auto& claimed = places[{t->disc(), t->track()}][from_fb<mbid>(t->recording())];
      claimed.publishers.insert(leaf.publisher);
      ++claimed.durations[t->duration_ms()];
    }
  }
  std::vector<fb::ReleaseTrack> out;
  for (const auto& [where, claims] : places) {
    // The first of equals: the lower MBID.
    const auto best =
        std::ranges::max_element(claims, {}, [](const auto& c) { return c.second.publishers.size(); });
    for (auto at = claims.begin(); at != claims.end() && out.size() < max_release_tracks; ++at) {
      // Track 0 is a place nobody knows: there is room for all.
      if (at != best && where.second != 0) continue;
      const auto duration =
          std::ranges::max_element(at->second.durations, {}, [](const auto& d) { return d.second; });
      out.emplace_back(to_fb(at->first), duration->first, where.first, where.second);
    }
  }
  return out;
}

}  // namespace vsf::shadow_index
