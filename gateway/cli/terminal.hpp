#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

/// Text for people's terminals. What comes over the network may hold anything; it is shown only through
/// `printable`.
namespace vsf::cli {

/// The text on one line, as valid UTF-8 without anything a terminal would obey: control characters (C0, DEL,
/// C1), line and paragraph separators and marks that change the writing direction become U+FFFD, as do broken
/// bytes.
std::string printable(std::string_view text);

/// A string member as `printable`; `fallback` if it is missing, null or no string.
std::string text_of(const nlohmann::json& object, const char* name, std::string_view fallback = "");
/// A number member, 0 if it is missing, negative or none.
std::uint64_t number_of(const nlohmann::json& object, const char* name);
bool flag_of(const nlohmann::json& object, const char* name);
/// An array member; empty if it is missing or something else.
const nlohmann::json& list_of(const nlohmann::json& object, const char* name);
/// JSON in ASCII, so that nothing in it reaches a terminal unescaped.
std::string json_text(const nlohmann::json& value);

/// 0 B, 999 B, 1.0 kB, 12.3 MB (powers of 1000).
std::string human_bytes(std::uint64_t bytes);
/// 12 s, 3 min 05 s, 2 h 03 min, 4 d 07 h.
std::string human_duration(std::uint64_t seconds);
/// What a user sees as one column per character: code points of printable UTF-8.
std::size_t width_of(std::string_view text);
/// 45%; "-" of nothing.
std::string share_of(std::uint64_t part, std::uint64_t whole);
/// Number members as 12.3 MB and 1.2 MB/s; "-" for 0.
std::string size_of(const nlohmann::json& object, const char* name);
std::string rate_of(const nlohmann::json& object, const char* name);
/// "2026-11-22 09:30:00" in local time.
std::string local_time(std::uint64_t unix_ms);
/// A label, spaces up to `column`, the text, a newline.
std::string labelled(const std::string& label, const std::string& text, std::size_t column = 12);
/// At most `columns` wide, with an ellipsis if something was cut.
std::string clipped(const std::string& text, std::size_t columns);

std::vector<std::string> split_lines(const std::string& text);
/// Columns under headings, as wide as their widest cell (at most 60), two spaces apart.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// Bytes per second over the last few seconds.
class rate_meter {
 public:
  using clock = std::chrono::steady_clock;
  void add(clock::time_point now, std::uint64_t bytes_so_far);
  std::uint64_t bytes_per_second() const;

 private:
  struct sample {
    clock::time_point at;
    std::uint64_t bytes = 0;
  };
  static constexpr std::size_t max_samples = 16;
  static constexpr std::chrono::seconds window{4};
  std::vector<sample> samples_;
};

/// "[#####---------------]  25%  1.2 MB/s  ETA 12 s".
std::string progress_bar(std::uint64_t done, std::uint64_t total, std::uint64_t bytes_per_second);
/// The same with "  3 sources" behind it.
std::string progress_text(std::uint64_t done, std::uint64_t total, std::uint64_t bytes_per_second,
                          std::size_t sources);

}  // namespace vsf::cli
