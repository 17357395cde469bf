#include "actors/dht/routing_table.hpp"

namespace vsf::dht {

table_row* routing_table::find_row(const node_id& id) {
  return const_cast<table_row*>(static_cast<const routing_table*>(this)->find(id));
}

const table_row* routing_table::find(const node_id& id) const {
  const auto b = buckets_.find(index_of(id));
  if (b == buckets_.end()) return nullptr;
  for (const auto& row : b->second.rows)
    if (row.who.id == id) return &row;
  return nullptr;
}

bool routing_table::group_has_room(const bucket& b, const contact& who) const {
  const auto group = group_of(who.address);
  if (!group.global) return true;
  const auto is_same = [&](const table_row& row) {
    return row.who.id != who.id && group_of(row.who.address) == group;
  };
  if (static_cast<std::size_t>(std::count_if(b.rows.begin(), b.rows.end(), is_same)) >=
      limits_.group_per_bucket)
    return false;
  std::size_t same = 0;
  for_each([&](const table_row& row) { same += is_same(row) ? 1u : 0u; });
  return same < limits_.group_per_table;
}

void routing_table::keep_candidate(bucket& b, const contact& who) {
  std::erase_if(b.candidates, [&](const contact& c) { return c.id == who.id; });
  if (b.candidates.size() >= limits_.candidates) {
    b.candidates.erase(b.candidates.begin());
    ++counters_.candidates_dropped;
  }
  b.candidates.push_back(who);
}

heard_verdict routing_table::heard(const contact& who) {
  if (!is_plausible(who) || who.id == self_) return heard_verdict::refused;
  if (const auto* row = find(who.id); row != nullptr && row->who == who) return heard_verdict::known;
  auto& b = buckets_[index_of(who.id)];
  if (!group_has_room(b, who)) {
    ++counters_.refused_group;
    return heard_verdict::refused;
  }
  const bool moved = find(who.id) != nullptr;
  const bool failing =
      std::any_of(b.rows.begin(), b.rows.end(), [](const auto& row) { return row.failures > 0; });
  if (!moved && !failing && b.rows.size() >= limits_.bucket) {
    keep_candidate(b, who);
    return heard_verdict::cached;
  }
  return heard_verdict::verify;
}

bool routing_table::answered(const table_row& row) {
  if (!is_plausible(row.who) || row.who.id == self_) return false;
  last_answer_ = std::max(last_answer_, row.last_answer);
  auto& b = buckets_[index_of(row.who.id)];
  if (auto* old = find_row(row.who.id)) {
    if (old->who.address != row.who.address && !group_has_room(b, row.who)) {
      ++counters_.refused_group;
      return true;  // the row it has stays as it is
    }
    const auto rtt = row.rtt.known() ? row.rtt : old->rtt;
    *old = row;
    old->rtt = rtt;
    old->failures = 0;
    return true;
  }
  if (!group_has_room(b, row.who)) {
    ++counters_.refused_group;
    return false;
  }
  if (b.rows.size() >= limits_.bucket) {
    const auto worst = std::max_element(b.rows.begin(), b.rows.end(),
                                        [](const auto& x, const auto& y) { return x.failures < y.failures; });
    if (worst->failures == 0) {
      keep_candidate(b, row.who);
      return false;
    }
    erase_row(b, worst);
  }
  std::erase_if(b.candidates, [&](const contact& c) { return c.id == row.who.id; });
  b.rows.push_back(row);
  b.rows.back().failures = 0;
  ++size_;
  ++counters_.inserted;
  return true;
}

void routing_table::erase_row(bucket& b, std::vector<table_row>::iterator row) {
  b.rows.erase(row);
  --size_;
  ++counters_.evicted;
}

std::optional<contact> routing_table::failed(const node_id& id, nanoseconds) {
  const auto found = buckets_.find(index_of(id));
  if (found == buckets_.end()) return std::nullopt;
  auto& b = found->second;
  std::erase_if(b.candidates, [&](const contact& c) { return c.id == id; });
  const auto row = std::find_if(b.rows.begin(), b.rows.end(), [&](const auto& r) { return r.who.id == id; });
  if (row == b.rows.end() || last_answer_ <= row->last_answer) return std::nullopt;
  if (row->failures < 255) ++row->failures;
  const auto limit = b.candidates.empty() ? limits_.failures : limits_.failures_with_candidate;
  if (row->failures < limit) return std::nullopt;
  erase_row(b, row);
  if (b.candidates.empty()) return std::nullopt;
  const auto next = b.candidates.back();
  b.candidates.pop_back();
  return next;
}

void routing_table::forget(const node_id& id) {
  const auto found = buckets_.find(index_of(id));
  if (found == buckets_.end()) return;
  auto& b = found->second;
  std::erase_if(b.candidates, [&](const contact& c) { return c.id == id; });
  const auto row = std::find_if(b.rows.begin(), b.rows.end(), [&](const auto& r) { return r.who.id == id; });
  if (row != b.rows.end()) erase_row(b, row);
}

std::vector<const table_row*> routing_table::closest(const id160& target, std::size_t count,
                                                     const std::optional<endpoint>& asker) const {
  std::vector<std::pair<id160, const table_row*>> found;  // by distance
  found.reserve(2 * count);
  const auto take = [&](const bucket& b) {
    for (const auto& row : b.rows)
      if (!asker || fits_scope(row.who.address, *asker)) found.emplace_back(row.who.id ^ target, &row);
  };
  // Everything in the target's own bucket is nearer than what shares fewer bits with the target: first that
  // bucket, then all deeper ones (they share just its prefix), then the shallower ones one by one.
  const int own = index_of(target);
  for (auto it = buckets_.lower_bound(own); it != buckets_.end(); ++it) {
    if (it->first > own && found.size() >= count) break;
    if (it->first == own) {
      take(it->second);
      continue;
    }
    for (auto deeper = it; deeper != buckets_.end(); ++deeper) take(deeper->second);
    break;
  }
  for (auto it = buckets_.lower_bound(own); it != buckets_.begin() && found.size() < count;)
    take((--it)->second);
  const auto end = found.begin() + static_cast<std::ptrdiff_t>(std::min(count, found.size()));
  std::partial_sort(found.begin(), end, found.end(),
                    [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const table_row*> out;
  out.reserve(count);
  for (auto it = found.begin(); it != end; ++it) out.push_back(it->second);
  return out;
}

std::vector<contact> routing_table::candidates(std::size_t count) const {
  std::vector<contact> out;
  for (const auto& [index, b] : buckets_)
    for (auto c = b.candidates.rbegin(); c != b.candidates.rend() && out.size() < count; ++c)
      out.push_back(*c);
  return out;
}

nanoseconds routing_table::initial_rto() const {
  std::vector<std::uint32_t> trips;
  for_each([&](const table_row& row) {
    if (row.rtt.known()) trips.push_back(row.rtt.srtt_us());
  });
  if (trips.empty()) return rtt_estimate::first_rto;
  const auto at = trips.begin() + static_cast<std::ptrdiff_t>(trips.size() * 95 / 100);
  std::nth_element(trips.begin(), at, trips.end());
  return std::clamp<nanoseconds>(std::chrono::microseconds(*at), rtt_estimate::min_rto,
                                 rtt_estimate::max_rto);
}

void routing_table::looked_up(const id160& target, nanoseconds now) {
  const auto b = buckets_.find(index_of(target));
  if (b != buckets_.end()) b->second.looked_up = std::max(b->second.looked_up, now);
}

std::optional<id160> routing_table::refresh_target(nanoseconds before, crypto::random_source& random) const {
  for (const auto& [index, b] : buckets_) {
    if (index >= 160 || b.rows.empty() || b.looked_up >= before) continue;
    id160 target;
    random.fill(target);
    // As many bits as the bucket shares with us, the next one different, the rest by chance.
    for (int bit = 0; bit <= index; ++bit) {
      const auto byte = static_cast<std::size_t>(bit / 8);
      const auto mask = static_cast<std::uint8_t>(0x80 >> (bit % 8));
      const bool one = ((self_[byte] & mask) != 0) != (bit == index);
      target[byte] = static_cast<std::uint8_t>(one ? target[byte] | mask : target[byte] & ~mask);
    }
    return target;
  }
  return std::nullopt;
}

}  // namespace vsf::dht
