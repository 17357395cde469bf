#include "actors/library/variant.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vsf::library {
namespace {

constexpr std::uint32_t unknown_cap = 100;

/// What MP3 would need for the same quality, in percent of this codec's bitrate.
std::uint32_t mp3_percent(fb::Codec codec) {
  switch (codec) {
    case fb::Codec::opus:
      return 160;
    case fb::Codec::vorbis:
      return 130;
    case fb::Codec::aac:
    case fb::Codec::musepack:
      return 125;
    default:
      return 100;
  }
}

std::uint32_t lossy_quality(std::uint32_t kbps) {
  constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 6> line{
      {{0, 0}, {64, 40}, {128, 100}, {192, 140}, {256, 165}, {320, 185}}};
  for (std::size_t i = 1; i < line.size(); ++i) {
    const auto [x0, y0] = line[i - 1];
    const auto [x1, y1] = line[i];
    if (kbps <= x1) return y0 + (kbps - x0) * (y1 - y0) / (x1 - x0);
  }
  return line.back().second;
}

std::uint32_t lossless_quality(std::uint32_t bit_depth, std::uint32_t sample_rate_hz) {
  std::uint32_t out = 200;
  if (bit_depth > 0 && bit_depth < 16) out -= 5;
  if (bit_depth > 16) out += 25;
  if (sample_rate_hz > 96'000)
    out += 15;
  else if (sample_rate_hz > 48'000)
    out += 10;
  return out;
}

}  // namespace

bool is_lossless(fb::Codec codec) {
  switch (codec) {
    case fb::Codec::flac:
    case fb::Codec::alac:
    case fb::Codec::wav:
    case fb::Codec::aiff:
    case fb::Codec::wavpack:
    case fb::Codec::ape:
      return true;
    default:
      return false;
  }
}

std::uint8_t quality_of(fb::Codec codec, std::uint32_t bitrate_kbps, std::uint32_t bit_depth,
                        std::uint32_t sample_rate_hz) {
  if (is_lossless(codec)) return static_cast<std::uint8_t>(lossless_quality(bit_depth, sample_rate_hz));
  const auto kbps = std::min<std::uint32_t>(bitrate_kbps, 65535) * mp3_percent(codec) / 100;
  const auto quality = lossy_quality(kbps);
  return static_cast<std::uint8_t>(codec == fb::Codec::unknown ? std::min(quality, unknown_cap) : quality);
}

std::uint8_t quality_of(const fb::FileEntryT& entry) {
  return quality_of(entry.codec, entry.bitrate_kbps, entry.bit_depth, entry.sample_rate_hz);
}

std::string why_not_shared(const fb::FileEntryT& entry) {
  if (!entry.problem.empty()) return entry.problem;
  if (entry.size == 0) return "it is empty";
  if (!entry.recording || from_fb<mbid>(*entry.recording).is_zero())
    return "its tags name no MusicBrainz recording; tag it with MusicBrainz Picard";
  if (!entry.root || from_fb<digest>(*entry.root).is_zero() || !entry.sha256) return "it was not hashed yet";
  return {};
}

std::optional<fb::Variant> variant_of(const fb::FileEntryT& entry) {
  if (!why_not_shared(entry).empty()) return std::nullopt;
  std::array<std::uint8_t, 16> prefix{};
  std::memcpy(prefix.data(), entry.sha256->bytes()->data(), prefix.size());
  return fb::Variant(*entry.root, fb::Bytes16(flatbuffers::span<const std::uint8_t, 16>(prefix.data(), 16)),
                     entry.size, entry.bitrate_kbps, entry.codec, quality_of(entry));
}

std::optional<fb::ReleaseTrack> release_track_of(const fb::FileEntryT& entry) {
  if (!why_not_shared(entry).empty() || !entry.release || from_fb<mbid>(*entry.release).is_zero())
    return std::nullopt;
  return fb::ReleaseTrack(*entry.recording, entry.duration_ms, entry.disc, entry.track);
}

std::string_view extension_for(std::string_view container, fb::Codec codec) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> known{{{"flac", ".flac"},
                                                                                {"mpeg", ".mp3"},
                                                                                {"ogg", ".ogg"},
                                                                                {"mp4", ".m4a"},
                                                                                {"wav", ".wav"},
                                                                                {"aiff", ".aiff"},
                                                                                {"ape", ".ape"},
                                                                                {"wavpack", ".wv"},
                                                                                {"musepack", ".mpc"}}};
  if (container == "ogg" && codec == fb::Codec::opus) return ".opus";
  if (container == "ogg" && codec == fb::Codec::flac) return ".oga";
  for (const auto& [name, extension] : known)
    if (name == container) return extension;
  return ".bin";
}

}  // namespace vsf::library
