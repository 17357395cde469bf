#pragma once

#include "actors/dht/lookup.hpp"

/// What a component of this node gets for its question.
namespace vsf::dht {

record<fb::DhtGetResult> make_get_result(std::uint64_t id, const dht_key& key, const lookup_result& result);
record<fb::DhtPutResult> make_put_result(std::uint64_t id, const dht_key& key, const lookup_result& result);
record<fb::DhtFindResult> make_find_result(std::uint64_t id, const id160& target,
                                           const lookup_result& result);

}  // namespace vsf::dht
