#pragma once

#include "storage/record_family.hpp"

namespace vsf::storage {

/// What happened, by sequence number; the last 10,000 are kept. One writer (telemetry), any number of
/// readers.
class event_store {
 public:
  static constexpr std::uint64_t max_events = 10'000;

  explicit event_store(std::shared_ptr<kv_store> store, std::uint64_t limit = max_events);
  /// Gives the event the next number (its own is ignored) and returns it. Numbers begin with 1 and have no
  /// gaps.
  result<std::uint64_t> append(fb::EventT event, durability how = durability::buffered);
  /// The number of the newest event, 0 without any.
  result<std::uint64_t> last_seq() const;
  /// From `from_seq` on, oldest first, until `visit` returns false.
  result<void> for_each(std::uint64_t from_seq,
                        const std::function<bool(const record<fb::Event>&)>& visit) const;
  /// The newest `n`, oldest first.
  result<std::vector<record<fb::Event>>> newest(std::size_t n) const;
  result<std::uint64_t> count() const { return events_.count(); }
  std::uint64_t corrupt() const { return events_.corrupt(); }

 private:
  record_family<fb::Event> events_;
  std::uint64_t limit_;
};

}  // namespace vsf::storage
