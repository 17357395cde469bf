// Leaves out of arbitrary bytes: as a stranger's put, as content that somebody signed, and names for the
// keys.

#include <cstdlib>

#include "actors/shadow_index/keys.hpp"
#include "actors/shadow_index/leaf_policy.hpp"
#include "actors/shadow_index/merge.hpp"
#include "actors/shadow_index/rank.hpp"
#include "net/crypto/random.hpp"

namespace {

using namespace vsf::shadow_index;  // the project's own

constexpr std::uint64_t now_s = 1'700'000'000;

const vsf::identity::network_parameters& network() {
  static const auto made = vsf::identity::parse_network("fuzz/0").value();
  return made;
}

void require(bool x) {
  if (!x) std::abort();
}

/// What was accepted keeps every bound, and the DHT's view agrees.
void check(vsf::byte_view raw) {
  checked_leaf leaf;
  const auto fault = check_leaf(raw, network(), now_s, std::nullopt, leaf);
  const auto home = home_of(leaf.kind, leaf.mbid);
  if (!home) return require(fault != leaf_fault::none);
  const auto facts = leaf_policy(network()).parse(*home, raw, now_s);
  require((facts.verdict == vsf::fb::PutVerdict::stored) == (fault == leaf_fault::none));
  if (fault != leaf_fault::none) return;
  require(raw.size() <= max_leaf_bytes && leaf.expires_s > now_s && leaf.expires_s <= now_s + 600 + 86'400);
  require(facts.order == leaf.order && facts.node == leaf.node && facts.tombstone == leaf.tombstone);
  leaf_map map;
  require(map.insert(leaf) && !map.insert(leaf));
  const auto live = map.live();
  const auto variants = leaf.leaf->variants();
  const auto tracks = leaf.leaf->tracks();
  require(rank(live, {}, now_s).size() == (variants == nullptr ? 0 : variants->size()));
  require(merge_tracks(live).size() <= (tracks == nullptr ? 0 : tracks->size()));
  require((variants == nullptr ? 0 : variants->size()) <= max_variants);
  require((tracks == nullptr ? 0 : tracks->size()) <= max_tracks);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const vsf::byte_view input(data + 1, size - 1);
  static const auto who = [] {
    vsf::crypto::seeded_random random(1);
    return vsf::identity::make_solved_identity(network(), random);
  }();
  if (data[0] % 3 == 0) {
    check(input);
  } else if (data[0] % 3 == 1) {
    // The signed bytes are the fuzzer's own, not packed anew.
    const auto leaf = vsf::record<vsf::fb::Leaf>::parse_copy(input);
    if (!leaf) return 0;
    vsf::fb::SignedLeafT wrapped;
    wrapped.leaf = vsf::to_bytes(input);
    wrapped.signature = vsf::box(who.signing_key.sign(
        {vsf::crypto::as_bytes(leaf_domain), vsf::crypto::as_bytes(network().name), input}));
    check(vsf::record<vsf::fb::SignedLeaf>::pack(wrapped).raw().view());
    if ((*leaf)->mbid() == nullptr) return 0;
    const auto signed_by_us = sign_leaf(leaf->unpack(), who);
    if (signed_by_us) check(signed_by_us->view());
  } else {
    const std::string text(input.begin(), input.end());
    const auto name = normalise_name(text);
    for (const char c : name) require(static_cast<unsigned char>(c) > 0x2F);
    require(name_keys(text, name).size() <= 3);
  }
  return 0;
}
