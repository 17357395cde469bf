#pragma once

#include <optional>
#include <string>

#include "messages/types.hpp"

namespace vsf::storage {

inline constexpr std::size_t max_identity_file_bytes = 4096;

/// The content of the identity file (what identity::to_file_content gave; identity::from_file_content judges
/// it and refuses another network's). nullopt: there is no such file yet. Refused: a file that anyone but its
/// owner, this user, can read or write; anything that is no regular file; more than max_identity_file_bytes.
result<std::optional<bytes>> read_identity_file(const std::string& path);

/// Writes the file with mode 0600 in place of any older one. A reader, and whoever looks after a loss of
/// power, finds the old content or the new one, never a part.
result<void> write_identity_file(const std::string& path, byte_view content);

}  // namespace vsf::storage
