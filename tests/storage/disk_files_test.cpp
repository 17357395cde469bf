// What only a disk does: links, permissions, several filesystems, no space, folders that vanish.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/component_name.hpp"
#include "storage/file_system.hpp"
#include "tests/storage/child_process.hpp"
#include "tests/storage/temp_folder.hpp"

namespace vsf::storage {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

class disk_files : public testing::Test {
 protected:
  std::string downloads() const { return folder_ / "downloads"; }
  std::string incomplete() const { return folder_ / "incomplete"; }
  std::shared_ptr<file_system> open() {
    auto files = open_disk_files(downloads(), incomplete());
    if (!files) throw std::runtime_error(files.error().message);
    return *files;
  }
  test::temp_folder folder_;
};

TEST_F(disk_files, folders_are_made_and_space_is_reserved) {
  auto files = open_disk_files(folder_ / "a/b/downloads/", folder_ / "c/incomplete");
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_TRUE((*files)->open_partial("p", 1'000'000));
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "c/incomplete/p").c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 1'000'000);
  EXPECT_GE(info.st_blocks * 512, 1'000'000);
  EXPECT_EQ(*(*files)->finish("p", "x"), folder_ / "a/b/downloads/x");
  EXPECT_FALSE(open_disk_files("relative", folder_ / "i"));
  EXPECT_FALSE(open_disk_files(folder_ / "d", ""));
  EXPECT_FALSE((*files)->open_shared("relative"));
}

TEST_F(disk_files, a_file_may_be_finished_some_folders_deep) {
  const auto files = open();
  for (const auto* wanted : {"song", "song (2)"}) {
    ASSERT_TRUE(files->open_partial("p", 3));
    const auto path = files->finish("p", "song", {"Artist", "Album"});
    ASSERT_TRUE(path) << path.error().message;
    EXPECT_EQ(*path, downloads() + "/Artist/Album/" + wanted);
    EXPECT_TRUE(fs::exists(*path));
  }
  // Never out of the download folder: not by name, not by a link, not through a file.
  ASSERT_TRUE(files->open_partial("p", 3));
  fs::create_directory(folder_ / "outside");
  fs::create_directory_symlink(folder_ / "outside", downloads() + "/link");
  test::write_file(downloads() + "/file", "x");
  for (const auto* folder : {"..", ".", "", "a/b", "link", "file"})
    EXPECT_FALSE(files->finish("p", "song", {folder})) << folder;
  EXPECT_FALSE(files->finish("p", "song", std::vector<std::string>(9, "d")));
  EXPECT_TRUE(fs::is_empty(folder_ / "outside"));
  EXPECT_TRUE(files->partial_exists("p"));
}

TEST_F(disk_files, links_are_not_followed) {
  const auto files = open();
  test::write_file(folder_ / "victim", "precious");
  fs::create_symlink(folder_ / "victim", incomplete() + "/p");
  fs::create_symlink(folder_ / "not there", incomplete() + "/q");
  for (const auto* name : {"p", "q"}) {
    const auto refused = files->open_partial(name, 8);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(contains(refused.error().message, "a symbolic link stands in its place"))
        << refused.error().message;
    EXPECT_FALSE(files->partial_exists(name));
    EXPECT_FALSE(files->finish(name, "x"));
  }
  EXPECT_FALSE(fs::exists(folder_ / "not there"));
  fs::create_symlink(folder_ / "victim", downloads() + "/x");
  EXPECT_FALSE(files->open_finished(downloads() + "/x"));
  ASSERT_TRUE(files->open_partial("real", 1));
  EXPECT_EQ(*files->finish("real", "x"), downloads() + "/x (2)");
  ASSERT_TRUE(files->discard_partial("p"));  // the link, not what it names
  EXPECT_EQ(test::read_file(folder_ / "victim"), "precious");
}

TEST_F(disk_files, quarantine_stays_beneath_the_incomplete_folder) {
  const auto files = open();
  fs::create_directory(folder_ / "elsewhere");
  fs::create_directory_symlink(folder_ / "elsewhere", incomplete() + "/quarantine");
  ASSERT_TRUE(files->open_partial("p", 8));
  EXPECT_FALSE(files->quarantine("p", 1, {}));
  EXPECT_TRUE(fs::is_empty(folder_ / "elsewhere"));
  EXPECT_TRUE(files->partial_exists("p"));
  fs::remove(incomplete() + "/quarantine");
  // A link in place of the file is not moved, and what is not ours there is not removed.
  test::write_file(folder_ / "victim", "precious");
  fs::create_symlink(folder_ / "victim", incomplete() + "/q");
  EXPECT_FALSE(files->quarantine("q", 1, {}));
  ASSERT_TRUE(files->quarantine("p", 1, {}));
  test::write_file(incomplete() + "/quarantine/mine.txt", "precious");
  for (int i = 2; i < 5; ++i) {
    ASSERT_TRUE(files->open_partial("p", 8));
    ASSERT_TRUE(files->quarantine("p", static_cast<std::uint64_t>(i), {.files = 1, .bytes = 8}));
  }
  EXPECT_EQ(test::read_file(incomplete() + "/quarantine/mine.txt"), "precious");
  EXPECT_TRUE(fs::exists(incomplete() + "/quarantine/0000000000000004-p"));
  EXPECT_FALSE(fs::exists(incomplete() + "/quarantine/0000000000000003-p"));
}

TEST_F(disk_files, only_regular_files_are_opened) {
  const auto files = open();
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  for (const auto& path : {folder_ / "fifo", folder_.path(), std::string("/dev/null")}) {
    const auto refused = files->open_shared(path);
    ASSERT_FALSE(refused) << path;
    EXPECT_TRUE(contains(refused.error().message, "is no regular file")) << refused.error().message;
  }
  ASSERT_EQ(::mkfifo((incomplete() + "/p").c_str(), 0600), 0);
  EXPECT_FALSE(files->open_partial("p", 1));
  EXPECT_FALSE(files->finish("p", "x"));
}

TEST_F(disk_files, a_crash_before_the_space_was_reserved_is_repaired) {
  const auto files = open();
  test::write_file(incomplete() + "/p", "");
  const auto file = files->open_partial("p", 5000);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(fs::file_size(incomplete() + "/p"), 5000u);
}

TEST_F(disk_files, vanished_folders_are_made_anew) {
  const auto files = open();
  fs::remove_all(downloads());
  fs::remove_all(incomplete());
  const auto file = files->open_partial("p", 3);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE((*file)->write_at(0, bytes{1, 2, 3}));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ(*files->finish("p", "x"), downloads() + "/x");
  EXPECT_EQ(test::read_file(downloads() + "/x"), "\1\2\3");
}

TEST_F(disk_files, a_download_whose_folder_vanished_is_told_to_begin_again) {
  const auto files = open();
  const auto file = *files->open_partial("p", 3);
  fs::remove_all(incomplete());
  const auto synced = file->sync();
  ASSERT_FALSE(synced);
  EXPECT_TRUE(contains(synced.error().message, "was removed: begin this download again"))
      << synced.error().message;
  const auto finished = files->finish("p", "x");
  ASSERT_FALSE(finished);
  EXPECT_TRUE(contains(finished.error().message, "The partial file " + incomplete() + "/p is gone"))
      << finished.error().message;
}

TEST_F(disk_files, a_folder_that_cannot_be_made_again_says_so_and_keeps_the_partial_file) {
  const auto files = open();
  ASSERT_TRUE(files->open_partial("p", 3));
  fs::remove_all(downloads());
  test::write_file(downloads(), "in the way");
  const auto refused = files->finish("p", "x");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(contains(refused.error().message, "The download folder " + downloads() + " can't be used ("))
      << refused.error().message;
  EXPECT_TRUE(files->partial_exists("p"));
  fs::remove(downloads());
  EXPECT_TRUE(files->finish("p", "x"));  // the retry
}

TEST_F(disk_files, too_many_of_one_name_is_an_error_and_keeps_the_partial_file) {
  const auto files = open();
  for (unsigned n = 1; n <= 1000; ++n) test::write_file(downloads() + '/' + numbered("x.mp3", n), "");
  ASSERT_TRUE(files->open_partial("p", 3));
  const auto refused = files->finish("p", "x.mp3");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(contains(refused.error().message, "1000 numbered names of it are taken"))
      << refused.error().message;
  EXPECT_TRUE(files->partial_exists("p"));
}

TEST_F(disk_files, goes_over_to_another_filesystem) {
  // /dev/shm is a filesystem of its own on every Linux; where it is the same as /tmp, this is a plain rename.
  std::string other = "/dev/shm/vsf-test-XXXXXX";
  ASSERT_NE(::mkdtemp(other.data()), nullptr);
  {
    auto files = open_disk_files(other, incomplete());
    ASSERT_TRUE(files) << files.error().message;
    bytes whole(700'000);
    for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
    for (const auto* expected : {"/x.mp3", "/x (2).mp3"}) {
      const auto file = *(*files)->open_partial("p", whole.size());
      ASSERT_TRUE(file->write_at(0, whole));
      const auto path = (*files)->finish("p", "x.mp3");
      ASSERT_TRUE(path) << path.error().message;
      EXPECT_EQ(*path, other + expected);
      EXPECT_TRUE(test::read_file(*path) == std::string(whole.begin(), whole.end()));
      EXPECT_FALSE((*files)->partial_exists("p"));
    }
    EXPECT_EQ(test::snapshot_of(other).size(), 2u) << "a copy was left behind";
  }
  fs::remove_all(other);
}

TEST_F(disk_files, no_space_is_said_and_leaves_nothing_half_made) {
  test::child_process child({STORAGE_CHILD, "partial", folder_.path(), "65536"});
  const auto line = child.read_line();
  ASSERT_TRUE(line);
  EXPECT_TRUE(contains(*line, "error The partial file " + incomplete() +
                                  "/song of 1048576 bytes can't be created (File too "
                                  "large): the filesystem or a limit"))
      << *line;
  EXPECT_EQ(child.wait(), 1);
  EXPECT_FALSE(fs::exists(incomplete() + "/song"));
}

TEST_F(disk_files, a_full_disk_keeps_the_partial_file_and_goes_on_when_there_is_space) {
  test::child_process child({STORAGE_CHILD, "full-disk", folder_.path()});
  std::vector<std::string> lines;
  while (auto line = child.read_line()) lines.push_back(*line);
  EXPECT_EQ(child.wait(), 0);
  ASSERT_EQ(lines.size(), 4u) << (lines.empty() ? "no answer" : lines.back());
  const bool mounted = lines[0] == "mounted";
  EXPECT_TRUE(contains(lines[1], mounted ? "No space left: the partial file" : "File too large")) << lines[1];
  EXPECT_TRUE(contains(lines[2], mounted ? "No space left: the partial file" : "File too large")) << lines[2];
  EXPECT_TRUE(contains(lines[2], "can't be copied to")) << lines[2];
  EXPECT_EQ(lines[3], "finished");
}

TEST_F(disk_files, free_space_is_that_of_each_folders_disk) {
  test::child_process child({STORAGE_CHILD, "low-disk", folder_.path()});
  std::vector<std::string> lines;
  while (auto line = child.read_line()) lines.push_back(*line);
  EXPECT_EQ(child.wait(), 0);
  ASSERT_FALSE(lines.empty());
  if (lines[0].starts_with("skipped ")) GTEST_SKIP() << lines[0].substr(8);
  ASSERT_EQ(lines.size(), 4u) << lines.back();
  EXPECT_EQ(lines[0], "two 16 enough");
  EXPECT_EQ(lines[1], "two 10 enough");
  EXPECT_EQ(lines[2], "two 3 Not enough room in the incomplete folder " + folder_.path() +
                          "/small/incomplete: 3 MiB are free on its disk, and 4 MiB are to stay free "
                          "(transfers.min_free_mib). Free some: it goes on by itself.");
  EXPECT_EQ(lines[3], "two 10 enough");
}

TEST_F(disk_files, a_partial_file_with_holes_gets_its_space_and_keeps_its_bytes) {
  const auto files = open();
  constexpr std::uint64_t size = 8 << 20;
  test::write_file(incomplete() + "/p", "kept");
  fs::resize_file(incomplete() + "/p", size);
  struct stat info {};
  ASSERT_EQ(::stat((incomplete() + "/p").c_str(), &info), 0);
  ASSERT_LT(info.st_blocks * 512, 1 << 20) << "it has no holes here";
  const auto file = files->open_partial("p", size);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(::stat((incomplete() + "/p").c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, std::int64_t{size});
  EXPECT_EQ(info.st_size, std::int64_t{size});
  bytes head(5);
  ASSERT_EQ(*(*file)->read_at(0, head), 5u);
  EXPECT_EQ(head, (bytes{'k', 'e', 'p', 't', 0}));
}

TEST_F(disk_files, modification_time_is_the_scans) {
  const auto files = open();
  test::write_file(folder_ / "song", "x");
  const timespec times[2] = {{1'700'000'000, 5}, {1'700'000'000, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (folder_ / "song").c_str(), times, 0), 0);
  const auto file = *files->open_shared(folder_ / "song");
  EXPECT_EQ(file->modified_ns(), std::optional<std::int64_t>(1'700'000'000'123'456'789));
  const timespec later[2] = {{1'700'000'000, 5}, {1'700'000'001, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (folder_ / "song").c_str(), later, 0), 0);
  EXPECT_EQ(file->modified_ns(), std::optional<std::int64_t>(1'700'000'001'000'000'000)) << "as of now";
}

TEST_F(disk_files, folders_without_access_are_refused_with_what_to_do) {
  fs::permissions(folder_.path(), fs::perms(0755));
  {
    if (::geteuid() != 0) fs::permissions(folder_.path(), fs::perms(0555));
    test::child_process child({STORAGE_CHILD, "files-nobody", folder_.path()});
    const auto line = child.read_line();
    ASSERT_TRUE(line);
    EXPECT_TRUE(contains(*line, "error The download folder " + downloads() +
                                    " can't be used (Permission denied): create it with write access"))
        << *line;
    fs::permissions(folder_.path(), fs::perms(0755));
  }
  fs::create_directory(downloads());
  fs::create_directory(incomplete());
  fs::permissions(incomplete(), fs::perms(0555));
  test::child_process child({STORAGE_CHILD, "files-nobody", folder_.path()});
  const auto line = child.read_line();
  ASSERT_TRUE(line);
  EXPECT_TRUE(contains(
      *line, "error The partial file " + incomplete() +
                 "/song can't be opened (Permission denied): give the user that runs this program access"))
      << *line;
}

}  // namespace
}  // namespace vsf::storage
