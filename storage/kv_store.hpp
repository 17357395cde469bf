#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/shared_bytes.hpp"
#include "messages/types.hpp"

namespace vsf::storage {

/// One column family for each kind of record; the typed stores beside this file own one or two each.
enum class family : std::uint8_t {
  meta,
  library,
  library_index,
  own_leaves,
  held_leaves,
  contacts,
  transfers,
  pieces,
  events,
  offer_bans,
  trees
};
inline constexpr std::size_t family_count = 11;
std::string_view name_of(family f);

/// buffered: survives the end of the process, not of the machine. synced: survives both; what is acknowledged
/// to somebody is written so.
enum class durability : std::uint8_t { buffered, synced };

/// What a value consists of, for a store that keeps values in memory; others take no notice.
struct value_shape {
  shared_bytes part;  // value[part_at...] is this, which many values contain
  std::size_t part_at = 0;
  std::size_t number_at = 0;  // of 8 bytes that change more often than all others; 0: there are none
};

/// Writes that become visible together or not at all.
class write_batch {
 public:
  struct operation {
    family where;
    bytes key;
    std::optional<bytes> value;  // absent: erase
    value_shape shape{};
  };
  void put(family where, byte_view key, byte_view value, value_shape shape = {});
  void erase(family where, byte_view key);
  const std::vector<operation>& operations() const { return operations_; }
  bool empty() const { return operations_.empty(); }

 private:
  std::vector<operation> operations_;
};

/// An ordered map of bytes to bytes in families. Safe from any thread. Every error names the folder, what
/// happened and what to do.
class kv_store {
 public:
  virtual ~kv_store() = default;
  virtual result<std::optional<bytes>> get(family where, byte_view key) const = 0;
  virtual result<void> write(const write_batch& batch, durability how) = 0;
  /// Visits [from, to) in byte order until `visit` returns false; an empty `to` means the end of the family.
  /// Sees a consistent snapshot; the views are valid during the call only.
  virtual result<void> scan(family where, byte_view from, byte_view to,
                            const std::function<bool(byte_view key, byte_view value)>& visit) const = 0;
  virtual std::uint64_t approximate_bytes() const = 0;
};

inline constexpr std::uint32_t schema_version = 1;

/// Brings a store from `from` to `from + 1`; applied in order at opening, each step with its version in one
/// batch.
struct migration {
  std::uint32_t from;
  std::function<result<void>(kv_store& store, write_batch& batch)> apply;
};
const std::vector<migration>& migrations();

/// Opens or creates a store in `folder`. Fails, changing nothing: locked by another process, corrupt, no
/// permission, written by a newer version.
result<std::unique_ptr<kv_store>> open_rocksdb(const std::string& folder,
                                               const std::vector<migration>& steps = migrations(),
                                               std::uint32_t version = schema_version);

/// The in-memory twin for simulations and tests: same behaviour, and crash() forgets what was not synced.
class memory_store : public kv_store {
 public:
  virtual void crash() = 0;
};
std::unique_ptr<memory_store> make_memory_store();

}  // namespace vsf::storage
