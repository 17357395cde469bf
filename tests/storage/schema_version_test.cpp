#include "storage/schema_version.hpp"

#include <gtest/gtest.h>

#include "storage/key_codec.hpp"
#include "tests/storage/temp_folder.hpp"

namespace vsf::storage {
namespace {

std::optional<std::string> value_of(const kv_store& store, std::string_view key) {
  const auto value = store.get(family::library, view_of_text(key));
  if (!value || !*value) return std::nullopt;
  return std::string((*value)->begin(), (*value)->end());
}

/// Each step appends its number to "path", so that the order and the count of the steps show.
migration step(std::uint32_t from) {
  return {from, [from](kv_store& store, write_batch& batch) -> result<void> {
            const auto text = value_of(store, "path").value_or("") + std::to_string(from);
            batch.put(family::library, view_of_text("path"), view_of_text(text));
            return {};
          }};
}

TEST(schema_version, takes_each_step_once_and_in_order) {
  const test::temp_folder folder;
  ASSERT_TRUE(open_rocksdb(folder.path(), {}, 1));
  {
    auto store =
        open_rocksdb(folder.path(), {step(2), step(1), step(3)}, 4);  // the order of the list means nothing
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ(value_of(**store, "path"), "123");
    EXPECT_EQ(*read_schema_version(**store), 4u);
  }
  auto store = open_rocksdb(folder.path(), {step(1), step(2), step(3)}, 4);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(value_of(**store, "path"), "123");
}

TEST(schema_version, a_failed_step_leaves_its_version_and_data) {
  const test::temp_folder folder;
  ASSERT_TRUE(open_rocksdb(folder.path(), {}, 1));
  const migration broken{2, [](kv_store&, write_batch& batch) -> result<void> {
                           batch.put(family::library, view_of_text("half"), view_of_text("done"));
                           return fail("the disk said no");
                         }};
  const auto refused = open_rocksdb(folder.path(), {step(1), broken}, 3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "The store in " + folder.path() +
                                         " could not be brought from schema 2 to 3 (the disk said no): it "
                                         "stays at 2. Solve this and start again.");
  const auto store = open_rocksdb(folder.path(), {}, 2);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(value_of(**store, "path"), "1");
  EXPECT_EQ(value_of(**store, "half"), std::nullopt);
}

TEST(schema_version, a_gap_in_the_steps_is_refused_before_the_first) {
  const test::temp_folder folder;
  ASSERT_TRUE(open_rocksdb(folder.path(), {}, 1));
  const auto refused = open_rocksdb(folder.path(), {step(1), step(3)}, 4);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("has schema 2, and this program (schema 4) can't bring it forward"),
            std::string::npos)
      << refused.error().message;
  const auto store = open_rocksdb(folder.path(), {}, 1);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(value_of(**store, "path"), std::nullopt);
}

TEST(schema_version, a_newer_store_is_refused_untouched) {
  const test::temp_folder folder;
  ASSERT_TRUE(open_rocksdb(folder.path(), {}, 3));
  const auto before = test::snapshot_of(folder.path());
  const auto refused = open_rocksdb(folder.path(), {}, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "The store in " + folder.path() +
                " was written by a newer version (schema 3, this program knows 1): upgrade "
                "this program, or choose another data folder. Nothing was changed.");
  EXPECT_EQ(test::snapshot_of(folder.path()), before);
  EXPECT_TRUE(open_rocksdb(folder.path(), {}, 3));
}

TEST(schema_version, an_unreadable_version_is_refused) {
  const auto store = make_memory_store();
  for (const auto& alien : {bytes{}, bytes{1}, bytes{0, 0, 0, 0}, bytes{0, 0, 0, 1, 0}}) {
    write_batch batch;
    batch.put(family::meta, schema_version_key(), alien);
    ASSERT_TRUE(store->write(batch, durability::synced));
    const auto refused = bring_to_version(*store, {}, 1, "memory");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("schema version is unreadable"), std::string::npos);
  }
}

TEST(schema_version, the_steps_of_this_program_lead_to_its_version) {
  const auto store = make_memory_store();
  write_batch batch;
  batch.put(family::meta, schema_version_key(), encode_schema_version(1));
  ASSERT_TRUE(store->write(batch, durability::synced));
  ASSERT_TRUE(bring_to_version(*store, migrations(), schema_version, "memory"));
  EXPECT_EQ(*read_schema_version(*store), schema_version);
}

}  // namespace
}  // namespace vsf::storage
