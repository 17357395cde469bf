#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/cli/console.hpp"
#include "gateway/cli/download_view.hpp"

namespace vsf::cli {

/// What goes on, for a person: on a terminal lines that change and are gone at the end, elsewhere a line for
/// each news.
class live_console {
 public:
  explicit live_console(const console& to) : to_(to) {}
  ~live_console() { clear(); }
  live_console(const live_console&) = delete;
  live_console& operator=(const live_console&) = delete;

  /// Lines that fit below each other.
  static std::size_t rows();
  /// `lines` on a terminal; elsewhere `words`, if `news` or `step` are others than last time.
  void show(const std::vector<std::string>& lines, const std::string& words, const std::string& news,
            std::uint64_t step);
  void say(const std::string& text) { show({text}, text, text, last_step_); }
  /// A line that stays.
  void print(const std::string& line);

 private:
  void clear();

  const console& to_;
  live_lines live_;
  std::string last_news_;
  std::uint64_t last_step_ = 0;
};

}  // namespace vsf::cli
