#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "messages/schemas.hpp"

/// Which of the encodings that the mesh has of a recording to fetch, and from whom.
namespace vsf::swarm {

/// One encoding (root and size) and who serves it.
struct variant_choice {
  struct source {
    vsf::public_key publisher;
    contact who;
  };
  fb::Variant variant;
  /// Those with a known address, in the resolver's order, without ourselves and without repeats.
  std::vector<source> sources;
  std::size_t publishers = 0;  // also those without an address
  std::size_t groups = 0;      // address groups (dht::group_of) the sources are in
};

bool is_lossless(fb::Codec codec);

/// Best first: lossless, then quality, then from how many address groups and how many publishers it comes,
/// then the resolver's order. Impossible sizes, our own offers and refused ones are left out.
using refusal = std::function<bool(const public_key& publisher, const digest& root)>;
std::vector<variant_choice> rank_variants(const fb::ResolveResult& answer, const node_id& self,
                                          const refusal& refused = {});

}  // namespace vsf::swarm
