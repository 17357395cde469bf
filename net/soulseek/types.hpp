#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/types.hpp"

/// The Soulseek protocol as bytes: messages, frames, zlib bodies, obfuscation. Pure; no sockets, no clock.
///
/// Everything is little-endian. Strings are UTF-8 when written; what is read and isn't UTF-8 is taken for
/// Windows-1252. An IPv4 address is a number, 1.2.3.4 being 0x01020304. The members of a message stand in the
/// order of the wire; those that may be missing at its end are std::optional, and one that is written needs
/// those before it. Source: the Soulseek protocol documentation of Nicotine+ and aioslsk's.
namespace vsf::soulseek {

/// Why bytes are no message.
enum class fault : std::uint8_t {
  truncated,         // ends within a field, or a length or count says more than is there
  oversize,          // a frame or a text beyond its limit
  bad_zlib,          // the body is no zlib stream, or it doesn't end
  inflates_too_far,  // the body inflates beyond the size or the ratio allowed
  too_many_items,    // a list beyond its limit
  malformed,         // a value that has no meaning
};
std::string_view to_string(fault f);

enum class connection_type : char { peer = 'P', file = 'F', distributed = 'D' };
/// As the one that sends the message 40 sees it: `upload` offers a file, `download` (legacy) asks for one.
enum class transfer_direction : std::uint32_t { download = 0, upload = 1 };
/// Numbers beyond these are kept as they are.
enum class user_status : std::uint32_t { offline = 0, away = 1, online = 2 };
/// Who may send a user files. Numbers beyond these are kept as they are.
enum class upload_permission : std::uint32_t { no_one = 0, everyone = 1, listed = 2, trusted = 3 };
enum class login_failure : std::uint8_t {
  invalid_username,  // the detail says why
  empty_password,
  invalid_password,
  invalid_version,
  server_full,
  server_private,
  other,
};
/// The reason's text on the wire; empty for `other`.
std::string_view to_string(login_failure f);

/// The reasons of TransferResponse and UploadDenied, which clients compare letter by letter.
namespace reason {
inline constexpr std::string_view banned = "Banned";
inline constexpr std::string_view cancelled = "Cancelled";
inline constexpr std::string_view complete = "Complete";
inline constexpr std::string_view file_not_shared = "File not shared.";
inline constexpr std::string_view file_read_error = "File read error.";
inline constexpr std::string_view pending_shutdown = "Pending shutdown.";
inline constexpr std::string_view queued = "Queued";
inline constexpr std::string_view too_many_files = "Too many files";
inline constexpr std::string_view too_many_megabytes = "Too many megabytes";
}  // namespace reason

/// The obfuscated port beside a plain one; type 0 is none, 1 the rotating one. The server writes it in two
/// widths.
template <class Port>
struct obfuscated_port {
  std::uint32_t type = 0;
  Port port = 0;
  bool operator==(const obfuscated_port&) const = default;
};

struct user_stats {
  std::uint32_t average_speed = 0;  // bytes/s
  std::uint64_t uploads = 0;
  std::uint32_t files = 0;
  std::uint32_t folders = 0;
  bool operator==(const user_stats&) const = default;
};

/// What a file's list of (number, value) says; numbers of which we know nothing are dropped, and of two with
/// the same number the later one counts. Written in the order of their numbers.
struct attributes {
  std::optional<std::uint32_t> bitrate{};      // 0, kbit/s
  std::optional<std::uint32_t> duration{};     // 1, s
  std::optional<std::uint32_t> vbr{};          // 2, 0 or 1
  std::optional<std::uint32_t> sample_rate{};  // 4, Hz
  std::optional<std::uint32_t> bit_depth{};    // 5
  bool operator==(const attributes&) const = default;
};

/// In a search response the name is a whole path with `\`, elsewhere that within its folder.
struct file {
  std::string name{};
  std::uint64_t size = 0;
  std::string extension{};  // clients send it empty
  attributes attrs{};
  std::uint8_t code = 1;  // the byte before the name; always 1 but for curious clients
  bool operator==(const file&) const = default;
};

struct folder {
  std::string name{};
  std::vector<file> files{};
  bool operator==(const folder&) const = default;
};

/// A message whose code we don't know; its body is dropped.
struct unknown {
  std::uint32_t code = 0;
  bool operator==(const unknown&) const = default;
};

}  // namespace vsf::soulseek
