// What can happen to a store on disk: killed processes, other processes, damaged files, folders that can't be
// written.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <random>

#include "storage/key_codec.hpp"
#include "storage/kv_store.hpp"
#include "tests/storage/child_process.hpp"
#include "tests/storage/temp_folder.hpp"

namespace vsf::storage {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// A record that no compression makes smaller.
void put(kv_store& store, std::uint64_t number, std::size_t size, durability how = durability::synced) {
  std::minstd_rand random(static_cast<std::uint32_t>(number + 1));
  bytes value(size);
  for (auto& x : value) x = static_cast<std::uint8_t>(random() >> 8);
  write_batch batch;
  batch.put(family::library, key_builder().number(number).take(), value);
  ASSERT_TRUE(store.write(batch, how));
}

/// A store whose records are in table files: each opening moves the log of the one before into one.
void fill(const std::string& folder) {
  for (int round = 0; round < 3; ++round) {
    auto store = open_rocksdb(folder);
    ASSERT_TRUE(store) << store.error().message;
    for (std::uint64_t i = 0; i < 200; ++i) put(**store, i, 500, durability::buffered);
  }
  ASSERT_TRUE(open_rocksdb(folder));
}

std::vector<std::string> files_of(const std::string& folder, std::string_view part) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder))
    if (contains(entry.path().filename().string(), part)) out.push_back(entry.path().string());
  return out;
}

TEST(rocksdb, keeps_everything_over_a_restart) {
  const test::temp_folder folder;
  {
    auto store = open_rocksdb(folder / "a/b/store");
    ASSERT_TRUE(store) << store.error().message;
    put(**store, 1, 10, durability::buffered);
  }
  struct stat info {};
  ASSERT_EQ(::stat((folder / "a/b/store").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  auto store = open_rocksdb(folder / "a/b/store");
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((**(*store)->get(family::library, key_builder().number(std::uint64_t{1}).view())).size(), 10u);
  EXPECT_TRUE(files_of(folder / "a/b/store", "LOG").empty()) << "RocksDB writes a log of its own";
}

TEST(rocksdb, a_killed_process_loses_nothing_acknowledged) {
  const test::temp_folder folder;
  std::minstd_rand random(20221122);
  std::uint64_t next = 1;
  for (int round = 0; round < 6; ++round) {
    test::child_process child({STORAGE_CHILD, "hammer", folder / "store", std::to_string(next)});
    const auto enough = next + 20 + random() % 150;
    std::uint64_t acknowledged = 0;
    while (acknowledged < enough) {
      const auto line = child.read_line();
      ASSERT_TRUE(line && !contains(*line, "error")) << line.value_or("no answer");
      acknowledged = std::stoull(*line);
    }
    child.kill_now();
    EXPECT_EQ(child.wait(), -SIGKILL);
    while (const auto line = child.read_line())  // said before it died
      if (!line->empty()) acknowledged = std::max<std::uint64_t>(acknowledged, std::stoull(*line));

    auto store = open_rocksdb(folder / "store");
    ASSERT_TRUE(store) << store.error().message;
    std::uint64_t expected = 1;
    ASSERT_TRUE((*store)->scan(family::transfers, {}, {}, [&](byte_view key, byte_view value) {
      const auto number = key_reader(key).number<std::uint64_t>().value_or(0);
      EXPECT_EQ(number, expected);
      EXPECT_EQ(to_hex(value), to_hex(bytes(100 + number % 900, static_cast<std::uint8_t>(number))));
      ++expected;
      return true;
    }));
    const auto last = expected - 1;
    EXPECT_GE(last, acknowledged) << "round " << round;
    const auto counted = (*store)->get(family::meta, view_of_text("hammered"));
    ASSERT_TRUE(counted && *counted);
    EXPECT_EQ(key_reader(**counted).number<std::uint64_t>(), last) << "a batch was torn";
    next = expected;
  }
}

TEST(rocksdb, a_folder_in_use_is_refused) {
  const test::temp_folder folder;
  test::child_process child({STORAGE_CHILD, "hold", folder / "store"});
  ASSERT_EQ(child.read_line(), "open");
  const auto refused = open_rocksdb(folder / "store");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "The store in " + (folder / "store") +
                " is in use by another process: stop that one, or choose another data folder (--data-dir).");
  child.close_input();
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(open_rocksdb(folder / "store"));
}

TEST(rocksdb, a_second_opening_by_the_same_process_is_refused) {
  const test::temp_folder folder;
  const auto first = open_rocksdb(folder / "store");
  ASSERT_TRUE(first);
  const auto refused = open_rocksdb(folder / "store");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(contains(refused.error().message, "is in use by another process")) << refused.error().message;
}

TEST(rocksdb, a_store_that_a_tool_holds_is_refused) {
  const test::temp_folder folder;
  ASSERT_TRUE(open_rocksdb(folder.path()));
  // RocksDB's own tools lock this file and not the folder.
  const int fd = ::open((folder / "LOCK").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  ASSERT_EQ(::fcntl(fd, F_SETLK, &whole), 0);
  test::child_process child({STORAGE_CHILD, "open", folder.path()});
  const auto line = child.read_line();
  EXPECT_TRUE(line && contains(*line, "is in use by another process")) << line.value_or("no answer");
  EXPECT_EQ(child.wait(), 1);
  ::close(fd);
}

TEST(rocksdb, a_folder_without_write_access_is_refused) {
  const test::temp_folder folder;
  fs::permissions(folder.path(), fs::perms(0755));
  fs::create_directory(folder / "store");
  fs::permissions(folder / "store", fs::perms(0555));
  for (const auto& [path, part] :
       {std::pair{folder / "store", "can't be written"}, std::pair{folder / "new", "can't be created"}}) {
    if (::geteuid() != 0 && path == folder / "new") fs::permissions(folder.path(), fs::perms(0555));
    test::child_process child({STORAGE_CHILD, "nobody", path});
    const auto line = child.read_line();
    ASSERT_TRUE(line);
    EXPECT_TRUE(contains(*line, part) && contains(*line, path) && contains(*line, "Permission denied") &&
                contains(*line, "write access"))
        << *line;
    EXPECT_EQ(child.wait(), 1);
    fs::permissions(folder.path(), fs::perms(0755));
  }
  EXPECT_TRUE(test::snapshot_of(folder.path()).empty());
}

TEST(rocksdb, a_file_in_place_of_the_folder_is_refused) {
  const test::temp_folder folder;
  test::write_file(folder / "store", "mine");
  const auto refused = open_rocksdb(folder / "store");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(
      contains(refused.error().message, "is a file, and the store needs a folder there: move it away"))
      << refused.error().message;
  EXPECT_EQ(test::read_file(folder / "store"), "mine");
  EXPECT_FALSE(open_rocksdb(""));
}

struct damage {
  const char* name;
  std::function<void(const std::string& folder)> inflict;
};

void flip(const std::string& path, std::size_t at) {
  auto content = test::read_file(path);
  ASSERT_LT(at, content.size());
  content[at] = static_cast<char>(content[at] ^ 0x55);
  test::write_file(path, content);
}

class damaged_store : public testing::TestWithParam<damage> {};

TEST_P(damaged_store, is_refused_untouched) {
  const test::temp_folder folder;
  fill(folder.path());
  ASSERT_FALSE(files_of(folder.path(), ".sst").empty());
  GetParam().inflict(folder.path());
  const auto before = test::snapshot_of(folder.path());
  const auto refused = open_rocksdb(folder.path());
  ASSERT_FALSE(refused);
  const auto& message = refused.error().message;
  EXPECT_TRUE(message.starts_with("The store in " + folder.path() + " is damaged (")) << message;
  EXPECT_TRUE(contains(message, "restore the folder from a backup, or move it away")) << message;
  EXPECT_TRUE(test::snapshot_of(folder.path()) == before) << "the damaged files were changed";
}

INSTANTIATE_TEST_SUITE_P(
    rocksdb, damaged_store,
    testing::Values(
        damage{"manifest_garbled", [](const std::string& f) { flip(files_of(f, "MANIFEST").at(0), 10); }},
        damage{"manifest_emptied",
               [](const std::string& f) { test::write_file(files_of(f, "MANIFEST").at(0), ""); }},
        damage{"manifest_missing", [](const std::string& f) { fs::remove(files_of(f, "MANIFEST").at(0)); }},
        damage{"current_missing", [](const std::string& f) { fs::remove(f + "/CURRENT"); }},
        damage{"current_emptied", [](const std::string& f) { test::write_file(f + "/CURRENT", ""); }},
        damage{"current_garbled",
               [](const std::string& f) { test::write_file(f + "/CURRENT", "MANIFEST-9\x01\n"); }},
        damage{"table_missing", [](const std::string& f) { fs::remove(files_of(f, ".sst").at(0)); }},
        damage{"table_truncated",
               [](const std::string& f) { fs::resize_file(files_of(f, ".sst").at(0), 300); }},
        damage{"table_without_footer",
               [](const std::string& f) {
                 const auto path = files_of(f, ".sst").at(0);
                 flip(path, fs::file_size(path) - 3);
               }}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(rocksdb, a_garbled_record_is_an_error_and_not_a_wrong_answer) {
  const test::temp_folder folder;
  fill(folder.path());
  for (const auto& path : files_of(folder.path(), ".sst"))
    if (fs::file_size(path) > 2000) flip(path, 200);
  const auto store = open_rocksdb(folder.path());
  ASSERT_TRUE(store) << store.error().message;
  const auto value = (*store)->get(family::library, key_builder().number(std::uint64_t{0}).view());
  ASSERT_FALSE(value);
  EXPECT_TRUE(contains(value.error().message, "is damaged (Corruption: block checksum mismatch"))
      << value.error().message;
  const auto scanned = (*store)->scan(family::library, {}, {}, [](byte_view, byte_view) { return true; });
  EXPECT_FALSE(scanned);
  EXPECT_TRUE((*store)->get(family::contacts, bytes{1}));  // the rest goes on
}

TEST(rocksdb, an_interrupted_first_start_is_taken_up) {
  const test::temp_folder folder;
  test::write_file(folder / "MANIFEST-000001", "half");
  test::write_file(folder / "LOCK", "");
  auto store = open_rocksdb(folder.path());
  ASSERT_TRUE(store) << store.error().message;
  put(**store, 1, 1);
}

TEST(rocksdb, a_log_torn_by_a_power_cut_costs_only_its_torn_end) {
  const test::temp_folder folder;
  {
    auto store = open_rocksdb(folder.path());
    ASSERT_TRUE(store);
    for (std::uint64_t i = 0; i < 50; ++i) put(**store, i, 100);
  }
  std::string log;
  for (const auto& path : files_of(folder.path(), ".log"))
    if (fs::file_size(path) > 0) log = path;
  ASSERT_FALSE(log.empty());
  fs::resize_file(log, fs::file_size(log) - 30);
  auto store = open_rocksdb(folder.path());
  ASSERT_TRUE(store) << store.error().message;
  std::uint64_t n = 0;
  ASSERT_TRUE((*store)->scan(family::library, {}, {}, [&](byte_view, byte_view) { return ++n > 0; }));
  EXPECT_EQ(n, 49u);
}

TEST(rocksdb, another_programs_folder_is_left_alone) {
  const test::temp_folder folder;
  test::write_file(folder / "000123.sst", "of somebody");
  const auto refused = open_rocksdb(folder.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(test::snapshot_of(folder.path()).size(), 1u);
}

TEST(rocksdb, goes_on_after_a_full_disk) {
  const test::temp_folder folder;
  test::child_process child({STORAGE_CHILD, "fill", folder.path()});
  const auto full = child.read_line();
  ASSERT_TRUE(full && full->starts_with("full ")) << full.value_or("no answer");
  const auto written = std::stoull(full->substr(5));
  EXPECT_GT(written, 10u);
  EXPECT_TRUE(contains(*full, (folder / "store"))) << *full;
  EXPECT_TRUE(contains(*full, "free some and retry") || contains(*full, "check the disk and its free space"))
      << *full;
  const auto kept = child.read_line();
  EXPECT_EQ(kept, "kept " + std::to_string(written + 1));
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace vsf::storage
