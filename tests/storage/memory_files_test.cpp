// What only the simulator's files do: crashes, made-up content, a disk of any size.

#include "storage/memory_files.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace vsf::storage {
namespace {

bytes read_all(const file_reader& file) {
  bytes out(static_cast<std::size_t>(file.size()));
  const auto n = file.read_at(0, out);
  EXPECT_TRUE(n) << n.error().message;
  return out;
}

TEST(memory_files, content_is_made_up_as_it_is_read) {
  memory_files files;
  std::uint64_t made = 0;
  files.share("/big", std::uint64_t{1} << 40, [&](std::uint64_t offset, std::span<std::uint8_t> out) {
    made += out.size();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>((offset + i) * 7);
  });
  const auto file = files.open_shared("/big");
  ASSERT_TRUE(file);
  bytes part(100);
  ASSERT_EQ(*(*file)->read_at((std::uint64_t{1} << 40) - 60, part), 60u);
  EXPECT_EQ(part[0], static_cast<std::uint8_t>(((std::uint64_t{1} << 40) - 60) * 7));
  EXPECT_EQ(made, 60u);
  EXPECT_EQ(files.used_bytes(), 0u);
  files.unshare("/big");
  EXPECT_FALSE(files.open_shared("/big"));
}

TEST(memory_files, a_crash_forgets_what_was_not_synced) {
  memory_files files("/d");
  const auto synced = *files.open_partial("synced", 200'000);
  ASSERT_TRUE(synced->write_at(0, bytes(100, 1)));
  ASSERT_TRUE(synced->write_at(150'000, bytes(100, 1)));
  ASSERT_TRUE(synced->sync());
  ASSERT_TRUE(synced->write_at(50, bytes(100, 2)));
  ASSERT_TRUE(synced->write_at(100'000, bytes(100, 2)));
  const auto fresh = *files.open_partial("fresh", 10);
  ASSERT_TRUE(fresh->write_at(0, bytes(10, 3)));
  ASSERT_TRUE((*files.open_partial("whole", 5))->write_at(0, bytes(5, 4)));
  ASSERT_TRUE(files.finish("whole", "whole.mp3"));  // syncs
  files.share("/s", bytes(3, 5));
  const auto shared = *files.open_shared("/s");

  files.crash();

  bytes one(1);
  for (const file_reader* handle :
       {static_cast<const file_reader*>(synced.get()), static_cast<const file_reader*>(fresh.get()),
        static_cast<const file_reader*>(shared.get())})
    EXPECT_FALSE(handle->read_at(0, one)) << "a handle outlived the crash";
  EXPECT_FALSE(synced->write_at(0, one));
  EXPECT_FALSE(synced->sync());
  EXPECT_FALSE(files.partial_exists("fresh"));
  bytes expected(200'000);
  std::fill_n(expected.begin(), 100, std::uint8_t{1});
  std::fill_n(expected.begin() + 150'000, 100, std::uint8_t{1});
  EXPECT_TRUE(read_all(**files.open_partial("synced", 200'000)) == expected);
  EXPECT_EQ(read_all(**files.open_finished("/d/whole.mp3")), bytes(5, 4));
  EXPECT_EQ(read_all(**files.open_shared("/s")), bytes(3, 5));
  EXPECT_EQ(files.used_bytes(), 200'005u);
  EXPECT_EQ(files.finished(), std::vector<std::string>{"/d/whole.mp3"});
}

TEST(memory_files, a_crash_gives_the_last_synced_content) {
  EXPECT_TRUE(rc::check("last synced content", [] {
    memory_files files;
    const std::size_t size = 150'000;
    bytes now(size), synced(size);
    auto file = *files.open_partial("p", size);
    RC_ASSERT(file->sync().has_value());
    const auto steps = *rc::gen::inRange(0, 20);
    for (int i = 1; i <= steps; ++i) {
      const auto offset = *rc::gen::inRange<std::size_t>(0, size);
      const auto length = *rc::gen::inRange<std::size_t>(0, std::min<std::size_t>(size - offset, 70'000));
      RC_ASSERT(file->write_at(offset, bytes(length, static_cast<std::uint8_t>(i))).has_value());
      std::fill_n(now.begin() + static_cast<std::ptrdiff_t>(offset), length, static_cast<std::uint8_t>(i));
      const auto what = *rc::gen::inRange(0, 6);
      if (what == 0) {
        RC_ASSERT(file->sync().has_value());
        synced = now;
      } else if (what == 1) {
        files.crash();
        now = synced;
        file = *files.open_partial("p", size);
        RC_ASSERT(read_all(*file) == now);
      }
    }
  }));
}

TEST(memory_files, a_full_disk_is_met_when_space_is_reserved) {
  memory_files files;
  files.set_disk_limit(1000);
  ASSERT_TRUE(files.open_partial("a", 600));
  const auto refused = files.open_partial("b", 401);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "No space left for the partial file \"b\": free some and retry; what is there is kept.");
  EXPECT_FALSE(files.partial_exists("b"));
  ASSERT_TRUE(files.open_partial("b", 400));
  ASSERT_TRUE(
      (*files.open_partial("a", 600))->write_at(0, bytes(600, 1)));  // reserved: nothing more is taken
  EXPECT_EQ(files.used_bytes(), 1000u);
  ASSERT_TRUE(files.discard_partial("a"));
  EXPECT_EQ(files.used_bytes(), 400u);
  ASSERT_TRUE(files.finish("b", "b"));
  EXPECT_EQ(files.used_bytes(), 400u);
}

TEST(memory_files, free_space_is_what_the_limit_leaves_or_what_a_test_says) {
  memory_files files("/music");
  files.set_disk_limit(1000);
  ASSERT_TRUE(files.open_partial("a", 600));
  auto space = *files.free_space();
  EXPECT_TRUE(space.one_disk);
  EXPECT_EQ(space.incomplete.folder, "/incomplete");
  EXPECT_EQ(space.download.folder, "/music");
  EXPECT_EQ(space.incomplete.free_bytes, 400u);
  EXPECT_EQ(space.download.free_bytes, 400u);
  files.set_free_bytes(7, 9);
  space = *files.free_space();
  EXPECT_FALSE(space.one_disk);
  EXPECT_EQ(space.incomplete.free_bytes, 7u);
  EXPECT_EQ(space.download.free_bytes, 9u);
  files.set_free_bytes(std::nullopt);
  EXPECT_EQ((*files.free_space()).incomplete.free_bytes, 400u);
}

TEST(disk_space, room_is_checked_where_something_is_to_go) {
  download_space space{{"/i", 10 << 20}, {"/d", 5 << 20}, false};
  EXPECT_TRUE(check_room_to_write(space, 4 << 20, 6 << 20));
  EXPECT_FALSE(check_room_to_write(space, (4 << 20) + 1, 6 << 20));
  EXPECT_FALSE(check_room_to_write(space, 0, (10 << 20) + 1));
  EXPECT_FALSE(check_room_to_write(space, ~std::uint64_t{0}, 1)) << "no sum overflows";
  EXPECT_TRUE(check_room_to_finish(space, 4 << 20, 1 << 20));
  const auto refused = check_room_to_finish(space, 5 << 20, 1 << 20);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "Not enough room in the download folder /d: 5 MiB are free on its disk, this download takes 5 "
            "MiB more, "
            "and 1 MiB are to stay free (transfers.min_free_mib). Free some: it goes on by itself.");
  space.one_disk = true;
  EXPECT_TRUE(check_room_to_finish(space, 5 << 20, 1 << 20)) << "a rename takes nothing";
}

TEST(memory_files, a_full_disk_is_met_in_a_write_without_reservation) {
  memory_files files;
  files.set_preallocation(false);
  files.set_disk_limit(2 * 65536);
  const auto file = *files.open_partial("a", 1'000'000);
  ASSERT_TRUE(file->write_at(0, bytes(2 * 65536, 1)));
  const auto refused = file->write_at(2 * 65536, bytes(1, 2));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("No space left"), std::string::npos);
  EXPECT_TRUE(file->write_at(10, bytes(100, 3)));  // where there is space already
  ASSERT_TRUE(file->sync());
  files.set_disk_limit(4 * 65536);
  EXPECT_TRUE(file->write_at(2 * 65536, bytes(1, 2)));  // some was freed
  EXPECT_EQ(files.used_bytes(), 3 * 65536u);
  files.crash();  // and with the page the space goes
  EXPECT_EQ(files.used_bytes(), 2 * 65536u);
}

}  // namespace
}  // namespace vsf::storage
