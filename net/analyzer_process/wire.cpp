#include "net/analyzer_process/wire.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace vsf::net {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none (Unicode 15, table
/// 3-7).
std::size_t sequence_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto tail = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xBF) {
    return i < text.size() && at(i) >= low && at(i) <= high;
  };
  const auto first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const std::uint8_t low = first == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t high = first == 0xED ? 0x9F : 0xBF;
    return tail(1, low, high) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const std::uint8_t low = first == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = first == 0xF4 ? 0x8F : 0xBF;
    return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_fingerprint_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool receive_all(int socket, std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const auto got = ::recv(socket, out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

/// The first bytes of a message, with which a descriptor comes. 0: gone.
std::size_t receive_start(int socket, std::span<std::uint8_t> out, int& descriptor) {
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control{};
  iovec part{out.data(), out.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int)))
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
  return got <= 0 ? 0 : static_cast<std::size_t>(got);
}

}  // namespace

std::uint32_t processor_seconds_for(std::uint64_t size_bytes, bool fingerprint) {
  const auto hashing = size_bytes >> 26;  // a second for 64 MiB: a tenth of what a slow machine does
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(3600, 20 + hashing)) + (fingerprint ? 60 : 0);
}

std::string clean_text(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const auto length = sequence_length(text);
    auto piece = length == 0 ? replacement : text.substr(0, length);
    if (length == 1 && (static_cast<std::uint8_t>(text[0]) < 0x20 || text[0] == 0x7F)) piece = " ";
    text.remove_prefix(std::max<std::size_t>(1, length));
    if (piece == " " && out.empty()) continue;
    if (out.size() + piece.size() > max_bytes) break;
    out += piece;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

void clean_entry(fb::FileEntryT& entry) {
  for (auto* text :
       {&entry.container, &entry.codec_name, &entry.artist, &entry.album, &entry.title, &entry.problem})
    *text = clean_text(*text);
  if (entry.fingerprint.size() > max_fingerprint_bytes || !is_fingerprint_text(entry.fingerprint))
    entry.fingerprint.clear();
  if (entry.sub_fingerprints.size() > max_sub_fingerprints) entry.sub_fingerprints.clear();
  if (entry.fault > fb::FileFault::MAX) entry.fault = fb::FileFault::unread;
  if (entry.codec > fb::Codec::MAX) entry.codec = fb::Codec::unknown;
  for (auto* id : {&entry.recording, &entry.release})
    if (*id && from_fb<mbid>(**id).is_zero()) id->reset();
}

bool send_message(int socket, byte_view body, int descriptor) {
  if (body.size() > max_worker_message) return false;
  const auto size = static_cast<std::uint32_t>(body.size());
  bytes raw{static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
            static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  raw.insert(raw.end(), body.begin(), body.end());
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control{};
  for (std::size_t sent = 0; sent < raw.size();) {
    iovec part{raw.data() + sent, raw.size() - sent};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    const auto done = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    sent += static_cast<std::size_t>(done);
    descriptor = -1;
  }
  return true;
}

std::optional<worker_message> receive_message(int socket) {
  worker_message out;
  std::array<std::uint8_t, 4> length{};
  const auto give_up = [&]() -> std::optional<worker_message> {
    if (out.descriptor >= 0) ::close(out.descriptor);
    return std::nullopt;
  };
  const auto got = receive_start(socket, length, out.descriptor);
  if (got == 0 || !receive_all(socket, std::span(length).subspan(got))) return give_up();
  const auto size =
      std::size_t{length[0]} << 24 | std::size_t{length[1]} << 16 | std::size_t{length[2]} << 8 | length[3];
  if (size > max_worker_message) return give_up();
  if (size > 0) {
    out.body = frame::allocate(size);
    if (!receive_all(socket, out.body.mutable_view())) return give_up();
  }
  return out;
}

}  // namespace vsf::net
