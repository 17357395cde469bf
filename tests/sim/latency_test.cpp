#include "sim/latency_model.hpp"

#include <gtest/gtest.h>

namespace vsf::sim::latency {
namespace {

struct expected_place {
  std::uint64_t seed, node;
  std::uint32_t region;
  std::array<std::int32_t, 3> position_us;
  std::uint32_t access_us;
};

// The model's published check values: a port that draws others is another network.
TEST(latency_model, draws_the_places_of_its_specification) {
  const expected_place places[] = {
      {1, 0, 2, {-13698, -14134, -45394}, 2727}, {1, 1, 2, {-6260, -13144, -42850}, 420},
      {1, 2, 5, {11118, 68928, 30848}, 9265},    {2, 0, 0, {-9809, -33737, -32075}, 7528},
      {2, 1, 2, {-8976, -11401, -44487}, 27487}, {2, 2, 7, {-5883, 37838, 78926}, 918}};
  for (const auto& e : places) {
    const auto p = place_of(e.seed, e.node);
    EXPECT_EQ(p.region, e.region) << e.seed << ' ' << e.node;
    EXPECT_EQ(p.position_us, e.position_us) << e.seed << ' ' << e.node;
    EXPECT_EQ(p.access_us, e.access_us) << e.seed << ' ' << e.node;
  }
}

TEST(latency_model, gives_the_delays_of_its_specification) {
  const auto a = place_of(1, 0), b = place_of(1, 1), c = place_of(1, 2);
  EXPECT_EQ(base_us(a, b), 11070u);
  EXPECT_EQ(base_us(a, c), 127438u);
  EXPECT_EQ(base_us(b, c), 121350u);
  EXPECT_EQ(mix(0), 0xE220A8397B1DCDAFu);
  EXPECT_EQ(at_quantile(jitter_us, 0), 0u);
  EXPECT_EQ(at_quantile(jitter_us, 0x80000000u), 900u);
  EXPECT_EQ(at_quantile(jitter_us, 0xFFFFFFFFu), 20289u);
}

}  // namespace
}  // namespace vsf::sim::latency
