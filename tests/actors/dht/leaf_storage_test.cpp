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

}  // namespace
}  // namespace vsf::dht::tests
