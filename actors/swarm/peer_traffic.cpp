#include "actors/swarm/peer_traffic.hpp"

#include <algorithm>

namespace vsf::swarm {

std::vector<peer_traffic::entry> peer_traffic::by_bytes() const {
  std::vector<entry> out;
  out.reserve(peers_.size());
  for (auto it = peers_.begin(); it != peers_.end(); ++it) out.push_back(it);
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a->second.up + a->second.down > b->second.up + b->second.down;
  });
  return out;
}

void peer_traffic::add(const node_id& who, std::uint64_t up, std::uint64_t down) {
  if (up == 0 && down == 0) return;
  total_.up += up;
  total_.down += down;
  auto& mine = peers_[who];
  mine.up += up;
  mine.down += down;
  if (peers_.size() <= 2 * rows_) return;
  const auto sorted = by_bytes();
  for (auto i = rows_; i < sorted.size(); ++i) {
    rest_.up += sorted[i]->second.up;
    rest_.down += sorted[i]->second.down;
    peers_.erase(sorted[i]);
    ++folded_;
  }
}

std::vector<std::unique_ptr<fb::PeerTrafficT>> peer_traffic::report() const {
  std::vector<std::unique_ptr<fb::PeerTrafficT>> out;
  const auto row = [&](const amounts& of) {
    auto x = std::make_unique<fb::PeerTrafficT>();
    x->bytes_up = of.up;
    x->bytes_down = of.down;
    return x;
  };
  auto others = rest_;
  const auto sorted = by_bytes();
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i >= rows_) {
      others.up += sorted[i]->second.up;
      others.down += sorted[i]->second.down;
      continue;
    }
    out.push_back(row(sorted[i]->second));
    out.back()->node = box(sorted[i]->first);
  }
  if (others.up != 0 || others.down != 0) out.push_back(row(others));
  return out;
}

}  // namespace vsf::swarm
