#include "actors/soulseek/transfer_types.hpp"

#include <array>

namespace vsf::soulseek {

namespace {

constexpr std::array<std::string_view, 19> texts{
    "",
    reason::banned,
    reason::cancelled,
    reason::complete,
    reason::file_not_shared,
    reason::file_read_error,
    reason::pending_shutdown,
    reason::queued,
    reason::too_many_files,
    reason::too_many_megabytes,
    "refused",
    "the user could not be reached",
    "the user did not answer in time",
    "no bytes came for a while",
    "the connection ended early",
    "the user's client failed",
    "the user is offline",
    "the file could not be written",
    "the file has another size",
};

std::string folded(std::string_view text) {
  std::string out(text.substr(0, text.find_last_not_of(" .") + 1));
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// How many bytes the UTF-8 character at `at` has; 0: it is none, or a control character.
std::size_t shown_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[at + i]); };
  const auto first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  if (first == 0xC2 && byte(1) < 0xA0) return 0;   // C1 controls
  if (first == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
  if (first == 0xED && byte(1) >= 0xA0) return 0;  // surrogates
  if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
  if (first == 0xE2 && byte(1) == 0x80 && byte(2) >= 0xA8 && byte(2) <= 0xAE)
    return 0;  // line ends, directions
  if (first == 0xE2 && byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9) return 0;
  return length;
}

}  // namespace

std::string_view text_of(refusal why) { return texts.at(static_cast<std::size_t>(why)); }

refusal refusal_of(std::string_view text) {
  const auto said = folded(text.substr(0, max_reason_bytes));
  for (auto i = static_cast<std::size_t>(refusal::banned); i < static_cast<std::size_t>(refusal::other); ++i)
    if (said == folded(texts.at(i))) return static_cast<refusal>(i);
  if (said.starts_with("banned")) return refusal::banned;
  if (said.starts_with("too many megabytes")) return refusal::too_many_megabytes;
  if (said.starts_with("too many files")) return refusal::too_many_files;
  return refusal::other;
}

std::string shown_reason(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto length = shown_length(text, i);
    if (out.size() + length > max_reason_bytes) break;
    if (length != 0) out += text.substr(i, length);
    i += length == 0 ? 1 : length;
  }
  return out;
}

}  // namespace vsf::soulseek
