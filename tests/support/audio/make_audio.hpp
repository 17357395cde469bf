#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/types.hpp"

/// Real audio files for tests and for trying the node out: encoded by FFmpeg's libraries, tagged by TagLib
/// the way MusicBrainz Picard tags. The same seed gives the same sound and the same ids.
namespace vsf::test {

enum class audio_kind : std::uint8_t { flac, mp3, vorbis, opus, aac, alac, wav, aiff, wavpack };
std::string_view name_of(audio_kind kind);  // "flac"...
std::optional<audio_kind> audio_kind_named(std::string_view name);
/// With its dot.
std::string_view extension_of(audio_kind kind);

struct audio_tags {
  std::string artist, album, title;
  std::uint32_t track = 0, disc = 0;
  mbid recording, release;  // zero: not written
};

struct audio_spec {
  std::string path;
  audio_kind kind = audio_kind::flac;
  std::uint64_t seed = 1;
  std::uint32_t duration_ms = 3000;
  std::uint32_t sample_rate_hz = 44100;  // Opus is always 48000
  std::uint32_t channels = 2;            // 1 or 2
  std::uint32_t bit_depth = 16;          // 24 for FLAC only
  audio_tags tags;
};

/// Seeded chords that change twice a second over a little noise; replaces an existing file.
result<void> make_audio(const audio_spec& spec);

/// A random-looking version 4 UUID that depends on both only.
mbid seeded_mbid(std::string_view what, std::uint64_t number);

struct collection_spec {
  std::string folder;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> sound_seed;  // other sound under the same tags
  std::uint32_t files = 20;
  std::uint32_t variants = 1;  // files of each recording, in as many of the kinds
  std::uint32_t min_ms = 2000, max_ms = 20000;
  std::vector<audio_kind> kinds{audio_kind::flac, audio_kind::mp3, audio_kind::vorbis};
};

struct collection_item {
  audio_spec spec;  // path beneath the folder: "Artist 1/Album 1/01 - Title 1.flac"
  std::uint64_t size = 0;
  digest sha256{}, root{};
};

/// Makes the folder's files, 8 recordings to an album, 4 albums to an artist.
result<std::vector<collection_item>> make_collection(const collection_spec& spec);
/// JSON: a list of {path, format, recording, release, artist, album, title, track, disc, duration_ms, size,
/// sha256, root}.
std::string manifest_of(const std::vector<collection_item>& items);

}  // namespace vsf::test
