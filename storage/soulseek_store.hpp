#pragma once

#include "storage/record_family.hpp"

namespace vsf::storage {

/// Downloads from Soulseek users by their id, in the family of what belongs nowhere else.
class soulseek_store {
 public:
  explicit soulseek_store(std::shared_ptr<kv_store> store);
  /// An id of 0 is none.
  result<void> put(const record<fb::SoulseekDownload>& download, durability how = durability::synced);
  result<void> erase(std::uint64_t id, durability how = durability::synced);
  /// In the order of the ids until `visit` returns false.
  result<void> for_each(const std::function<bool(const record<fb::SoulseekDownload>&)>& visit) const;
  result<std::uint64_t> count() const;
  std::uint64_t corrupt() const { return downloads_.corrupt(); }

 private:
  record_family<fb::SoulseekDownload> downloads_;
};

}  // namespace vsf::storage
