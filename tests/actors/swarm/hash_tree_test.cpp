#include "actors/swarm/hash_tree.hpp"

#include <bit>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "net/crypto/random.hpp"

namespace vsf::swarm {
namespace {

bytes content(std::uint64_t seed, std::size_t size) {
  crypto::seeded_random random(seed);
  bytes out(size);
  random.fill(out);
  return out;
}

/// BEP 52 word by word, over a file in memory.
digest plain_root(byte_view data) {
  if (data.empty()) return {};
  std::vector<digest> nodes;
  for (std::size_t at = 0; at < data.size(); at += leaf_size)
    nodes.push_back(crypto::sha256(data.subspan(at, std::min<std::size_t>(leaf_size, data.size() - at))));
  nodes.resize(std::bit_ceil(nodes.size()));
  while (nodes.size() > 1) {
    std::vector<digest> up;
    for (std::size_t i = 0; i < nodes.size(); i += 2) {
      bytes both(nodes[i].begin(), nodes[i].end());
      both.insert(both.end(), nodes[i + 1].begin(), nodes[i + 1].end());
      up.push_back(crypto::sha256(both));
    }
    nodes = up;
  }
  return nodes[0];
}

hash_tree tree_of(byte_view data) {
  tree_builder builder(tree_builder::keep::leaves);
  builder.update(data);
  auto tree = builder.tree();
  EXPECT_TRUE(tree.has_value());
  return *tree;
}

TEST(hash_tree, the_root_of_a_short_file_is_its_sha256) {
  const std::string_view abc = "abc";
  EXPECT_EQ(to_hex(tree_root(crypto::as_bytes(abc))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const bytes one_leaf(leaf_size, 0);
  EXPECT_EQ(tree_root(one_leaf), crypto::sha256(one_leaf));
}

TEST(hash_tree, an_empty_file_has_a_zero_root_and_no_proof) {
  EXPECT_TRUE(tree_root({}).is_zero());
  const auto tree = tree_of({});
  EXPECT_TRUE(tree.root().is_zero());
  EXPECT_TRUE(tree.prove(0).leaves.empty());
  EXPECT_FALSE(verify_proof(tree.root(), 0, 0, std::vector<digest>{}, std::vector<digest>{}));
  EXPECT_FALSE(verify_proof(tree.root(), 0, 0, std::vector<digest>{digest{}}, std::vector<digest>{}));
}

TEST(hash_tree, counts) {
  struct row {
    std::uint64_t size;
    std::uint32_t leaves, pieces, proof_leaves, uncles;
  };
  for (const auto& r :
       {row{0, 0, 0, 0, 0}, row{1, 1, 1, 1, 0}, row{16384, 1, 1, 1, 0}, row{16385, 2, 1, 2, 0},
        row{3 * 16384, 3, 1, 4, 0}, row{piece_size, 64, 1, 64, 0}, row{piece_size + 1, 65, 2, 64, 1},
        row{3 * piece_size, 192, 3, 64, 2}, row{max_tree_file_size, 1u << 22, 1u << 16, 64, 16}}) {
    EXPECT_EQ(leaf_count(r.size), r.leaves) << r.size;
    EXPECT_EQ(piece_count(r.size), r.pieces) << r.size;
    EXPECT_EQ(proof_leaf_count(r.size), r.proof_leaves) << r.size;
    EXPECT_EQ(proof_uncle_count(r.size), r.uncles) << r.size;
  }
  EXPECT_EQ(leaf_length(16385, 0), leaf_size);
  EXPECT_EQ(leaf_length(16385, 1), 1u);
  EXPECT_EQ(leaf_length(16385, 2), 0u);
}

TEST(hash_tree, roots_at_every_boundary_equal_the_definition) {
  for (std::size_t leaves : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 63u, 64u, 65u, 127u, 128u, 129u, 192u, 257u})
    for (int delta : {-1, 0, 1}) {
      const auto data =
          content(leaves, static_cast<std::size_t>(static_cast<int>(leaves * leaf_size) + delta));
      const auto expected = plain_root(data);
      EXPECT_EQ(tree_root(data), expected) << data.size();
      EXPECT_EQ(tree_of(data).root(), expected) << data.size();
    }
}

TEST(hash_tree, a_builder_of_roots_keeps_no_tree) {
  tree_builder builder;
  builder.update(bytes(10, 1));
  EXPECT_FALSE(builder.tree().has_value());
}

TEST(hash_tree, a_wrong_number_of_leaves_and_a_huge_size_are_refused) {
  EXPECT_FALSE(hash_tree::from_leaves(16385, std::vector<digest>(1)).has_value());
  EXPECT_FALSE(hash_tree::from_leaves(16384, std::vector<digest>(2)).has_value());
  EXPECT_FALSE(hash_tree::from_leaves(max_tree_file_size + 1, std::vector<digest>(1u << 22)).has_value());
  EXPECT_FALSE(verify_proof({}, max_tree_file_size + 1, 0, std::vector<digest>(64), std::vector<digest>(17)));
  EXPECT_FALSE(verify_proof({}, ~std::uint64_t{0}, 0, std::vector<digest>(64), std::vector<digest>(17)));
}

/// An inner node must not pass as a leaf of a shorter file of the size the variant names, nor padding as
/// content.
TEST(hash_tree, another_size_is_refused) {
  const auto data = content(1, 5 * leaf_size);
  const auto tree = tree_of(data);
  const auto proof = tree.prove(0);
  ASSERT_EQ(proof.leaves.size(), 8u);
  EXPECT_TRUE(verify_proof(tree.root(), data.size(), 0, proof.leaves, proof.uncles));
  EXPECT_FALSE(verify_proof(tree.root(), 4 * leaf_size, 0, proof.leaves, proof.uncles));
  EXPECT_FALSE(verify_proof(tree.root(), 4 * leaf_size + 0, 0, proof.leaves, {}));
  // Same width, but a leaf of content where this size says padding.
  const auto padded = tree_of(content(2, 7 * leaf_size));
  EXPECT_FALSE(verify_proof(padded.root(), 6 * leaf_size, 0, padded.prove(0).leaves, {}));
}

RC_GTEST_PROP(hash_tree_property, cutting_the_input_changes_nothing, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(0, 40 * leaf_size);
  const auto data = content(*rc::gen::arbitrary<std::uint64_t>(), size);
  tree_builder cut(tree_builder::keep::leaves);
  for (byte_view rest = data; !rest.empty();) {
    const auto take = std::min(rest.size(), *rc::gen::inRange<std::size_t>(1, 3 * leaf_size));
    cut.update(rest.first(take));
    rest = rest.subspan(take);
  }
  const auto expected = plain_root(data);
  RC_ASSERT(cut.root() == expected);
  RC_ASSERT(cut.tree()->root() == expected);
  RC_ASSERT(cut.size() == size);
}

RC_GTEST_PROP(hash_tree_property, every_piece_is_provable_and_only_as_it_is, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(1, 6 * piece_size);
  const auto data = content(*rc::gen::arbitrary<std::uint64_t>(), size);
  const auto tree = tree_of(data);
  RC_ASSERT(tree.root() == plain_root(data));
  for (std::uint32_t piece = 0; piece < piece_count(size); ++piece) {
    const auto proof = tree.prove(piece);
    RC_ASSERT(proof.leaves.size() == proof_leaf_count(size));
    RC_ASSERT(proof.uncles.size() == proof_uncle_count(size));
    RC_ASSERT(verify_proof(tree.root(), size, piece, proof.leaves, proof.uncles));
    for (std::uint32_t other = 0; other < piece_count(size) + 2; ++other)
      RC_ASSERT((other == piece) == verify_proof(tree.root(), size, other, proof.leaves, proof.uncles));
  }
  const auto piece = *rc::gen::inRange<std::uint32_t>(0, piece_count(size));
  auto proof = tree.prove(piece);
  bytes raw_leaves, raw_uncles;
  for (const auto& x : proof.leaves) raw_leaves.insert(raw_leaves.end(), x.begin(), x.end());
  for (const auto& x : proof.uncles) raw_uncles.insert(raw_uncles.end(), x.begin(), x.end());
  RC_ASSERT(verify_proof(tree.root(), size, piece, raw_leaves, raw_uncles));
  auto& bad = proof.uncles.empty() || *rc::gen::arbitrary<bool>()
                  ? raw_leaves[*rc::gen::inRange<std::size_t>(0, raw_leaves.size())]
                  : raw_uncles[*rc::gen::inRange<std::size_t>(0, raw_uncles.size())];
  bad = static_cast<std::uint8_t>(bad ^ 1u << *rc::gen::inRange(0, 8));
  RC_ASSERT(!verify_proof(tree.root(), size, piece, raw_leaves, raw_uncles));
  proof.leaves.pop_back();
  RC_ASSERT(!verify_proof(tree.root(), size, piece, proof.leaves, proof.uncles));
  raw_leaves.push_back(0);
  RC_ASSERT(!verify_proof(tree.root(), size, piece, raw_leaves, raw_uncles));
  RC_ASSERT(tree.prove(piece_count(size)).leaves.empty());
}

}  // namespace
}  // namespace vsf::swarm
