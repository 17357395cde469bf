#pragma once

#include "actors/dht/lookup.hpp"

/// What a component of this node gets for its question.
namespace vsf::dht {

record<fb::DhtGetResult> make_get_result(std::uint64_t id, const dht_key& key, const lookup_result& result);
/// One outcome for each key, as many as were asked for: of a run that never was, without holders.
record<fb::DhtSweepResult> make_sweep_result(std::uint64_t id, const std::vector<dht_key>& keys,
                                             const lookup_result& result);
record<fb::DhtFindResult> make_find_result(std::uint64_t id, const id160& target,
                                           const lookup_result& result);

}  // namespace vsf::dht
