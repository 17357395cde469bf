#include "actors/soulseek/transfer_naming.hpp"

#include <algorithm>
#include <array>

#include "actors/swarm/naming.hpp"

namespace vsf::soulseek {

namespace {

constexpr std::size_t max_extension_bytes = 10;
constexpr std::size_t max_folder_bytes = 120;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_plain(char c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'); }

/// A safe component without an extension.
std::string component(std::string_view text) {
  constexpr std::string_view stand_in = "x";  // safe_component() wants an extension
  auto out = swarm::safe_component(text, stand_in);
  out.resize(out.size() - stand_in.size() - 1);
  return out;
}

void cut(std::string& text, std::size_t most) {
  if (text.size() <= most) return;
  while (most > 0 && (static_cast<std::uint8_t>(text[most]) & 0xC0U) == 0x80U) --most;
  text.resize(most);
}

bool says_nothing(std::string_view folder) {
  if (folder.find_first_not_of(" .") == std::string_view::npos) return true;
  if (folder.size() == 2 && folder[1] == ':') return true;  // a drive
  return folder.starts_with("@@");                          // how some clients hide where a share is
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (true) {
    const auto at = path.find_first_of("\\/");
    out.push_back(path.substr(0, at));
    if (at == std::string_view::npos) return out;
    path.remove_prefix(at + 1);
  }
}

}  // namespace

std::string_view remote_name(std::string_view remote_path) {
  const auto at = remote_path.find_last_of("\\/");
  return at == std::string_view::npos ? remote_path : remote_path.substr(at + 1);
}

std::string local_name(std::string_view remote_path) {
  const auto name = remote_name(remote_path);
  const auto dot = name.rfind('.');
  if (dot != std::string_view::npos && dot != 0) {
    const auto extension = name.substr(dot + 1);
    if (!extension.empty() && extension.size() <= max_extension_bytes &&
        std::all_of(extension.begin(), extension.end(), is_plain))
      return swarm::safe_component(name.substr(0, dot), extension);
  }
  return component(name);
}

std::vector<std::string> local_folders(std::string_view remote_path, std::size_t keep) {
  auto parts = parts_of(remote_path);
  parts.pop_back();
  std::vector<std::string> out;
  for (auto it = parts.rbegin(); it != parts.rend() && out.size() < std::min(keep, max_kept_folders); ++it) {
    if (says_nothing(*it)) continue;
    auto text = component(*it);
    cut(text, max_folder_bytes);
    out.push_back(component(text));  // what was cut off may have hidden a dot at the end
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::string partial_name(std::uint64_t id, std::uint32_t generation) {
  std::array<std::uint8_t, 8> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(id >> (56 - 8 * i));
  return "soulseek-" + to_hex(byte_view(raw)) + '-' + std::to_string(generation) + ".part";
}

std::optional<std::string> as_latin1(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(utf8[i]);
    if (c < 0x80) {
      out += utf8[i];
      continue;
    }
    if ((c != 0xC2 && c != 0xC3) || i + 1 == utf8.size()) return std::nullopt;
    const auto next = static_cast<std::uint8_t>(utf8[++i]);
    if ((next & 0xC0U) != 0x80U) return std::nullopt;
    out += static_cast<char>((c & 0x03U) << 6 | (next & 0x3FU));
  }
  if (out.size() == utf8.size()) return std::nullopt;
  return out;
}

bool same_file(std::string_view path, std::uint64_t size_bytes, std::string_view other_path,
               std::uint64_t other_size_bytes) {
  if (size_bytes == 0 || size_bytes != other_size_bytes) return false;
  const auto a = remote_name(path), b = remote_name(other_path);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace vsf::soulseek
