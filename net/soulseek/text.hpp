#pragma once

#include <string>

#include "messages/types.hpp"

namespace vsf::soulseek {

/// A text from the wire as UTF-8: as it is when valid, else taken for Windows-1252, whose five gaps are read
/// as Latin-1. At most three times as long.
std::string text_of(byte_view raw);

}  // namespace vsf::soulseek
