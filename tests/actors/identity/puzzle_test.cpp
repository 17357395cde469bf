#include "actors/identity/puzzle.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace vsf::identity {
namespace {

RC_GTEST_PROP(blake2b_search, agrees_with_the_whole_hash, (std::uint64_t counter)) {
  const auto words = *rc::gen::inRange<std::size_t>(1, 17);
  const auto at = *rc::gen::inRange<std::size_t>(0, words) * 8;
  const auto cut = words * 8 - at == 8 ? 0 : *rc::gen::inRange<std::size_t>(0, 8);
  auto message = *rc::gen::container<bytes>(words * 8 - cut, rc::gen::arbitrary<std::uint8_t>());
  crypto::blake2b_search search(message, at);
  const auto got = search.last_bits(counter);
  for (std::size_t i = 0; i < 8; ++i) message[at + i] = static_cast<std::uint8_t>(counter >> (8 * i));
  const auto hash = crypto::blake2b256({message});
  std::uint64_t expected = 0;
  for (std::size_t i = 24; i < 32; ++i) expected = expected << 8 | hash[i];
  RC_ASSERT(got == expected);
}

TEST(blake2b_search, what_does_not_fit) {
  EXPECT_THROW(crypto::blake2b_search(bytes(129), 0), std::invalid_argument);
  EXPECT_THROW(crypto::blake2b_search(bytes(64), 4), std::invalid_argument);
  EXPECT_THROW(crypto::blake2b_search(bytes(64), 64), std::invalid_argument);
  EXPECT_THROW(crypto::blake2b_search({}, 0), std::invalid_argument);
}

RC_GTEST_PROP(puzzle, finds_only_solutions_and_misses_none, (std::uint64_t seed)) {
  const auto bits = *rc::gen::inRange(0, 9);
  const auto network = parse_network("p/" + std::to_string(bits)).value();
  crypto::seeded_random random(seed);
  const auto key = crypto::signing_key::generate(random);
  crypto::seeded_random first_random(seed + 1);
  crypto::seeded_random same_random(seed + 1);
  const auto start = first_random.u64();
  puzzle search(key.identity, network, same_random);
  RC_ASSERT(search.expected() == std::uint64_t{1} << bits);
  auto checked = start;
  while (search.tried() < 600) {
    const auto found = search.step(1 + random.below(300));
    const auto until = start + search.tried();
    for (; checked != until; ++checked) {
      const bool last = found && checked + 1 == until;
      RC_ASSERT(derive_node_id(key.identity, checked, network).has_value() == last);
      if (last) RC_ASSERT(*found == checked);
    }
  }
}

TEST(puzzle, takes_about_as_long_as_expected) {
  crypto::seeded_random random(5);
  const auto network = parse_network("p/10").value();
  std::uint64_t tried = 0;
  constexpr int searches = 400;
  for (int i = 0; i < searches; ++i) {
    puzzle search(crypto::signing_key::generate(random).identity, network, random);
    while (!search.step(1000)) {
    }
    tried += search.tried();
  }
  // The mean of 400 exponential times has a standard deviation of 5%.
  EXPECT_NEAR(static_cast<double>(tried) / searches, 1024.0, 1024.0 * 0.2);
}

TEST(puzzle, the_longest_network_still_fits_one_block) {
  crypto::seeded_random random(6);
  const auto network = parse_network(std::string(62, 'n') + "/6").value();
  EXPECT_TRUE(make_solved_identity(network, random).solved());
}

TEST(puzzle, two_searches_start_in_different_places) {
  crypto::seeded_random random(7);
  const auto network = parse_network("p/6").value();
  const auto who = crypto::signing_key::generate(random).identity;
  puzzle a(who, network, random);
  puzzle b(who, network, random);
  EXPECT_NE(a.step(100000), b.step(100000));
}

}  // namespace
}  // namespace vsf::identity
