#include "net/files/folder_watch.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

namespace vsf::net {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct folder_watching : ::testing::Test {
  static watch_limits quick() {
    watch_limits out;
    out.quiet = 30ms;
    out.at_most = 500ms;
    return out;
  }
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "watchXXXXXX";
    root = ::mkdtemp(pattern.data());
    fs::create_directories(root / "a" / "b");
  }
  void TearDown() override {
    watch.reset();
    fs::remove_all(root);
  }
  void start(watch_limits limits = quick()) {
    auto made = watch_folders({root.string()}, limits, [this](std::vector<std::string> folders) {
      const std::lock_guard lock(mutex);
      ++calls;
      if (folders.empty()) everywhere = true;
      heard.insert(folders.begin(), folders.end());
      wake.notify_all();
    });
    ASSERT_TRUE(made) << made.error().message;
    watch = std::move(*made);
    std::uint64_t folders = 1;
    for (const auto& entry : fs::recursive_directory_iterator(root))
      if (entry.is_directory() && !entry.is_symlink()) ++folders;
    for (int i = 0;
         i < 1000 && watch->status().folders < std::min<std::uint64_t>(folders, limits.max_folders); ++i)
      std::this_thread::sleep_for(5ms);
  }
  template <class Done>
  bool until(Done done) {
    std::unique_lock lock(mutex);
    return wake.wait_for(lock, 10s, done);
  }
  bool hears(const fs::path& folder) {
    return until([&] { return heard.contains(folder.string()); });
  }
  bool heard_of(const fs::path& folder) {
    const std::lock_guard lock(mutex);
    return heard.contains(folder.string());
  }
  void forget() {
    const std::lock_guard lock(mutex);
    heard.clear();
    calls = 0;
  }

  fs::path root;
  std::unique_ptr<folder_watch> watch;
  std::mutex mutex;
  std::condition_variable wake;
  std::set<std::string> heard;
  std::size_t calls = 0;
  bool everywhere = false;
};

void write(const fs::path& path) { std::ofstream(path) << "x"; }

TEST_F(folder_watching, tells_the_folder_of_a_written_a_moved_and_a_removed_file) {
  start();
  write(root / "a" / "1.flac");
  EXPECT_TRUE(hears(root / "a"));
  forget();
  fs::rename(root / "a" / "1.flac", root / "a" / "b" / "1.flac");
  EXPECT_TRUE(hears(root / "a"));
  EXPECT_TRUE(hears(root / "a" / "b"));
  forget();
  fs::remove(root / "a" / "b" / "1.flac");
  EXPECT_TRUE(hears(root / "a" / "b"));
  EXPECT_FALSE(heard_of(root / "a"));
}

TEST_F(folder_watching, a_file_counts_when_it_is_closed) {
  start();
  std::ofstream slow(root / "a" / "slow.flac");
  slow << "x" << std::flush;
  write(root / "a" / "b" / "2.flac");
  EXPECT_TRUE(hears(root / "a" / "b"));
  EXPECT_FALSE(heard_of(root / "a"));
  slow.close();
  EXPECT_TRUE(hears(root / "a"));
}

TEST_F(folder_watching, new_folders_are_watched_too) {
  start();
  fs::create_directories(root / "new");
  EXPECT_TRUE(hears(root));
  write(root / "new" / "1.flac");
  EXPECT_TRUE(hears(root / "new"));
  forget();
  fs::rename(root / "a", root / "moved");
  EXPECT_TRUE(hears(root));
  forget();
  write(root / "moved" / "b" / "1.flac");
  EXPECT_TRUE(hears(root / "moved" / "b"));
}

TEST_F(folder_watching, many_changes_are_told_once_and_too_many_as_everywhere) {
  watch_limits limits = quick();
  limits.max_changed = 2;
  limits.quiet = 500ms;  // longer than a busy machine takes from one write to the next
  limits.at_most = 5s;
  for (int i = 0; i < 5; ++i) fs::create_directories(root / std::to_string(i));
  start(limits);
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 50; ++j) write(root / std::to_string(i) / std::to_string(j));
  EXPECT_TRUE(until([&] { return everywhere; }));
  EXPECT_LT(calls, 20u);
}

TEST_F(folder_watching, says_what_it_can_not_watch) {
  watch_limits limits = quick();
  limits.max_folders = 2;
  start(limits);
  for (int i = 0; i < 1000 && watch->status().problem.empty(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_NE(watch->status().problem.find("More than 2 folders"), std::string::npos)
      << watch->status().problem;
  EXPECT_EQ(watch->status().folders, 2u);
}

TEST_F(folder_watching, loops_of_links_end) {
  fs::create_directory_symlink(root, root / "a" / "loop");
  start();
  EXPECT_EQ(watch->status().folders, 3u);
  write(root / "a" / "b" / "1.flac");
  EXPECT_TRUE(hears(root / "a" / "b"));
}

}  // namespace
}  // namespace vsf::net
