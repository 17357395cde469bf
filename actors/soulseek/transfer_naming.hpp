#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Where a file that another user names goes. Nothing of a remote path is used unless it was made safe: two
/// downloads never share a partial file, and none leaves its folder.
namespace vsf::soulseek {

inline constexpr std::size_t max_kept_folders = 8;

/// The last component of a remote path; of `\` and `/`, whichever comes last.
std::string_view remote_name(std::string_view remote_path);

/// One safe component of 1 to 200 bytes for the finished file, with the extension its owner gives if that is
/// up to 10 letters and digits.
std::string local_name(std::string_view remote_path);

/// The last `keep` (at most max_kept_folders) folders of a remote path, outermost first, each one safe
/// component of at most 120 bytes. Components that say nothing ("", ".", "..", "C:", "@@share") are left out.
std::vector<std::string> local_folders(std::string_view remote_path, std::size_t keep);

/// "soulseek-0123456789abcdef-0.part": of our own numbers alone. `generation` grows when a partial file is
/// put aside and begun anew.
std::string partial_name(std::uint64_t id, std::uint32_t generation);

/// UTF-8 as latin-1 bytes; nothing when a character has none, or when all are ASCII and it would be the same.
std::optional<std::string> as_latin1(std::string_view utf8);

/// The same file of another user: the same name but for the case of ASCII letters, and the same known size.
bool same_file(std::string_view path, std::uint64_t size_bytes, std::string_view other_path,
               std::uint64_t other_size_bytes);

}  // namespace vsf::soulseek
