#include "actors/shadow_index/leaf.hpp"

#include <algorithm>

#include "actors/shadow_index/keys.hpp"
#include "messages/mutant.hpp"
#include "net/crypto/crypto.hpp"

namespace vsf::shadow_index {
namespace {

template <class Item, class Key>
bool all_distinct(const flatbuffers::Vector<const Item*>& items, Key key) {
  for (flatbuffers::uoffset_t i = 0; i < items.size(); ++i)
    for (flatbuffers::uoffset_t j = 0; j < i; ++j)
      if (key(*items.Get(i)) == key(*items.Get(j))) return false;
  return true;
}

std::size_t length_of(const auto* vector) { return vector == nullptr ? 0 : vector->size(); }

bool variants_fine(const fb::Leaf& leaf) {
  const auto n = length_of(leaf.variants());
  if (n == 0 || n > max_variants) return false;
  for (const auto* v : *leaf.variants())
    if (v->size() == 0 || from_fb<digest>(v->root()).is_zero()) return false;
  return all_distinct(*leaf.variants(), [](const fb::Variant& v) { return from_fb<digest>(v.root()); });
}

bool tracks_fine(const fb::Leaf& leaf) {
  const auto n = length_of(leaf.tracks());
  if (n == 0 || n > max_tracks || leaf.tracks_total() < n) return false;
  for (const auto* t : *leaf.tracks())
    if (from_fb<mbid>(t->recording()).is_zero()) return false;
  return true;
}

leaf_fault check_content(const fb::Leaf& leaf) {
  const auto variants = length_of(leaf.variants());
  const auto tracks = length_of(leaf.tracks());
  const bool known = leaf.kind() == fb::LeafKind::recording || leaf.kind() == fb::LeafKind::release;
  if (!known) return leaf_fault::unknown_kind;
  if (leaf.ttl_s() > max_signature_ttl_s || leaf.lease_s() > max_signature_ttl_s) return leaf_fault::bad_ttl;
  if (leaf.ttl_s() == 0) return variants + tracks == 0 ? leaf_fault::none : leaf_fault::bad_content;
  if (leaf.kind() == fb::LeafKind::recording)
    return tracks == 0 && variants_fine(leaf) ? leaf_fault::none : leaf_fault::bad_content;
  return variants == 0 && tracks_fine(leaf) ? leaf_fault::none : leaf_fault::bad_content;
}

}  // namespace

std::string_view to_string(leaf_fault fault) {
  switch (fault) {
    case leaf_fault::none:
      return "none";
    case leaf_fault::too_large:
      return "too_large";
    case leaf_fault::not_a_leaf:
      return "not_a_leaf";
    case leaf_fault::field_missing:
      return "field_missing";
    case leaf_fault::unknown_kind:
      return "unknown_kind";
    case leaf_fault::bad_content:
      return "bad_content";
    case leaf_fault::bad_ttl:
      return "bad_ttl";
    case leaf_fault::expired:
      return "expired";
    case leaf_fault::from_the_future:
      return "from_the_future";
    case leaf_fault::bad_id_puzzle:
      return "bad_id_puzzle";
    case leaf_fault::wrong_key:
      return "wrong_key";
    case leaf_fault::bad_signature:
      return "bad_signature";
  }
  return "?";
}

std::optional<dht_key> home_of(fb::LeafKind kind, const mbid& id) {
  if (kind == fb::LeafKind::recording) return recording_key(id);
  if (kind == fb::LeafKind::release) return release_key(id);
  return std::nullopt;
}

leaf_fault check_leaf(byte_view raw, const identity::network_parameters& network, std::uint64_t now_s,
                      const std::optional<dht_key>& key, checked_leaf& out) {
  if (raw.size() > max_leaf_bytes) return leaf_fault::too_large;
  const auto wrapped = record<fb::SignedLeaf>::parse_copy(raw);
  if (!wrapped) return leaf_fault::not_a_leaf;
  const auto signed_bytes = view_of((*wrapped)->leaf());
  const auto inner = record<fb::Leaf>::parse_copy(signed_bytes);
  if (!inner) return leaf_fault::not_a_leaf;
  const auto& leaf = **inner;
  if (leaf.mbid() == nullptr || leaf.publisher() == nullptr || (*wrapped)->signature() == nullptr)
    return leaf_fault::field_missing;

  out.raw = wrapped->raw();
  out.leaf = *inner;
  out.kind = leaf.kind();
  out.mbid = from_fb<mbid>(*leaf.mbid());
  out.publisher = from_fb<public_key>(*leaf.publisher());
  out.seq = leaf.seq();
  out.issued_at_s = leaf.issued_at_s();
  out.tombstone = leaf.ttl_s() == 0;
  if (const auto fault = check_content(leaf); fault != leaf_fault::none) return fault;
  // Cheap checks first: a signature costs a hundred times what they do.
  if (key && home_of(out.kind, out.mbid) != key && !mutant(mutation::no_key_check))
    return leaf_fault::wrong_key;
  if (out.issued_at_s > now_s && out.issued_at_s - now_s > max_future_s) return leaf_fault::from_the_future;
  // issued_at_s is at most a few minutes ahead of now: no overflow.
  out.expires_s = out.issued_at_s + (out.tombstone ? max_signature_ttl_s : leaf.ttl_s());
  if (out.expires_s <= now_s) return leaf_fault::expired;
  const auto node = identity::derive_node_id(out.publisher, leaf.id_nonce(), network);
  if (!node && !mutant(mutation::no_puzzle_check)) return leaf_fault::bad_id_puzzle;
  out.node = node.value_or(node_id{});
  if (!mutant(mutation::no_leaf_signature_check) &&
      !crypto::verify(out.publisher, from_fb<signature>(*(*wrapped)->signature()),
                      {crypto::as_bytes(leaf_domain), crypto::as_bytes(network.name), signed_bytes}))
    return leaf_fault::bad_signature;
  out.order = crypto::blake2b256({signed_bytes});
  return leaf_fault::none;
}

std::optional<checked_leaf> accept_leaf(byte_view raw, const identity::network_parameters& network,
                                        std::uint64_t now_s, const std::optional<dht_key>& key) {
  checked_leaf out;
  if (check_leaf(raw, network, now_s, key, out) != leaf_fault::none) return std::nullopt;
  return out;
}

result<frame> sign_leaf(fb::LeafT content, const identity::identity& who) {
  if (!content.mbid) return fail("A leaf needs the MBID it speaks of.");
  content.publisher = box(who.signing_key.identity);
  content.id_nonce = who.id_nonce;
  const auto leaf = record<fb::Leaf>::pack(content);
  if (const auto fault = check_content(*leaf); fault != leaf_fault::none)
    return fail("No holder would take this leaf: " + std::string(to_string(fault)) + ".");
  fb::SignedLeafT wrapped;
  wrapped.leaf = to_bytes(leaf.raw().view());
  wrapped.signature = box(who.signing_key.sign(
      {crypto::as_bytes(leaf_domain), crypto::as_bytes(who.network.name), leaf.raw().view()}));
  auto out = record<fb::SignedLeaf>::pack(wrapped).raw();
  if (out.size() > max_leaf_bytes)
    return fail("A leaf of " + std::to_string(out.size()) +
                " bytes is more than holders take; leave something out.");
  return out;
}

fb::LeafT make_tombstone(fb::LeafKind kind, const mbid& id, std::uint64_t seq, std::uint64_t now_s) {
  fb::LeafT out;
  out.kind = kind;
  out.mbid = box(id);
  out.seq = seq;
  out.issued_at_s = now_s;
  out.ttl_s = 0;
  return out;
}

}  // namespace vsf::shadow_index
