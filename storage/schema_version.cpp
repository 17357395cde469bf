#include "storage/schema_version.hpp"

#include <algorithm>

#include "storage/key_codec.hpp"

namespace vsf::storage {

byte_view schema_version_key() { return view_of_text("schema_version"); }

bytes encode_schema_version(std::uint32_t version) { return key_builder().number(version).take(); }

result<std::uint32_t> decode_schema_version(byte_view value) {
  key_reader reader(value);
  const auto version = reader.number<std::uint32_t>();
  if (!version || !reader.at_end() || *version == 0)
    return fail("its schema version is unreadable (" + std::to_string(value.size()) + " bytes)");
  return *version;
}

result<std::optional<std::uint32_t>> read_schema_version(const kv_store& store) {
  auto value = store.get(family::meta, schema_version_key());
  if (!value) return tl::unexpected(value.error());
  if (!*value) return std::nullopt;
  auto version = decode_schema_version(**value);
  if (!version) return tl::unexpected(version.error());
  return *version;
}

error newer_schema(const std::string& place, std::uint32_t found, std::uint32_t known) {
  return {"The store in " + place + " was written by a newer version (schema " + std::to_string(found) +
          ", this program knows " + std::to_string(known) +
          "): upgrade this program, or choose another data folder. Nothing was changed."};
}

result<void> bring_to_version(kv_store& store, const std::vector<migration>& steps, std::uint32_t version,
                              const std::string& place) {
  auto found = read_schema_version(store);
  if (!found)
    return fail("The store in " + place + ": " + found.error().message + ". Restore it from a backup.");
  if (!*found) {
    write_batch batch;
    batch.put(family::meta, schema_version_key(), encode_schema_version(version));
    return store.write(batch, durability::synced);
  }
  auto current = **found;
  if (current > version) return tl::unexpected(newer_schema(place, current, version));
  // All steps must be known before the first is taken.
  for (auto at = current; at < version; ++at)
    if (std::none_of(steps.begin(), steps.end(), [&](const auto& s) { return s.from == at; }))
      return fail("The store in " + place + " has schema " + std::to_string(at) +
                  ", and this program (schema " + std::to_string(version) +
                  ") can't bring it forward from there: upgrade through an older release first.");
  for (; current < version; ++current) {
    const auto step =
        std::find_if(steps.begin(), steps.end(), [&](const auto& s) { return s.from == current; });
    write_batch batch;
    auto done = step->apply(store, batch);
    if (done) {
      batch.put(family::meta, schema_version_key(), encode_schema_version(current + 1));
      done = store.write(batch, durability::synced);
    }
    if (!done)
      return fail("The store in " + place + " could not be brought from schema " + std::to_string(current) +
                  " to " + std::to_string(current + 1) + " (" + done.error().message + "): it stays at " +
                  std::to_string(current) + ". Solve this and start again.");
  }
  return {};
}

}  // namespace vsf::storage
