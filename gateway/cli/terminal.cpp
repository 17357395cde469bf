#include "gateway/cli/terminal.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <sstream>

namespace vsf::cli {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::size_t widest_cell = 60;

struct decoded {
  char32_t point = 0;
  std::size_t length = 1;
};

/// The code point at the start of `text`; nullopt: broken, overlong, a surrogate or out of range.
std::optional<decoded> decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  if (first < 0x80) return decoded{first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return std::nullopt;
  auto point = static_cast<char32_t>(first & (0xFFu >> (length + 1)));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return std::nullopt;
    point = (point << 6) | (byte(i) & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return std::nullopt;
  return decoded{point, length};
}

bool obeyed_by_terminals(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

std::string two_digits(std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); }

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = decode(text);
    if (c && !obeyed_by_terminals(c->point))
      out.append(text.substr(0, c->length));
    else
      out.append(replacement);
    text.remove_prefix(c ? c->length : 1);
  }
  return out;
}

std::string text_of(const nlohmann::json& object, const char* name, std::string_view fallback) {
  if (!object.is_object()) return std::string(fallback);
  const auto it = object.find(name);
  if (it == object.end() || !it->is_string()) return std::string(fallback);
  return printable(it->get_ref<const std::string&>());
}

std::uint64_t number_of(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return 0;
  const auto it = object.find(name);
  if (it == object.end() || !it->is_number_integer()) return 0;
  if (!it->is_number_unsigned() && it->get<std::int64_t>() < 0) return 0;
  return it->get<std::uint64_t>();
}

bool flag_of(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return false;
  const auto it = object.find(name);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

const nlohmann::json& list_of(const nlohmann::json& object, const char* name) {
  static const nlohmann::json none = nlohmann::json::array();
  if (!object.is_object()) return none;
  const auto it = object.find(name);
  return it != object.end() && it->is_array() ? *it : none;
}

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  constexpr std::array<const char*, 6> units{"kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, units[unit]);
  return text.data();
}

std::string human_duration(std::uint64_t seconds) {
  const auto minutes = seconds / 60;
  const auto hours = minutes / 60;
  const auto days = hours / 24;
  if (minutes == 0) return std::to_string(seconds) + " s";
  if (hours == 0) return std::to_string(minutes) + " min " + two_digits(seconds % 60) + " s";
  if (days == 0) return std::to_string(hours) + " h " + two_digits(minutes % 60) + " min";
  return std::to_string(days) + " d " + two_digits(hours % 24) + " h";
}

std::string share_of(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  const auto of_one = std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
  return std::to_string(static_cast<unsigned>(of_one * 100)) + "%";
}

std::string size_of(const nlohmann::json& object, const char* name) {
  const auto bytes = number_of(object, name);
  return bytes == 0 ? "-" : human_bytes(bytes);
}

std::string rate_of(const nlohmann::json& object, const char* name) {
  const auto rate = number_of(object, name);
  return rate == 0 ? "-" : human_bytes(rate) + "/s";
}

std::string local_time(std::uint64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm when{};
  ::localtime_r(&seconds, &when);
  std::array<char, 32> stamp{};
  std::strftime(stamp.data(), stamp.size(), "%Y-%m-%d %H:%M:%S", &when);
  return stamp.data();
}

std::string labelled(const std::string& label, const std::string& text, std::size_t column) {
  return label + std::string(label.size() < column ? column - label.size() : 1, ' ') + text + "\n";
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80; }));
}

std::string clipped(const std::string& text, std::size_t columns) {
  if (width_of(text) <= columns) return text;
  std::string out;
  std::size_t used = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0u) != 0x80 && ++used >= columns) break;
    out.push_back(c);
  }
  return out + "\xE2\x80\xA6";
}

std::vector<std::string> split_lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (row.size() > widths.size()) widths.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], std::min(width_of(row[i]), widest_cell));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      // Nothing stands right of the last column, so it may be as long as it likes.
      const auto cell = last ? row[i] : clipped(row[i], widest_cell);
      out += cell;
      if (!last) out.append(widths[i] - width_of(cell) + 2, ' ');
    }
    out.push_back('\n');
  }
  return out;
}

void rate_meter::add(clock::time_point now, std::uint64_t bytes_so_far) {
  if (!samples_.empty() && bytes_so_far < samples_.back().bytes) samples_.clear();
  samples_.push_back({now, bytes_so_far});
  while (samples_.size() > max_samples || (samples_.size() > 2 && now - samples_.front().at > window))
    samples_.erase(samples_.begin());
}

std::uint64_t rate_meter::bytes_per_second() const {
  if (samples_.size() < 2) return 0;
  const auto& first = samples_.front();
  const auto& last = samples_.back();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(last.at - first.at).count();
  return ms <= 0 ? 0 : (last.bytes - first.bytes) * 1000 / static_cast<std::uint64_t>(ms);
}

std::string progress_bar(std::uint64_t done, std::uint64_t total, std::uint64_t bytes_per_second) {
  constexpr std::size_t cells = 20;
  done = std::min(done, total);
  const double part = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
  const auto filled = static_cast<std::size_t>(part * cells);
  const auto percent = static_cast<unsigned>(part * 100);
  std::string out = "[" + std::string(filled, '#') + std::string(cells - filled, '-') + "] ";
  const auto number = std::to_string(percent);
  out += std::string(3 - number.size(), ' ') + number + "%  " + human_bytes(bytes_per_second) + "/s  ETA ";
  out += bytes_per_second == 0 || total == 0
             ? "-"
             : human_duration((total - done + bytes_per_second - 1) / bytes_per_second);
  return out;
}

std::string progress_text(std::uint64_t done, std::uint64_t total, std::uint64_t bytes_per_second,
                          std::size_t sources) {
  return progress_bar(done, total, bytes_per_second) + "  " + std::to_string(sources) +
         (sources == 1 ? " source" : " sources");
}

}  // namespace vsf::cli
