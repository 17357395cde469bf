#pragma once

#include <cstdint>

#include "messages/types.hpp"

namespace vsf::swarm {

/// One bit for each leaf of a file; bit i is bit i % 8 of byte i / 8, as a TransferRecord keeps it.
class leaf_bitmap {
 public:
  leaf_bitmap() = default;
  explicit leaf_bitmap(std::uint32_t leaves) : raw_((leaves + 7) / 8), leaves_(leaves) {}
  /// Of another length than `leaves` needs: nothing is set. Bits beyond the end are cleared.
  static leaf_bitmap from_bytes(byte_view raw, std::uint32_t leaves) {
    leaf_bitmap out(leaves);
    if (raw.size() != out.raw_.size()) return out;
    for (std::uint32_t i = 0; i < leaves; ++i)
      if ((raw[i / 8] >> (i % 8) & 1) != 0) out.set(i);
    return out;
  }

  std::uint32_t leaves() const { return leaves_; }
  std::uint32_t set_count() const { return set_; }
  bool full() const { return set_ == leaves_; }
  bool test(std::uint32_t leaf) const { return leaf < leaves_ && (raw_[leaf / 8] >> (leaf % 8) & 1) != 0; }
  void set(std::uint32_t leaf) {
    if (leaf >= leaves_ || test(leaf)) return;
    raw_[leaf / 8] = static_cast<std::uint8_t>(raw_[leaf / 8] | (1U << (leaf % 8)));
    ++set_;
  }
  const bytes& raw() const { return raw_; }
  bool operator==(const leaf_bitmap&) const = default;

 private:
  bytes raw_;
  std::uint32_t leaves_ = 0;
  std::uint32_t set_ = 0;
};

}  // namespace vsf::swarm
