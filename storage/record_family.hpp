#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "messages/schemas.hpp"
#include "storage/key_codec.hpp"
#include "storage/kv_store.hpp"

namespace vsf::storage {

/// The values of one family as verified records of type T. A value that is no well-formed T is as good as
/// absent: it is left out and counted. Safe from any thread, as the store is.
template <class T>
class record_family {
 public:
  record_family(std::shared_ptr<kv_store> store, family where) : store_(std::move(store)), where_(where) {}

  result<std::optional<record<T>>> get(byte_view key) const {
    auto value = store_->get(where_, key);
    if (!value) return tl::unexpected(value.error());
    if (!*value) return std::nullopt;
    auto out = record<T>::parse_copy(**value);
    if (!out) ++corrupt_;
    return out;
  }

  /// Visits [from, to) in key order until `visit` returns false.
  result<void> for_each(byte_view from, byte_view to,
                        const std::function<bool(byte_view key, const record<T>&)>& visit) const {
    return store_->scan(where_, from, to, [&](byte_view key, byte_view value) {
      const auto parsed = record<T>::parse_copy(value);
      if (!parsed) {
        ++corrupt_;
        return true;
      }
      return visit(key, *parsed);
    });
  }
  result<void> for_each_prefix(byte_view prefix,
                               const std::function<bool(byte_view key, const record<T>&)>& visit) const {
    return for_each(prefix, end_of_prefix(prefix), visit);
  }

  void put(write_batch& batch, byte_view key, const record<T>& value) const {
    batch.put(where_, key, value.raw().view());
  }
  void erase(write_batch& batch, byte_view key) const { batch.erase(where_, key); }

  /// Keys in [from, to), whether or not their values can be read.
  result<std::uint64_t> count(byte_view from = {}, byte_view to = {}) const {
    std::uint64_t n = 0;
    const auto done = store_->scan(where_, from, to, [&](byte_view, byte_view) {
      ++n;
      return true;
    });
    if (!done) return tl::unexpected(done.error());
    return n;
  }

  /// Unreadable values met so far.
  std::uint64_t corrupt() const { return corrupt_.load(); }
  kv_store& store() const { return *store_; }

 private:
  std::shared_ptr<kv_store> store_;
  family where_;
  mutable std::atomic<std::uint64_t> corrupt_{0};
};

}  // namespace vsf::storage
