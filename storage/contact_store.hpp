#pragma once

#include "storage/record_family.hpp"

namespace vsf::storage {

/// The nodes met lately, by node id: where to begin after a restart. At most 1,000; those seen longest ago go
/// first.
class contact_store {
 public:
  static constexpr std::size_t max_contacts = 1000;

  explicit contact_store(std::shared_ptr<kv_store> store, std::size_t limit = max_contacts);
  /// Every entry has a contact. One batch and one scan of the family a call: give contacts in bulk.
  result<void> put(const std::vector<fb::KnownContactT>& contacts, durability how = durability::buffered);
  result<void> erase(const node_id& id, durability how = durability::buffered);
  result<std::optional<record<fb::KnownContact>>> get(const node_id& id) const;
  /// In the order of the ids until `visit` returns false.
  result<void> for_each(
      const std::function<bool(const node_id&, const record<fb::KnownContact>&)>& visit) const;
  result<std::uint64_t> count() const { return contacts_.count(); }
  std::uint64_t corrupt() const { return contacts_.corrupt(); }
  /// Contacts dropped because the store was full.
  std::uint64_t dropped() const { return dropped_.load(); }

 private:
  record_family<fb::KnownContact> contacts_;
  std::size_t limit_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace vsf::storage
