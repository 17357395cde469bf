#include "actors/soulseek/share_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace vsf::soulseek {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

constexpr bool is_ascii_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

const icu::Normalizer2& case_folder() {
  UErrorCode status = U_ZERO_ERROR;
  const auto* instance = icu::Normalizer2::getNFKCCasefoldInstance(status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU has no NFKC_Casefold data; install libicu completely");
  return *instance;
}

/// The character at `at`, which moves behind it; U+FFFD for what is malformed.
UChar32 next_character(std::string_view text, std::size_t& at) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  auto i = static_cast<std::int64_t>(at);
  const auto size = static_cast<std::int64_t>(text.size());
  UChar32 c = 0;
  U8_NEXT_OR_FFFD(bytes, i, size, c);
  at = static_cast<std::size_t>(i);
  return c;
}

bool is_word_character(UChar32 c) {
  return (U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_M_MASK | U_GC_N_MASK)) != 0;
}

/// Moves `at` behind the word character there; false, and `at` stays, if it is none.
bool take_word_character(std::string_view text, std::size_t& at) {
  const char c = text[at];
  if (static_cast<unsigned char>(c) < 0x80) {
    if (!is_ascii_word(c)) return false;
    ++at;
    return true;
  }
  auto behind = at;
  if (!is_word_character(next_character(text, behind))) return false;
  at = behind;
  return true;
}

}  // namespace

void fold_onto(std::string& out, std::string_view text) {
  if (is_ascii(text)) {
    for (const char c : text) out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c);
    return;
  }
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&out);
  const icu::StringPiece piece(text.data(), static_cast<std::int32_t>(text.size()));
  case_folder().normalizeUTF8(0, piece, sink, nullptr, status);
}

std::string fold(std::string_view text) {
  std::string out;
  fold_onto(out, text);
  return out;
}

std::string_view next_word(std::string_view folded, std::size_t& at) {
  while (at < folded.size()) {
    const auto begin = at;
    while (at < folded.size() && take_word_character(folded, at)) {
    }
    if (at > begin) return folded.substr(begin, std::min(at - begin, max_word_bytes));
    next_character(folded, at);
  }
  return {};
}

std::size_t count_characters(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); ++n) next_character(text, at);
  return n;
}

std::string shareable_name(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  for (std::size_t at = 0; at < name.size();) {
    const auto begin = at;
    const auto c = next_character(name, at);
    const auto piece = name.substr(begin, at - begin);
    if (c == '\\') {
      out += "\u2216";
    } else if (c == 0xFFFD && piece != "\uFFFD") {
      for (const char raw : piece) {
        const auto byte = static_cast<unsigned char>(raw);
        if (byte >= 0x80) out.push_back(static_cast<char>(0xC0 | (byte >> 6)));
        out.push_back(static_cast<char>(byte >= 0x80 ? 0x80 | (byte & 0x3F) : byte));
      }
    } else {
      out += piece;
    }
  }
  return out;
}

}  // namespace vsf::soulseek
