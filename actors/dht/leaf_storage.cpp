#include "actors/dht/leaf_storage.hpp"

#include <bit>

#include "messages/mutant.hpp"

namespace vsf::dht {
namespace {

std::uint64_t hint_number(const node_id& id) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | id[i];
  return out;
}

fb::Hint hint_of(std::uint64_t number) {
  std::array<std::uint8_t, 8> raw{};
  for (std::size_t i = 0; i < 8; ++i) raw[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  return fb::Hint(flatbuffers::span<const std::uint8_t, 8>(raw.data(), raw.size()));
}

struct page_plan {
  std::size_t first = 0, end = 0;  // whole leaves
  std::size_t hints = 0, variants = 0;
};

}  // namespace

fb::PutVerdict leaf_storage::put(std::uint64_t now_ms, const dht_key& key, byte_view raw,
                                 const endpoint& from, std::vector<storage_effect>& effects) {
  return insert(now_ms, key, raw, from, ~std::uint64_t{0}, effects);
}

fb::PutVerdict leaf_storage::restore(std::uint64_t now_ms, const dht_key& key, byte_view raw,
                                     const endpoint& from, std::uint64_t lease_ends_ms,
                                     std::vector<storage_effect>& effects) {
  if (lease_ends_ms <= now_ms) return fb::PutVerdict::expired;
  return insert(now_ms, key, raw, from, lease_ends_ms, effects);
}

bool leaf_storage::has_room(const held_list* list, const public_key& publisher, const endpoint& from,
                            std::size_t more_bytes) const {
  if (mutant(mutation::no_storage_limit)) return true;
  if (bytes_ + more_bytes > limits_.bytes) return false;
  if (list == nullptr) {
    if (keys_.size() >= limits_.keys) return false;
  } else {
    if (list->size() >= limits_.leaves_per_key) return false;
    const auto group = group_of(from);
    const auto same =
        std::count_if(list->begin(), list->end(), [&](const held& h) { return group_of(h.from) == group; });
    if (static_cast<std::size_t>(same) >= limits_.leaves_per_group) return false;
  }
  const auto of_publisher = publisher_keys_.find(publisher);
  return of_publisher == publisher_keys_.end() || of_publisher->second < limits_.keys_per_publisher;
}

void leaf_storage::schedule(const dht_key& key, const held& what, bool add) {
  if (add) {
    expiry_.emplace(what.lease_ends_ms, std::pair(key, what.publisher));
    return;
  }
  const auto [begin, end] = expiry_.equal_range(what.lease_ends_ms);
  for (auto it = begin; it != end; ++it)
    if (it->second.first == key && it->second.second == what.publisher) {
      expiry_.erase(it);
      return;
    }
}

std::uint64_t leaf_storage::lease_end_ms(std::uint64_t now_ms, std::uint32_t lease_s,
                                         std::uint64_t expires_unix_s) const {
  const auto last_ms = expires_unix_s > ~std::uint64_t{0} / 1000 ? ~std::uint64_t{0} : expires_unix_s * 1000;
  const auto asked_ms = std::min(std::uint64_t{lease_s} * 1000, limits_.max_lease_ms);
  return std::min(now_ms + (asked_ms == 0 ? limits_.lease_ms : asked_ms), last_ms);
}

fb::PutVerdict leaf_storage::insert(std::uint64_t now_ms, const dht_key& key, byte_view raw,
                                    const endpoint& from, std::uint64_t lease_ends_ms,
                                    std::vector<storage_effect>& effects) {
  if (raw.empty() || raw.size() > max_value_size) return fb::PutVerdict::malformed;
  auto facts = policy_->parse(key, raw, now_ms / 1000);
  if (facts.verdict != fb::PutVerdict::stored) return facts.verdict;
  if (facts.expires_unix_s <= now_ms / 1000) return fb::PutVerdict::expired;
  if (facts.variants.size() > 1) facts.variants.resize(1);  // one stands for it in a summary
  lease_ends_ms = std::min(lease_ends_ms, lease_end_ms(now_ms, facts.lease_s, facts.expires_unix_s));

  expire(now_ms, effects);
  const auto found = keys_.find(key);
  auto* list = found == keys_.end() ? nullptr : &found->second;
  if (list != nullptr) {
    const auto old = std::find_if(list->begin(), list->end(),
                                  [&](const held& h) { return h.publisher == facts.publisher; });
    if (old != list->end()) {
      const bool same = old->seq == facts.seq && old->order == facts.order;
      bool newer = facts.seq != old->seq ? facts.seq > old->seq : facts.order > old->order;
      if (mutant(mutation::wrong_merge_order)) newer = facts.seq < old->seq;
      if (!same && !newer) return fb::PutVerdict::older;
      if (bytes_ - old->raw->size() + raw.size() > limits_.bytes) return fb::PutVerdict::full;
      schedule(key, *old, false);
      if (newer) {
        bytes_ = bytes_ - old->raw->size() + raw.size();
        old->raw = std::make_shared<const bytes>(raw.begin(), raw.end());
        old->seq = facts.seq;
        old->order = facts.order;
        old->expires_unix_s = facts.expires_unix_s;
        old->lease_s = facts.lease_s;
        old->variants = std::move(facts.variants);
        old->tombstone = facts.tombstone;
      }
      old->lease_ends_ms = std::max(newer ? 0 : old->lease_ends_ms, lease_ends_ms);
      schedule(key, *old, true);
      effects.push_back(keep_leaf{key, old->publisher, old->raw, old->lease_ends_ms, old->from});
      return fb::PutVerdict::stored;
    }
  }
  if (!has_room(list, facts.publisher, from, raw.size())) return fb::PutVerdict::full;
  if (list == nullptr) list = &keys_[key];
  held fresh;
  fresh.place = hint_number(facts.node) ^ salt_;
  fresh.publisher = facts.publisher;
  fresh.order = facts.order;
  fresh.seq = facts.seq;
  fresh.lease_ends_ms = lease_ends_ms;
  fresh.expires_unix_s = facts.expires_unix_s;
  fresh.lease_s = facts.lease_s;
  fresh.from = from;
  fresh.raw = std::make_shared<const bytes>(raw.begin(), raw.end());
  fresh.variants = std::move(facts.variants);
  fresh.tombstone = facts.tombstone;
  schedule(key, fresh, true);
  effects.push_back(keep_leaf{key, fresh.publisher, fresh.raw, fresh.lease_ends_ms, fresh.from});
  ++publisher_keys_[fresh.publisher];
  ++leaves_;
  bytes_ += raw.size();
  const auto at = std::upper_bound(list->begin(), list->end(), fresh.place,
                                   [](std::uint64_t place, const held& h) { return place < h.place; });
  list->insert(at, std::move(fresh));
  return fb::PutVerdict::stored;
}

std::vector<bool> leaf_storage::renew(std::uint64_t now_ms, std::span<const fb::LeafDigest> digests,
                                      std::vector<storage_effect>& effects) {
  expire(now_ms, effects);
  std::vector<bool> out;
  out.reserve(digests.size());
  for (const auto& d : digests) out.push_back(renew_one(now_ms, d, effects));
  return out;
}

bool leaf_storage::renew_one(std::uint64_t now_ms, const fb::LeafDigest& digest,
                             std::vector<storage_effect>& effects) {
  const auto& prefix = *digest.key_prefix();
  const auto& hash = *digest.hash();
  dht_key first{};
  std::copy(prefix.begin(), prefix.end(), first.begin());
  bool found = false;
  for (auto it = keys_.lower_bound(first);
       it != keys_.end() && std::equal(prefix.begin(), prefix.end(), it->first.begin()); ++it)
    for (auto& h : it->second) {
      if (h.lease_ends_ms <= now_ms || !std::equal(hash.begin(), hash.end(), h.order.begin())) continue;
      found = true;
      const auto ends = lease_end_ms(now_ms, h.lease_s, h.expires_unix_s);
      if (ends <= h.lease_ends_ms) continue;
      schedule(it->first, h, false);
      h.lease_ends_ms = ends;
      schedule(it->first, h, true);
      effects.push_back(keep_leaf{it->first, h.publisher, h.raw, h.lease_ends_ms, h.from});
    }
  return found;
}

void leaf_storage::forget(held_list& list, std::size_t at) {
  const auto it = list.begin() + static_cast<std::ptrdiff_t>(at);
  --leaves_;
  bytes_ -= it->raw->size();
  const auto counted = publisher_keys_.find(it->publisher);
  if (counted != publisher_keys_.end() && --counted->second == 0) publisher_keys_.erase(counted);
  list.erase(it);
}

void leaf_storage::keep_all(std::vector<storage_effect>& effects) const {
  for (const auto& [key, list] : keys_)
    for (const auto& h : list) effects.push_back(keep_leaf{key, h.publisher, h.raw, h.lease_ends_ms, h.from});
}

void leaf_storage::expire(std::uint64_t now_ms, std::vector<storage_effect>& effects) {
  if (mutant(mutation::no_ttl_expiry)) return;
  while (!expiry_.empty() && expiry_.begin()->first <= now_ms) {
    const auto [key, publisher] = expiry_.begin()->second;
    expiry_.erase(expiry_.begin());
    const auto found = keys_.find(key);
    if (found == keys_.end()) continue;
    auto& list = found->second;
    for (std::size_t i = 0; i < list.size(); ++i)
      if (list[i].publisher == publisher) {
        forget(list, i);
        effects.push_back(drop_leaf{key, publisher});
        break;
      }
    if (list.empty()) keys_.erase(found);
  }
}

std::optional<std::uint64_t> leaf_storage::next_expiry_ms() const {
  if (expiry_.empty()) return std::nullopt;
  return expiry_.begin()->first;
}

std::optional<bytes> leaf_storage::page(std::uint64_t now_ms, const dht_key& key, std::uint64_t cursor,
                                        std::size_t limit_bytes) const {
  const auto found = keys_.find(key);
  if (found == keys_.end() || cursor == no_values_cursor) return std::nullopt;
  const auto& list = found->second;
  page_plan plan;
  const auto begin = std::lower_bound(list.begin(), list.end(), cursor,
                                      [](const held& h, std::uint64_t c) { return h.place < c; });
  plan.first = static_cast<std::size_t>(begin - list.begin());

  const auto build = [&] {
    fb::ShadowIndexShardT shard;
    shard.timestamp_s = now_ms / 1000;
    shard.peers_approx = static_cast<std::uint32_t>(list.size());
    std::uint64_t ends = ~std::uint64_t{0};
    for (std::size_t i = plan.first; i < plan.end; ++i) {
      auto blob = std::make_unique<fb::BlobT>();
      blob->data = *list[i].raw;
      shard.leaves.push_back(std::move(blob));
      ends = std::min(ends, list[i].lease_ends_ms);
    }
    shard.ttl_s =
        plan.end > plan.first && ends > now_ms ? static_cast<std::uint32_t>((ends - now_ms) / 1000) : 0;
    for (std::size_t i = 0; i < list.size() && shard.hints.size() < plan.hints; ++i)
      if ((i < plan.first || i >= plan.end) && !list[i].tombstone)
        shard.hints.push_back(hint_of(list[i].place ^ salt_));
    for (std::size_t i = 0; i < list.size() && shard.variants.size() < plan.variants; ++i)
      if ((i < plan.first || i >= plan.end) && !list[i].variants.empty())
        shard.variants.push_back(list[i].variants.front());
    if (plan.end < list.size())
      shard.cursor = plan.end > plan.first && list[plan.end].place == list[plan.end - 1].place
                         ? list[plan.end].place + 1
                         : std::max<std::uint64_t>(1, list[plan.end].place);
    return record<fb::ShadowIndexShard>::pack(shard);
  };

  // Leaves first, then hints, then variants, as long as the page stays in its bounds.
  plan.end = plan.first;
  auto best = build();
  const auto usual = std::min(limit_bytes, max_page_size);
  if (best.raw().size() > limit_bytes) return std::nullopt;
  const auto try_plan = [&](page_plan next, std::size_t bound) {
    std::swap(plan, next);
    auto built = build();
    if (built.raw().size() > bound) {
      std::swap(plan, next);
      return false;
    }
    best = std::move(built);
    return true;
  };
  while (plan.end < list.size()) {
    auto next = plan;
    ++next.end;
    if (!try_plan(next, plan.end == plan.first ? limit_bytes : usual)) break;
  }
  const auto others = list.size() - (plan.end - plan.first);
  for (auto wanted = std::min(max_page_hints, others); wanted > 0; wanted /= 2) {
    auto next = plan;
    next.hints = wanted;
    if (try_plan(next, usual)) break;
  }
  while (plan.variants < std::min(max_page_variants, others)) {
    auto next = plan;
    ++next.variants;
    if (!try_plan(next, usual)) break;
  }
  return to_bytes(best.raw().view());
}

std::vector<std::shared_ptr<const bytes>> leaf_storage::values(std::uint64_t now_ms,
                                                               const dht_key& key) const {
  std::vector<std::shared_ptr<const bytes>> out;
  const auto found = keys_.find(key);
  if (found == keys_.end()) return out;
  for (const auto& h : found->second)
    if (h.lease_ends_ms > now_ms) out.push_back(h.raw);
  return out;
}

}  // namespace vsf::dht
