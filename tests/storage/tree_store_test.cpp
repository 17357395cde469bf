#include <gtest/gtest.h>

#include "net/crypto/random.hpp"
#include "storage/tree_store.hpp"
#include "tests/storage/temp_folder.hpp"

namespace vsf::storage {
namespace {

digest root_of(std::uint8_t n) {
  digest out{};
  out[0] = n;
  return out;
}

std::vector<digest> leaves_of(std::uint8_t n, std::size_t count) {
  std::vector<digest> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i][0] = n;
    out[i][30] = static_cast<std::uint8_t>(i / 256);
    out[i][31] = static_cast<std::uint8_t>(i);
  }
  return out;
}

class tree_store_test : public testing::Test {
 protected:
  std::shared_ptr<memory_store> kv_ = make_memory_store();

  std::vector<bytes> keys() {
    std::vector<bytes> out;
    EXPECT_TRUE(kv_->scan(family::trees, {}, {}, [&](byte_view key, byte_view) {
      out.emplace_back(key.begin(), key.end());
      return true;
    }));
    return out;
  }
  void overwrite(const bytes& key, std::optional<bytes> value) {
    write_batch batch;
    value ? batch.put(family::trees, key, *value) : batch.erase(family::trees, key);
    ASSERT_TRUE(kv_->write(batch, durability::buffered));
  }
};

TEST_F(tree_store_test, gives_back_what_was_put_also_in_another_run) {
  for (const std::size_t count : {1U, 4096U, 4097U, 10'000U}) {
    tree_store store(kv_);
    ASSERT_TRUE(store.put(root_of(7), leaves_of(7, count)));
    EXPECT_EQ(*store.get(root_of(7)), leaves_of(7, count));
    tree_store later(kv_);
    EXPECT_EQ(*later.count(), 1U);
    EXPECT_EQ(*later.get(root_of(7)), leaves_of(7, count));
    EXPECT_EQ(*later.get(root_of(8)), std::nullopt);
    ASSERT_TRUE(later.reject(root_of(7)));
    EXPECT_EQ(*later.get(root_of(7)), std::nullopt);
    EXPECT_TRUE(keys().empty()) << "nothing is left behind";
  }
}

TEST_F(tree_store_test, works_over_rocksdb) {
  test::temp_folder folder;
  const auto leaves = leaves_of(1, 9000);
  {
    std::shared_ptr<kv_store> kv = open_rocksdb(folder / "store").value();
    ASSERT_TRUE(tree_store(kv).put(root_of(1), leaves));
  }
  std::shared_ptr<kv_store> kv = open_rocksdb(folder / "store").value();
  EXPECT_EQ(*tree_store(kv).get(root_of(1)), leaves);
}

TEST_F(tree_store_test, least_recently_used_go_first) {
  const auto each = 100 * digest::length + tree_store::overhead_bytes;
  {
    tree_store store(kv_, 5 * each);
    for (std::uint8_t n = 1; n <= 5; ++n) ASSERT_TRUE(store.put(root_of(n), leaves_of(n, 100)));
    EXPECT_TRUE(*store.get(root_of(1)));
  }
  // What was used is remembered over the runs.
  tree_store store(kv_, 5 * each);
  ASSERT_TRUE(store.put(root_of(6), leaves_of(6, 100)));
  EXPECT_FALSE(*store.get(root_of(2)));
  EXPECT_TRUE(*store.get(root_of(1)));
  EXPECT_EQ(store.evicted(), 1U);
  EXPECT_EQ(*store.bytes_kept(), 5 * each);
  ASSERT_TRUE(store.put(root_of(7), leaves_of(7, 120)));
  EXPECT_EQ(store.evicted(), 3U) << "as many as the new one needs";
  EXPECT_LE(*store.bytes_kept(), 5 * each);
  EXPECT_FALSE(*store.get(root_of(3)));
  ASSERT_TRUE(store.put(root_of(8), leaves_of(8, 130)));
  EXPECT_FALSE(*store.get(root_of(8))) << "more than a quarter of all is not kept";
}

TEST_F(tree_store_test, stays_within_its_bytes_whatever_is_put_and_read) {
  crypto::seeded_random random(11);
  const std::uint64_t limit = 200'000;
  tree_store store(kv_, limit);
  for (int i = 0; i < 2000; ++i) {
    const auto n = static_cast<std::uint8_t>(random.below(60));
    // The size belongs to the root.
    if (random.below(3) != 0) {
      ASSERT_TRUE(store.put(root_of(n), leaves_of(n, 1 + n * 20U)));
    } else if (const auto found = store.get(root_of(n)); *found) {
      ASSERT_EQ(**found, leaves_of(n, 1 + n * 20U));
    }
    ASSERT_LE(*store.bytes_kept(), limit);
  }
  EXPECT_GT(store.evicted(), 100U);
  const auto kept = *store.bytes_kept();
  EXPECT_EQ(*tree_store(kv_, limit).bytes_kept(), kept) << "as another run counts it";
  std::uint64_t total = 0;
  ASSERT_TRUE(kv_->scan(family::trees, {}, {}, [&](byte_view key, byte_view value) {
    total += key.size() + value.size();
    return true;
  }));
  EXPECT_LE(total, limit) << "what a tree counts for covers what it takes";
}

TEST_F(tree_store_test, damage_is_found_counted_and_removed) {
  const auto damage = [&](const std::function<void(const std::vector<bytes>&)>& how) {
    tree_store store(kv_);
    ASSERT_TRUE(store.put(root_of(1), leaves_of(1, 9000)));
    const auto all = keys();
    ASSERT_EQ(all.size(), 4U);  // a header, three parts
    how(all);
    tree_store later(kv_);
    EXPECT_EQ(*later.get(root_of(1)), std::nullopt);
    EXPECT_EQ(later.corrupt(), 1U);
    EXPECT_TRUE(keys().empty());
    ASSERT_TRUE(later.put(root_of(1), leaves_of(1, 9000)));
    EXPECT_TRUE(*later.get(root_of(1)));
    ASSERT_TRUE(later.reject(root_of(1)));
  };
  damage([&](const auto& all) { overwrite(all[0], bytes{1, 2, 3}); });
  damage([&](const auto& all) { overwrite(all[2], bytes{1, 2, 3}); });
  damage([&](const auto& all) { overwrite(all[2], std::nullopt); });
  damage([&](const auto& all) { overwrite(all[3], std::nullopt); });
}

}  // namespace
}  // namespace vsf::storage
