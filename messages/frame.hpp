#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "messages/types.hpp"

namespace vsf {

/// Reference-counted bytes, aligned to 8, passed between threads and actors without copying. A copy shares
/// the bytes; only whoever filled a frame writes to it, and only before handing it on. An empty frame holds
/// nothing.
class frame {
 public:
  frame() = default;
  /// `size` bytes of undefined content.
  static frame allocate(std::size_t size);
  static frame copy_of(byte_view raw);
  /// Keeps `owner` alive as long as any copy of the frame lives (pools give back in its deleter).
  frame(std::shared_ptr<void> owner, std::uint8_t* data, std::size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  const std::uint8_t* data() const { return data_; }
  std::uint8_t* mutable_data() { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  byte_view view() const { return {data_, size_}; }
  std::span<std::uint8_t> mutable_view() { return {data_, size_}; }
  /// The same bytes, fewer of them: [offset, offset + size).
  frame slice(std::size_t offset, std::size_t size) const;

 private:
  std::shared_ptr<void> owner_;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace vsf
