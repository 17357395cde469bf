#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "storage/kv_store.hpp"
#include "storage/schema_version.hpp"

namespace vsf::storage {

namespace {

struct byte_order {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }
};
using table = std::map<bytes, bytes, byte_order>;
using undo_table = std::map<bytes, std::optional<bytes>, byte_order>;

class memory_store_impl final : public memory_store {
 public:
  memory_store_impl() {
    for (auto& t : tables_) t = std::make_shared<table>();
  }

  result<std::optional<bytes>> get(family where, byte_view key) const override {
    const std::lock_guard lock(mutex_);
    const auto& t = *tables_[index(where)];
    const auto it = t.find(key);
    if (it == t.end()) return std::nullopt;
    return it->second;
  }

  result<void> write(const write_batch& batch, durability how) override {
    const std::lock_guard lock(mutex_);
    for (const auto& operation : batch.operations()) apply(operation);
    // As in a write-ahead log: one synced record makes all before it durable too.
    if (how == durability::synced)
      for (auto& u : undo_) u.clear();
    return {};
  }

  result<void> scan(family where, byte_view from, byte_view to,
                    const std::function<bool(byte_view, byte_view)>& visit) const override {
    // Writers copy a table that a scan holds, so the visitor may write and no lock is kept meanwhile.
    std::shared_ptr<table> snapshot;
    {
      const std::lock_guard lock(mutex_);
      snapshot = tables_[index(where)];
    }
    for (auto it = snapshot->lower_bound(from); it != snapshot->end(); ++it) {
      if (!to.empty() && !byte_order{}(it->first, to)) break;
      if (!visit(it->first, it->second)) break;
    }
    const std::lock_guard lock(mutex_);  // a writer trusts use_count() only under the lock
    snapshot.reset();
    return {};
  }

  std::uint64_t approximate_bytes() const override {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

  void crash() override {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < family_count; ++i) {
      for (auto& [key, before] : undo_[i]) set(i, key, std::move(before));
      undo_[i].clear();
    }
  }

 private:
  static std::size_t index(family f) { return static_cast<std::size_t>(f); }

  void apply(const write_batch::operation& operation) {
    const auto i = index(operation.where);
    if (undo_[i].find(operation.key) == undo_[i].end()) {
      const auto it = tables_[i]->find(operation.key);
      undo_[i].emplace(operation.key,
                       it == tables_[i]->end() ? std::nullopt : std::optional<bytes>(it->second));
    }
    set(i, operation.key, operation.value);
  }

  void set(std::size_t i, const bytes& key, std::optional<bytes> value) {
    if (tables_[i].use_count() > 1) tables_[i] = std::make_shared<table>(*tables_[i]);
    auto& t = *tables_[i];
    if (const auto it = t.find(key); it != t.end()) {
      bytes_ -= it->first.size() + it->second.size();
      if (!value) t.erase(it);
    }
    if (!value) return;
    bytes_ += key.size() + value->size();
    t.insert_or_assign(key, std::move(*value));
  }

  mutable std::mutex mutex_;
  std::array<std::shared_ptr<table>, family_count> tables_;
  std::array<undo_table, family_count> undo_;  // what was there before the writes that are not synced yet
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<memory_store> make_memory_store() {
  auto store = std::make_unique<memory_store_impl>();
  static_cast<void>(bring_to_version(*store, migrations(), schema_version, "memory"));
  return store;
}

}  // namespace vsf::storage
