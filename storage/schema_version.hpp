#pragma once

#include "storage/kv_store.hpp"

namespace vsf::storage {

/// The schema version in family meta; nullopt when none is written yet, an error when what is there is no
/// version.
result<std::optional<std::uint32_t>> read_schema_version(const kv_store& store);
/// The value of that record.
bytes encode_schema_version(std::uint32_t version);
result<std::uint32_t> decode_schema_version(byte_view value);
/// Its key.
byte_view schema_version_key();

/// "The store in FOLDER was written by a newer version (schema 3, this program knows 1): upgrade ..."
error newer_schema(const std::string& place, std::uint32_t found, std::uint32_t known);

/// Brings `store` to `version`: writes it into a store that has none, otherwise applies the steps in order,
/// each with its version in one synced batch. `place` names the store in errors. Refuses a newer store and a
/// gap in the steps; what a failed step would have written is not written.
result<void> bring_to_version(kv_store& store, const std::vector<migration>& steps, std::uint32_t version,
                              const std::string& place);

}  // namespace vsf::storage
