#include "actors/identity/identity.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "messages/schemas.hpp"

namespace vsf::identity {
namespace {

TEST(network, default_and_given_difficulty) {
  EXPECT_EQ(parse_network("vsf-1").value(), (network_parameters{"vsf-1", 24}));
  EXPECT_EQ(parse_network("sim/0").value(), (network_parameters{"sim/0", 0}));
  EXPECT_EQ(parse_network("Sim_2.x/40").value(), (network_parameters{"Sim_2.x/40", 40}));
  EXPECT_EQ(parse_network(std::string(64, 'a')).value().name, std::string(64, 'a'));
}

TEST(network, what_it_can_not_be) {
  for (const std::string text : {"", "/8", "a/", "a/41", "a/-1", "a/+8", "a/08", "a/8/8", "a/8x", "a b",
                                 "a\n", "\xc3\xa4", "a/99999999999999999999", "a/ 8"}) {
    const auto got = parse_network(text);
    ASSERT_FALSE(got) << text;
    EXPECT_NE(got.error().message.find("NAME/BITS"), std::string::npos) << got.error().message;
  }
  EXPECT_FALSE(parse_network(std::string(65, 'a')));
  EXPECT_FALSE(parse_network(std::string("a\0b", 3)));
}

RC_GTEST_PROP(network, any_text_is_taken_as_it_is_or_refused, (std::string text)) {
  const auto got = parse_network(text);
  if (got) {
    RC_ASSERT(got->name == text);
    RC_ASSERT(got->difficulty_bits >= 0 && got->difficulty_bits <= max_difficulty_bits);
  }
}

TEST(node_ids, the_hash_is_of_key_nonce_and_network_in_this_order) {
  public_key who;
  who.fill(0x11);
  const network_parameters network{"vsf-1", 0};
  bytes message(32, 0x11);
  for (std::uint8_t b = 8; b > 0; --b) message.push_back(b);
  for (const char c : network.name) message.push_back(static_cast<std::uint8_t>(c));
  const auto hash = crypto::blake2b256({message});
  EXPECT_EQ(puzzle_hash(who, 0x0102030405060708, network), hash);
  const auto id = derive_node_id(who, 0x0102030405060708, network);
  ASSERT_TRUE(id);
  EXPECT_EQ(to_hex(*id), to_hex(hash).substr(0, 40));
}

TEST(node_ids, the_last_bits_must_be_zero) {
  digest hash;
  hash.fill(0xff);
  EXPECT_TRUE(solves(hash, 0));
  EXPECT_FALSE(solves(hash, 1));
  hash[31] = 0xf0;
  EXPECT_TRUE(solves(hash, 4));
  EXPECT_FALSE(solves(hash, 5));
  hash[31] = 0;
  hash[30] = 0;
  hash[29] = 0x80;
  EXPECT_TRUE(solves(hash, 23));
  EXPECT_FALSE(solves(hash, 24));
  EXPECT_TRUE(solves(digest{}, 40));
}

RC_GTEST_PROP(identities, come_back_from_their_file, (std::uint64_t seed, bool solved)) {
  crypto::seeded_random random(seed);
  const auto network = parse_network("test/3").value();
  const auto who = solved ? make_solved_identity(network, random) : make_identity(network, random);
  const auto again = from_file_content(to_file_content(who), network);
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->signing_key.seed == who.signing_key.seed);
  RC_ASSERT(again->signing_key.identity == who.signing_key.identity);
  RC_ASSERT(again->dh_key.secret == who.dh_key.secret);
  RC_ASSERT(again->dh_key.key == who.dh_key.key);
  RC_ASSERT(again->node_id == who.node_id);
  RC_ASSERT(again->id_nonce == who.id_nonce);
  RC_ASSERT(again->network == network);
  RC_ASSERT(again->solved() == solved);
}

RC_GTEST_PROP(identities, a_damaged_file_is_refused_or_still_an_identity, (std::uint64_t seed)) {
  crypto::seeded_random random(seed);
  const auto network = parse_network("test/3").value();
  auto content = to_file_content(make_solved_identity(network, random));
  const auto flips = *rc::gen::inRange(1, 4);
  for (int i = 0; i < flips; ++i)
    content[*rc::gen::inRange<std::size_t>(0, content.size())] ^= *rc::gen::inRange<std::uint8_t>(1, 255);
  const auto got = from_file_content(content, network);
  if (got && got->solved())
    RC_ASSERT(derive_node_id(got->signing_key.identity, got->id_nonce, network) == got->node_id);
  content.resize(*rc::gen::inRange<std::size_t>(0, content.size() / 2));
  RC_ASSERT_FALSE(from_file_content(content, network).has_value());
}

TEST(identities, another_networks_file_is_refused_by_name) {
  crypto::seeded_random random(1);
  const auto content = to_file_content(make_solved_identity(parse_network("other/2").value(), random));
  const auto got = from_file_content(content, parse_network("test/2").value());
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("\"other/2\""), std::string::npos);
  EXPECT_NE(got.error().message.find("\"test/2\""), std::string::npos);
}

TEST(identities, a_claimed_solution_is_checked) {
  crypto::seeded_random random(2);
  const auto network = parse_network("test/16").value();
  auto who = make_solved_identity(network, random);
  const auto good = to_file_content(who);
  EXPECT_TRUE(from_file_content(good, network));
  who.id_nonce += 1;
  EXPECT_FALSE(from_file_content(to_file_content(who), network));
}

TEST(identities, only_a_solution_is_accepted) {
  crypto::seeded_random random(3);
  const auto network = parse_network("test/12").value();
  const auto solved = make_solved_identity(network, random);
  auto who = solved;
  EXPECT_FALSE(who.accept(solved.id_nonce + 1));
  EXPECT_EQ(who.id_nonce, solved.id_nonce);
  EXPECT_EQ(who.node_id, solved.node_id);
  auto other = make_identity(network, random);
  EXPECT_FALSE(other.accept(solved.id_nonce));
  EXPECT_FALSE(other.solved());
}

}  // namespace
}  // namespace vsf::identity
