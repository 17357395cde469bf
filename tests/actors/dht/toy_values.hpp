#pragma once

#include "actors/dht/value_policy.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/random.hpp"

namespace vsf::dht::tests {

/// A value without a signature: "TOY", flags, publisher, seq, expiry, then anything. Its publisher's node id
/// is the beginning of its key.
struct toy_value {
  public_key publisher{};
  std::uint64_t seq = 1;
  std::uint64_t expires_unix_s = 4'000'000'000;
  bool tombstone = false;
  std::size_t padding = 100;

  bytes raw() const {
    bytes out{'T', 'O', 'Y', static_cast<std::uint8_t>(tombstone ? 1 : 0)};
    out.insert(out.end(), publisher.begin(), publisher.end());
    for (const auto number : {seq, expires_unix_s})
      for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
    out.resize(out.size() + padding, 0x5A);
    return out;
  }
};

inline node_id node_of(const public_key& publisher) {
  node_id out;
  std::copy_n(publisher.begin(), out.size(), out.begin());
  return out;
}

inline public_key publisher_of(const node_id& id) {
  public_key out{};
  std::copy(id.begin(), id.end(), out.begin());
  return out;
}

class toy_policy final : public value_policy {
 public:
  value_facts parse(const dht_key&, byte_view raw, std::uint64_t now_unix_s) const override {
    value_facts out;
    if (raw.size() < 52 || raw[0] != 'T' || raw[1] != 'O' || raw[2] != 'Y') return out;
    std::copy_n(raw.begin() + 4, 32, out.publisher.begin());
    out.node = node_of(out.publisher);
    for (std::size_t i = 8; i-- > 0;) {
      out.seq = out.seq << 8 | raw[36 + i];
      out.expires_unix_s = out.expires_unix_s << 8 | raw[44 + i];
    }
    out.tombstone = raw[3] == 1;
    out.order = crypto::sha256(raw);
    out.variants.resize(1);
    out.verdict = out.expires_unix_s <= now_unix_s ? fb::PutVerdict::expired : fb::PutVerdict::stored;
    return out;
  }
};

template <class Fixed>
Fixed random_bytes(crypto::random_source& random) {
  Fixed out;
  random.fill(out);
  return out;
}

/// A contact at a global address of its own /24.
inline contact random_contact(crypto::random_source& random) {
  contact out;
  out.id = random_bytes<node_id>(random);
  out.key = random_bytes<static_key>(random);
  const auto net = static_cast<std::uint32_t>(random.below(0x100000));  // 48.0.0.0 to 63.255.255.255
  out.address = endpoint::v4(0x30000000 + (net << 8) + 1, 50315);
  return out;
}

}  // namespace vsf::dht::tests
