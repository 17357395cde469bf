#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "messages/schemas.hpp"

/// A recording's sound in 65 bytes, small enough to be published, and how far apart two sounds are.
namespace vsf::library {

/// Moments of a sketch, each a sub-fingerprint of 32 bits.
inline constexpr std::size_t sketch_moments = 16;
/// Measured (docs/benchmarks.md): encodings of one recording lie up to 19 apart, other recordings at least
/// 263 and, from 12 s on, 314. What lies between these two says nothing.
inline constexpr std::uint32_t same_sound_per_mille = 200;
inline constexpr std::uint32_t other_sound_per_mille = 280;
/// How far the beginnings of two copies may lie apart: 3 s, of an encoder's delay or another mastering.
inline constexpr int max_shift = 24;

/// 16 moments at equal distances of a Chromaprint fingerprint (8.07 sub-fingerprints a second, at most the
/// first 120 s), each bit as most of the three sub-fingerprints around it have it. nullopt: under 16 of them,
/// which is less than 5 s of sound.
std::optional<fb::Sketch> sketch_of(std::span<const std::uint32_t> sub_fingerprints);

/// Bits per mille in which a file's fingerprint differs from a sketch where they fit best, 0 to 1000; about
/// 500 is chance. nullopt: fewer than 12 moments can be compared.
std::optional<std::uint32_t> distance_per_mille(const fb::Sketch& sketch,
                                                std::span<const std::uint32_t> sub_fingerprints);
/// The same for two sketches; nullopt: of other strides, so of other lengths.
std::optional<std::uint32_t> distance_per_mille(const fb::Sketch& a, const fb::Sketch& b);

/// What the library keeps of an analysis: `to` gets the sketch, and no longer has the fingerprint itself,
/// which is 40 times its size.
void keep_sketch(const fb::FileEntryT& from, fb::FileEntryT& to);

}  // namespace vsf::library
