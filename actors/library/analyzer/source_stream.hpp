#pragma once

#include <taglib/tiostream.h>

#include "actors/library/analyzer/byte_source.hpp"

namespace vsf::library {

/// A byte_source as TagLib reads files: never written, never asked by name. One read gives at most 64 MiB and
/// all reads together at most 512 MiB, after which the file seems to end: what a header claims costs neither
/// memory nor time.
class source_stream final : public TagLib::IOStream {
 public:
  explicit source_stream(const byte_source& source) : source_(source) {}

  TagLib::FileName name() const override { return ""; }
  TagLib::ByteVector readBlock(unsigned long length) override;
  void writeBlock(const TagLib::ByteVector&) override {}
  void insert(const TagLib::ByteVector&, unsigned long, unsigned long) override {}
  void removeBlock(unsigned long, unsigned long) override {}
  bool readOnly() const override { return true; }
  bool isOpen() const override { return true; }
  void seek(long offset, Position from) override;
  long tell() const override { return static_cast<long>(at_); }
  long length() override { return static_cast<long>(source_.size()); }
  void truncate(long) override {}

 private:
  const byte_source& source_;
  std::uint64_t at_ = 0;
  std::uint64_t left_ = std::uint64_t{512} << 20;
};

}  // namespace vsf::library
