#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "messages/bitmap.hpp"
#include "storage/file_system.hpp"

namespace vsf::storage {

/// What a running download has of its file, for peers that want the same file. Its disk adds pieces, uploads
/// read them: safe from any thread.
class shared_part {
 public:
  shared_part(std::string transfer, const digest& root, std::uint64_t size_bytes, std::uint32_t pieces,
              std::shared_ptr<file_reader> reader)
      : transfer_(std::move(transfer)),
        root_(root),
        size_bytes_(size_bytes),
        reader_(std::move(reader)),
        pieces_(pieces) {}

  /// Whose hashes prove the pieces, in the store.
  const std::string& transfer() const { return transfer_; }
  const digest& root() const { return root_; }
  std::uint64_t size_bytes() const { return size_bytes_; }
  /// nullptr once it is withdrawn.
  std::shared_ptr<file_reader> reader() const {
    const std::scoped_lock lock(mutex_);
    return reader_;
  }

  /// All of this piece is verified, written, and its proof stored.
  void add(std::uint32_t piece) {
    const std::scoped_lock lock(mutex_);
    pieces_.set(piece);
  }
  bool has(std::uint32_t piece) const {
    const std::scoped_lock lock(mutex_);
    return pieces_.test(piece);
  }
  bool complete() const {
    const std::scoped_lock lock(mutex_);
    return pieces_.full();
  }
  bitmap pieces() const {
    const std::scoped_lock lock(mutex_);
    return pieces_;
  }
  /// The file went, or turned out not to be what it should: nobody gets any more of it.
  void withdraw() {
    const std::scoped_lock lock(mutex_);
    reader_.reset();
  }

 private:
  const std::string transfer_;
  const digest root_;
  const std::uint64_t size_bytes_;
  mutable std::mutex mutex_;
  std::shared_ptr<file_reader> reader_;
  bitmap pieces_;
};
using shared_part_ptr = std::shared_ptr<const shared_part>;

}  // namespace vsf::storage
