#include <gtest/gtest.h>

#include "actors/swarm/candidate_choice.hpp"
#include "actors/swarm/hash_tree.hpp"

namespace vsf::swarm {

namespace {

node_id node(std::uint8_t n) {
  node_id out{};
  out[0] = n;
  return out;
}

std::unique_ptr<fb::CandidateT> offer(std::uint8_t who, std::uint8_t root, fb::Codec codec,
                                      std::uint8_t quality, std::uint8_t net, std::uint64_t size = 1000) {
  auto out = std::make_unique<fb::CandidateT>();
  public_key publisher{};
  publisher[0] = who;
  out->publisher = box(publisher);
  out->node = box(node(who));
  contact c{};
  c.id = node(who);
  c.key[0] = who;
  c.address = endpoint::v4(0x0A000001U + (std::uint32_t{net} << 8), 1000);
  out->contact = box(c);
  digest d{};
  d[0] = root;
  out->variant =
      std::make_unique<fb::Variant>(to_fb(d), fb::Bytes16(), size, std::uint16_t{320}, codec, quality);
  return out;
}

std::vector<variant_choice> rank(fb::ResolveResultT& all) {
  return rank_variants(*record<fb::ResolveResult>::pack(all), node(99));
}

std::uint8_t root_of(const variant_choice& c) { return from_fb<digest>(c.variant.root())[0]; }

TEST(candidate_choice_test, LosslessThenQualityThenAvailability) {
  fb::ResolveResultT all;
  all.candidates.push_back(offer(1, 1, fb::Codec::mp3, 255, 1));
  all.candidates.push_back(offer(2, 2, fb::Codec::flac, 10, 1));
  all.candidates.push_back(offer(3, 3, fb::Codec::flac, 90, 1));
  all.candidates.push_back(offer(4, 4, fb::Codec::alac, 90, 1));
  all.candidates.push_back(offer(5, 4, fb::Codec::alac, 90, 2));
  all.candidates.push_back(offer(6, 5, fb::Codec::flac, 90, 3));
  all.candidates.push_back(offer(7, 5, fb::Codec::flac, 90, 3));
  const auto c = rank(all);
  ASSERT_EQ(c.size(), 5U);
  EXPECT_EQ(root_of(c[0]), 4) << "two publishers in two groups";
  EXPECT_EQ(c[0].groups, 2U);
  EXPECT_EQ(root_of(c[1]), 5) << "two publishers of one group";
  EXPECT_EQ(root_of(c[2]), 3);
  EXPECT_EQ(root_of(c[3]), 2);
  EXPECT_EQ(root_of(c[4]), 1);
}

TEST(candidate_choice_test, SameRootAreAlternates) {
  fb::ResolveResultT all;
  all.candidates.push_back(offer(1, 1, fb::Codec::flac, 9, 1));
  all.candidates.push_back(offer(2, 1, fb::Codec::flac, 9, 2));
  all.candidates.push_back(offer(2, 1, fb::Codec::flac, 9, 2));
  all.candidates.push_back(offer(3, 1, fb::Codec::flac, 9, 3, 1001));
  const auto c = rank(all);
  ASSERT_EQ(c.size(), 2U) << "another size is another file";
  EXPECT_EQ(c[0].sources.size(), 2U);
  EXPECT_EQ(c[0].sources[0].who.id, node(1)) << "the resolver's order";
}

TEST(candidate_choice_test, LeavesOutWhatCantBe) {
  fb::ResolveResultT all;
  all.candidates.push_back(offer(99, 1, fb::Codec::flac, 9, 1));
  all.candidates.push_back(offer(1, 2, fb::Codec::flac, 9, 1, 0));
  all.candidates.push_back(offer(1, 3, fb::Codec::flac, 9, 1, max_tree_file_size + 1));
  all.candidates.push_back(offer(1, 0, fb::Codec::flac, 9, 1));
  all.candidates.push_back(std::make_unique<fb::CandidateT>());
  EXPECT_TRUE(rank(all).empty());
  all.candidates.push_back(offer(5, 5, fb::Codec::flac, 9, 1));
  all.candidates.back()->contact.reset();
  const auto c = rank(all);
  ASSERT_EQ(c.size(), 1U);
  EXPECT_EQ(c[0].publishers, 1U);
  EXPECT_TRUE(c[0].sources.empty());
  fb::ResolveResultT none;
  EXPECT_TRUE(rank(none).empty());
}

}  // namespace

}  // namespace vsf::swarm
