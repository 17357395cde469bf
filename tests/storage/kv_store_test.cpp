// One suite for both stores: the simulator's must not be kinder than the disk's.

#include "storage/kv_store.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <thread>

#include "storage/key_codec.hpp"
#include "storage/schema_version.hpp"
#include "tests/storage/temp_folder.hpp"

namespace vsf::storage {
namespace {

bytes b(std::string_view text) { return {text.begin(), text.end()}; }
std::string s(byte_view raw) { return {raw.begin(), raw.end()}; }

struct on_disk {
  test::temp_folder folder;
  std::unique_ptr<kv_store> store = [this] {
    auto opened = open_rocksdb(folder / "store");
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }();
};
struct in_memory {
  std::unique_ptr<kv_store> store = make_memory_store();
};

template <class Backend>
class kv_store_test : public testing::Test {
 protected:
  Backend backend_;
  kv_store& store() { return *backend_.store; }
  void put(family where, std::string_view key, std::string_view value,
           durability how = durability::buffered) {
    write_batch batch;
    batch.put(where, b(key), b(value));
    ASSERT_TRUE(store().write(batch, how));
  }
  std::optional<std::string> get(family where, std::string_view key) {
    const auto value = store().get(where, b(key));
    EXPECT_TRUE(value) << value.error().message;
    if (!value || !*value) return std::nullopt;
    return s(**value);
  }
  std::vector<std::string> keys(family where, std::string_view from, std::string_view to) {
    std::vector<std::string> out;
    EXPECT_TRUE(store().scan(where, b(from), b(to), [&](byte_view key, byte_view) {
      out.push_back(s(key));
      return true;
    }));
    return out;
  }
};

using backends = testing::Types<on_disk, in_memory>;
TYPED_TEST_SUITE(kv_store_test, backends);

TYPED_TEST(kv_store_test, gives_back_what_was_put) {
  EXPECT_EQ(this->get(family::contacts, "a"), std::nullopt);
  this->put(family::contacts, "a", "1");
  this->put(family::contacts, "empty", "");
  EXPECT_EQ(this->get(family::contacts, "a"), "1");
  EXPECT_EQ(this->get(family::contacts, "empty"), "");
  this->put(family::contacts, "a", "2", durability::synced);
  EXPECT_EQ(this->get(family::contacts, "a"), "2");
  write_batch batch;
  batch.erase(family::contacts, b("a"));
  batch.erase(family::contacts, b("never there"));
  ASSERT_TRUE(this->store().write(batch, durability::synced));
  EXPECT_EQ(this->get(family::contacts, "a"), std::nullopt);
}

TYPED_TEST(kv_store_test, families_are_apart) {
  for (std::size_t i = 1; i < family_count; ++i)
    this->put(static_cast<family>(i), "key", name_of(static_cast<family>(i)));
  for (std::size_t i = 1; i < family_count; ++i)
    EXPECT_EQ(this->get(static_cast<family>(i), "key"), name_of(static_cast<family>(i)));
  EXPECT_EQ(this->get(family::meta, "key"), std::nullopt);
}

TYPED_TEST(kv_store_test, the_last_of_a_batch_wins) {
  write_batch batch;
  batch.put(family::library, b("a"), b("1"));
  batch.erase(family::library, b("a"));
  batch.put(family::library, b("b"), b("1"));
  batch.put(family::library, b("b"), b("2"));
  batch.put(family::events, b("c"), b("3"));
  ASSERT_TRUE(this->store().write(batch, durability::buffered));
  EXPECT_EQ(this->get(family::library, "a"), std::nullopt);
  EXPECT_EQ(this->get(family::library, "b"), "2");
  EXPECT_EQ(this->get(family::events, "c"), "3");
}

TYPED_TEST(kv_store_test, scans_a_range_in_byte_order) {
  for (const auto* key : {"b", "a", "\xff", "ab", "c"}) this->put(family::events, key, "x");
  EXPECT_EQ(this->keys(family::events, "", ""), (std::vector<std::string>{"a", "ab", "b", "c", "\xff"}));
  EXPECT_EQ(this->keys(family::events, "ab", "c"), (std::vector<std::string>{"ab", "b"}));
  EXPECT_EQ(this->keys(family::events, "bb", ""), (std::vector<std::string>{"c", "\xff"}));
  EXPECT_TRUE(this->keys(family::events, "c", "c").empty());
  EXPECT_TRUE(this->keys(family::events, "d", "b").empty());
  int visits = 0;
  ASSERT_TRUE(this->store().scan(family::events, {}, {}, [&](byte_view, byte_view) { return ++visits < 2; }));
  EXPECT_EQ(visits, 2);
}

TYPED_TEST(kv_store_test, a_scan_sees_the_moment_it_began) {
  for (int i = 0; i < 100; ++i) this->put(family::contacts, std::to_string(1000 + i), "old");
  int seen = 0;
  ASSERT_TRUE(this->store().scan(family::contacts, {}, {}, [&](byte_view key, byte_view value) {
    EXPECT_EQ(s(value), "old");
    write_batch batch;
    batch.erase(family::contacts, key);
    batch.put(family::contacts, b("1999"), b("new"));
    batch.put(family::contacts, b("1050"), b("new"));
    EXPECT_TRUE(this->store().write(batch, durability::buffered));
    ++seen;
    return true;
  }));
  EXPECT_EQ(seen, 100);
  // The write at 1099 came last and put 1050 back.
  EXPECT_EQ(this->keys(family::contacts, "", ""), (std::vector<std::string>{"1050", "1999"}));
}

TYPED_TEST(kv_store_test, agrees_with_a_map_under_random_operations) {
  EXPECT_TRUE(rc::check("agrees with a map", [this] {
    std::map<std::pair<std::size_t, bytes>, bytes> model;
    for (std::size_t f = 1; f < family_count; ++f) {  // begin empty
      write_batch batch;
      RC_ASSERT(this->store()
                    .scan(static_cast<family>(f), {}, {},
                          [&](byte_view key, byte_view) {
                            batch.erase(static_cast<family>(f), key);
                            return true;
                          })
                    .has_value());
      RC_ASSERT(this->store().write(batch, durability::buffered).has_value());
    }
    const auto rounds = *rc::gen::inRange(1, 12);
    for (int round = 0; round < rounds; ++round) {
      write_batch batch;
      const auto operations = *rc::gen::inRange(0, 12);
      for (int i = 0; i < operations; ++i) {
        const auto f = *rc::gen::inRange<std::size_t>(1, 4);
        const auto key = *rc::gen::resize(3, rc::gen::arbitrary<bytes>());
        if (*rc::gen::inRange(0, 3) == 0) {
          batch.erase(static_cast<family>(f), key);
          model.erase({f, key});
        } else {
          const auto value = *rc::gen::resize(20, rc::gen::arbitrary<bytes>());
          batch.put(static_cast<family>(f), key, value);
          model[{f, key}] = value;
        }
      }
      RC_ASSERT(this->store()
                    .write(batch, *rc::gen::element(durability::buffered, durability::synced))
                    .has_value());
    }
    const auto from = *rc::gen::resize(2, rc::gen::arbitrary<bytes>());
    const auto to = *rc::gen::resize(2, rc::gen::arbitrary<bytes>());
    for (std::size_t f = 1; f < 4; ++f) {
      std::vector<std::pair<bytes, bytes>> expected, found;
      for (const auto& [where, value] : model)
        if (where.first == f && where.second >= from && (to.empty() || where.second < to))
          expected.emplace_back(where.second, value);
      RC_ASSERT(this->store()
                    .scan(static_cast<family>(f), from, to,
                          [&](byte_view key, byte_view value) {
                            found.emplace_back(bytes(key.begin(), key.end()),
                                               bytes(value.begin(), value.end()));
                            return true;
                          })
                    .has_value());
      RC_ASSERT(found == expected);
    }
  }));
}

TYPED_TEST(kv_store_test, batches_are_whole_for_other_threads) {
  constexpr int wanted_changes = 200;
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> changes{0};  // scans that saw something else than the one before
  std::thread reader([&] {
    std::string last;
    while (!stop) {
      std::vector<std::string> values;
      if (!this->store().scan(family::pieces, {}, {}, [&](byte_view, byte_view value) {
            values.push_back(s(value));
            return true;
          }))
        ++torn;
      for (const auto& value : values)
        if (value != values.front()) ++torn;
      if (!values.empty() && values.size() != 3) ++torn;
      if (!values.empty() && values.front() != last) {
        last = values.front();
        ++changes;
      }
    }
  });
  // Goes on until both were at work at the same time for long enough; the bound ends it if they never are.
  bool written = true;
  for (int i = 0; written && changes < wanted_changes && i < 5'000'000; ++i) {
    write_batch batch;
    for (const auto* key : {"x", "y", "z"}) batch.put(family::pieces, b(key), b(std::to_string(i)));
    written = this->store().write(batch, durability::buffered).has_value();
  }
  stop = true;
  reader.join();
  EXPECT_TRUE(written);
  EXPECT_GE(changes, wanted_changes);
  EXPECT_EQ(torn, 0);
}

TYPED_TEST(kv_store_test, says_about_how_big_it_is) {
  const auto before = this->store().approximate_bytes();
  for (int i = 0; i < 64; ++i) this->put(family::library, "key" + std::to_string(i), std::string(16384, 'x'));
  EXPECT_GE(this->store().approximate_bytes(), before + 64 * 16384 / 2);
}

TYPED_TEST(kv_store_test, knows_its_schema_version) {
  const auto version = read_schema_version(this->store());
  ASSERT_TRUE(version);
  EXPECT_EQ(*version, schema_version);
}

/// Whatever is said of a value, true or not, and whether or not another row shares it.
TYPED_TEST(kv_store_test, the_shape_of_a_value_changes_nothing_about_it) {
  EXPECT_TRUE(rc::check("the shape changes nothing", [this] {
    std::map<bytes, bytes> model;
    for (int i = 0; i < 8; ++i) {
      const auto key = *rc::gen::container<bytes>(2, rc::gen::inRange<std::uint8_t>(0, 3));
      const auto value = *rc::gen::container<bytes>(*rc::gen::inRange<std::size_t>(0, 40),
                                                    rc::gen::inRange<std::uint8_t>(0, 2));
      const auto anywhere = [&] { return *rc::gen::inRange<std::size_t>(0, value.size() + 2); };
      value_shape shape{{}, anywhere(), anywhere()};
      const auto size = std::min(anywhere(), value.size() - std::min(shape.part_at, value.size()));
      shape.part =
          *rc::gen::inRange(0, 4) == 0
              ? shared_bytes::of(bytes(size, 1))
              : shared_bytes::of(byte_view(value).subspan(std::min(shape.part_at, value.size()), size));
      write_batch batch;
      batch.put(family::trees, key, value, shape);
      RC_ASSERT(this->store().write(batch, durability::buffered).has_value());
      model[key] = value;
    }
    for (const auto& [key, value] : model) RC_ASSERT(**this->store().get(family::trees, key) == value);
    RC_ASSERT(this->store()
                  .scan(family::trees, {}, {},
                        [&](byte_view key, byte_view value) {
                          const auto in_model = model.find(bytes(key.begin(), key.end()));
                          RC_ASSERT(in_model == model.end() || std::ranges::equal(in_model->second, value));
                          return true;
                        })
                  .has_value());
  }));
}

TEST(memory_store, crash_forgets_what_was_not_synced) {
  const auto store = make_memory_store();
  const auto write = [&](std::string_view key, std::optional<std::string_view> value, durability how) {
    write_batch batch;
    value ? batch.put(family::events, b(key), b(*value)) : batch.erase(family::events, b(key));
    ASSERT_TRUE(store->write(batch, how));
  };
  write("earlier", "kept", durability::buffered);
  write("synced", "kept", durability::synced);  // and with it what came before
  write("earlier", "lost", durability::buffered);
  write("earlier", "lost again", durability::buffered);
  write("later", "lost", durability::buffered);
  write("synced", std::nullopt, durability::buffered);
  const auto size = store->approximate_bytes();
  store->crash();
  EXPECT_EQ(s(**store->get(family::events, b("earlier"))), "kept");
  EXPECT_EQ(s(**store->get(family::events, b("synced"))), "kept");
  EXPECT_EQ(*store->get(family::events, b("later")), std::nullopt);
  EXPECT_NE(store->approximate_bytes(), size);
  store->crash();
  EXPECT_EQ(s(**store->get(family::events, b("earlier"))), "kept");
  EXPECT_TRUE(*read_schema_version(*store));
}

TEST(memory_store, crash_gives_the_last_synced_state) {
  EXPECT_TRUE(rc::check("crash gives the last synced state", [] {
    const auto store = make_memory_store();
    std::map<bytes, bytes> now, synced;
    const auto rounds = *rc::gen::inRange(0, 30);
    for (int i = 0; i < rounds; ++i) {
      write_batch batch;
      const auto key = *rc::gen::resize(2, rc::gen::arbitrary<bytes>());
      if (*rc::gen::inRange(0, 3) == 0) {
        batch.erase(family::events, key);
        now.erase(key);
      } else {
        const auto value = *rc::gen::resize(4, rc::gen::arbitrary<bytes>());
        batch.put(family::events, key, value);
        now[key] = value;
      }
      const auto how = *rc::gen::element(durability::buffered, durability::buffered, durability::synced);
      RC_ASSERT(store->write(batch, how).has_value());
      if (how == durability::synced) synced = now;
      if (*rc::gen::inRange(0, 8) == 0) {
        store->crash();
        now = synced;
      }
    }
    store->crash();
    std::map<bytes, bytes> found;
    RC_ASSERT(store
                  ->scan(family::events, {}, {},
                         [&](byte_view key, byte_view value) {
                           found[bytes(key.begin(), key.end())] = bytes(value.begin(), value.end());
                           return true;
                         })
                  .has_value());
    RC_ASSERT(found == synced);
  }));
}

}  // namespace
}  // namespace vsf::storage
