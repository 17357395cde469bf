#include "actors/swarm/naming.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace vsf::swarm {

namespace {

bool has(byte_view head, std::size_t at, std::string_view magic) {
  return head.size() >= at + magic.size() &&
         std::equal(magic.begin(), magic.end(), head.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

/// Where the audio begins behind an ID3v2 tag; 0 without one.
std::size_t behind_id3(byte_view head) {
  if (!has(head, 0, "ID3") || head.size() < 10) return 0;
  std::size_t length = 0;
  for (std::size_t i = 6; i < 10; ++i) length = length << 7 | (head[i] & 0x7FU);
  return 10 + length + ((head[5] & 0x10U) != 0 ? 10 : 0);
}

bool is_mpeg_audio(byte_view head, std::size_t at) {
  if (head.size() < at + 4 || head[at] != 0xFF || (head[at + 1] & 0xE0U) != 0xE0U) return false;
  const auto version = head[at + 1] >> 3 & 3U, layer = head[at + 1] >> 1 & 3U;
  return version != 1 && layer != 0 && (head[at + 2] >> 4) != 15U && (head[at + 2] >> 2 & 3U) != 3U;
}

bool is_adts(byte_view head, std::size_t at) {
  return head.size() >= at + 4 && head[at] == 0xFF && (head[at + 1] & 0xF6U) == 0xF0U;
}

std::string_view ogg_kind(byte_view head) {
  if (has(head, 28, "OpusHead")) return "opus";
  if (has(head, 28,
          "\x7f"
          "FLAC"))
    return "oga";
  return "ogg";
}

struct decoded {
  char32_t point = 0;
  std::size_t length = 1;
  bool valid = false;
};

decoded decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[at + i]); };
  const auto first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return {};
  char32_t point = first & (length == 2 ? 0x1FU : length == 3 ? 0x0FU : 0x07U);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    point = point << 6 | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  if (overlong || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return {};
  return {point, length, true};
}

/// Characters that are invisible, reorder what is shown, or end a line.
bool is_unseen(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF0 && c <= 0xFFFB) || (c & 0xFFFEU) == 0xFFFEU || (c >= 0xFDD0 && c <= 0xFDEF) ||
         (c >= 0xE0000 && c <= 0xE0FFF);
}

bool is_separator(char32_t c) {
  return c == '/' || c == '\\' || c == ':' || c == '*' || c == '?' || c == '"' || c == '<' || c == '>' ||
         c == '|';
}

bool is_reserved(std::string_view stem) {
  auto base = std::string(stem.substr(0, stem.find('.')));
  while (!base.empty() && base.back() == ' ') base.pop_back();
  for (auto& c : base)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  static constexpr std::array<std::string_view, 6> names{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
  if (std::find(names.begin(), names.end(), base) != names.end()) return true;
  if (!base.starts_with("COM") && !base.starts_with("LPT")) return false;
  const auto number = std::string_view(base).substr(3);
  return (number.size() == 1 && number[0] >= '0' && number[0] <= '9') || number == "\xC2\xB9" ||
         number == "\xC2\xB2" || number == "\xC2\xB3";
}

std::string clean(std::string_view stem) {
  std::string out;
  for (std::size_t i = 0; i < stem.size();) {
    const auto c = decode(stem, i);
    if (!c.valid)
      out += '_';
    else if (is_separator(c.point))
      out += '_';
    else if (!is_unseen(c.point))
      out += stem.substr(i, c.length);
    i += c.length;
  }
  return out;
}

void trim(std::string& text) {
  const auto first = text.find_first_not_of(" .");
  if (first == std::string::npos) {
    text.clear();
    return;
  }
  text.erase(text.find_last_not_of(" .") + 1);
  text.erase(0, first);
}

}  // namespace

std::string sniff_extension(byte_view head) {
  if (has(head, 0, "fLaC")) return "flac";
  if (has(head, 0, "OggS")) return std::string(ogg_kind(head));
  if (has(head, 0, "RIFF") && has(head, 8, "WAVE")) return "wav";
  if (has(head, 0, "RF64") && has(head, 8, "WAVE")) return "wav";
  if (has(head, 0, "FORM") && (has(head, 8, "AIFF") || has(head, 8, "AIFC"))) return "aiff";
  if (has(head, 4, "ftyp")) return "m4a";
  if (has(head, 0, "wvpk")) return "wv";
  if (has(head, 0, "MAC ")) return "ape";
  if (has(head, 0, "MPCK") || has(head, 0, "MP+")) return "mpc";
  if (has(head, 0, "TTA1")) return "tta";
  if (has(head, 0, "DSD ")) return "dsf";
  if (has(head, 0, "FRM8")) return "dff";
  if (has(head, 0, "\x1A\x45\xDF\xA3")) return "mka";
  if (has(head, 0, "\x30\x26\xB2\x75\x8E\x66\xCF\x11")) return "wma";
  if (const auto audio = behind_id3(head); audio != 0) {
    if (has(head, audio, "fLaC")) return "flac";
    if (has(head, audio, "TTA1")) return "tta";
    if (is_adts(head, audio)) return "aac";
    return "mp3";  // also when the tag is longer than what we look at
  }
  if (is_adts(head, 0)) return "aac";
  if (is_mpeg_audio(head, 0)) return "mp3";
  return "bin";
}

std::string safe_component(std::string_view stem, std::string_view extension) {
  auto name = clean(stem);
  trim(name);
  const auto room =
      max_file_name_bytes - extension.size() - 2;  // one for the dot, one for the underscore below
  if (name.size() > room) {
    auto cut = room;
    while (cut > 0 && (static_cast<std::uint8_t>(name[cut]) & 0xC0U) == 0x80U) --cut;
    name.resize(cut);
    trim(name);
  }
  if (is_reserved(name)) name.insert(name.begin(), '_');
  if (name.empty()) name = "_";
  return name + '.' + std::string(extension);
}

std::string finished_name(const mbid& recording, std::string_view artist, std::string_view title,
                          std::string_view extension) {
  std::string stem(title.empty() ? artist : title);
  if (!artist.empty() && !title.empty()) stem = std::string(artist) + " - " + std::string(title);
  auto cleaned = clean(stem);
  trim(cleaned);
  return safe_component(cleaned.empty() ? to_string(recording) : cleaned, extension);
}

}  // namespace vsf::swarm
