#pragma once

#include <string>
#include <string_view>

#include "messages/types.hpp"

namespace vsf::storage {

inline constexpr std::size_t max_component_bytes = 200;

/// Holds if `name` is exactly one path component of 1 to 200 bytes: no '/', no NUL, not "." or "..".
result<void> check_component(std::string_view name);

/// "name (2).ext" for n = 2; the number goes before the extension, and at the end where there is none
/// (".hidden" has none). n = 1 is the name itself.
std::string numbered(std::string_view name, unsigned n);

}  // namespace vsf::storage
