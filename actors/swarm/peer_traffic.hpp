#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "messages/schemas.hpp"

namespace vsf::swarm {

/// Payload bytes to and from each peer since the node began: `rows` peers at most are told apart. When twice
/// as many are known, the half with the fewest bytes is put together into one row; totals stay exact.
class peer_traffic {
 public:
  struct amounts {
    std::uint64_t up = 0, down = 0;
  };
  explicit peer_traffic(std::size_t rows = 256) : rows_(rows) {}

  void add(const node_id& who, std::uint64_t up, std::uint64_t down);
  /// Most bytes first; what all others had together is the last row, which names no node.
  std::vector<std::unique_ptr<fb::PeerTrafficT>> report() const;
  amounts total() const { return total_; }
  std::size_t peers() const { return peers_.size(); }
  /// Peers that were put together so far; one that came back counts again.
  std::uint64_t folded() const { return folded_; }

 private:
  using entry = std::map<node_id, amounts>::const_iterator;
  std::vector<entry> by_bytes() const;

  std::size_t rows_;
  std::map<node_id, amounts> peers_;
  amounts rest_;
  amounts total_;
  std::uint64_t folded_ = 0;
};

}  // namespace vsf::swarm
