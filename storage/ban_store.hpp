#pragma once

#include <set>
#include <utility>

#include "storage/record_family.hpp"

namespace vsf::storage {

/// A publisher's claim that a recording is the file with this hash-tree root.
struct offer {
  public_key publisher{};
  digest root{};
  auto operator<=>(const offer&) const = default;
};

/// Offers that turned out to be of other music: not taken again by any transfer of this node. The last 4,096
/// are kept, the oldest by time go first. One writer at a time, any number of readers.
class ban_store {
 public:
  static constexpr std::size_t max_bans = 4096;

  explicit ban_store(std::shared_ptr<kv_store> store, std::size_t limit = max_bans);
  /// Every ban has a publisher and a root. One batch; whoever is banned twice keeps the later reason.
  result<void> put(const std::vector<fb::OfferBanT>& bans, durability how = durability::synced);
  result<void> erase(const offer& which, durability how = durability::synced);
  result<std::optional<record<fb::OfferBan>>> get(const offer& which) const;
  /// Those of `offers` that are banned.
  result<std::set<offer>> among(const std::set<offer>& offers) const;
  /// In the order of publisher and root until `visit` returns false.
  result<void> for_each(const std::function<bool(const record<fb::OfferBan>&)>& visit) const;
  result<std::uint64_t> count() const { return bans_.count(); }
  /// Bans that had to go for later ones.
  std::uint64_t dropped() const { return dropped_; }
  std::uint64_t corrupt() const { return bans_.corrupt(); }

 private:
  record_family<fb::OfferBan> bans_;
  std::size_t limit_;
  std::uint64_t dropped_ = 0;
};

}  // namespace vsf::storage
