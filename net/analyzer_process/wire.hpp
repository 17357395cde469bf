#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/schemas.hpp"

/// What the analyzer's client and its worker process agree on. Both ways over a stream socket: u32 big-endian
/// length, then that many bytes. A request is an AnalyzeFile record (its path empty) whose first byte carries
/// the file's descriptor (SCM_RIGHTS); the answer is a FileEntry record. The worker says it is locked up and
/// ready with an empty message.
namespace vsf::net {

inline constexpr int worker_socket = 3;
inline constexpr std::size_t max_worker_message = 64 * 1024;
inline constexpr std::size_t max_text_bytes = 1024;
inline constexpr std::size_t max_fingerprint_bytes = 16 * 1024;
inline constexpr std::size_t max_sub_fingerprints = 2048;  // 120 s have 948

/// Processor time a worker gives one file, in seconds; its own timer ends it then.
std::uint32_t processor_seconds_for(std::uint64_t size_bytes, bool fingerprint);

/// The text as valid UTF-8 of at most `max_bytes`, cut between characters. Broken sequences become U+FFFD,
/// control characters a space; spaces around it are dropped.
std::string clean_text(std::string_view text, std::size_t max_bytes = max_text_bytes);
/// Bounds and cleans every text of an entry and drops values outside their range. Both sides do it: the
/// worker because tags are foreign, the client because the worker is.
void clean_entry(fb::FileEntryT& entry);

/// Sends one message; `descriptor` >= 0 goes with it. Blocks; false: the other side is gone.
bool send_message(int socket, byte_view body, int descriptor = -1);

struct worker_message {
  frame body;
  int descriptor = -1;  // the receiver closes it
};
/// Waits for one message. nullopt: the other side is gone or broke the bounds.
std::optional<worker_message> receive_message(int socket);

}  // namespace vsf::net
