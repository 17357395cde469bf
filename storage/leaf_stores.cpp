#include "storage/leaf_stores.hpp"

namespace vsf::storage {

namespace {

bytes held_key(const dht_key& key, const public_key& publisher) {
  return key_builder().fixed(key).fixed(publisher).take();
}

/// A key of an alien length can only come from a damaged store; its record is passed over.
std::optional<std::pair<dht_key, public_key>> split_held_key(byte_view raw) {
  key_reader reader(raw);
  const auto key = reader.fixed<dht_key>();
  const auto publisher = reader.fixed<public_key>();
  if (!key || !publisher || !reader.at_end()) return std::nullopt;
  return std::pair{*key, *publisher};
}

/// Of a record with a leaf in it. A number that has its default isn't there.
value_shape shape_of(byte_view raw, shared_bytes leaf, const std::uint8_t* leaf_in_raw,
                     flatbuffers::voffset_t number) {
  const auto* number_in_raw = flatbuffers::GetRoot<flatbuffers::Table>(raw.data())->GetAddressOf(number);
  const auto place = [&](const std::uint8_t* x) {
    return x == nullptr ? std::size_t{0} : static_cast<std::size_t>(x - raw.data());
  };
  return {std::move(leaf), place(leaf_in_raw), place(number_in_raw)};
}

void put_own(write_batch& batch, const fb::OwnLeafT& leaf) {
  const auto packed = record<fb::OwnLeaf>::pack(leaf);
  const auto raw = packed.raw().view();
  batch.put(family::own_leaves, from_fb<dht_key>(*leaf.key).view(), raw,
            shape_of(raw, shared_bytes::of(leaf.signed_leaf), view_of(packed->signed_leaf()).data(),
                     fb::OwnLeaf::VT_LAST_PUT_MS));
}

}  // namespace

own_leaf_store::own_leaf_store(std::shared_ptr<kv_store> store)
    : leaves_(std::move(store), family::own_leaves) {}

result<void> own_leaf_store::put(const std::vector<fb::OwnLeafT>& leaves, durability how) {
  write_batch batch;
  for (const auto& leaf : leaves) {
    if (!leaf.key)
      return fail("An own leaf without a key can't be stored: give it the key it is published under.");
    put_own(batch, leaf);
  }
  return batch.empty() ? result<void>{} : leaves_.store().write(batch, how);
}

result<void> own_leaf_store::put(const fb::OwnLeafT& leaf, durability how) {
  if (!leaf.key)
    return fail("An own leaf without a key can't be stored: give it the key it is published under.");
  write_batch batch;
  put_own(batch, leaf);
  return leaves_.store().write(batch, how);
}

result<void> own_leaf_store::erase(const dht_key& key, durability how) {
  write_batch batch;
  leaves_.erase(batch, key.view());
  return leaves_.store().write(batch, how);
}

result<std::optional<record<fb::OwnLeaf>>> own_leaf_store::get(const dht_key& key) const {
  return leaves_.get(key.view());
}

result<void> own_leaf_store::for_each(
    const std::function<bool(const dht_key&, const record<fb::OwnLeaf>&)>& visit, const dht_key& from) const {
  return leaves_.for_each(from.view(), {}, [&](byte_view raw, const auto& leaf) {
    const auto key = dht_key::from(raw);
    return !key || visit(*key, leaf);
  });
}

held_leaf_store::held_leaf_store(std::shared_ptr<kv_store> store)
    : leaves_(std::move(store), family::held_leaves) {}

result<void> held_leaf_store::put(const std::vector<entry>& entries, durability how) {
  write_batch batch;
  flatbuffers::FlatBufferBuilder builder(1024);
  for (const auto& e : entries) {
    builder.Clear();
    const auto leaf = builder.CreateVector(e.signed_leaf.view().data(), e.signed_leaf.size());
    const auto key = to_fb(e.key);
    const auto from = to_fb(e.from);
    builder.Finish(fb::CreateHeldLeaf(builder, &key, leaf, e.lease_ends_ms, &from),
                   record_identifier<fb::HeldLeaf>::value);
    const byte_view raw{builder.GetBufferPointer(), builder.GetSize()};
    const auto in_raw = view_of(flatbuffers::GetRoot<fb::HeldLeaf>(raw.data())->signed_leaf());
    batch.put(family::held_leaves, held_key(e.key, e.publisher), raw,
              shape_of(raw, e.signed_leaf, in_raw.data(), fb::HeldLeaf::VT_LEASE_ENDS_MS));
  }
  return batch.empty() ? result<void>{} : leaves_.store().write(batch, how);
}

result<void> held_leaf_store::erase(const dht_key& key, const public_key& publisher, durability how) {
  return erase({{key, publisher}}, how);
}

result<void> held_leaf_store::erase(const std::vector<std::pair<dht_key, public_key>>& which,
                                    durability how) {
  write_batch batch;
  for (const auto& [key, publisher] : which) leaves_.erase(batch, held_key(key, publisher));
  return batch.empty() ? result<void>{} : leaves_.store().write(batch, how);
}

result<std::optional<record<fb::HeldLeaf>>> held_leaf_store::get(const dht_key& key,
                                                                 const public_key& publisher) const {
  return leaves_.get(held_key(key, publisher));
}

result<void> held_leaf_store::for_each(const visitor& visit) const {
  return leaves_.for_each({}, {}, [&](byte_view raw, const auto& leaf) {
    const auto parts = split_held_key(raw);
    return !parts || visit(parts->first, parts->second, leaf);
  });
}

result<void> held_leaf_store::for_each(const dht_key& key, const visitor& visit) const {
  return leaves_.for_each_prefix(key.view(), [&](byte_view raw, const auto& leaf) {
    const auto parts = split_held_key(raw);
    return !parts || visit(parts->first, parts->second, leaf);
  });
}

result<std::uint64_t> held_leaf_store::count(const dht_key& key) const {
  return leaves_.count(key.view(), end_of_prefix(key.view()));
}

}  // namespace vsf::storage
