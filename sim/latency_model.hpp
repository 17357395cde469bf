// Latency between simulated nodes: a place on the map, an access delay per node, a little jitter per packet.
// Integers only, so that every compiler and build mode draws the same network. A Euclidean space with a
// height per node is what Vivaldi (Dabek, Cox, Kaashoek, Morris, 2004) showed to embed measured round-trip
// times; median RTT 141 ms, p90 294 ms.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vsf::sim::latency {

inline constexpr std::size_t dimensions = 3;
inline constexpr std::uint32_t same_node_us = 50;

struct region {
  std::uint32_t weight;                            // parts of 10,000 of all nodes
  std::array<std::int32_t, dimensions> centre_us;  // one-way microseconds
  std::int32_t spread_us;                          // largest distance from the centre along one axis
};

inline constexpr std::array<region, 9> regions{{
    {2'700, {-7'500, -35'000, -27'500}, 15'500},   // north america east
    {700, {11'000, -37'500, 19'000}, 13'500},      // north america west
    {4'400, {-11'500, -11'000, -50'500}, 21'500},  // europe
    {800, {38'000, 31'000, 48'000}, 20'000},       // east asia
    {300, {-500, 67'000, -7'500}, 15'500},         // south asia
    {300, {13'000, 60'000, 26'500}, 18'500},       // southeast asia
    {500, {-36'500, -112'000, 3'000}, 25'000},     // south america
    {150, {-7'000, 33'500, 86'500}, 18'500},       // oceania
    {150, {-6'500, 18'000, -125'000}, 31'000},     // africa
}};

using quantiles = std::array<std::uint32_t, 33>;  // value at probability i/32, straight lines between
inline constexpr quantiles access_us{300,    300,    300,    300,    450,    550,    650,   800,    950,
                                     1'100,  1'250,  1'450,  1'700,  1'950,  2'200,  2'500, 2'850,  3'250,
                                     3'700,  4'200,  4'800,  5'550,  6'400,  7'400,  8'650, 10'250, 12'300,
                                     15'100, 19'000, 25'100, 35'800, 61'600, 120'000};
inline constexpr quantiles jitter_us{0,     40,    80,    130,   170,   220,   270,   320,   370,
                                     430,   490,   550,   610,   680,   750,   820,   900,   980,
                                     1'070, 1'170, 1'280, 1'390, 1'510, 1'650, 1'800, 1'980, 2'180,
                                     2'410, 2'700, 3'080, 3'600, 7'210, 20'290};

struct place {
  std::uint32_t region = 0;
  std::array<std::int32_t, dimensions> position_us{};
  std::uint32_t access_us = 0;
};

constexpr std::uint64_t mix(std::uint64_t x) {  // the SplitMix64 step
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

constexpr std::uint32_t at_quantile(const quantiles& table, std::uint32_t u) {
  const std::uint64_t low = table[u >> 27], high = table[(u >> 27) + 1], fraction = u & 0x7FFFFFFu;
  return static_cast<std::uint32_t>(low + (((high - low) * fraction) >> 27));
}

constexpr std::uint64_t square_root(std::uint64_t x) {  // rounded down
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 62; bit != 0; bit >>= 2) {
    if (x >= root + bit) {
      x -= root + bit;
      root += 2 * bit;
    }
    root >>= 1;
  }
  return root;
}

constexpr place place_of(std::uint64_t seed, std::uint64_t node) {
  const std::uint64_t stream = mix(mix(seed) ^ node);
  const auto draw = [stream](std::uint64_t index) { return mix(stream ^ index); };
  place result;
  std::uint64_t ticket = ((draw(0) >> 32) * 10'000) >> 32;
  while (ticket >= regions[result.region].weight) ticket -= regions[result.region++].weight;
  const region& home = regions[result.region];
  for (std::size_t axis = 0; axis < dimensions; ++axis) {
    const std::uint64_t word = draw(1 + axis);
    const auto sum = static_cast<std::int64_t>((word & 0xFFFF) + ((word >> 16) & 0xFFFF) +
                                               ((word >> 32) & 0xFFFF) + (word >> 48));
    result.position_us[axis] =
        home.centre_us[axis] + static_cast<std::int32_t>((sum - 131'070) * home.spread_us / 131'070);
  }
  result.access_us = at_quantile(access_us, static_cast<std::uint32_t>(draw(4) >> 32));
  return result;
}

constexpr std::uint32_t base_us(const place& a, const place& b) {  // one way, between two different nodes
  std::uint64_t squares = 0;
  for (std::size_t axis = 0; axis < dimensions; ++axis) {
    const std::int64_t difference = std::int64_t{a.position_us[axis]} - b.position_us[axis];
    squares += static_cast<std::uint64_t>(difference * difference);
  }
  return static_cast<std::uint32_t>(square_root(squares)) + a.access_us + b.access_us;
}

// `random` is the simulator's next seeded 64-bit word; one is used per packet.
constexpr std::uint32_t one_way_us(const place& a, const place& b, std::uint64_t random) {
  return base_us(a, b) + at_quantile(jitter_us, static_cast<std::uint32_t>(random >> 32));
}

}  // namespace vsf::sim::latency
