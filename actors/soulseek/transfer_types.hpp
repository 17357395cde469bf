#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "messages/soulseek_schemas.hpp"
#include "net/soulseek/types.hpp"

/// What both transfer queues of a Soulseek client speak of: the messages between users and the exact reasons.
namespace vsf::soulseek {

inline constexpr std::size_t max_user_bytes = 128;
inline constexpr std::size_t max_path_bytes = 4096;
inline constexpr std::size_t max_reason_bytes = 200;

/// What two users say to each other about transfers, over a P link; the numbers are the message codes. Paths
/// are as their owner writes them, with backslashes.
namespace said {
/// 43
struct queue_upload {
  std::string path;  // the bytes as they go out; not always UTF-8
};
/// 40, direction 1: an uploader begins. A size of 0: the one that is known.
struct offer {
  std::uint32_t token = 0;
  std::string path;
  std::uint64_t size_bytes = 0;
};
/// 40, direction 0: how some clients still ask.
struct legacy_request {
  std::uint32_t token = 0;
  std::string path;
};
/// 41
struct response {
  std::uint32_t token = 0;
  bool allowed = false;
  std::string reason{};  // when not allowed
};
/// 51
struct place_request {
  std::string path;  // as in queue_upload
};
/// 44
struct place {
  std::string path;
  std::uint32_t place = 0;
};
/// 46
struct upload_failed {
  std::string path;
};
/// 50
struct upload_denied {
  std::string path;
  std::string reason;
};
using message = std::variant<queue_upload, offer, legacy_request, response, place_request, place,
                             upload_failed, upload_denied>;
}  // namespace said

/// Why a file isn't given or taken. Stored as a number: append only.
enum class refusal : std::uint8_t {
  none = 0,
  banned,
  cancelled,
  complete,
  not_shared,
  read_error,
  shutting_down,
  queued,
  too_many_files,
  too_many_megabytes,
  other,  // a text of the other's own
  // What this side finds out by itself:
  unreachable,
  no_answer,
  stalled,
  broken_off,  // the bytes ended early
  remote_failed,
  offline,
  disk,
  unfit_size,
};
/// The exact text of the protocol; for what this side finds out, a sentence for people.
std::string_view text_of(refusal why);
/// Other clients leave the full stop away, add to "Banned", or write in other cases.
refusal refusal_of(std::string_view text);
/// At most max_reason_bytes, one line, valid UTF-8: what another user wrote, fit to be shown and stored.
std::string shown_reason(std::string_view text);

}  // namespace vsf::soulseek
