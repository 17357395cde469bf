#include "actors/dht/leaf_storage.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "tests/actors/dht/toy_values.hpp"

namespace vsf::dht::tests {
namespace {

constexpr std::uint64_t now_ms = 1'800'000'000'000;

struct fixture {
  explicit fixture(storage_limits limits = {}, std::uint64_t salt = 0)
      : storage(std::make_shared<const toy_policy>(), salt, limits) {}
  fb::PutVerdict put(const toy_value& v, std::uint64_t at = now_ms) {
    return storage.put(at, key, v.raw(), from(), effects);
  }
  endpoint from() {
    ++storers;
    return endpoint::v4(0x30000000 + storers * 256, 1);
  }
  toy_value fresh() {
    toy_value v;
    random.fill(v.publisher);
    return v;
  }
  crypto::seeded_random random{1};
  leaf_storage storage;
  dht_key key = random_bytes<dht_key>(random);
  std::vector<storage_effect> effects;
  std::uint32_t storers = 0;
};

record<fb::ShadowIndexShard> parse(const std::optional<bytes>& page) {
  auto shard = record<fb::ShadowIndexShard>::parse_copy(page.value());
  EXPECT_TRUE(shard.has_value());
  return shard.value_or(record<fb::ShadowIndexShard>{});
}

TEST(leaf_storage, keeps_one_value_for_each_publisher_and_the_newest_of_it) {
  fixture f;
  auto v = f.fresh();
  v.seq = 5;
  EXPECT_EQ(f.put(v), fb::PutVerdict::stored);
  EXPECT_EQ(f.put(v), fb::PutVerdict::stored);  // renews
  auto older = v;
  older.seq = 4;
  EXPECT_EQ(f.put(older), fb::PutVerdict::older);
  auto newer = v;
  newer.seq = 6;
  newer.padding = 50;
  EXPECT_EQ(f.put(newer), fb::PutVerdict::stored);
  EXPECT_EQ(f.put(f.fresh()), fb::PutVerdict::stored);
  EXPECT_EQ(f.storage.leaves(), 2u);
  EXPECT_EQ(f.storage.size_bytes(), newer.raw().size() + f.fresh().raw().size());
  const auto values = f.storage.values(now_ms, f.key);
  EXPECT_TRUE(std::any_of(values.begin(), values.end(), [&](const auto& x) { return *x == newer.raw(); }));
}

TEST(leaf_storage, refuses_what_the_policy_refuses_and_what_is_too_large) {
  fixture f;
  EXPECT_EQ(f.storage.put(now_ms, f.key, bytes(100, 1), f.from(), f.effects), fb::PutVerdict::malformed);
  EXPECT_EQ(f.storage.put(now_ms, f.key, {}, f.from(), f.effects), fb::PutVerdict::malformed);
  auto large = f.fresh();
  large.padding = 849;
  EXPECT_EQ(f.put(large), fb::PutVerdict::malformed);
  large.padding = 848;
  EXPECT_EQ(f.put(large), fb::PutVerdict::stored);
  auto late = f.fresh();
  late.expires_unix_s = now_ms / 1000;
  EXPECT_EQ(f.put(late), fb::PutVerdict::expired);
}

TEST(leaf_storage, leases_end_and_no_lease_outlives_the_signature) {
  fixture f;
  auto brief = f.fresh();
  brief.expires_unix_s = now_ms / 1000 + 60;
  f.put(brief);
  f.put(f.fresh());
  EXPECT_EQ(f.storage.next_expiry_ms(), now_ms + 60'000);
  f.effects.clear();
  f.storage.expire(now_ms + 60'000, f.effects);
  EXPECT_EQ(f.storage.leaves(), 1u);
  ASSERT_EQ(f.effects.size(), 1u);
  EXPECT_EQ(std::get<drop_leaf>(f.effects[0]).publisher, brief.publisher);
  f.storage.expire(now_ms + 3'600'000, f.effects);
  EXPECT_EQ(f.storage.keys(), 0u);
  EXPECT_EQ(f.storage.size_bytes(), 0u);
  EXPECT_FALSE(f.storage.next_expiry_ms().has_value());
}

TEST(leaf_storage, every_bound_is_kept) {
  storage_limits limits;
  limits.keys = 3;
  limits.keys_per_publisher = 2;
  limits.bytes = 2000;
  fixture f(limits);
  const auto v = f.fresh();
  const auto put_at = [&](std::uint8_t key, const toy_value& what) {
    dht_key k{};
    k[0] = key;
    return f.storage.put(now_ms, k, what.raw(), f.from(), f.effects);
  };
  EXPECT_EQ(put_at(1, v), fb::PutVerdict::stored);
  EXPECT_EQ(put_at(2, v), fb::PutVerdict::stored);
  EXPECT_EQ(put_at(3, v), fb::PutVerdict::full);  // of this publisher
  EXPECT_EQ(put_at(3, f.fresh()), fb::PutVerdict::stored);
  EXPECT_EQ(put_at(4, f.fresh()), fb::PutVerdict::full);  // keys
  auto large = f.fresh();
  large.padding = 800;
  EXPECT_EQ(put_at(3, large), fb::PutVerdict::stored);
  auto larger = f.fresh();
  larger.padding = 800;
  EXPECT_EQ(put_at(3, larger), fb::PutVerdict::full);  // bytes
}

TEST(leaf_storage, one_key_takes_64_leaves_and_8_from_one_group) {
  fixture f;
  int stored = 0;
  for (int i = 0; i < 20; ++i)
    stored += f.storage.put(now_ms, f.key, f.fresh().raw(),
                            endpoint::v4(0x30000001 + static_cast<std::uint32_t>(i), 1),
                            f.effects) == fb::PutVerdict::stored;
  EXPECT_EQ(stored, 8);
  for (int i = 0; i < 100; ++i) f.put(f.fresh());
  EXPECT_EQ(f.storage.leaves(), 64u);
  EXPECT_EQ(f.put(f.fresh()), fb::PutVerdict::full);
  // Many storers behind one loopback address are no group.
  fixture g;
  stored = 0;
  for (std::uint16_t i = 1; i <= 20; ++i)
    stored += g.storage.put(now_ms, g.key, g.fresh().raw(), endpoint::v4(0x7F000001, i), g.effects) ==
              fb::PutVerdict::stored;
  EXPECT_EQ(stored, 20);
}

/// Following the cursor shows every leaf once, whatever their sizes and number; every page keeps its limit.
TEST(leaf_storage, pages_show_everything_once) {
  rc::check([](std::uint64_t seed, std::uint64_t salt) {
    fixture f({}, salt);
    crypto::seeded_random random(seed);
    const auto count = 1 + random.below(64);
    std::set<bytes> put;
    for (std::uint64_t i = 0; i < count; ++i) {
      auto v = f.fresh();
      random.fill(v.publisher);
      v.padding = random.below(849);
      RC_ASSERT(f.put(v) == fb::PutVerdict::stored);
      put.insert(v.raw());
    }
    const auto limit = 1030u;
    std::set<bytes> seen;
    std::uint64_t cursor = 0;
    for (std::size_t pages = 0;; ++pages) {
      RC_ASSERT(pages <= count);
      const auto page = f.storage.page(now_ms, f.key, cursor, limit);
      RC_ASSERT(page.has_value());
      const auto shard = parse(page);
      RC_ASSERT(page->size() <= limit);
      RC_ASSERT(shard->peers_approx() == count);
      const auto leaves = shard->leaves() == nullptr ? 0u : shard->leaves()->size();
      RC_ASSERT(leaves > 0u);
      if (leaves > 1) RC_ASSERT(page->size() <= max_page_size);
      for (const auto* leaf : *shard->leaves())
        RC_ASSERT(seen.insert(to_bytes(view_of(leaf->data()))).second);
      cursor = shard->cursor();
      if (cursor == 0) break;
    }
    RC_ASSERT(seen == put);
  });
}

TEST(leaf_storage, a_page_names_those_it_has_no_room_for) {
  fixture f;
  for (int i = 0; i < 10; ++i) {
    auto v = f.fresh();
    v.padding = 300;
    f.put(v);
  }
  const auto page = f.storage.page(now_ms, f.key, 0, 1100);
  const auto shard = parse(page);
  EXPECT_LE(page->size(), max_page_size);
  EXPECT_EQ(shard->leaves()->size(), 2u);
  ASSERT_NE(shard->hints(), nullptr);
  EXPECT_GE(shard->hints()->size(), 1u);
  EXPECT_LE(shard->hints()->size() + shard->leaves()->size(), 10u);
  EXPECT_NE(shard->cursor(), 0u);
}

TEST(leaf_storage, small_limits_and_the_token_question_give_less) {
  fixture f;
  auto v = f.fresh();
  v.padding = 700;
  f.put(v);
  EXPECT_FALSE(f.storage.page(now_ms, f.key, no_values_cursor, 1100).has_value());
  EXPECT_FALSE(f.storage.page(now_ms, f.key, 0, 20).has_value());
  EXPECT_FALSE(f.storage.page(now_ms, random_bytes<dht_key>(f.random), 0, 1100).has_value());
  // Too large for this answer: the cursor says where to go on.
  const auto shard = parse(f.storage.page(now_ms, f.key, 0, 400));
  EXPECT_TRUE(shard->leaves() == nullptr || shard->leaves()->size() == 0);
  EXPECT_NE(shard->cursor(), 0u);
  EXPECT_EQ(parse(f.storage.page(now_ms, f.key, shard->cursor(), 1100))->leaves()->size(), 1u);
}

TEST(leaf_storage, what_was_held_comes_back_with_its_lease) {
  fixture f;
  const auto v = f.fresh();
  EXPECT_EQ(f.storage.restore(now_ms, f.key, v.raw(), f.from(), now_ms - 1, f.effects),
            fb::PutVerdict::expired);
  EXPECT_EQ(f.storage.restore(now_ms, f.key, v.raw(), f.from(), now_ms + 5000, f.effects),
            fb::PutVerdict::stored);
  EXPECT_EQ(f.storage.next_expiry_ms(), now_ms + 5000);
}

TEST(leaf_storage, tombstones_keep_older_values_out) {
  fixture f;
  auto v = f.fresh();
  v.seq = 3;
  v.tombstone = true;
  EXPECT_EQ(f.put(v), fb::PutVerdict::stored);
  v.tombstone = false;
  v.seq = 2;
  EXPECT_EQ(f.put(v), fb::PutVerdict::older);
}

fb::LeafDigest digest_of(const dht_key& key, const digest& hash) {
  return fb::LeafDigest(flatbuffers::span<const std::uint8_t, 6>(key.data(), 6),
                        flatbuffers::span<const std::uint8_t, 6>(hash.data(), 6));
}

bool renew(fixture& f, const dht_key& key, const toy_value& v, std::uint64_t at) {
  const auto asked = digest_of(key, crypto::sha256(v.raw()));  // as the toy policy orders them
  return f.storage.renew(at, std::span(&asked, 1), f.effects).at(0);
}

TEST(leaf_storage, a_digest_of_what_is_held_renews_its_lease) {
  fixture f;
  const auto v = f.fresh();
  f.put(v);
  f.effects.clear();
  EXPECT_TRUE(renew(f, f.key, v, now_ms + 600'000));
  ASSERT_EQ(f.effects.size(), 1u);
  const auto& kept = std::get<keep_leaf>(f.effects[0]);
  EXPECT_EQ(kept.lease_ends_ms, now_ms + 4'200'000);
  EXPECT_EQ(kept.key, f.key);
  EXPECT_EQ(kept.publisher, v.publisher);
  EXPECT_EQ(f.storage.next_expiry_ms(), now_ms + 4'200'000);
  f.storage.expire(now_ms + 4'199'999, f.effects);
  EXPECT_EQ(f.storage.leaves(), 1u);
  f.storage.expire(now_ms + 4'200'000, f.effects);
  EXPECT_EQ(f.storage.leaves(), 0u);
}

TEST(leaf_storage, a_digest_of_what_is_not_held_renews_nothing) {
  fixture f;
  const auto v = f.fresh();
  f.put(v);
  f.effects.clear();
  auto other_key = f.key;
  other_key[5] ^= 1;
  EXPECT_FALSE(renew(f, other_key, v, now_ms + 1));
  EXPECT_FALSE(renew(f, f.key, f.fresh(), now_ms + 1));
  auto hash = crypto::sha256(v.raw());
  hash[5] ^= 1;
  const auto other_hash = digest_of(f.key, hash);
  EXPECT_FALSE(f.storage.renew(now_ms + 1, std::span(&other_hash, 1), f.effects).at(0));
  EXPECT_TRUE(f.effects.empty());
  EXPECT_EQ(f.storage.next_expiry_ms(), now_ms + 3'600'000);
  EXPECT_TRUE(f.storage.renew(now_ms, {}, f.effects).empty());
  // Gone when its lease ends, and said to be.
  EXPECT_FALSE(renew(f, f.key, v, now_ms + 3'600'000));
  ASSERT_EQ(f.effects.size(), 1u);
  EXPECT_EQ(std::get<drop_leaf>(f.effects[0]).publisher, v.publisher);
}

TEST(leaf_storage, a_renewal_never_shortens_a_lease_nor_outlives_the_signature) {
  fixture f;
  auto v = f.fresh();
  v.expires_unix_s = now_ms / 1000 + 3'700;
  f.put(v);
  f.effects.clear();
  EXPECT_TRUE(renew(f, f.key, v, now_ms - 5'000));  // a clock that went back
  EXPECT_TRUE(renew(f, f.key, v, now_ms));
  EXPECT_TRUE(f.effects.empty());
  EXPECT_EQ(f.storage.next_expiry_ms(), now_ms + 3'600'000);
  EXPECT_TRUE(renew(f, f.key, v, now_ms + 200'000));
  EXPECT_EQ(f.storage.next_expiry_ms(), now_ms + 3'700'000);
  EXPECT_EQ(f.effects.size(), 1u);
  EXPECT_TRUE(renew(f, f.key, v, now_ms + 300'000));  // nothing moves any more
  EXPECT_EQ(f.effects.size(), 1u);
  EXPECT_FALSE(renew(f, f.key, v, now_ms + 3'700'000));
}

TEST(leaf_storage, a_tombstone_is_renewed_and_what_it_withdrew_is_not) {
  fixture f;
  const auto v = f.fresh();
  auto withdrawn = v;
  withdrawn.tombstone = true;
  withdrawn.seq = 2;
  f.put(v);
  f.put(withdrawn);
  EXPECT_FALSE(renew(f, f.key, v, now_ms + 1000));
  EXPECT_TRUE(renew(f, f.key, withdrawn, now_ms + 1000));
  EXPECT_EQ(f.storage.next_expiry_ms(), now_ms + 3'601'000);
}

TEST(leaf_storage, two_keys_that_begin_alike_are_told_apart_by_the_hash) {
  fixture f;
  auto near = f.key;
  near[6] ^= 0xFF;
  const auto here = f.fresh(), there = f.fresh();
  f.put(here);
  f.storage.put(now_ms, near, there.raw(), f.from(), f.effects);
  f.effects.clear();
  EXPECT_TRUE(renew(f, near, here, now_ms + 1000));  // the first bytes are the same
  ASSERT_EQ(f.effects.size(), 1u);
  EXPECT_EQ(std::get<keep_leaf>(f.effects[0]).key, f.key);
  EXPECT_TRUE(renew(f, f.key, there, now_ms + 1000));
  ASSERT_EQ(f.effects.size(), 2u);
  EXPECT_EQ(std::get<keep_leaf>(f.effects[1]).key, near);
}

/// For whatever is put and whenever it is asked for: a renewal leaves the holder as a put of the same bytes
/// at that time would have, and is true exactly if that put had found its lease running.
TEST(leaf_storage, a_renewal_does_what_a_put_of_the_same_bytes_does) {
  rc::check([](std::uint64_t seed) {
    fixture by_digest, by_put;
    crypto::seeded_random random(seed);
    std::vector<std::pair<dht_key, toy_value>> values;
    const auto near = random_bytes<dht_key>(random);
    for (std::uint64_t i = 0; i < 1 + random.below(12); ++i) {
      toy_value v;
      random.fill(v.publisher);
      v.tombstone = random.below(4) == 0;
      v.expires_unix_s = now_ms / 1000 + 1 + random.below(9'000);
      auto key = near;
      key[random.below(20)] ^= static_cast<std::uint8_t>(random.below(2));
      for (auto* f : {&by_digest, &by_put})
        RC_ASSERT(f->storage.put(now_ms, key, v.raw(), f->from(), f->effects) == fb::PutVerdict::stored);
      values.emplace_back(key, v);
    }
    auto now = now_ms;
    for (int step = 0; step < 20; ++step) {
      now += random.below(1'500'000);
      const auto& [key, v] = values[random.below(values.size())];
      by_put.storage.expire(now, by_put.effects);
      const auto present = by_put.storage.values(now, key);
      const auto raw = v.raw();
      const bool held = std::any_of(present.begin(), present.end(), [&](const auto& p) { return *p == raw; });
      if (held) by_put.storage.put(now, key, raw, by_put.from(), by_put.effects);
      RC_ASSERT(renew(by_digest, key, v, now) == held);
      RC_ASSERT(by_digest.storage.leaves() == by_put.storage.leaves());
      RC_ASSERT(by_digest.storage.next_expiry_ms() == by_put.storage.next_expiry_ms());
    }
  });
}

}  // namespace
}  // namespace vsf::dht::tests
