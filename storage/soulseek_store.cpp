#include "storage/soulseek_store.hpp"

namespace vsf::storage {

namespace {

constexpr std::string_view prefix = "soulseek_download/";

bytes key_of(std::uint64_t id) { return key_builder().raw(view_of_text(prefix)).number(id).take(); }

}  // namespace

soulseek_store::soulseek_store(std::shared_ptr<kv_store> store)
    : downloads_(std::move(store), family::meta) {}

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

}  // namespace vsf::storage
