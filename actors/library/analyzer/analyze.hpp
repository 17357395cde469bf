#pragma once

#include <string>
#include <vector>

#include "actors/library/analyzer/byte_source.hpp"
#include "messages/schemas.hpp"

namespace vsf::library {

/// Tags and audio properties by TagLib, the container by its content. Everything but size, hashes and
/// fingerprint is filled in; `problem` says what is wrong with the file. Never fails otherwise, and throws
/// nothing but std::bad_alloc.
fb::FileEntryT read_tags(const byte_source& source);

/// SHA-256 and hash-tree root in one pass. Sets `size` to what was read.
void hash_content(const byte_source& source, fb::FileEntryT& entry);

/// Chromaprint (its default algorithm) of the first 120 s, as text and as the sub-fingerprints in it; empty
/// when the audio can't be decoded.
struct fingerprint {
  std::string text;
  std::vector<std::uint32_t> sub_fingerprints;
};
fingerprint fingerprint_of(const byte_source& source);
/// Loads what the decoders load lazily; call it before files can't be opened any more.
void warm_up_decoders();

/// All of it. Content with a problem is not hashed: it can't be shared.
fb::FileEntryT analyze(const byte_source& source, bool fingerprint);

}  // namespace vsf::library
