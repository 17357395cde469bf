#include "storage/soulseek_store.hpp"

#include <algorithm>
#include <optional>

namespace vsf::storage {

namespace {

constexpr std::string_view prefix = "soulseek_download/";

constexpr std::string_view row_prefix = "soulseek_row/";

bytes key_of(std::uint64_t id) { return key_builder().raw(view_of_text(prefix)).number(id).take(); }

/// Nothing: it has no kind, or neither id nor name.
std::optional<bytes> key_of(const fb::SoulseekRow& row) {
  auto key = key_builder().raw(view_of_text(row_prefix)).byte(static_cast<std::uint8_t>(row.kept_type()));
  const auto named = [&](const flatbuffers::String* name) -> std::optional<bytes> {
    if (name == nullptr || name->size() == 0) return std::nullopt;
    return key.text(name->string_view()).take();
  };
  const auto numbered = [&](std::uint64_t id) -> std::optional<bytes> {
    if (id == 0) return std::nullopt;
    return key.number(id).take();
  };
  if (const auto* x = row.kept_as_SoulseekPrivateMessage()) return numbered(x->id());
  if (const auto* x = row.kept_as_SoulseekKeptWish()) return numbered(x->wish());
  if (const auto* x = row.kept_as_SoulseekJoinedRoom()) return named(x->room());
  if (const auto* x = row.kept_as_SoulseekKeptPerson()) return named(x->name());
  if (const auto* x = row.kept_as_SoulseekInterest()) {
    key.byte(x->hated() ? 1 : 0);
    return named(x->item());
  }
  return std::nullopt;
}

}  // namespace

soulseek_store::soulseek_store(std::shared_ptr<kv_store> store)
    : downloads_(store, family::meta), rows_(std::move(store), family::meta) {}

result<void> soulseek_store::put(const record<fb::SoulseekDownload>& download, durability how) {
  if (!download || download->id() == 0) return fail("A download without an id can't be stored.");
  write_batch batch;
  downloads_.put(batch, key_of(download->id()), download);
  return downloads_.store().write(batch, how);
}

result<void> soulseek_store::erase(std::uint64_t id, durability how) {
  write_batch batch;
  downloads_.erase(batch, key_of(id));
  return downloads_.store().write(batch, how);
}

result<void> soulseek_store::for_each(
    const std::function<bool(const record<fb::SoulseekDownload>&)>& visit) const {
  return downloads_.for_each_prefix(view_of_text(prefix), [&](byte_view key, const auto& download) {
    return key.size() != prefix.size() + 8 || visit(download);
  });
}

result<std::uint64_t> soulseek_store::count() const {
  return downloads_.count(view_of_text(prefix), end_of_prefix(view_of_text(prefix)));
}

result<void> soulseek_store::put_rows(const std::vector<record<fb::SoulseekRow>>& rows, durability how) {
  write_batch batch;
  for (const auto& row : rows) {
    const auto key = row ? key_of(*row) : std::nullopt;
    if (!key) return fail("A row without id and name can't be stored.");
    rows_.put(batch, *key, row);
  }
  return rows_.store().write(batch, how);
}

result<void> soulseek_store::erase_rows(const std::vector<record<fb::SoulseekRow>>& rows, durability how) {
  write_batch batch;
  for (const auto& row : rows)
    if (const auto key = row ? key_of(*row) : std::nullopt) rows_.erase(batch, *key);
  return rows_.store().write(batch, how);
}

result<void> soulseek_store::for_each_row(
    const std::function<bool(const record<fb::SoulseekRow>&)>& visit) const {
  return rows_.for_each_prefix(view_of_text(row_prefix), [&](byte_view key, const auto& row) {
    const auto own = key_of(*row);
    return !own || !std::equal(key.begin(), key.end(), own->begin(), own->end()) || visit(row);
  });
}

}  // namespace vsf::storage
