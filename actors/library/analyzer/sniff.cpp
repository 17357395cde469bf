#include "actors/library/analyzer/sniff.hpp"

#include <algorithm>
#include <array>

namespace vsf::library {
namespace {

constexpr std::size_t mpeg_search = 64 * 1024;

bool starts_with(byte_view data, std::size_t at, std::string_view magic) {
  return data.size() >= at + magic.size() && std::memcmp(data.data() + at, magic.data(), magic.size()) == 0;
}

/// Bytes of an ID3v2 tag with its header, 0 if there is none at the start.
std::uint64_t id3v2_size(byte_view head) {
  if (head.size() < 10 || !starts_with(head, 0, "ID3") || head[3] == 0xFF || head[4] == 0xFF) return 0;
  std::uint64_t size = 0;
  for (std::size_t i = 6; i < 10; ++i) {
    if (head[i] >= 0x80) return 0;
    size = size << 7 | head[i];
  }
  return size + ((head[5] & 0x10) != 0 ? 20 : 10);
}

format ogg_kind(byte_view head) {
  if (head.size() < 28) return format::unknown;
  const std::size_t body = 27 + std::size_t{head[26]};
  if (starts_with(head, body, "\x01vorbis")) return format::ogg_vorbis;
  if (starts_with(head, body, "OpusHead")) return format::ogg_opus;
  if (starts_with(head, body,
                  "\x7F"
                  "FLAC"))
    return format::ogg_flac;
  return format::unknown;
}

format by_magic(byte_view head) {
  if (starts_with(head, 0, "fLaC")) return format::flac;
  if (starts_with(head, 0, "OggS")) return ogg_kind(head);
  if (starts_with(head, 4, "ftyp")) return format::mp4;
  if (starts_with(head, 0, "RIFF") && starts_with(head, 8, "WAVE")) return format::wav;
  if (starts_with(head, 0, "FORM") && (starts_with(head, 8, "AIFF") || starts_with(head, 8, "AIFC")))
    return format::aiff;
  if (starts_with(head, 0, "MAC ")) return format::ape;
  if (starts_with(head, 0, "wvpk")) return format::wavpack;
  if (starts_with(head, 0, "MPCK") || starts_with(head, 0, "MP+")) return format::musepack;
  return format::unknown;
}

/// Where the first of two consecutive frames begins (one is enough if the file ends behind it).
std::optional<std::uint64_t> find_mpeg(const byte_source& source, std::uint64_t from) {
  const auto window = read_some(source, from, mpeg_search);
  const byte_view data = window;
  for (std::size_t i = 0; i + 4 <= data.size(); ++i) {
    if (data[i] != 0xFF) continue;
    const auto first = parse_mpeg_frame(data.subspan(i));
    if (!first) continue;
    const auto next_at = from + i + first->length_bytes;
    if (next_at + 4 > source.size()) {
      if (i == 0) return from;
      continue;
    }
    const auto next = read_some(source, next_at, 4);
    const auto second = next.size() == 4 ? parse_mpeg_frame(next) : std::nullopt;
    if (second && second->layer == first->layer && second->sample_rate_hz == first->sample_rate_hz)
      return from + i;
  }
  return std::nullopt;
}

}  // namespace

std::string_view container_of(format what) {
  switch (what) {
    case format::flac:
      return "flac";
    case format::ogg_vorbis:
    case format::ogg_opus:
    case format::ogg_flac:
      return "ogg";
    case format::mpeg:
      return "mpeg";
    case format::mp4:
      return "mp4";
    case format::wav:
      return "wav";
    case format::aiff:
      return "aiff";
    case format::ape:
      return "ape";
    case format::wavpack:
      return "wavpack";
    case format::musepack:
      return "musepack";
    case format::unknown:
      break;
  }
  return {};
}

std::optional<mpeg_frame> parse_mpeg_frame(byte_view raw) {
  if (raw.size() < 4 || raw[0] != 0xFF || (raw[1] & 0xE0) != 0xE0) return std::nullopt;
  const unsigned version_bits = raw[1] >> 3 & 3, layer_bits = raw[1] >> 1 & 3;
  const unsigned rate_index = raw[2] >> 4, sample_index = raw[2] >> 2 & 3, padding = raw[2] >> 1 & 1;
  if (version_bits == 1 || layer_bits == 0 || rate_index == 0 || rate_index == 15 || sample_index == 3)
    return std::nullopt;
  mpeg_frame out;
  out.version_10 = version_bits == 3 ? 10 : version_bits == 2 ? 20 : 25;
  out.layer = 4 - layer_bits;
  out.mono = raw[3] >> 6 == 3;
  constexpr std::array<std::uint32_t, 3> base_rates{44100, 48000, 32000};
  out.sample_rate_hz = base_rates[sample_index] / (version_bits == 3 ? 1 : version_bits == 2 ? 2 : 4);
  using row = std::array<std::uint16_t, 15>;
  constexpr row v1l1{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448};
  constexpr row v1l2{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384};
  constexpr row v1l3{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320};
  constexpr row v2l1{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256};
  constexpr row v2l23{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160};
  const row& rates = version_bits == 3 ? (out.layer == 1   ? v1l1
                                          : out.layer == 2 ? v1l2
                                                           : v1l3)
                                       : (out.layer == 1 ? v2l1 : v2l23);
  const std::uint32_t bits_per_second = rates[rate_index] * 1000u;
  if (out.layer == 1)
    out.length_bytes = (12 * bits_per_second / out.sample_rate_hz + padding) * 4;
  else
    out.length_bytes =
        (out.layer == 3 && version_bits != 3 ? 72 : 144) * bits_per_second / out.sample_rate_hz + padding;
  return out;
}

sniffed sniff(const byte_source& source) {
  sniffed out;
  for (int tags = 0; tags < 4; ++tags) {  // some taggers put a second one in front
    const auto size = id3v2_size(read_some(source, out.audio_at, 10));
    if (size == 0) break;
    out.has_id3v2 = true;
    out.audio_at += size;
  }
  const auto head = read_some(source, out.audio_at, 512);
  out.what = by_magic(head);
  if (out.what == format::unknown) {
    if (const auto at = find_mpeg(source, out.audio_at)) {
      out.what = format::mpeg;
      out.audio_at = *at;
    }
  }
  return out;
}

}  // namespace vsf::library
