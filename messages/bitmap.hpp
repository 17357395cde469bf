#pragma once

#include <cstdint>

#include "messages/types.hpp"

namespace vsf {

/// One bit for each leaf or piece of a file; bit i is bit i % 8 of byte i / 8, in records and on the wire.
class bitmap {
 public:
  bitmap() = default;
  explicit bitmap(std::uint32_t size) : raw_((size + 7) / 8), size_(size) {}
  /// Of another length than `size` bits need: nothing is set. Bits beyond the end are cleared.
  static bitmap from_bytes(byte_view raw, std::uint32_t size) {
    bitmap out(size);
    if (raw.size() != out.raw_.size()) return out;
    for (std::uint32_t i = 0; i < size; ++i)
      if ((raw[i / 8] >> (i % 8) & 1) != 0) out.set(i);
    return out;
  }

  std::uint32_t size() const { return size_; }
  std::uint32_t set_count() const { return set_; }
  bool full() const { return set_ == size_; }
  bool test(std::uint32_t i) const { return i < size_ && (raw_[i / 8] >> (i % 8) & 1) != 0; }
  void set(std::uint32_t i) {
    if (i >= size_ || test(i)) return;
    raw_[i / 8] = static_cast<std::uint8_t>(raw_[i / 8] | (1U << (i % 8)));
    ++set_;
  }
  const bytes& raw() const { return raw_; }
  bool operator==(const bitmap&) const = default;

 private:
  bytes raw_;
  std::uint32_t size_ = 0;
  std::uint32_t set_ = 0;
};

}  // namespace vsf
