#include "net/soulseek/text.hpp"

namespace vsf::soulseek {
namespace {

/// Length of the UTF-8 sequence at the front, 0 when there is none (overlong, a surrogate, beyond U+10FFFF).
std::size_t sequence_at(byte_view raw) {
  const auto first = raw[0];
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (raw.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((raw[i] & 0xC0) != 0x80) return 0;
  const auto second = raw[1];
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return length;
}

bool is_utf8(byte_view raw) {
  while (!raw.empty()) {
    const auto length = sequence_at(raw);
    if (length == 0) return false;
    raw = raw.subspan(length);
  }
  return true;
}

/// 0x80 to 0x9F of Windows-1252.
constexpr std::uint16_t from_windows[32] = {0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                            0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
                                            0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                            0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

void append(std::string& out, unsigned character) {
  const auto put = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0U | character >> 6U);
    put(0x80U | (character & 0x3FU));
  } else {
    put(0xE0U | character >> 12U);
    put(0x80U | (character >> 6U & 0x3FU));
    put(0x80U | (character & 0x3FU));
  }
}

}  // namespace

std::string text_of(byte_view raw) {
  if (is_utf8(raw)) return {raw.begin(), raw.end()};
  std::string out;
  out.reserve(raw.size());
  for (const unsigned byte : raw) append(out, byte >= 0x80 && byte < 0xA0 ? from_windows[byte - 0x80] : byte);
  return out;
}

}  // namespace vsf::soulseek
