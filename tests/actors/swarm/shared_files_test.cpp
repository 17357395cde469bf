#include "actors/swarm/shared_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "storage/memory_files.hpp"
#include "tests/storage/temp_folder.hpp"

namespace vsf::swarm {

namespace {

bytes made_up(std::uint64_t seed, std::size_t size) {
  bytes out(size);
  crypto::seeded_random(seed).fill(out);
  return out;
}

/// A library of files on a real disk.
class shared_files_test : public ::testing::Test {
 protected:
  test::temp_folder folder;
  std::shared_ptr<storage::memory_store> store = storage::make_memory_store();
  std::shared_ptr<storage::file_system> files =
      storage::open_disk_files(folder / "downloads", folder / "incomplete").value();
  const bytes content = made_up(1, 3 * piece_size + 1000);
  const digest root = tree_root(content);
  const std::string path = folder / "song.flac";

  void write(const bytes& what) { test::write_file(path, std::string(what.begin(), what.end())); }
  std::int64_t mtime() const {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  }
  void set_mtime(std::int64_t ns) {
    const timespec at{ns / 1'000'000'000, ns % 1'000'000'000};
    const timespec both[2] = {at, at};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), both, 0), 0);
  }
  /// As a scan would: the entry has the file's time.
  void scan() {
    fb::FileEntryT entry;
    entry.path = path;
    entry.size = content.size();
    entry.mtime_ns = mtime();
    entry.root = box(root);
    ASSERT_TRUE(storage::library_store(store).put(entry));
  }
  void SetUp() override {
    write(content);
    scan();
  }
};

TEST_F(shared_files_test, TreeIsMadeOnceAndKeptOverRuns) {
  {
    shared_files first(files, store);
    const auto made = first.hash(*first.open(root).file);
    ASSERT_TRUE(made.tree);
    EXPECT_FALSE(made.from_disk);
  }
  shared_files second(files, store);
  const auto kept = second.hash(*second.open(root).file);
  ASSERT_TRUE(kept.tree);
  EXPECT_TRUE(kept.from_disk);
  EXPECT_EQ(kept.tree->root(), root);
  EXPECT_EQ(kept.tree->size(), content.size());
  const auto proof = kept.tree->prove(2);
  EXPECT_TRUE(verify_proof(root, content.size(), 2, proof.leaves, proof.uncles));
}

TEST_F(shared_files_test, KeptTreeProvesNothingOfAFileThatChanged) {
  shared_files first(files, store);
  ASSERT_TRUE(first.hash(*first.open(root).file).tree);
  auto other = content;
  other[piece_size + 5] ^= 1;
  write(other);
  set_mtime(mtime() + 1'000'000'000);
  shared_files second(files, store);
  const auto opened = second.open(root);
  ASSERT_TRUE(opened.file) << "of the same size: only its bytes can tell";
  EXPECT_EQ(second.hash(*opened.file).problem, file_problem::gone);
}

TEST_F(shared_files_test, FileThatWasOnlyTouchedIsReadAgain) {
  shared_files first(files, store);
  ASSERT_TRUE(first.hash(*first.open(root).file).tree);
  set_mtime(mtime() + 1'000'000'000);
  const auto again = first.hash(*first.open(root).file);
  EXPECT_TRUE(again.tree);
  EXPECT_FALSE(again.from_disk);
}

TEST_F(shared_files_test, FileThatChangesWhileItIsServedIsGoneAtTheNextLook) {
  shared_files shared(files, store);
  const auto file = shared.open(root).file;
  EXPECT_EQ(shared.read(*file, 0, 3, true).problem, file_problem::none);
  const auto before = mtime();
  {
    std::fstream in_place(path, std::ios::in | std::ios::out | std::ios::binary);
    in_place.seekp(100);
    in_place.put('x');
  }
  set_mtime(before + 1);  // however coarse the filesystem's clock is
  EXPECT_EQ(shared.read(*file, 0, 3, false).problem, file_problem::none) << "not looked at every time";
  EXPECT_EQ(shared.read(*file, 0, 3, true).problem, file_problem::gone);
}

TEST_F(shared_files_test, DamagedTreeIsMadeAgain) {
  shared_files first(files, store);
  ASSERT_TRUE(first.hash(*first.open(root).file).tree);
  // Well formed, but of other leaves.
  storage::tree_store trees(store);
  auto leaves = trees.get(root).value().value();
  leaves[7][3] ^= 1;
  ASSERT_TRUE(trees.reject(root));
  ASSERT_TRUE(trees.put(root, leaves));
  shared_files second(files, store);
  const auto made = second.hash(*second.open(root).file);
  ASSERT_TRUE(made.tree);
  EXPECT_FALSE(made.from_disk);
  EXPECT_EQ(made.corrupt, 1U);
  EXPECT_EQ(made.tree->root(), root);
  const auto kept = second.hash(*second.open(root).file);
  EXPECT_TRUE(kept.from_disk);
  EXPECT_EQ(kept.corrupt, 0U) << "said once";
}

TEST_F(shared_files_test, TreeOfOnePieceIsNotKept) {
  const auto small = made_up(2, piece_size);
  const auto memory = std::make_shared<storage::memory_files>();
  memory->share("/s", small);
  fb::FileEntryT entry;
  entry.path = "/s";
  entry.size = small.size();
  entry.root = box(tree_root(small));
  ASSERT_TRUE(storage::library_store(store).put(entry));
  shared_files shared(memory, store);
  EXPECT_TRUE(shared.hash(*shared.open(tree_root(small)).file).tree);
  EXPECT_EQ(storage::tree_store(store).count().value(), 0U);
}

}  // namespace

}  // namespace vsf::swarm
