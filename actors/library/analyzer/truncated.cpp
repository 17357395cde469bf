#include <algorithm>
#include <array>
#include <bit>

#include "actors/library/analyzer/sniff.hpp"

namespace vsf::library {
namespace {

constexpr std::size_t max_chunks = 4096;

bool has_tag(byte_view head, std::size_t at, std::string_view tag) {
  return head.size() >= at + tag.size() && std::memcmp(head.data() + at, tag.data(), tag.size()) == 0;
}

/// The sample behind the frame whose header is at the start of `data`; nullopt if there is none (RFC
/// 9639, 9.1).
std::optional<std::uint64_t> flac_frame_end(byte_view data, std::uint32_t fixed_block) {
  if (data.size() < 16 || data[0] != 0xFF || (data[1] & 0xFE) != 0xF8) return std::nullopt;
  const unsigned block_code = data[2] >> 4, rate_code = data[2] & 15;
  if (block_code == 0 || rate_code == 15 || data[3] >> 4 > 10 || (data[3] & 1) != 0) return std::nullopt;
  std::size_t at = 4;
  const unsigned ones = static_cast<unsigned>(std::countl_one(data[at]));
  if (ones == 1 || ones > 7) return std::nullopt;
  std::uint64_t number = ones == 0 ? data[at] : data[at] & (0x7Fu >> ones);
  ++at;
  for (unsigned i = 1; i < ones; ++i, ++at) {
    if ((data[at] & 0xC0) != 0x80) return std::nullopt;
    number = number << 6 | (data[at] & 0x3F);
  }
  std::uint32_t block = 0;
  if (block_code == 1)
    block = 192;
  else if (block_code <= 5)
    block = 576u << (block_code - 2);
  else if (block_code == 6)
    block = data[at++] + 1u;
  else if (block_code == 7) {
    block = big_endian_16(data.subspan(at)) + 1;
    at += 2;
  } else
    block = 256u << (block_code - 8);
  if (rate_code == 12)
    at += 1;
  else if (rate_code > 12)
    at += 2;
  if (at >= data.size()) return std::nullopt;
  unsigned crc = 0;
  for (std::size_t i = 0; i < at; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x80) != 0 ? (crc << 1 ^ 0x07) & 0xFF : crc << 1;
  }
  if (crc != data[at]) return std::nullopt;
  const bool counts_samples = (data[1] & 1) != 0;
  return (counts_samples ? number : number * fixed_block) + block;
}

bool flac_truncated(const byte_source& source, std::uint64_t at) {
  const auto info = read_some(source, at, 42);  // "fLaC", block header, STREAMINFO
  if (info.size() < 42) return true;
  const byte_view raw = info;
  if ((raw[4] & 0x7F) != 0) return false;
  const auto block = big_endian_16(raw.subspan(8));
  const auto max_frame = big_endian_32(raw.subspan(14)) & 0xFFFFFF;  // 3 bytes behind the last of min_frame
  const auto total = std::uint64_t{raw[21] & 15u} << 32 | big_endian_32(raw.subspan(22));
  if (total == 0) return false;
  const auto window = std::clamp<std::uint64_t>(std::uint64_t{max_frame} * 2, 256 * 1024, 2 * 1024 * 1024);
  const auto from = std::max(at, source.size() - std::min(source.size(), window));
  const auto tail = read_some(source, from, static_cast<std::size_t>(window));
  bool any = false;
  for (std::size_t i = 0; i + 16 <= tail.size(); ++i) {
    const auto end = flac_frame_end(byte_view(tail).subspan(i), block);
    if (!end || *end > total) continue;
    if (*end == total) return false;
    any = true;
  }
  return any;
}

bool mpeg_truncated(const byte_source& source, std::uint64_t at) {
  const auto head = read_some(source, at, 64);
  const byte_view raw = head;
  const auto frame = parse_mpeg_frame(raw);
  if (!frame || raw.size() < 64) return false;
  const std::size_t xing = frame->version_10 == 10 ? (frame->mono ? 21 : 36) : (frame->mono ? 13 : 21);
  if (!has_tag(raw, xing, "Xing") && !has_tag(raw, xing, "Info")) return false;
  const auto flags = big_endian_32(raw.subspan(xing + 4));
  if ((flags & 2) == 0) return false;
  const auto counted = std::uint64_t{big_endian_32(raw.subspan(xing + 8 + ((flags & 1) != 0 ? 4 : 0)))};
  const auto tolerated = counted / 64 + 4096;  // some encoders count a tag or a frame too much
  return source.size() - at + tolerated < counted;
}

bool ogg_truncated(const byte_source& source) {
  constexpr std::size_t largest_page = 27 + 255 + 255 * 255;
  const auto from = source.size() - std::min<std::uint64_t>(source.size(), largest_page);
  const auto tail = read_some(source, from, largest_page);
  const byte_view raw = tail;
  for (std::size_t i = raw.size() < 4 ? 0 : raw.size() - 3; i-- > 0;) {
    if (!has_tag(raw, i, "OggS")) continue;
    if (i + 27 > raw.size() || i + 27 + raw[i + 26] > raw.size()) return true;
    std::size_t length = 27u + raw[i + 26];
    for (std::size_t k = 0; k < raw[i + 26]; ++k) length += raw[i + 27 + k];
    return i + length > raw.size();
  }
  return false;
}

bool mp4_truncated(const byte_source& source, std::uint64_t at) {
  for (std::size_t n = 0; n < max_chunks && at + 8 <= source.size(); ++n) {
    const auto head = read_some(source, at, 16);
    if (head.size() < 8) return true;
    auto length = std::uint64_t{big_endian_32(head)};
    if (length == 0) return false;
    if (length == 1) {
      if (head.size() < 16) return true;
      length = std::uint64_t{big_endian_32(byte_view(head).subspan(8))} << 32 |
               big_endian_32(byte_view(head).subspan(12));
    }
    if (length < 8) return false;
    if (length > source.size() - at) return true;
    at += length;
  }
  return false;
}

/// RIFF (little-endian) and AIFF (big-endian): only the chunk with the samples counts, taggers get others
/// wrong.
bool chunks_truncated(const byte_source& source, std::uint64_t at, std::string_view samples, bool little) {
  at += 12;
  for (std::size_t n = 0; n < max_chunks && at + 8 <= source.size(); ++n) {
    const auto head = read_some(source, at, 8);
    if (head.size() < 8) return false;
    const auto number = byte_view(head).subspan(4);
    const auto length = std::uint64_t{little ? little_endian_32(number) : big_endian_32(number)};
    at += 8;
    if (has_tag(head, 0, samples)) return length != 0xFFFFFFFF && length > source.size() - at;
    at += length + (length & 1);
  }
  return true;  // no samples at all
}

}  // namespace

bool is_truncated(const byte_source& source, const sniffed& kind) {
  switch (kind.what) {
    case format::flac:
      return flac_truncated(source, kind.audio_at);
    case format::mpeg:
      return mpeg_truncated(source, kind.audio_at);
    case format::ogg_vorbis:
    case format::ogg_opus:
    case format::ogg_flac:
      return ogg_truncated(source);
    case format::mp4:
      return mp4_truncated(source, kind.audio_at);
    case format::wav:
      return chunks_truncated(source, kind.audio_at, "data", true);
    case format::aiff:
      return chunks_truncated(source, kind.audio_at, "SSND", false);
    default:
      return false;
  }
}

}  // namespace vsf::library
