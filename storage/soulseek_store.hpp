#pragma once

#include <vector>

#include "messages/soulseek_schemas.hpp"
#include "storage/record_family.hpp"

namespace vsf::storage {

/// What the Soulseek component keeps, in the family of what belongs nowhere else: downloads by their id, and
/// rows of talk, wishes and people, each by its kind and id or name.
class soulseek_store {
 public:
  explicit soulseek_store(std::shared_ptr<kv_store> store);
  /// An id of 0 is none.
  result<void> put(const record<fb::SoulseekDownload>& download, durability how = durability::synced);
  result<void> erase(std::uint64_t id, durability how = durability::synced);
  /// In the order of the ids until `visit` returns false.
  result<void> for_each(const std::function<bool(const record<fb::SoulseekDownload>&)>& visit) const;
  result<std::uint64_t> count() const;

  /// All or none of them. A row of no kind, or without id and name, can't be stored.
  result<void> put_rows(const std::vector<record<fb::SoulseekRow>>& rows, durability how);
  /// Those with the same keys.
  result<void> erase_rows(const std::vector<record<fb::SoulseekRow>>& rows, durability how);
  /// By kind, then by id or name, until `visit` returns false.
  result<void> for_each_row(const std::function<bool(const record<fb::SoulseekRow>&)>& visit) const;

  std::uint64_t corrupt() const { return downloads_.corrupt() + rows_.corrupt(); }

 private:
  record_family<fb::SoulseekDownload> downloads_;
  record_family<fb::SoulseekRow> rows_;
};

}  // namespace vsf::storage
