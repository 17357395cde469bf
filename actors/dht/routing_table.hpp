#pragma once

#include <map>
#include <optional>
#include <vector>

#include "actors/dht/contacts.hpp"
#include "net/crypto/random.hpp"

namespace vsf::dht {

/// A contact that answered us in an authenticated session: 144 bytes.
struct table_row {
  contact who;
  public_key identity;
  std::uint64_t nonce = 0;
  nanoseconds last_answer{0};
  rtt_estimate rtt;
  std::uint8_t failures = 0;  // questions lost since last_answer
};

struct table_limits {
  std::size_t bucket = bucket_size;
  std::size_t candidates = 8;  // heard of, per bucket
  std::size_t group_per_bucket = 2;
  std::size_t group_per_table = 3;
  std::uint8_t failures = 3;  // evicts
  std::uint8_t failures_with_candidate = 2;
};

/// What to do about a contact one has heard of.
enum class heard_verdict : std::uint8_t { known, verify, cached, refused };

/// The contacts of one node by distance from it (Maymounkov, Mazieres 2002). Only what answered gets a row;
/// the others are candidates, the latest heard last, that take the place of a row that fails. Bounded by its
/// limits.
class routing_table {
 public:
  explicit routing_table(const node_id& self, table_limits limits = {}) : self_(self), limits_(limits) {}

  /// Somebody told us of it, or it wrote to us. verify: there is room, ask it; it becomes a row in
  /// answered().
  heard_verdict heard(const contact& who);
  /// It answered in an authenticated session. A new row is refused when the bucket is full of good ones or
  /// its group has its share; it is then a candidate. Returns whether it has a row now.
  bool answered(const table_row& row);
  /// A question to it was lost, retries included. Evicts after several, but not while nobody else answers
  /// either: then it is our own line that is down. The result is a candidate to verify in its place.
  std::optional<contact> failed(const node_id& id, nanoseconds now);
  /// It turned out to be somebody else.
  void forget(const node_id& id);

  const table_row* find(const node_id& id) const;
  /// The `count` rows nearest to target that may be told to a node at `asker`, nearest first.
  std::vector<const table_row*> closest(const id160& target, std::size_t count,
                                        const std::optional<endpoint>& asker = {}) const;
  /// Where to begin when no row is left: what one heard of and never met.
  std::vector<contact> candidates(std::size_t count) const;

  /// The 95th percentile of the rows' round trips as a timeout; rtt_estimate::first_rto before any.
  nanoseconds initial_rto() const;
  std::size_t size() const { return size_; }
  template <class F>
  void for_each(F f) const {
    for (const auto& [index, b] : buckets_)
      for (const auto& row : b.rows) f(row);
  }

  /// A lookup went to this target: its bucket is fresh.
  void looked_up(const id160& target, nanoseconds now);
  /// A random id in a bucket that no lookup went to since `before`, up to the deepest one in use.
  std::optional<id160> refresh_target(nanoseconds before, crypto::random_source& random) const;

  struct counters {
    std::uint64_t inserted = 0, evicted = 0, refused_group = 0, candidates_dropped = 0;
  };
  const counters& stats() const { return counters_; }

 private:
  struct bucket {
    std::vector<table_row> rows;
    std::vector<contact> candidates;
    nanoseconds looked_up = nanoseconds::min();
  };
  int index_of(const node_id& id) const { return leading_zeros(self_ ^ id); }
  table_row* find_row(const node_id& id);
  bool group_has_room(const bucket& b, const contact& who) const;
  void keep_candidate(bucket& b, const contact& who);
  void erase_row(bucket& b, std::vector<table_row>::iterator row);

  node_id self_;
  table_limits limits_;
  std::map<int, bucket> buckets_;  // by common prefix length
  std::size_t size_ = 0;
  nanoseconds last_answer_ = nanoseconds::min();  // of anybody
  counters counters_;
};

}  // namespace vsf::dht
