#pragma once

#include <cstdint>

#include "messages/types.hpp"

namespace vsf::library {

/// The bytes of one file, read at offsets; a file has no name here.
class byte_source {
 public:
  virtual ~byte_source() = default;
  virtual std::uint64_t size() const = 0;
  /// Fewer bytes than asked for only at the end, or where the file can't be read.
  virtual std::size_t read_at(std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
};

/// Bytes of an open descriptor, which stays its owner's.
class descriptor_source final : public byte_source {
 public:
  explicit descriptor_source(int descriptor);
  std::uint64_t size() const override { return size_; }
  std::size_t read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override;

 private:
  int descriptor_;
  std::uint64_t size_ = 0;
};

/// Bytes in memory, which stay their owner's.
class memory_source final : public byte_source {
 public:
  explicit memory_source(byte_view data) : data_(data) {}
  std::uint64_t size() const override { return data_.size(); }
  std::size_t read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override;

 private:
  byte_view data_;
};

/// Up to `size` bytes from `offset` on.
bytes read_some(const byte_source& source, std::uint64_t offset, std::size_t size);

/// Numbers inside foreign headers; the caller has checked that they are there.
inline std::uint32_t big_endian_16(byte_view raw) { return std::uint32_t{raw[0]} << 8 | raw[1]; }
inline std::uint32_t big_endian_32(byte_view raw) {
  return std::uint32_t{raw[0]} << 24 | std::uint32_t{raw[1]} << 16 | std::uint32_t{raw[2]} << 8 | raw[3];
}
inline std::uint32_t little_endian_32(byte_view raw) {
  return std::uint32_t{raw[3]} << 24 | std::uint32_t{raw[2]} << 16 | std::uint32_t{raw[1]} << 8 | raw[0];
}

}  // namespace vsf::library
