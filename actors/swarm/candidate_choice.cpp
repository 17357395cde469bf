#include "actors/swarm/candidate_choice.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "actors/dht/contacts.hpp"
#include "actors/swarm/hash_tree.hpp"

namespace vsf::swarm {

namespace {

// A resolver answers with far fewer; whatever is beyond is not worth the memory.
constexpr std::size_t max_candidates = 1024;

}  // namespace

bool is_lossless(fb::Codec codec) {
  switch (codec) {
    case fb::Codec::flac:
    case fb::Codec::alac:
    case fb::Codec::wav:
    case fb::Codec::aiff:
    case fb::Codec::wavpack:
    case fb::Codec::ape:
      return true;
    default:
      return false;
  }
}

std::vector<variant_choice> rank_variants(const fb::ResolveResult& answer, const node_id& self,
                                          const refusal& refused) {
  std::vector<variant_choice> out;
  if (answer.candidates() == nullptr) return out;
  struct group {
    std::size_t at = 0;
    std::set<public_key> publishers;
    std::set<static_key> keys;
    std::set<dht::address_group> places;
  };
  std::map<std::tuple<digest, std::uint64_t>, group> groups;
  std::size_t seen = 0;
  for (const auto* candidate : *answer.candidates()) {
    if (++seen > max_candidates) break;
    if (candidate == nullptr || candidate->variant() == nullptr || candidate->publisher() == nullptr)
      continue;
    if (candidate->node() != nullptr && from_fb<node_id>(*candidate->node()) == self) continue;
    const auto& variant = *candidate->variant();
    const auto root = from_fb<digest>(variant.root());
    if (variant.size() == 0 || variant.size() > max_tree_file_size || root.is_zero()) continue;
    const auto publisher = from_fb<public_key>(*candidate->publisher());
    if (refused && refused(publisher, root)) continue;
    auto [it, fresh] = groups.try_emplace({root, variant.size()});
    auto& g = it->second;
    if (fresh) {
      g.at = out.size();
      out.push_back({variant, {}, 0, 0});
    }
    g.publishers.insert(publisher);
    if (candidate->contact() == nullptr) continue;
    const auto who = from_fb(*candidate->contact());
    if (who.id == self || who.address.port == 0 || !g.keys.insert(who.key).second) continue;
    g.places.insert(dht::group_of(who.address));
    out[g.at].sources.push_back({publisher, who});
  }
  for (const auto& [key, g] : groups) {
    out[g.at].publishers = g.publishers.size();
    out[g.at].groups = g.places.size();
  }
  const auto rank = [](const variant_choice& x) {
    return std::tuple(is_lossless(x.variant.codec()), x.variant.quality(), x.groups, x.publishers);
  };
  std::stable_sort(out.begin(), out.end(), [&](const auto& a, const auto& b) { return rank(a) > rank(b); });
  return out;
}

}  // namespace vsf::swarm
