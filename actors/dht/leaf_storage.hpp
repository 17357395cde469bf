#pragma once

#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "actors/dht/contacts.hpp"
#include "actors/dht/value_policy.hpp"
#include "messages/shared_bytes.hpp"
#include "messages/sorted_runs.hpp"

namespace vsf::dht {

struct storage_limits {
  std::size_t leaves_per_key = 64;
  std::size_t leaves_per_group = 8;  // of the storers' addresses, under one key
  std::size_t keys = 65'536;
  std::size_t bytes = 32u << 20;  // raw values
  std::size_t keys_per_publisher = 8'192;
  std::uint64_t lease_ms = 3'600'000;       // of values that ask for none
  std::uint64_t max_lease_ms = 86'400'000;  // of those that do
};

/// Of a page: bytes of the shard, whole leaves, and what stands in for the others.
inline constexpr std::size_t max_page_size = 900;
inline constexpr std::size_t max_page_hints = 16;
inline constexpr std::size_t max_page_variants = 4;
/// As the cursor of a Get: no values, only contacts and a token.
inline constexpr std::uint64_t no_values_cursor = ~std::uint64_t{0};

/// Effects: the disk follows.
struct keep_leaf {
  dht_key key;
  public_key publisher;
  shared_bytes raw;
  std::uint64_t lease_ends_ms = 0;
  endpoint from;
};
struct drop_leaf {
  dht_key key;
  public_key publisher;
};
using storage_effect = std::variant<keep_leaf, drop_leaf>;

/// What a node holds for others: one value for each key and publisher, each with a lease. Values are only
/// understood through the policy. All bounds are refusals (`full`), so that what is held is never pushed out
/// by what comes.
class leaf_storage {
 public:
  /// `salt` differs from node to node: each serves the leaves of a popular key in another order, so that a
  /// few holders' first pages together show more of them.
  leaf_storage(std::shared_ptr<const value_policy> policy, std::uint64_t salt, storage_limits limits = {})
      : policy_(std::move(policy)), salt_(salt), limits_(limits) {}

  /// Checks and keeps a value; the same or an older one of its publisher renews the lease or is `older`.
  fb::PutVerdict put(std::uint64_t now_ms, const dht_key& key, byte_view raw, const endpoint& from,
                     std::vector<storage_effect>& effects);
  /// From disk: as put, with the lease it had.
  fb::PutVerdict restore(std::uint64_t now_ms, const dht_key& key, byte_view raw, const endpoint& from,
                         std::uint64_t lease_ends_ms, std::vector<storage_effect>& effects);
  /// Which of these are held: a leaf under a key that begins so, whose hash begins so, and whose lease has
  /// not ended. Those get the lease that a put of the same bytes would give them.
  std::vector<bool> renew(std::uint64_t now_ms, std::span<const fb::LeafDigest> digests,
                          std::vector<storage_effect>& effects);
  /// Forgets what has expired.
  void expire(std::uint64_t now_ms, std::vector<storage_effect>& effects);
  /// Unix time in ms when something expires; nullopt: empty.
  std::optional<std::uint64_t> next_expiry_ms() const;

  /// The bytes of a ShadowIndexShard of at most `limit_bytes` with the leaves from `cursor` on; nullopt:
  /// nothing held (or nothing asked for: no_values_cursor). A leaf that alone exceeds max_page_size gets a
  /// page of its own if the limit allows.
  std::optional<bytes> page(std::uint64_t now_ms, const dht_key& key, std::uint64_t cursor,
                            std::size_t limit_bytes) const;
  std::vector<std::shared_ptr<const bytes>> values(std::uint64_t now_ms, const dht_key& key) const;

  /// Everything, for a disk that may have missed some of it.
  void keep_all(std::vector<storage_effect>& effects) const;

  std::size_t keys() const { return keys_; }
  std::size_t leaves() const { return rows_.size(); }
  std::size_t size_bytes() const { return bytes_; }

 private:
  /// What a leaf says, and whence it came: one copy in a process, however many of its nodes hold the leaf.
  struct statement {
    dht_key key;
    public_key publisher;
    digest order;
    endpoint from;
    bool tombstone = false;
    bool has_variant = false;
    std::uint64_t hint = 0;
    std::uint64_t seq = 0;
    std::uint64_t expires_unix_s = 0;
    std::uint64_t lease_s = 0;  // as its publisher asked
    fb::Variant variant;        // stands for it in a summary
  };
  struct held {
    shared_bytes fixed;  // a statement; its part is the leaf
    std::uint64_t lease_ends_ms = 0;

    const statement& says() const { return *reinterpret_cast<const statement*>(fixed.view().data()); }
    const shared_bytes& raw() const { return fixed.part(); }
  };
  using held_rows = sorted_runs<held>;  // ascending key, then place
  using publisher_rows = sorted_runs<std::pair<std::uint64_t, std::uint32_t>>;

  fb::PutVerdict insert(std::uint64_t now_ms, const dht_key& key, byte_view raw, const endpoint& from,
                        std::uint64_t lease_ends_ms, std::vector<storage_effect>& effects);
  fb::PutVerdict replace(held_rows::position at, const value_facts& facts, byte_view raw,
                         std::uint64_t lease_ends_ms, std::vector<storage_effect>& effects);
  std::uint64_t lease_end_ms(std::uint64_t now_ms, std::uint64_t lease_s, std::uint64_t expires_unix_s) const;
  bool renew_one(std::uint64_t now_ms, const fb::LeafDigest& digest, std::vector<storage_effect>& effects);
  void set_lease(held& what, std::uint64_t lease_ends_ms, std::vector<storage_effect>& effects);
  bool has_room(const std::vector<const held*>& same_key, const public_key& publisher, const endpoint& from,
                std::size_t more_bytes) const;
  static shared_bytes make_statement(const dht_key& key, const value_facts& facts, std::uint64_t hint,
                                     const endpoint& from, byte_view raw);
  static keep_leaf kept(const held& what);
  /// Where leaves of one publisher come in the order of pages.
  std::uint64_t place_of(const statement& s) const { return s.hint ^ salt_; }
  held_rows::position first_of(const dht_key& key) const;
  std::vector<const held*> of_key(const dht_key& key) const;
  publisher_rows::position publisher_at(const public_key& publisher) const;
  void count_publisher(const public_key& publisher);
  void forget_publisher(const public_key& publisher);

  std::shared_ptr<const value_policy> policy_;
  std::uint64_t salt_;
  storage_limits limits_;
  held_rows rows_;
  publisher_rows publishers_;  // beginnings of their keys, and of how many rows each is the publisher
  std::uint64_t soonest_ms_ = ~std::uint64_t{0};  // no lease ends before
  std::size_t keys_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace vsf::dht
