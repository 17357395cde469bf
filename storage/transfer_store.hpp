#pragma once

#include "storage/record_family.hpp"

namespace vsf::storage {

/// Downloads by transfer id (32 hex digits, lower case) and, while they run, the proven leaf hashes of their
/// pieces with what proves them.
class transfer_store {
 public:
  struct piece {
    std::uint32_t number = 0;
    bytes hashes;    // 32 bytes a leaf, at most 64 leaves
    bytes uncles{};  // 32 bytes a level, from the piece up
  };

  explicit transfer_store(std::shared_ptr<kv_store> store);
  /// The record and the hashes of pieces that were proven since, in one batch.
  result<void> put(const fb::TransferRecordT& transfer, const std::vector<piece>& pieces = {},
                   durability how = durability::synced);
  result<void> put_pieces(std::string_view transfer, const std::vector<piece>& pieces,
                          durability how = durability::buffered);
  /// The record and all its pieces, in one batch.
  result<void> erase(std::string_view transfer, durability how = durability::synced);
  /// The pieces alone: the transfer is finished and stays in the list.
  result<void> erase_pieces(std::string_view transfer, durability how = durability::buffered);

  result<std::optional<record<fb::TransferRecord>>> get(std::string_view transfer) const;
  result<std::optional<piece>> get_piece(std::string_view transfer, std::uint32_t number) const;
  /// In the order of the ids until `visit` returns false.
  result<void> for_each(
      const std::function<bool(const std::string& transfer, const record<fb::TransferRecord>&)>& visit) const;
  /// In the order of the numbers until `visit` returns false.
  result<void> for_each_piece(std::string_view transfer,
                              const std::function<bool(const piece&)>& visit) const;
  result<std::uint64_t> count() const { return transfers_.count(); }
  std::uint64_t corrupt() const { return transfers_.corrupt() + pieces_.corrupt(); }

 private:
  result<void> add_pieces(write_batch& batch, byte_view id, const std::vector<piece>& pieces) const;
  result<void> add_piece_erasures(write_batch& batch, byte_view id) const;

  record_family<fb::TransferRecord> transfers_;
  record_family<fb::PieceHashes> pieces_;
};

}  // namespace vsf::storage
