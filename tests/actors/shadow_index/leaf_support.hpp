#pragma once

#include <string>
#include <vector>

#include "actors/shadow_index/leaf.hpp"
#include "net/crypto/random.hpp"

namespace vsf::tests {

inline const identity::network_parameters test_network{"test/4", 4};
inline constexpr std::uint64_t test_now_s = 1'700'000'000;

inline identity::identity make_publisher(std::uint64_t seed) {
  crypto::seeded_random random(seed);
  return identity::make_solved_identity(test_network, random);
}

template <class Fixed>
Fixed filled(std::uint8_t value, std::uint8_t last = 0) {
  Fixed out;
  out.fill(value);
  out.back() = last;
  return out;
}

inline fb::Variant make_variant(std::uint8_t root, fb::Codec codec = fb::Codec::flac,
                                std::uint8_t quality = 210, std::uint64_t size = 1000) {
  return fb::Variant(to_fb(filled<digest>(root, 1)), fb::Bytes16{}, size, 900, codec, quality);
}

inline fb::LeafT recording_leaf(const mbid& id, std::vector<fb::Variant> variants, std::uint64_t seq = 1,
                                std::uint64_t issued_at_s = test_now_s) {
  fb::LeafT out;
  out.kind = fb::LeafKind::recording;
  out.mbid = box(id);
  out.seq = seq;
  out.issued_at_s = issued_at_s;
  out.ttl_s = shadow_index::max_signature_ttl_s;
  out.variants = std::move(variants);
  return out;
}

}  // namespace vsf::tests
