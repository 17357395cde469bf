#include "storage/contact_store.hpp"

#include <algorithm>
#include <map>

namespace vsf::storage {

contact_store::contact_store(std::shared_ptr<kv_store> store, std::size_t limit)
    : contacts_(std::move(store), family::contacts), limit_(limit) {}

result<void> contact_store::put(const std::vector<fb::KnownContactT>& contacts, durability how) {
  if (contacts.empty()) return {};
  // Who stays is decided on what the family will hold, before anything is written. Unreadable entries count
  // as oldest.
  std::map<bytes, std::uint64_t> last_seen_ms;
  auto scanned = contacts_.store().scan(family::contacts, {}, {}, [&](byte_view key, byte_view value) {
    const auto known = record<fb::KnownContact>::parse_copy(value);
    last_seen_ms[to_bytes(key)] = known ? (*known)->last_seen_ms() : 0;
    return true;
  });
  if (!scanned) return scanned;
  write_batch batch;
  for (const auto& known : contacts) {
    if (!known.contact) return fail("A contact without an id and address can't be stored.");
    const auto id = from_fb<node_id>(known.contact->id());
    last_seen_ms[to_bytes(id.view())] = known.last_seen_ms;
    contacts_.put(batch, id.view(), record<fb::KnownContact>::pack(known));
  }
  std::uint64_t excess = last_seen_ms.size() > limit_ ? last_seen_ms.size() - limit_ : 0;
  if (excess > 0) {
    std::vector<std::pair<std::uint64_t, bytes>> oldest;
    for (auto& [key, seen] : last_seen_ms) oldest.emplace_back(seen, key);
    std::sort(oldest.begin(), oldest.end());
    for (std::size_t i = 0; i < excess; ++i) contacts_.erase(batch, oldest[i].second);
  }
  auto written = contacts_.store().write(batch, how);
  if (written) dropped_ += excess;
  return written;
}

result<void> contact_store::erase(const node_id& id, durability how) {
  write_batch batch;
  contacts_.erase(batch, id.view());
  return contacts_.store().write(batch, how);
}

result<std::optional<record<fb::KnownContact>>> contact_store::get(const node_id& id) const {
  return contacts_.get(id.view());
}

result<void> contact_store::for_each(
    const std::function<bool(const node_id&, const record<fb::KnownContact>&)>& visit) const {
  return contacts_.for_each({}, {}, [&](byte_view raw, const auto& known) {
    const auto id = node_id::from(raw);
    return !id || visit(*id, known);
  });
}

}  // namespace vsf::storage
