#pragma once

#include "actors/dht/value_policy.hpp"
#include "actors/identity/identity.hpp"

namespace vsf::shadow_index {

/// Signed leaves of one network, as the DHT sees them.
class leaf_policy final : public dht::value_policy {
 public:
  explicit leaf_policy(identity::network_parameters network) : network_(std::move(network)) {}
  dht::value_facts parse(const dht_key& key, byte_view raw, std::uint64_t now_unix_s) const override;

 private:
  identity::network_parameters network_;
};

}  // namespace vsf::shadow_index
