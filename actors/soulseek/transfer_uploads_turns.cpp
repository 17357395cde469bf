#include <algorithm>
#include <tuple>

#include "actors/soulseek/uploads.hpp"

namespace vsf::soulseek {

/// The least goes first.
int uploads::tier(const std::string& name) const {
  if (privileged_.count(name) != 0) return 0;
  return how_.buddies_first && buddies_.count(name) != 0 ? 1 : 2;
}

std::optional<uploads::upload_id> uploads::next_turn(nanoseconds now) const {
  std::optional<upload_id> out;
  std::tuple<int, std::uint64_t, std::uint64_t> best{};
  for (const auto& [name, u] : users_) {
    if (u.active >= how_.slots_per_user) continue;
    const auto at = std::find_if(u.queue.begin(), u.queue.end(),
                                 [&](const auto& x) { return rows_.at(x.second).not_before <= now; });
    if (at == u.queue.end()) continue;
    const std::tuple turn{tier(name), how_.in_order_of_requests ? 0 : u.turn, at->first};
    if (out && turn >= best) continue;
    best = turn;
    out = at->second;
  }
  return out;
}

void uploads::fill_slots(nanoseconds now, effects& out) {
  while (active_.size() < how_.slots && queued_ > 0) {
    const auto next = next_turn(now);
    if (!next) return;
    begin(now, rows_.at(*next), out);
  }
}

std::uint32_t uploads::place_of(const std::string& name, const std::string& path) const {
  const auto it = users_.find(name);
  if (it == users_.end()) return 0;
  const auto& u = it->second;
  const auto known = u.by_path.find(path);
  if (known == u.by_path.end()) return 0;
  const auto& r = rows_.at(known->second);
  const auto own = u.queue.find(r.order);
  if (own == u.queue.end() || own->second != r.id) return 0;  // it has begun
  const auto rank = static_cast<std::uint64_t>(std::distance(u.queue.begin(), own)) + 1;
  const auto mine = tier(name);
  std::uint64_t ahead = rank;
  for (const auto& [other, v] : users_) {
    if (other == name || v.queue.empty()) continue;
    const auto theirs = tier(other);
    if (theirs > mine) continue;
    const std::uint64_t all = v.queue.size();
    if (theirs < mine) {
      ahead += all;
    } else if (how_.in_order_of_requests) {
      ahead += static_cast<std::uint64_t>(std::distance(v.queue.begin(), v.queue.lower_bound(r.order)));
    } else {
      // Everybody has had `rank - 1` turns before this one, and those whose turn is earlier one more.
      const bool earlier =
          std::pair(v.turn, v.queue.begin()->first) < std::pair(u.turn, u.queue.begin()->first);
      ahead += std::min(all, earlier ? rank : rank - 1);
    }
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ahead, 0xFFFFFFFFU));
}

std::size_t uploads::active_of(const std::string& name) const {
  const auto it = users_.find(name);
  return it == users_.end() ? 0 : it->second.active;
}

std::uint32_t uploads::average_speed_bytes_per_s() const {
  if (speeds_.empty()) return 0;
  std::uint64_t sum = 0;
  for (const auto speed : speeds_) sum += speed;
  return static_cast<std::uint32_t>(sum / speeds_.size());
}

}  // namespace vsf::soulseek
