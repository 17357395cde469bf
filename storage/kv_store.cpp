#include "storage/kv_store.hpp"

#include <array>

namespace vsf::storage {

namespace {
constexpr std::array<std::string_view, family_count> names{
    "meta",      "library", "library_index", "own_leaves", "held_leaves", "contacts",
    "transfers", "pieces",  "events",        "offer_bans", "trees"};
}  // namespace

std::string_view name_of(family f) { return names.at(static_cast<std::size_t>(f)); }

void write_batch::put(family where, byte_view key, byte_view value, value_shape shape) {
  operations_.push_back(
      {where, bytes(key.begin(), key.end()), bytes(value.begin(), value.end()), std::move(shape)});
}

void write_batch::erase(family where, byte_view key) {
  operations_.push_back({where, bytes(key.begin(), key.end()), std::nullopt});
}

// Schema 1 is the first: nothing to bring forward yet.
const std::vector<migration>& migrations() {
  static const std::vector<migration> steps;
  return steps;
}

}  // namespace vsf::storage
