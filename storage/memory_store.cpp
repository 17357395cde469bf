#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "messages/sorted_runs.hpp"
#include "storage/kv_store.hpp"
#include "storage/schema_version.hpp"

namespace vsf::storage {

namespace {

void append(bytes& out, byte_view what) { out.insert(out.end(), what.begin(), what.end()); }

/// A key and its value, in as little memory as possible: what the same row consists of in many stores is
/// there once in the process. Only the number is the row's own.
class row {
 public:
  row(byte_view key, byte_view value, const value_shape& shape, bytes& scratch) {
    layout l;
    l.key_size = static_cast<std::uint32_t>(key.size());
    shared_bytes part;
    if (fits(value, shape)) {
      part = shape.part;
      l.part_at = static_cast<std::uint32_t>(shape.part_at);
      l.number_at = static_cast<std::uint32_t>(shape.number_at);
      if (l.number_at != 0) std::memcpy(&number_, value.data() + l.number_at, sizeof number_);
    }
    scratch.resize(sizeof l);
    std::memcpy(scratch.data(), &l, sizeof l);
    append(scratch, key);
    std::size_t at = 0;
    for (const auto& [from, what] : cuts(l, part)) {
      append(scratch, value.subspan(at, from - at));
      at = from + what.size();
    }
    append(scratch, value.subspan(at));
    fixed_ = shared_bytes::of(scratch, std::move(part));
  }

  byte_view key() const { return fixed_.view().subspan(sizeof(layout), shape().key_size); }
  std::size_t value_size() const {
    std::size_t out = rest().size();
    for (const auto& [from, what] : cuts(shape(), fixed_.part())) out += what.size();
    return out;
  }
  /// Of key and value, as they would be without any sharing.
  std::size_t size() const { return key().size() + value_size(); }
  void copy_value(bytes& out) const {
    out.clear();
    auto left = rest();
    for (const auto& [from, what] : cuts(shape(), fixed_.part())) {
      const auto front = left.first(from - out.size());
      append(out, front);
      append(out, what);
      left = left.subspan(front.size());
    }
    append(out, left);
  }

 private:
  /// In front of the key, which is followed by the value without its part and number.
  struct layout {
    std::uint32_t key_size = 0, part_at = 0, number_at = 0;
  };
  struct cut {
    std::size_t from;
    byte_view what;
  };

  const layout& shape() const { return *reinterpret_cast<const layout*>(fixed_.view().data()); }
  byte_view rest() const { return fixed_.view().subspan(sizeof(layout) + shape().key_size); }

  /// What is taken out of a value, in ascending order.
  std::array<cut, 2> cuts(const layout& l, const shared_bytes& part) const {
    const cut shared{l.part_at, part.view()};
    const cut own{l.number_at,
                  {reinterpret_cast<const std::uint8_t*>(&number_),
                   l.number_at == 0 ? std::size_t{0} : sizeof number_}};
    const bool shared_first = l.number_at != 0 && l.part_at <= l.number_at;
    return shared_first ? std::array{shared, own} : std::array{own, shared};
  }

  /// A shape that isn't true of the value would damage it.
  static bool fits(byte_view value, const value_shape& s) {
    const auto part = s.part.view();
    if (s.part_at > value.size() || part.size() > value.size() - s.part_at) return false;
    if (s.number_at != 0 && s.number_at + sizeof number_ > value.size()) return false;
    const bool apart = s.number_at == 0 || s.number_at + sizeof number_ <= s.part_at ||
                       s.number_at >= s.part_at + part.size();
    return apart &&
           std::equal(part.begin(), part.end(), value.begin() + static_cast<std::ptrdiff_t>(s.part_at));
  }

  shared_bytes fixed_;
  std::uint64_t number_ = 0;
};

bool before(byte_view a, byte_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

using table = sorted_runs<row>;  // ascending keys

table::position first_at(const table& t, byte_view key) {
  return t.first_not([&](const row& r) { return before(r.key(), key); });
}

bool has(const table& t, table::position at, byte_view key) {
  return at != t.end() && std::ranges::equal(t[at].key(), key);
}

class memory_store_impl final : public memory_store {
 public:
  memory_store_impl() {
    for (auto& t : tables_) t = std::make_shared<table>();
  }

  result<std::optional<bytes>> get(family where, byte_view key) const override {
    const std::lock_guard lock(mutex_);
    const auto& t = *tables_[index(where)];
    const auto at = first_at(t, key);
    if (!has(t, at, key)) return std::nullopt;
    bytes out;
    t[at].copy_value(out);
    return out;
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
    bytes value;
    const auto& t = *snapshot;
    for (auto at = first_at(t, from); at != t.end(); at = t.next(at)) {
      if (!to.empty() && !before(t[at].key(), to)) break;
      t[at].copy_value(value);
      if (!visit(t[at].key(), value)) break;
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
      undo_[i].for_each(
          [&](const before_write& b) { b.was_there ? put(i, b.what) : erase(i, b.what.key()); });
      undo_[i].clear();
    }
  }

 private:
  static std::size_t index(family f) { return static_cast<std::size_t>(f); }

  /// The first write to a key since the last synced one: the row as it was, or else any with that key.
  struct before_write {
    row what;
    bool was_there;
  };
  using undo_table = sorted_runs<before_write>;

  void apply(const write_batch::operation& operation) {
    const auto i = index(operation.where);
    row what(operation.key, operation.value ? byte_view(*operation.value) : byte_view(), operation.shape,
             scratch_);
    auto& undo = undo_[i];
    const auto at = undo.first_not([&](const auto& b) { return before(b.what.key(), operation.key); });
    if (at == undo.end() || !std::ranges::equal(undo[at].what.key(), operation.key)) {
      const auto& t = *tables_[i];
      const auto now = first_at(t, operation.key);
      const bool there = has(t, now, operation.key);
      undo.insert(at, {there ? t[now] : what, there});
    }
    operation.value ? put(i, std::move(what)) : erase(i, operation.key);
  }

  table& writable(std::size_t i) {
    if (tables_[i].use_count() > 1) tables_[i] = std::make_shared<table>(*tables_[i]);
    return *tables_[i];
  }

  void put(std::size_t i, row what) {
    auto& t = writable(i);
    const auto at = first_at(t, what.key());
    bytes_ += what.size();
    if (has(t, at, what.key())) {
      bytes_ -= t[at].size();
      t[at] = std::move(what);
    } else {
      t.insert(at, std::move(what));
    }
  }

  void erase(std::size_t i, byte_view key) {
    auto& t = writable(i);
    const auto at = first_at(t, key);
    if (!has(t, at, key)) return;
    bytes_ -= t[at].size();
    t.erase(at);
  }

  mutable std::mutex mutex_;
  std::array<std::shared_ptr<table>, family_count> tables_;
  std::array<undo_table, family_count> undo_;
  std::uint64_t bytes_ = 0;
  bytes scratch_;
};

}  // namespace

std::unique_ptr<memory_store> make_memory_store() {
  auto store = std::make_unique<memory_store_impl>();
  static_cast<void>(bring_to_version(*store, migrations(), schema_version, "memory"));
  return store;
}

}  // namespace vsf::storage
