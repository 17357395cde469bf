#include <gtest/gtest.h>

#include "actors/swarm/transfer_disk.hpp"
#include "storage/memory_files.hpp"

namespace vsf::swarm {

namespace {

constexpr const char* id = "000102030405060708090a0b0c0d0e0f";

class transfer_disk_test : public ::testing::Test {
 protected:
  std::shared_ptr<storage::memory_store> store = storage::make_memory_store();
  std::shared_ptr<storage::memory_files> files = std::make_shared<storage::memory_files>();
  bytes content = [] {
    bytes out(2 * piece_size + 3 * leaf_size + 77);
    crypto::seeded_random(5).fill(out);
    return out;
  }();
  hash_tree tree = [this] {
    tree_builder b(tree_builder::keep::leaves);
    b.update(content);
    return b.tree().value();
  }();

  transfer_disk make() {
    const auto stored = storage::transfer_store(store).get(id).value();
    return transfer_disk({files, store, "/downloads"}, id,
                         stored ? to_bytes(view_of((*stored)->synced())) : bytes{});
  }
  fb::TransferRecordT record_of() const {
    fb::TransferRecordT out;
    out.status = std::make_unique<fb::TransferStatusT>();
    out.status->transfer = id;
    out.partial_name = "p";
    return out;
  }
  transfer_disk::opened open(transfer_disk& d) {
    return d.open(tree.root(), content.size(), "p", {}).value();
  }
  bool prove(transfer_disk& d, std::uint32_t piece) {
    const auto p = tree.prove(piece);
    bytes leaves, uncles;
    for (const auto& h : p.leaves) leaves.insert(leaves.end(), h.begin(), h.end());
    for (const auto& h : p.uncles) uncles.insert(uncles.end(), h.begin(), h.end());
    return d.prove(piece, leaves, uncles).value();
  }
  bytes part(std::uint32_t first, std::uint16_t count) const {
    const auto begin = std::size_t{first} * leaf_size;
    const auto end = std::min(content.size(), begin + std::size_t{count} * leaf_size);
    return {content.begin() + static_cast<std::ptrdiff_t>(begin),
            content.begin() + static_cast<std::ptrdiff_t>(end)};
  }
  transfer_disk::written write(transfer_disk& d, std::uint32_t first, std::uint16_t count) {
    return d.write(first, count, (std::uint64_t{1} << count) - 1, part(first, count)).value();
  }
};

TEST_F(transfer_disk_test, WritesOnlyLeavesThatAreProven) {
  auto d = make();
  EXPECT_EQ(open(d).had.set_count(), 0U);
  EXPECT_EQ(write(d, 0, 3).bad, 0b111U) << "no hashes yet";
  EXPECT_TRUE(prove(d, 0));
  auto body = part(0, 3);
  body[leaf_size + 9] ^= 1;
  const auto w = d.write(0, 3, 0b111, body).value();
  EXPECT_EQ(w.good, 0b101U);
  EXPECT_EQ(w.bad, 0b010U);
  EXPECT_EQ(d.write(0, 3, 0b010, part(0, 3)).value().good, 0b010U) << "only what is wanted is looked at";
  const auto file = files->open_partial("p", content.size()).value();
  bytes back(3 * leaf_size);
  ASSERT_TRUE(file->read_at(0, back));
  EXPECT_EQ(back, part(0, 3));
}

TEST_F(transfer_disk_test, RefusesHashesOfAnotherFileOrPiece) {
  auto d = make();
  open(d);
  const auto p = tree.prove(1);
  bytes leaves, uncles;
  for (const auto& h : p.leaves) leaves.insert(leaves.end(), h.begin(), h.end());
  for (const auto& h : p.uncles) uncles.insert(uncles.end(), h.begin(), h.end());
  EXPECT_FALSE(d.prove(0, leaves, uncles).value());
  EXPECT_FALSE(d.prove(99, leaves, uncles).value());
  EXPECT_FALSE(d.prove(1, {}, {}).value());
  leaves[3] ^= 1;
  EXPECT_FALSE(d.prove(1, leaves, uncles).value());
}

TEST_F(transfer_disk_test, KillKeepsAllThatWasWritten) {
  {
    auto d = make();
    open(d);
    prove(d, 0);
    write(d, 0, 60);
    ASSERT_TRUE(d.checkpoint(record_of()));
    write(d, 60, 4);
    prove(d, 1);
    write(d, 70, 5);
  }
  auto d = make();
  const auto o = open(d);
  EXPECT_EQ(o.had.set_count(), 69U);
  EXPECT_EQ(o.bytes_recovered, 9 * std::uint64_t{leaf_size});
  EXPECT_EQ(o.bytes_kept, 69 * std::uint64_t{leaf_size});
  EXPECT_EQ(o.proven, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(write(d, 64, 6).good, 0b111111U) << "stored hashes serve on";
}

TEST_F(transfer_disk_test, PowerLossKeepsWhatWasSynced) {
  {
    auto d = make();
    open(d);
    prove(d, 0);
    write(d, 0, 40);
    ASSERT_TRUE(d.checkpoint(record_of()));
    write(d, 40, 20);
  }
  store->crash();
  files->crash();
  auto d = make();
  const auto o = open(d);
  EXPECT_EQ(o.had.set_count(), 40U);
  const auto file = files->open_partial("p", content.size()).value();
  bytes back(40 * leaf_size);
  ASSERT_TRUE(file->read_at(0, back));
  EXPECT_EQ(back, part(0, 40));
}

TEST_F(transfer_disk_test, RemovedPartialFileBeginsAgain) {
  {
    auto d = make();
    open(d);
    prove(d, 0);
    write(d, 0, 40);
    ASSERT_TRUE(d.checkpoint(record_of()));
  }
  ASSERT_TRUE(files->discard_partial("p"));
  auto d = make();
  EXPECT_EQ(open(d).had.set_count(), 0U) << "a bitmap never outlives its bytes";
  ASSERT_TRUE(d.save(record_of(), storage::durability::synced));
  EXPECT_TRUE(make().open(tree.root(), content.size(), "p", {}).value().had.set_count() == 0U);
}

TEST_F(transfer_disk_test, FinishesHashesAndSettles) {
  auto d = make();
  open(d);
  for (std::uint32_t p = 0; p < 3; ++p) prove(d, p);
  for (std::uint32_t leaf = 0; leaf < leaf_count(content.size()); ++leaf)
    ASSERT_EQ(write(d, leaf, 1).good, 1U);
  const auto path = d.finish(record_of(), "x.bin").value();
  EXPECT_EQ(path, "/downloads/x.bin");
  EXPECT_EQ(d.hash_finished(path).value(), crypto::sha256(content));
  ASSERT_TRUE(d.settle(record_of()));
  std::size_t pieces = 0;
  ASSERT_TRUE(storage::transfer_store(store).for_each_piece(id, [&](const auto&) { return ++pieces != 0; }));
  EXPECT_EQ(pieces, 0U);
  EXPECT_FALSE(d.hash_finished("/downloads/y.bin"));
}

TEST_F(transfer_disk_test, InterruptedRenameIsFoundByItsBytes) {
  {
    auto d = make();
    open(d);
    for (std::uint32_t p = 0; p < 3; ++p) prove(d, p);
    for (std::uint32_t leaf = 0; leaf < leaf_count(content.size()); ++leaf) write(d, leaf, 1);
    // Of the same name and size, but not it.
    ASSERT_TRUE(files->open_partial("other", content.size()));
    ASSERT_TRUE(files->finish("other", "x.bin"));
    ASSERT_EQ(d.finish(record_of(), "x.bin").value(), "/downloads/x (2).bin");
  }
  auto d = make();
  const auto o = d.open(tree.root(), content.size(), "p", "x.bin").value();
  EXPECT_EQ(o.finished_path, "/downloads/x (2).bin");
  EXPECT_FALSE(files->partial_exists("p"));
}

TEST_F(transfer_disk_test, FullDiskIsAnErrorForPeople) {
  files->set_disk_limit(1000);
  auto d = make();
  const auto o = d.open(tree.root(), content.size(), "p", {});
  ASSERT_FALSE(o);
  EXPECT_NE(o.error().message.find("Not enough room in the incomplete folder"), std::string::npos)
      << o.error().message;
  EXPECT_TRUE(d.short_of_room());
  EXPECT_FALSE(d.write(0, 1, 1, part(0, 1)));
  EXPECT_FALSE(d.checkpoint(record_of()));
  EXPECT_FALSE(d.finish(record_of(), "x"));
}

}  // namespace

}  // namespace vsf::swarm
