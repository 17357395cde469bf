#pragma once

#include <string>
#include <string_view>

#include "messages/types.hpp"

/// Names of finished downloads: made of our own metadata and of the first bytes of the file, never of what a
/// peer says.
namespace vsf::swarm {

inline constexpr std::size_t max_file_name_bytes = 200;
/// How much of a file's beginning sniff_extension() looks at.
inline constexpr std::size_t sniff_bytes = 4096;

/// The extension that fits the container these first bytes begin: "flac", "mp3", "ogg", "opus", "m4a", "wav",
/// "aiff", "aac", "wv", "ape", "mpc", "wma", "tta", "dsf", "dff", "mka"; "bin" for anything else.
std::string sniff_extension(byte_view head);

/// One path component of 1 to 200 bytes, valid UTF-8, "stem.extension": no separators, control or
/// direction-changing characters, nothing Windows refuses, no leading or trailing dots or spaces, no reserved
/// device name. `extension` is one of sniff_extension(). An empty stem becomes "_".
std::string safe_component(std::string_view stem, std::string_view extension);

/// "artist - title.ext" when both are known, the one that is known alone, or the MBID.
std::string finished_name(const mbid& recording, std::string_view artist, std::string_view title,
                          std::string_view extension);

}  // namespace vsf::swarm
