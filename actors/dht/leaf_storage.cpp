#include "actors/dht/leaf_storage.hpp"

#include <algorithm>

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

/// Enough to tell publishers apart: to make a key that begins as another's does takes 2^64 attempts.
std::uint64_t beginning_of(const public_key& publisher) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | publisher[i];
  return out;
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

leaf_storage::held_rows::position leaf_storage::first_of(const dht_key& key) const {
  return rows_.first_not([&](const held& h) { return h.says().key < key; });
}

std::vector<const leaf_storage::held*> leaf_storage::of_key(const dht_key& key) const {
  std::vector<const held*> out;
  for (auto at = first_of(key); at != rows_.end() && rows_[at].says().key == key; at = rows_.next(at))
    out.push_back(&rows_[at]);
  return out;
}

leaf_storage::publisher_rows::position leaf_storage::publisher_at(const public_key& publisher) const {
  return publishers_.first_not([&](const auto& row) { return row.first < beginning_of(publisher); });
}

void leaf_storage::count_publisher(const public_key& publisher) {
  const auto at = publisher_at(publisher);
  if (at != publishers_.end() && publishers_[at].first == beginning_of(publisher))
    ++publishers_[at].second;
  else
    publishers_.insert(at, {beginning_of(publisher), 1});
}

void leaf_storage::forget_publisher(const public_key& publisher) {
  const auto at = publisher_at(publisher);
  if (--publishers_[at].second == 0) publishers_.erase(at);
}

bool leaf_storage::has_room(const std::vector<const held*>& same_key, const public_key& publisher,
                            const endpoint& from, std::size_t more_bytes) const {
  if (mutant(mutation::no_storage_limit)) return true;
  if (bytes_ + more_bytes > limits_.bytes) return false;
  if (same_key.empty() && keys_ >= limits_.keys) return false;
  if (same_key.size() >= limits_.leaves_per_key) return false;
  const auto group = group_of(from);
  const auto same = std::count_if(same_key.begin(), same_key.end(),
                                  [&](const held* h) { return group_of(h->says().from) == group; });
  if (static_cast<std::size_t>(same) >= limits_.leaves_per_group) return false;
  const auto at = publisher_at(publisher);
  return at == publishers_.end() || publishers_[at].first != beginning_of(publisher) ||
         publishers_[at].second < limits_.keys_per_publisher;
}

shared_bytes leaf_storage::make_statement(const dht_key& key, const value_facts& facts, std::uint64_t hint,
                                          const endpoint& from, byte_view raw) {
  // Its bytes are compared: none lies between the members.
  static_assert(std::has_unique_object_representations_v<statement> && alignof(statement) <= 8);
  statement out;
  out.key = key;
  out.publisher = facts.publisher;
  out.order = facts.order;
  out.from = from;
  out.tombstone = facts.tombstone;
  out.has_variant = !facts.variants.empty();
  out.hint = hint;
  out.seq = facts.seq;
  out.expires_unix_s = facts.expires_unix_s;
  out.lease_s = facts.lease_s;
  if (out.has_variant) out.variant = facts.variants.front();
  return shared_bytes::of({reinterpret_cast<const std::uint8_t*>(&out), sizeof out}, shared_bytes::of(raw));
}

keep_leaf leaf_storage::kept(const held& what) {
  const auto& s = what.says();
  return {s.key, s.publisher, what.raw(), what.lease_ends_ms, s.from};
}

void leaf_storage::set_lease(held& what, std::uint64_t lease_ends_ms, std::vector<storage_effect>& effects) {
  what.lease_ends_ms = lease_ends_ms;
  soonest_ms_ = std::min(soonest_ms_, lease_ends_ms);
  effects.emplace_back(kept(what));
}

std::uint64_t leaf_storage::lease_end_ms(std::uint64_t now_ms, std::uint64_t lease_s,
                                         std::uint64_t expires_unix_s) const {
  const auto last_ms = expires_unix_s > ~std::uint64_t{0} / 1000 ? ~std::uint64_t{0} : expires_unix_s * 1000;
  const auto asked_ms = std::min(lease_s * 1000, limits_.max_lease_ms);
  return std::min(now_ms + (asked_ms == 0 ? limits_.lease_ms : asked_ms), last_ms);
}

fb::PutVerdict leaf_storage::insert(std::uint64_t now_ms, const dht_key& key, byte_view raw,
                                    const endpoint& from, std::uint64_t lease_ends_ms,
                                    std::vector<storage_effect>& effects) {
  if (raw.empty() || raw.size() > max_value_size) return fb::PutVerdict::malformed;
  const auto facts = policy_->parse(key, raw, now_ms / 1000);
  if (facts.verdict != fb::PutVerdict::stored) return facts.verdict;
  if (facts.expires_unix_s <= now_ms / 1000) return fb::PutVerdict::expired;
  lease_ends_ms = std::min(lease_ends_ms, lease_end_ms(now_ms, facts.lease_s, facts.expires_unix_s));

  expire(now_ms, effects);
  const auto place = hint_number(facts.node) ^ salt_;
  auto where = rows_.end();
  std::vector<const held*> same_key;
  for (auto at = first_of(key);; at = rows_.next(at)) {
    const bool here = at != rows_.end() && rows_[at].says().key == key;
    if (where == rows_.end() && (!here || place_of(rows_[at].says()) > place)) where = at;
    if (!here) break;
    if (rows_[at].says().publisher == facts.publisher) return replace(at, facts, raw, lease_ends_ms, effects);
    same_key.push_back(&rows_[at]);
  }
  if (!has_room(same_key, facts.publisher, from, raw.size())) return fb::PutVerdict::full;
  held fresh{make_statement(key, facts, hint_number(facts.node), from, raw)};
  set_lease(fresh, lease_ends_ms, effects);
  count_publisher(facts.publisher);
  if (same_key.empty()) ++keys_;
  bytes_ += raw.size();
  rows_.insert(where, std::move(fresh));
  return fb::PutVerdict::stored;
}

fb::PutVerdict leaf_storage::replace(held_rows::position at, const value_facts& facts, byte_view raw,
                                     std::uint64_t lease_ends_ms, std::vector<storage_effect>& effects) {
  auto& old = rows_[at];
  const auto& before = old.says();
  const bool same = before.seq == facts.seq && before.order == facts.order;
  bool newer = facts.seq != before.seq ? facts.seq > before.seq : facts.order > before.order;
  if (mutant(mutation::wrong_merge_order)) newer = facts.seq < before.seq;
  if (!same && !newer) return fb::PutVerdict::older;
  if (newer) {
    const auto bytes_then = bytes_ - old.raw().size() + raw.size();
    if (bytes_then > limits_.bytes) return fb::PutVerdict::full;
    bytes_ = bytes_then;
    old.fixed = make_statement(before.key, facts, before.hint, before.from, raw);
  }
  set_lease(old, newer ? lease_ends_ms : std::max(old.lease_ends_ms, lease_ends_ms), effects);
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
  for (auto at = first_of(first); at != rows_.end(); at = rows_.next(at)) {
    auto& h = rows_[at];
    const auto& s = h.says();
    if (!std::equal(prefix.begin(), prefix.end(), s.key.begin())) break;
    if (h.lease_ends_ms <= now_ms || !std::equal(hash.begin(), hash.end(), s.order.begin())) continue;
    found = true;
    const auto ends = lease_end_ms(now_ms, s.lease_s, s.expires_unix_s);
    if (ends > h.lease_ends_ms) set_lease(h, ends, effects);
  }
  return found;
}

void leaf_storage::keep_all(std::vector<storage_effect>& effects) const {
  rows_.for_each([&](const held& h) { effects.emplace_back(kept(h)); });
}

void leaf_storage::expire(std::uint64_t now_ms, std::vector<storage_effect>& effects) {
  if (now_ms < soonest_ms_ || mutant(mutation::no_ttl_expiry)) return;
  soonest_ms_ = ~std::uint64_t{0};
  // Only of what has ended the statement is read: it lies elsewhere in memory.
  const held* stays = nullptr;  // the row before `at`
  for (auto at = rows_.begin(); at != rows_.end();) {
    const auto& h = rows_[at];
    if (h.lease_ends_ms > now_ms) {
      soonest_ms_ = std::min(soonest_ms_, h.lease_ends_ms);
      stays = &h;
      at = rows_.next(at);
      continue;
    }
    const auto key = h.says().key;
    effects.emplace_back(drop_leaf{key, h.says().publisher});
    forget_publisher(h.says().publisher);
    bytes_ -= h.raw().size();
    at = rows_.erase(at);
    const bool others =
        (stays != nullptr && stays->says().key == key) || (at != rows_.end() && rows_[at].says().key == key);
    if (!others) --keys_;
  }
}

std::optional<std::uint64_t> leaf_storage::next_expiry_ms() const {
  if (rows_.size() == 0) return std::nullopt;
  auto out = ~std::uint64_t{0};
  rows_.for_each([&](const held& h) { out = std::min(out, h.lease_ends_ms); });
  return out;
}

std::optional<bytes> leaf_storage::page(std::uint64_t now_ms, const dht_key& key, std::uint64_t cursor,
                                        std::size_t limit_bytes) const {
  if (cursor == no_values_cursor) return std::nullopt;
  const auto list = of_key(key);
  if (list.empty()) return std::nullopt;
  const auto place = [&](std::size_t i) { return place_of(list[i]->says()); };
  page_plan plan;
  while (plan.first < list.size() && place(plan.first) < cursor) ++plan.first;

  const auto build = [&] {
    fb::ShadowIndexShardT shard;
    shard.timestamp_s = now_ms / 1000;
    shard.peers_approx = static_cast<std::uint32_t>(list.size());
    std::uint64_t ends = ~std::uint64_t{0};
    for (std::size_t i = plan.first; i < plan.end; ++i) {
      auto blob = std::make_unique<fb::BlobT>();
      blob->data = to_bytes(list[i]->raw().view());
      shard.leaves.push_back(std::move(blob));
      ends = std::min(ends, list[i]->lease_ends_ms);
    }
    shard.ttl_s =
        plan.end > plan.first && ends > now_ms ? static_cast<std::uint32_t>((ends - now_ms) / 1000) : 0;
    for (std::size_t i = 0; i < list.size() && shard.hints.size() < plan.hints; ++i)
      if ((i < plan.first || i >= plan.end) && !list[i]->says().tombstone)
        shard.hints.push_back(hint_of(list[i]->says().hint));
    for (std::size_t i = 0; i < list.size() && shard.variants.size() < plan.variants; ++i)
      if ((i < plan.first || i >= plan.end) && list[i]->says().has_variant)
        shard.variants.push_back(list[i]->says().variant);
    if (plan.end < list.size())
      shard.cursor = plan.end > plan.first && place(plan.end) == place(plan.end - 1)
                         ? place(plan.end) + 1
                         : std::max<std::uint64_t>(1, place(plan.end));
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
  for (const auto* h : of_key(key))
    if (h->lease_ends_ms > now_ms) out.push_back(std::make_shared<const bytes>(to_bytes(h->raw().view())));
  return out;
}

}  // namespace vsf::dht
