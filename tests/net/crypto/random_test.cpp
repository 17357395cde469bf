#include <stdexcept>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "messages/types.hpp"
#include "net/crypto/random.hpp"

namespace vsf::crypto {
namespace {

TEST(seeded_random, is_the_chacha20_stream_of_its_seed) {
  // RFC 7539's block function with key and nonce zero: appendix A.1, test vectors 1 and 2.
  seeded_random random(0);
  bytes out(128);
  random.fill(out);
  EXPECT_EQ(to_hex(out),
            "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a37"
            "6a43b8f41518a11c"
            "c387b669b2ee6586"
            "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d5"
            "31ed1f28510afb45"
            "ace10a1f4b794d6f");
}

RC_GTEST_PROP(seeded_random, the_stream_does_not_depend_on_how_it_is_cut, (std::uint64_t seed)) {
  const auto cuts = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, 1500));
  seeded_random pieces(seed);
  bytes cut;
  for (const auto n : cuts) {
    bytes piece(n);
    pieces.fill(piece);
    cut.insert(cut.end(), piece.begin(), piece.end());
  }
  bytes whole(cut.size());
  seeded_random(seed).fill(whole);
  RC_ASSERT(whole == cut);
}

TEST(seeded_random, other_seeds_give_other_streams) {
  EXPECT_NE(seeded_random(1).u64(), seeded_random(2).u64());
  EXPECT_NE(seeded_random(1).u64(), seeded_random(std::uint64_t{1} << 63).u64());
}

RC_GTEST_PROP(random_source, below_stays_below, (std::uint64_t seed, std::uint64_t bound)) {
  RC_PRE(bound > 0U);
  seeded_random random(seed);
  for (int i = 0; i < 20; ++i) RC_ASSERT(random.below(bound) < bound);
}

TEST(random_source, below_is_uniform) {
  seeded_random random(7);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60000; ++i) ++counts[random.below(6)];
  for (const auto n : counts) EXPECT_NEAR(n, 10000, 500);
  // A bound just above half of the range: without drawing again, low values would come up twice as often.
  const std::uint64_t bound = (std::uint64_t{1} << 63) + (std::uint64_t{1} << 62);
  int low = 0;
  for (int i = 0; i < 30000; ++i) low += random.below(bound) < bound / 3 ? 1 : 0;
  EXPECT_NEAR(low, 10000, 500);
  EXPECT_THROW(random.below(0), std::invalid_argument);
}

TEST(system_random, fills_everything_and_differs) {
  system_random random;
  bytes a(64);
  bytes b(64);
  random.fill(a);
  random.fill(b);
  EXPECT_NE(a, b);
  EXPECT_NE(a, bytes(64));
  random.fill({});
}

}  // namespace
}  // namespace vsf::crypto
