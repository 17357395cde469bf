#include "actors/shadow_index/leaf_policy.hpp"

#include <algorithm>

#include "actors/shadow_index/leaf.hpp"

namespace vsf::shadow_index {
namespace {

constexpr std::size_t max_summary_variants = 4;

fb::PutVerdict verdict_of(leaf_fault fault) {
  switch (fault) {
    case leaf_fault::none:
      return fb::PutVerdict::stored;
    case leaf_fault::bad_signature:
    case leaf_fault::bad_id_puzzle:
      return fb::PutVerdict::bad_signature;
    case leaf_fault::expired:
    case leaf_fault::from_the_future:
      return fb::PutVerdict::expired;
    case leaf_fault::wrong_key:
      return fb::PutVerdict::not_wanted;
    default:
      return fb::PutVerdict::malformed;
  }
}

}  // namespace

dht::value_facts leaf_policy::parse(const dht_key& key, byte_view raw, std::uint64_t now_unix_s) const {
  checked_leaf leaf;
  const auto fault = check_leaf(raw, network_, now_unix_s, key, leaf);
  dht::value_facts out;
  out.verdict = verdict_of(fault);
  out.publisher = leaf.publisher;
  out.node = leaf.node;
  out.seq = leaf.seq;
  out.order = leaf.order;
  out.expires_unix_s = leaf.expires_s;
  out.tombstone = leaf.tombstone;
  if (fault == leaf_fault::none) out.lease_s = leaf.leaf->lease_s();
  if (fault == leaf_fault::none && leaf.leaf->variants() != nullptr) {
    const auto& variants = *leaf.leaf->variants();
    const auto n = std::min<std::size_t>(variants.size(), max_summary_variants);
    for (flatbuffers::uoffset_t i = 0; i < n; ++i) out.variants.push_back(*variants.Get(i));
  }
  return out;
}

}  // namespace vsf::shadow_index
