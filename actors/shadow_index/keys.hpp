#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/types.hpp"

namespace vsf::shadow_index {

/// DHT keys, byte-exact (docs/protocol.md, "Keys"): each is the SHA-1 of a prefix and a text.

/// Where the leaves of a recording are: who serves which variants of it.
dht_key recording_key(const mbid& recording);
/// Where the leaves of a release are: who serves which of its tracks.
dht_key release_key(const mbid& release);
/// Where the members of a scene are; `scene_id` as it is, "scene:label:<slug>" and so on.
dht_key scene_key(std::string_view scene_id);

/// The form in which names are compared: NFKC, default case folding, ICU's `Any-Latin; Latin-ASCII`, then
/// only letters and decimal digits (general categories L and Nd). UTF-8 in, UTF-8 out; malformed UTF-8
/// becomes U+FFFD and is thereby dropped. Empty when nothing is left.
std::string normalise_name(std::string_view text);

/// Where the recordings of an artist's title are. An empty `title` gives the key of the artist alone and an
/// empty `artist` that of the title alone, both without the separator.
dht_key name_key(std::string_view artist, std::string_view title);

/// The keys under which one recording is found by text: both names, the artist alone, the title alone. A form
/// of which a name has no letter or digit is left out.
std::vector<dht_key> name_keys(std::string_view artist, std::string_view title);

}  // namespace vsf::shadow_index
