#pragma once

#include <cstdint>
#include <vector>

#include "messages/schemas.hpp"

namespace vsf::dht {

/// What the owner of a kind of value says about one of them.
struct value_facts {
  /// `stored`: well formed, authentic, unexpired and at home under the key; otherwise malformed,
  /// bad_signature, expired or not_wanted, and of the rest only what is known is filled in.
  fb::PutVerdict verdict = fb::PutVerdict::malformed;
  public_key publisher{};            // one value is kept for each publisher and key
  node_id node{};                    // of the publisher; its first 8 bytes are the hint
  std::uint64_t seq = 0;             // the higher wins
  digest order{};                    // the higher wins among equal seq; a hash of the raw bytes
  std::uint64_t expires_unix_s = 0;  // end of the signature: no lease outlives it
  std::uint32_t lease_s = 0;  // how long its publisher asks holders to keep it after a put; 0: the default
  bool tombstone = false;     // withdraws: kept and handed on, so that older values don't come back
  std::vector<fb::Variant> variants;  // at most 4, for the summary of what doesn't fit a page
};

/// Makes the DHT understand the signed values that it otherwise carries as bytes. Safe from one actor at a
/// time; the same bytes and time always give the same facts.
class value_policy {
 public:
  virtual ~value_policy() = default;
  /// `raw` comes from strangers: any bytes, at most max_value_size. Checks that it belongs under `key`, too:
  /// a leaf whose mbid has another key is not_wanted.
  virtual value_facts parse(const dht_key& key, byte_view raw, std::uint64_t now_unix_s) const = 0;
};

/// Bytes of one value under a key (DESIGN 7).
inline constexpr std::size_t max_value_size = 900;

/// True if `a` takes the place of `b` of the same publisher under the same key.
inline bool supersedes(const value_facts& a, const value_facts& b) {
  return a.seq != b.seq ? a.seq > b.seq : a.order > b.order;
}

}  // namespace vsf::dht
