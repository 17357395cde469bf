#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "actors/library/analyzer/byte_source.hpp"

/// What kind of file bytes are, by themselves: names and extensions lie.
namespace vsf::library {

enum class format : std::uint8_t {
  unknown,
  flac,
  ogg_vorbis,
  ogg_opus,
  ogg_flac,
  mpeg,
  mp4,
  wav,
  aiff,
  ape,
  wavpack,
  musepack
};

/// "flac", "ogg", "mpeg"...: FileEntry.container; empty for unknown.
std::string_view container_of(format what);

struct sniffed {
  format what = format::unknown;
  std::uint64_t audio_at = 0;  // where the format itself begins, behind ID3v2 tags
  bool has_id3v2 = false;
};
sniffed sniff(const byte_source& source);

/// A frame header of MPEG audio (ISO 11172-3, 13818-3, and the unofficial 2.5).
struct mpeg_frame {
  std::uint32_t version_10 = 10;  // 10, 20 or 25
  std::uint32_t layer = 3;
  std::uint32_t length_bytes = 0;
  std::uint32_t sample_rate_hz = 0;
  bool mono = false;
};
/// From 4 bytes; nullopt for what is none, or has a free bitrate.
std::optional<mpeg_frame> parse_mpeg_frame(byte_view raw);

/// Whether the end of the file is missing, as far as its format tells without decoding:
///  - FLAC: no frame near the end that reaches the number of samples in STREAMINFO.
///  - MP3: fewer bytes than the Xing header counts. Ogg: the last page is cut. MP4, WAV, AIFF: a chunk beyond
///  the end.
///  - Others, and headers that say nothing: never.
bool is_truncated(const byte_source& source, const sniffed& kind);

}  // namespace vsf::library
