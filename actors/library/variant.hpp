#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/schemas.hpp"

/// From what the analyzer found in a file to what is published about it.
namespace vsf::library {

bool is_lossless(fb::Codec codec);

/// 0..255 from codec, bitrate, bit depth and sample rate, until spectra are measured. Higher is better; any
/// lossless file is better than any lossy one.
///  - Lossless: 200; 8-bit 195; above 16 bits +25; above 48 kHz +10, above 96 kHz +15.
///  - Lossy: the bitrate is first brought to what MP3 would need for the same (x 1.6 Opus, 1.3 Vorbis, 1.25
///  AAC and
///    Musepack), then read off the line (0,0) (64,40) (128,100) (192,140) (256,165) (320,185), flat beyond.
///  - An unknown codec counts as MP3 and gets at most 100.
std::uint8_t quality_of(fb::Codec codec, std::uint32_t bitrate_kbps, std::uint32_t bit_depth,
                        std::uint32_t sample_rate_hz);
std::uint8_t quality_of(const fb::FileEntryT& entry);

/// Why other nodes can't get this file from us, empty when they can: it has a problem, its tags name no
/// MusicBrainz recording, it is empty, or its hashes are missing.
std::string why_not_shared(const fb::FileEntryT& entry);

/// The file as one variant of its recording; nullopt if it can't be shared.
std::optional<fb::Variant> variant_of(const fb::FileEntryT& entry);
/// The file as a track of its release; nullopt if it can't be shared or its tags name no release.
std::optional<fb::ReleaseTrack> release_track_of(const fb::FileEntryT& entry);

/// The extension a file of this content gets, with its dot; from the sniffed container and codec, never from
/// a name.
/// ".bin" for content we don't know.
std::string_view extension_for(std::string_view container, fb::Codec codec);

}  // namespace vsf::library
