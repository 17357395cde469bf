#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "actors/identity/identity.hpp"
#include "messages/schemas.hpp"

namespace vsf::shadow_index {

/// The numbers of a leaf (docs/protocol.md, "Leaves and shards"). Sizes in bytes, times in seconds.
inline constexpr std::size_t max_leaf_bytes = 900;
inline constexpr std::size_t max_variants = 10;
inline constexpr std::size_t max_tracks = 28;
inline constexpr std::uint32_t max_signature_ttl_s = 24 * 3600;
inline constexpr std::uint32_t default_lease_s = 3600;
inline constexpr std::uint64_t max_future_s = 10 * 60;
inline constexpr std::string_view leaf_domain = "vsf-leaf-v1";

/// Why a leaf is not taken; `none` if it is.
enum class leaf_fault : std::uint8_t {
  none,
  too_large,
  not_a_leaf,     // no well-formed SignedLeaf with a well-formed Leaf in it
  field_missing,  // mbid, publisher or signature
  unknown_kind,
  bad_content,  // too many, empty, of the other kind, or the same root twice
  bad_ttl,      // beyond 24 h
  expired,
  from_the_future,  // issued more than 10 minutes ahead of our clock
  bad_id_puzzle,    // the publisher's key and nonce give no id in this network
  wrong_key,        // its mbid is at home under another DHT key
  bad_signature,
};
std::string_view to_string(leaf_fault fault);

/// A leaf that was checked: well formed, within its limits, of this network, unexpired, signed by its
/// publisher.
struct checked_leaf {
  record<fb::Leaf> leaf;
  fb::LeafKind kind = fb::LeafKind::none;
  vsf::mbid mbid{};
  public_key publisher{};
  node_id node{};
  std::uint64_t seq = 0;
  std::uint64_t issued_at_s = 0;
  std::uint64_t expires_s = 0;  // unix time; of a tombstone, too
  bool tombstone = false;
  digest order{};  // BLAKE2b-256 of the signed bytes
  frame raw;       // the SignedLeaf as it came
};

/// The key under which leaves of this kind and mbid are at home; nullopt for an unknown kind.
std::optional<dht_key> home_of(fb::LeafKind kind, const mbid& id);

/// Checks bytes from a stranger. `key`: it must be at home there. On a fault, `out` holds what was known by
/// then.
leaf_fault check_leaf(byte_view raw, const identity::network_parameters& network, std::uint64_t now_s,
                      const std::optional<dht_key>& key, checked_leaf& out);
std::optional<checked_leaf> accept_leaf(byte_view raw, const identity::network_parameters& network,
                                        std::uint64_t now_s,
                                        const std::optional<dht_key>& key = std::nullopt);

/// Signs `content` as the leaf of `who`: publisher, nonce and capabilities are filled in here. Fails on
/// content that no holder would take.
result<frame> sign_leaf(fb::LeafT content, const identity::identity& who);

/// A tombstone's content: withdraws whatever had a lower seq.
fb::LeafT make_tombstone(fb::LeafKind kind, const mbid& id, std::uint64_t seq, std::uint64_t now_s);

}  // namespace vsf::shadow_index
