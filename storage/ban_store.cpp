#include "storage/ban_store.hpp"

#include <algorithm>
#include <map>

namespace vsf::storage {

namespace {
bytes key_of(const offer& which) { return key_builder().fixed(which.publisher).fixed(which.root).take(); }
}  // namespace

ban_store::ban_store(std::shared_ptr<kv_store> store, std::size_t limit)
    : bans_(std::move(store), family::offer_bans), limit_(std::max<std::size_t>(limit, 1)) {}

result<void> ban_store::put(const std::vector<fb::OfferBanT>& bans, durability how) {
  if (bans.empty()) return {};
  // Who stays is decided on what the family will hold. Unreadable entries count as oldest.
  std::map<bytes, std::uint64_t> made_ms;
  auto scanned = bans_.store().scan(family::offer_bans, {}, {}, [&](byte_view key, byte_view value) {
    const auto known = record<fb::OfferBan>::parse_copy(value);
    made_ms[to_bytes(key)] = known ? (*known)->at_ms() : 0;
    return true;
  });
  if (!scanned) return scanned;
  write_batch batch;
  for (const auto& ban : bans) {
    if (!ban.publisher || !ban.root) return fail("A ban without a publisher and a root can't be stored.");
    const auto key = key_of({from_fb<public_key>(*ban.publisher), from_fb<digest>(*ban.root)});
    made_ms[key] = ban.at_ms;
    bans_.put(batch, key, record<fb::OfferBan>::pack(ban));
  }
  const std::size_t excess = made_ms.size() > limit_ ? made_ms.size() - limit_ : 0;
  std::vector<std::pair<std::uint64_t, bytes>> oldest;
  if (excess > 0)
    for (const auto& [key, at] : made_ms) oldest.emplace_back(at, key);
  std::sort(oldest.begin(), oldest.end());
  for (std::size_t i = 0; i < excess; ++i) bans_.erase(batch, oldest[i].second);
  auto written = bans_.store().write(batch, how);
  if (written) dropped_ += excess;
  return written;
}

result<void> ban_store::erase(const offer& which, durability how) {
  write_batch batch;
  bans_.erase(batch, key_of(which));
  return bans_.store().write(batch, how);
}

result<std::optional<record<fb::OfferBan>>> ban_store::get(const offer& which) const {
  return bans_.get(key_of(which));
}

result<std::set<offer>> ban_store::among(const std::set<offer>& offers) const {
  std::set<offer> out;
  for (const auto& one : offers) {
    const auto found = get(one);
    if (!found) return tl::unexpected(found.error());
    if (*found) out.insert(one);
  }
  return out;
}

result<void> ban_store::for_each(const std::function<bool(const record<fb::OfferBan>&)>& visit) const {
  return bans_.for_each({}, {}, [&](byte_view, const auto& ban) { return visit(ban); });
}

}  // namespace vsf::storage
