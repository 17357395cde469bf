#pragma once

#include <string>
#include <vector>

#include "gateway/cli/console.hpp"

/// The commands that need no node.
namespace vsf::cli {

/// The DHT key of `recording MBID`, `release MBID`, `scene ID` or `name ARTIST TITLE`, in hex. Exit 2: not
/// one of these.
int run_tool_keys(const console& to, const std::string& kind, const std::vector<std::string>& words);

/// What the sandboxed analyzer finds in an audio file, as one JSON object. `quality_score` is 0..1 from codec
/// and bitrate; `transcode_suspect` and `transcode_reason` are null, as no spectrum is measured. Exit 1: it
/// can't be analysed.
int run_tool_analyze(const console& to, const std::string& file);

}  // namespace vsf::cli
