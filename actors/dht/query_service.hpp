#pragma once

#include "actors/dht/rate_limiter.hpp"
#include "actors/dht/routing_table.hpp"
#include "actors/dht/wire_messages.hpp"
#include "actors/dht/write_tokens.hpp"

namespace vsf::dht {

struct service_limits {
  rate questions{400, 100};  // per source and second
  rate values{400, 40};      // values written, per source and second
  std::size_t max_sources = 4096;
};

/// Answers what other nodes ask, from the table and the storage.
class query_service {
 public:
  query_service(const routing_table& table, leaf_storage& storage, crypto::random_source& random,
                service_limits limits);

  /// The answer to a question of `asker`, at most `budget` bytes. may_write: the session and the address are
  /// proven.
  record<fb::DhtMessage> answer(nanoseconds now, std::uint64_t now_ms, const contact& asker,
                                const fb::DhtMessage& message, std::size_t budget, bool may_write,
                                std::vector<storage_effect>& effects);

  struct counters {
    std::uint64_t pings = 0, finds = 0, gets = 0, gets_with_leaves = 0, renewals = 0, renewed = 0,
                  renewals_missed = 0, stores = 0, refused = 0, rate_limited = 0;
    std::array<std::uint64_t, 9> verdicts{};  // by fb::PutVerdict
  };
  const counters& stats() const { return counters_; }

 private:
  std::vector<contact> closest(const id160& target, const contact& asker) const;
  record<fb::DhtMessage> on_renew(nanoseconds now, std::uint64_t now_ms, const contact& asker,
                                  std::uint32_t tx, const fb::Renew& renew, std::size_t budget,
                                  std::vector<storage_effect>& effects);
  record<fb::DhtMessage> on_store(nanoseconds now, std::uint64_t now_ms, const contact& asker,
                                  std::uint32_t tx, const fb::Store& store,
                                  std::vector<storage_effect>& effects);

  const routing_table& table_;
  leaf_storage& storage_;
  write_tokens tokens_;
  rate_limiter questions_, values_;
  counters counters_;
};

}  // namespace vsf::dht
