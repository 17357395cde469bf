#include "net/files/file_walk.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace vsf::net {
namespace {

namespace fs = std::filesystem;

class file_walk : public testing::Test {
 protected:
  void SetUp() override {
    auto name = (fs::temp_directory_path() / "vsf-walk-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::permissions(root_ + "/locked", fs::perms::owner_all, ignored);
    fs::remove_all(root_, ignored);
  }
  void put(const std::string& path, std::size_t size = 1) {
    fs::create_directories(fs::path(root_ + "/" + path).parent_path());
    std::ofstream(root_ + "/" + path) << std::string(size, 'x');
  }
  std::vector<std::string> walk(walk_limits limits = {}) {
    std::vector<std::string> out;
    report_ = walk_files(
        root_, limits, [](std::string_view name) { return name.ends_with(".flac"); },
        [&](std::vector<walked_file> batch) {
          EXPECT_FALSE(batch.empty());
          EXPECT_LE(batch.size(), limits.batch);
          ++batches_;
          for (auto& file : batch) {
            EXPECT_TRUE(file.path.starts_with(root_ + "/"));
            out.push_back(file.path.substr(root_.size() + 1));
            files_.push_back(std::move(file));
          }
          return true;
        },
        stop_);
    EXPECT_EQ(report_.files, out.size());
    return out;
  }

  std::string root_;
  walk_report report_;
  std::vector<walked_file> files_;
  std::size_t batches_ = 0;
  std::atomic<bool> stop_{false};
};

using names = std::vector<std::string>;

TEST_F(file_walk, lists_wanted_files_in_order_with_size_and_time) {
  put("b/2.flac", 20);
  put("b/1.flac", 10);
  put("a.flac", 5);
  put("c.jpg");
  EXPECT_EQ(walk(), (names{"a.flac", "b/1.flac", "b/2.flac"}));
  EXPECT_EQ(files_[0].size, 5u);
  EXPECT_EQ(files_[1].size, 10u);
  struct stat info {};
  ASSERT_EQ(::stat((root_ + "/a.flac").c_str(), &info), 0);
  EXPECT_EQ(files_[0].mtime_ns, std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec);
  EXPECT_EQ(report_.unwanted, 1u);
  EXPECT_EQ(report_.folders, 2u);
  EXPECT_TRUE(report_.complete());
}

TEST_F(file_walk, leaves_hidden_names_out) {
  put(".trash/a.flac");
  put(".a.flac");
  put("a.flac");
  EXPECT_EQ(walk(), names{"a.flac"});
  EXPECT_EQ(report_.hidden, 2u);
}

TEST_F(file_walk, link_loops_end_and_linked_folders_are_read_once) {
  put("music/a.flac");
  fs::create_directory_symlink(root_, root_ + "/music/up");
  fs::create_directory_symlink("music", root_ + "/again");
  fs::create_symlink("nowhere", root_ + "/dangling.flac");
  fs::create_symlink("self.flac", root_ + "/self.flac");
  fs::create_symlink("music/a.flac", root_ + "/z.flac");
  EXPECT_EQ(walk(), (names{"again/a.flac", "z.flac"}));
  EXPECT_EQ(report_.repeated, 2u);
  EXPECT_EQ(report_.errors, 0u);
}

TEST_F(file_walk, a_missing_root_is_reported_as_unread) {
  root_ += "/not-mounted";
  EXPECT_TRUE(walk().empty());
  EXPECT_EQ(report_.errors, 1u);
  EXPECT_EQ(report_.unread_paths, names{root_});
  EXPECT_NE(report_.problems.at(0).find("No such file"), std::string::npos);
  EXPECT_TRUE(report_.complete());
}

TEST_F(file_walk, an_unreadable_folder_does_not_stop_it) {
  put("a/1.flac");
  put("locked/2.flac");
  put("z/3.flac");
  fs::permissions(root_ + "/locked", fs::perms::none);
  if (::geteuid() != 0) {
    EXPECT_EQ(walk(), (names{"a/1.flac", "z/3.flac"}));
    EXPECT_EQ(report_.unread_paths, names{root_ + "/locked"});
    return;
  }
  // root reads everything: take a name that nobody can follow (a component of 300 bytes).
  fs::remove_all(root_ + "/locked");
  fs::create_directory(root_ + "/locked");
  fs::create_directory_symlink(root_ + "/" + std::string(300, 'n'), root_ + "/locked/long");
  EXPECT_EQ(walk(), (names{"a/1.flac", "z/3.flac"}));
  EXPECT_EQ(report_.errors, 1u);
  EXPECT_EQ(report_.unread_paths, names{root_ + "/locked/long"});
}

TEST_F(file_walk, special_files_are_not_opened) {
  put("a.flac");
  ASSERT_EQ(::mkfifo((root_ + "/pipe.flac").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", root_ + "/zero.flac");
  EXPECT_EQ(walk(), names{"a.flac"});
  EXPECT_EQ(report_.unwanted, 2u);
}

TEST_F(file_walk, limits_cut_and_say_so) {
  for (int i = 0; i < 10; ++i) put("a" + std::to_string(i) + "/f.flac");
  walk_limits limits;
  limits.max_files = 4;
  EXPECT_EQ(walk(limits).size(), 4u);
  EXPECT_TRUE(report_.limited);
  EXPECT_FALSE(report_.complete());
  limits = {};
  limits.max_folders = 3;
  EXPECT_EQ(walk(limits).size(), 2u);
  EXPECT_TRUE(report_.limited);
  limits = {};
  limits.max_depth = 0;
  EXPECT_EQ(walk(limits).size(), 0u);
  EXPECT_TRUE(report_.limited);
  limits = {};
  limits.max_names_per_folder = 5;
  EXPECT_EQ(walk(limits).size(), 5u);
  EXPECT_TRUE(report_.limited);
}

TEST_F(file_walk, comes_in_batches_and_stops_when_told) {
  for (int i = 0; i < 1000; ++i) put("f" + std::to_string(i) + ".flac", 0);
  walk_limits limits;
  limits.batch = 64;
  EXPECT_EQ(walk(limits).size(), 1000u);
  EXPECT_EQ(batches_, 16u);
  int got = 0;
  const auto report = walk_files(
      root_, limits, [](std::string_view) { return true; },
      [&](std::vector<walked_file>) { return ++got < 3; }, stop_);
  EXPECT_EQ(got, 3);
  EXPECT_TRUE(report.stopped);
  EXPECT_FALSE(report.complete());
  stop_ = true;
  EXPECT_TRUE(walk(limits).empty());
  EXPECT_TRUE(report_.stopped);
}

}  // namespace
}  // namespace vsf::net
