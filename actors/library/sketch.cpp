#include "actors/library/sketch.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace vsf::library {
namespace {

constexpr std::size_t least_compared = 12;
constexpr std::size_t bits_per_moment = 32;

using moments = std::array<std::uint32_t, sketch_moments>;

moments moments_of(const fb::Sketch& sketch) {
  moments out{};
  const auto* raw = sketch.bits()->data();
  for (std::size_t i = 0; i < out.size(); ++i)
    for (std::size_t k = 0; k < 4; ++k) out[i] |= std::uint32_t{raw[4 * i + k]} << (8 * k);
  return out;
}

/// Each bit as most of the sub-fingerprint and its neighbours have it; an end has itself for a neighbour.
std::uint32_t moment_at(std::span<const std::uint32_t> subs, std::size_t at) {
  const auto before = subs[at == 0 ? 0 : at - 1];
  const auto after = subs[std::min(at + 1, subs.size() - 1)];
  return (before & subs[at]) | (before & after) | (subs[at] & after);
}

/// Where the moments of a stride lie.
std::size_t place_of(std::size_t moment, std::size_t stride) { return moment * stride + stride / 2; }

}  // namespace

std::optional<fb::Sketch> sketch_of(std::span<const std::uint32_t> sub_fingerprints) {
  const auto stride = std::min<std::size_t>(sub_fingerprints.size() / sketch_moments, 255);
  if (stride == 0) return std::nullopt;
  std::array<std::uint8_t, 4 * sketch_moments> raw{};
  for (std::size_t i = 0; i < sketch_moments; ++i) {
    const auto bits = moment_at(sub_fingerprints, place_of(i, stride));
    for (std::size_t k = 0; k < 4; ++k) raw[4 * i + k] = static_cast<std::uint8_t>(bits >> (8 * k));
  }
  return fb::Sketch(flatbuffers::span<const std::uint8_t, 64>(raw.data(), raw.size()),
                    static_cast<std::uint8_t>(stride));
}

std::optional<std::uint32_t> distance_per_mille(const fb::Sketch& sketch,
                                                std::span<const std::uint32_t> sub_fingerprints) {
  const auto theirs = moments_of(sketch);
  const auto length = static_cast<std::ptrdiff_t>(sub_fingerprints.size());
  if (sketch.stride() == 0) return std::nullopt;
  std::optional<std::uint32_t> best;
  for (int shift = -max_shift; shift <= max_shift; ++shift) {
    std::size_t compared = 0, different = 0;
    for (std::size_t i = 0; i < sketch_moments; ++i) {
      const auto at = static_cast<std::ptrdiff_t>(place_of(i, sketch.stride())) + shift;
      if (at < 0 || at >= length) continue;
      ++compared;
      different += static_cast<std::size_t>(
          std::popcount(theirs[i] ^ moment_at(sub_fingerprints, static_cast<std::size_t>(at))));
    }
    if (compared < least_compared) continue;
    const auto distance = static_cast<std::uint32_t>(different * 1000 / (compared * bits_per_moment));
    best = std::min(best.value_or(distance), distance);
  }
  return best;
}

std::optional<std::uint32_t> distance_per_mille(const fb::Sketch& a, const fb::Sketch& b) {
  if (a.stride() == 0 || a.stride() != b.stride()) return std::nullopt;
  const auto x = moments_of(a), y = moments_of(b);
  std::size_t different = 0;
  for (std::size_t i = 0; i < sketch_moments; ++i)
    different += static_cast<std::size_t>(std::popcount(x[i] ^ y[i]));
  return static_cast<std::uint32_t>(different * 1000 / (sketch_moments * bits_per_moment));
}

void keep_sketch(const fb::FileEntryT& from, fb::FileEntryT& to) {
  const auto sketch = sketch_of(from.sub_fingerprints);
  to.sketch = sketch ? std::make_unique<fb::Sketch>(*sketch) : nullptr;
  to.fingerprinted = from.fingerprinted;
  to.fingerprint.clear();
  to.sub_fingerprints.clear();
}

}  // namespace vsf::library
