#include "storage/library_store.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace vsf::storage {
namespace {

template <class Fixed>
Fixed id_of(std::uint8_t n) {
  Fixed out;
  out.fill(n);
  return out;
}

fb::FileEntryT entry(const std::string& path, std::uint8_t recording, std::uint8_t release, std::uint8_t root,
                     std::uint64_t size = 10) {
  fb::FileEntryT out;
  out.path = path;
  out.size = size;
  if (recording != 0) out.recording = box(id_of<mbid>(recording));
  if (release != 0) out.release = box(id_of<mbid>(release));
  if (root != 0) out.root = box(id_of<digest>(root));
  return out;
}

using paths = std::vector<std::string>;

class library_store_test : public testing::Test {
 protected:
  std::shared_ptr<kv_store> kv_ = make_memory_store();
  library_store store_{kv_};

  void put_raw(std::string_view path, const bytes& value) {
    write_batch batch;
    batch.put(family::library, view_of_text(path), value);
    ASSERT_TRUE(kv_->write(batch, durability::buffered));
  }
  paths all() const {
    paths out;
    EXPECT_TRUE(store_.for_each([&](const auto& e) {
      out.push_back(string_of(e->path()));
      return true;
    }));
    return out;
  }
};

TEST_F(library_store_test, an_entry_is_found_every_way) {
  auto full = entry("/m/a.flac", 1, 2, 3, 1234);
  full.artist = "Artist";
  full.codec = fb::Codec::flac;
  ASSERT_TRUE(store_.put(full));
  ASSERT_TRUE(store_.put(entry("/m/b.flac", 1, 2, 4)));
  ASSERT_TRUE(store_.put(entry("/m/c.flac", 0, 2, 3)));
  const auto found = store_.get("/m/a.flac");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(string_of((**found)->artist()), "Artist");
  EXPECT_EQ((**found)->codec(), fb::Codec::flac);
  EXPECT_EQ((**found)->size(), 1234u);
  EXPECT_EQ(*store_.find_recording(id_of<mbid>(1)), (paths{"/m/a.flac", "/m/b.flac"}));
  EXPECT_EQ(*store_.find_release(id_of<mbid>(2)), (paths{"/m/a.flac", "/m/b.flac", "/m/c.flac"}));
  EXPECT_EQ(*store_.find_release(id_of<mbid>(2), 2), (paths{"/m/a.flac", "/m/b.flac"}));
  EXPECT_EQ(*store_.find_root(id_of<digest>(3)), (paths{"/m/a.flac", "/m/c.flac"}));
  EXPECT_EQ(*store_.find_recording(id_of<mbid>(2)), paths{});  // a release, no recording
  EXPECT_EQ(*store_.find_root(id_of<digest>(9)), paths{});
  EXPECT_EQ(*store_.find_root(id_of<digest>(3), 0), paths{});
  EXPECT_FALSE(*store_.get("/m/none"));
  EXPECT_EQ(all(), (paths{"/m/a.flac", "/m/b.flac", "/m/c.flac"}));
}

TEST_F(library_store_test, a_changed_entry_leaves_no_trace_in_the_indexes) {
  ASSERT_TRUE(store_.put(entry("/a", 1, 2, 3)));
  ASSERT_TRUE(store_.put(entry("/a", 4, 0, 5)));
  EXPECT_EQ(*store_.find_recording(id_of<mbid>(1)), paths{});
  EXPECT_EQ(*store_.find_release(id_of<mbid>(2)), paths{});
  EXPECT_EQ(*store_.find_root(id_of<digest>(3)), paths{});
  EXPECT_EQ(*store_.find_recording(id_of<mbid>(4)), paths{"/a"});
  EXPECT_EQ(*store_.find_root(id_of<digest>(5)), paths{"/a"});
  ASSERT_TRUE(store_.remove({"/a", "/never there"}));
  EXPECT_EQ(*store_.find_recording(id_of<mbid>(4)), paths{});
  EXPECT_EQ(*store_.find_root(id_of<digest>(5)), paths{});
  EXPECT_FALSE(*store_.get("/a"));
  EXPECT_EQ(*store_.stats(), library_stats{});
}

TEST_F(library_store_test, figures_are_kept_up) {
  auto broken = entry("/c", 1, 1, 1, 100);
  broken.problem = "no decoder";
  std::vector<fb::FileEntryT> entries;
  entries.push_back(entry("/a", 1, 1, 1, 10));
  entries.push_back(entry("/b", 1, 1, 0, 20));  // not analyzed yet
  entries.push_back(std::move(broken));
  entries.push_back(entry("/a", 1, 1, 1, 7));  // the later one counts
  ASSERT_TRUE(store_.put(entries));
  EXPECT_EQ(*store_.stats(), (library_stats{3, 1, 7}));
  EXPECT_EQ(*store_.count(), 3u);
  ASSERT_TRUE(store_.put(entry("/b", 1, 1, 2, 20)));
  EXPECT_EQ(*store_.stats(), (library_stats{3, 2, 27}));
  ASSERT_TRUE(store_.remove({"/a"}));
  EXPECT_EQ(*store_.stats(), (library_stats{2, 1, 20}));
}

TEST_F(library_store_test, entry_index_and_figures_survive_a_crash_together) {
  const auto kv = std::shared_ptr<memory_store>(make_memory_store());
  library_store store(kv);
  ASSERT_TRUE(store.put(entry("/a", 1, 0, 0), durability::synced));
  ASSERT_TRUE(store.put(entry("/a", 2, 0, 3)));
  ASSERT_TRUE(store.put(entry("/b", 2, 0, 3)));
  kv->crash();
  EXPECT_EQ(*store.find_recording(id_of<mbid>(1)), paths{"/a"});
  EXPECT_EQ(*store.find_recording(id_of<mbid>(2)), paths{});
  EXPECT_EQ(*store.stats(), (library_stats{1, 0, 0}));
}

TEST_F(library_store_test, odd_paths_are_kept_and_impossible_ones_refused) {
  const std::string odd = "/m/\xff\xfe\n\x01 " + std::string(4000, 'x');
  ASSERT_TRUE(store_.put(entry(odd, 1, 1, 1)));
  EXPECT_EQ(*store_.find_root(id_of<digest>(1)), paths{odd});
  EXPECT_FALSE(store_.put(entry("", 1, 1, 1)));
  const auto refused = store_.put(entry(std::string(4097, 'x'), 1, 1, 1));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("a path of 4097 bytes"), std::string::npos);
  EXPECT_FALSE(store_.remove(paths(4097, "/x")));
  EXPECT_EQ(*store_.count(), 1u);
  EXPECT_TRUE(store_.put(std::vector<fb::FileEntryT>{}));
}

TEST_F(library_store_test, a_damaged_entry_is_passed_over_and_counted) {
  ASSERT_TRUE(store_.put(entry("/a", 1, 0, 0)));
  ASSERT_TRUE(store_.put(entry("/b", 1, 0, 0)));
  put_raw("/b", bytes(40, 0xEE));
  EXPECT_FALSE(*store_.get("/b"));
  EXPECT_EQ(store_.corrupt(), 1u);
  EXPECT_EQ(all(), paths{"/a"});
  EXPECT_EQ(store_.corrupt(), 2u);
  ASSERT_TRUE(store_.put(entry("/b", 2, 0, 0)));  // can be replaced
  EXPECT_EQ(all(), (paths{"/a", "/b"}));
  EXPECT_EQ(*store_.count(), 2u);
}

TEST_F(library_store_test, rebuild_repairs_indexes_and_figures) {
  for (int i = 0; i < 1500; ++i)
    ASSERT_TRUE(store_.put(entry("/f" + std::to_string(i), static_cast<std::uint8_t>(1 + i % 3), 2, 3, 1)));
  put_raw("/f0", bytes(40, 0xEE));
  put_raw("/new", to_bytes(record<fb::FileEntry>::pack(entry("/new", 200, 0, 0)).raw().view()));
  EXPECT_EQ(*store_.rebuild(), 1u);
  EXPECT_EQ(*store_.find_recording(id_of<mbid>(200)), paths{"/new"});
  EXPECT_EQ(store_.find_recording(id_of<mbid>(1))->size(), 499u);
  EXPECT_EQ(*store_.stats(), (library_stats{1500, 1499, 1499}));
  EXPECT_EQ(*store_.rebuild(), 0u);
  EXPECT_EQ(*store_.stats(), (library_stats{1500, 1499, 1499}));
}

TEST_F(library_store_test, for_each_begins_and_ends_where_it_should) {
  for (const auto* path : {"/a", "/b", "/c", "/d"}) ASSERT_TRUE(store_.put(entry(path, 1, 0, 0)));
  paths seen;
  ASSERT_TRUE(store_.for_each(
      [&](const auto& e) {
        seen.push_back(string_of(e->path()));
        return seen.size() < 2;
      },
      "/b"));
  EXPECT_EQ(seen, (paths{"/b", "/c"}));
}

TEST_F(library_store_test, agrees_with_a_map_under_random_changes) {
  EXPECT_TRUE(rc::check("agrees with a map", [] {
    const auto kv = std::shared_ptr<kv_store>(make_memory_store());
    library_store store(kv);
    std::map<std::string, std::array<std::uint8_t, 3>> model;
    const auto steps = *rc::gen::inRange(0, 40);
    for (int i = 0; i < steps; ++i) {
      const auto path = "/" + std::to_string(*rc::gen::inRange(0, 5));
      if (*rc::gen::inRange(0, 3) == 0) {
        RC_ASSERT(store.remove({path}).has_value());
        model.erase(path);
      } else {
        const auto ids =
            *rc::gen::container<std::array<std::uint8_t, 3>>(rc::gen::inRange<std::uint8_t>(0, 3));
        RC_ASSERT(store.put(entry(path, ids[0], ids[1], ids[2], 5)).has_value());
        model[path] = ids;
      }
    }
    library_stats expected;
    for (const auto& [path, ids] : model) {
      ++expected.files;
      if (ids[2] != 0) ++expected.shareable, expected.bytes += 5;
    }
    RC_ASSERT(*store.stats() == expected);
    for (std::uint8_t n = 1; n < 3; ++n) {
      std::array<paths, 3> wanted;
      for (const auto& [path, ids] : model)
        for (std::size_t k = 0; k < 3; ++k)
          if (ids[k] == n) wanted[k].push_back(path);
      RC_ASSERT(*store.find_recording(id_of<mbid>(n)) == wanted[0]);
      RC_ASSERT(*store.find_release(id_of<mbid>(n)) == wanted[1]);
      RC_ASSERT(*store.find_root(id_of<digest>(n)) == wanted[2]);
    }
  }));
}

}  // namespace
}  // namespace vsf::storage
