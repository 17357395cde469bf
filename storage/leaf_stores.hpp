#pragma once

#include "storage/record_family.hpp"

namespace vsf::storage {

/// What this node publishes: one leaf for each DHT key. Each call is one batch.
class own_leaf_store {
 public:
  explicit own_leaf_store(std::shared_ptr<kv_store> store);
  /// Every entry has a key.
  result<void> put(const std::vector<fb::OwnLeafT>& leaves, durability how = durability::synced);
  result<void> put(const fb::OwnLeafT& leaf, durability how = durability::synced);
  result<void> erase(const dht_key& key, durability how = durability::synced);
  result<std::optional<record<fb::OwnLeaf>>> get(const dht_key& key) const;
  /// In the order of the keys, beginning with `from`, until `visit` returns false.
  result<void> for_each(const std::function<bool(const dht_key&, const record<fb::OwnLeaf>&)>& visit,
                        const dht_key& from = {}) const;
  result<std::uint64_t> count() const { return leaves_.count(); }
  std::uint64_t corrupt() const { return leaves_.corrupt(); }

 private:
  record_family<fb::OwnLeaf> leaves_;
};

/// What this node holds for others: one leaf for each DHT key and publisher.
class held_leaf_store {
 public:
  struct entry {
    dht_key key;
    public_key publisher;
    shared_bytes signed_leaf;
    std::uint64_t lease_ends_ms = 0;
    endpoint from;
  };
  using visitor =
      std::function<bool(const dht_key&, const public_key& publisher, const record<fb::HeldLeaf>&)>;

  explicit held_leaf_store(std::shared_ptr<kv_store> store);
  /// One batch.
  result<void> put(const std::vector<entry>& entries, durability how = durability::buffered);
  result<void> erase(const dht_key& key, const public_key& publisher, durability how = durability::buffered);
  /// One batch.
  result<void> erase(const std::vector<std::pair<dht_key, public_key>>& which,
                     durability how = durability::buffered);
  result<std::optional<record<fb::HeldLeaf>>> get(const dht_key& key, const public_key& publisher) const;
  /// All leaves in the order of key and publisher until `visit` returns false.
  result<void> for_each(const visitor& visit) const;
  result<void> for_each(const dht_key& key, const visitor& visit) const;
  result<std::uint64_t> count() const { return leaves_.count(); }
  result<std::uint64_t> count(const dht_key& key) const;
  std::uint64_t corrupt() const { return leaves_.corrupt(); }

 private:
  record_family<fb::HeldLeaf> leaves_;
};

}  // namespace vsf::storage
