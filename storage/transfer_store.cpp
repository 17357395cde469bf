#include "storage/transfer_store.hpp"

namespace vsf::storage {

namespace {

constexpr std::size_t id_bytes = 16;
constexpr std::size_t max_piece_bytes = 64 * 32;
constexpr std::size_t max_uncles_bytes = 32 * 32;

result<bytes> id_of(std::string_view transfer) {
  auto raw = from_hex(transfer);
  if (!raw || raw->size() != id_bytes)
    return fail("\"" + std::string(transfer.substr(0, 40)) +
                "\" is no transfer id: it has 32 hex digits, as the list of transfers shows them.");
  return std::move(*raw);
}

bytes piece_key(byte_view id, std::uint32_t number) { return key_builder().raw(id).number(number).take(); }

}  // namespace

transfer_store::transfer_store(std::shared_ptr<kv_store> store)
    : transfers_(store, family::transfers), pieces_(store, family::pieces) {}

result<void> transfer_store::add_pieces(write_batch& batch, byte_view id,
                                        const std::vector<piece>& pieces) const {
  for (const auto& p : pieces) {
    if (p.hashes.empty() || p.hashes.size() > max_piece_bytes || p.hashes.size() % 32 != 0)
      return fail("The hashes of piece " + std::to_string(p.number) + " have " +
                  std::to_string(p.hashes.size()) + " bytes: a piece has 1 to 64 of 32 bytes.");
    if (p.uncles.size() > max_uncles_bytes)
      return fail("The proof of piece " + std::to_string(p.number) + " has " +
                  std::to_string(p.uncles.size()) + " bytes: no file has more than 32 levels above a piece.");
    fb::PieceHashesT native;
    native.hashes = p.hashes;
    native.uncles = p.uncles;
    pieces_.put(batch, piece_key(id, p.number), record<fb::PieceHashes>::pack(native));
  }
  return {};
}

result<void> transfer_store::add_piece_erasures(write_batch& batch, byte_view id) const {
  return pieces_.store().scan(family::pieces, id, end_of_prefix(id), [&](byte_view key, byte_view) {
    pieces_.erase(batch, key);
    return true;
  });
}

result<void> transfer_store::put(const fb::TransferRecordT& transfer, const std::vector<piece>& pieces,
                                 durability how) {
  if (!transfer.status) return fail("A transfer without a status can't be stored.");
  const auto id = id_of(transfer.status->transfer);
  if (!id) return tl::unexpected(id.error());
  write_batch batch;
  if (auto added = add_pieces(batch, *id, pieces); !added) return added;
  transfers_.put(batch, *id, record<fb::TransferRecord>::pack(transfer));
  return transfers_.store().write(batch, how);
}

result<void> transfer_store::put_pieces(std::string_view transfer, const std::vector<piece>& pieces,
                                        durability how) {
  const auto id = id_of(transfer);
  if (!id) return tl::unexpected(id.error());
  write_batch batch;
  if (auto added = add_pieces(batch, *id, pieces); !added) return added;
  return batch.empty() ? result<void>{} : pieces_.store().write(batch, how);
}

result<void> transfer_store::erase(std::string_view transfer, durability how) {
  const auto id = id_of(transfer);
  if (!id) return tl::unexpected(id.error());
  write_batch batch;
  if (auto added = add_piece_erasures(batch, *id); !added) return added;
  transfers_.erase(batch, *id);
  return transfers_.store().write(batch, how);
}

result<void> transfer_store::erase_pieces(std::string_view transfer, durability how) {
  const auto id = id_of(transfer);
  if (!id) return tl::unexpected(id.error());
  write_batch batch;
  if (auto added = add_piece_erasures(batch, *id); !added) return added;
  return batch.empty() ? result<void>{} : pieces_.store().write(batch, how);
}

result<std::optional<record<fb::TransferRecord>>> transfer_store::get(std::string_view transfer) const {
  const auto id = id_of(transfer);
  if (!id) return tl::unexpected(id.error());
  return transfers_.get(*id);
}

result<std::optional<transfer_store::piece>> transfer_store::get_piece(std::string_view transfer,
                                                                       std::uint32_t number) const {
  const auto id = id_of(transfer);
  if (!id) return tl::unexpected(id.error());
  auto found = pieces_.get(piece_key(*id, number));
  if (!found) return tl::unexpected(found.error());
  if (!*found) return std::nullopt;
  return piece{number, to_bytes(view_of((**found)->hashes())), to_bytes(view_of((**found)->uncles()))};
}

result<void> transfer_store::for_each(
    const std::function<bool(const std::string&, const record<fb::TransferRecord>&)>& visit) const {
  return transfers_.for_each({}, {}, [&](byte_view raw, const auto& transfer) {
    return raw.size() != id_bytes || visit(to_hex(raw), transfer);
  });
}

result<void> transfer_store::for_each_piece(std::string_view transfer,
                                            const std::function<bool(const piece&)>& visit) const {
  const auto id = id_of(transfer);
  if (!id) return tl::unexpected(id.error());
  return pieces_.for_each_prefix(*id, [&](byte_view raw, const auto& stored) {
    key_reader reader(raw.subspan(id_bytes));
    const auto number = reader.number<std::uint32_t>();
    return !number || !reader.at_end() ||
           visit({*number, to_bytes(view_of(stored->hashes())), to_bytes(view_of(stored->uncles()))});
  });
}

}  // namespace vsf::storage
