#include "gateway/cli/live_console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace vsf::cli {

namespace {

struct terminal_size {
  std::size_t columns = 80, rows = 24;
};
terminal_size size_of_terminal() {
  winsize size{};
  terminal_size out;
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) return out;
  if (size.ws_col > 20) out.columns = size.ws_col;
  if (size.ws_row > 1) out.rows = size.ws_row;
  return out;
}

}  // namespace

std::size_t live_console::rows() { return size_of_terminal().rows; }

void live_console::show(const std::vector<std::string>& lines, const std::string& words,
                        const std::string& news, std::uint64_t step) {
  if (to_.live)
    to_.err << live_.show(lines, size_of_terminal().columns) << std::flush;
  else if (news != last_news_ || step != last_step_)
    to_.err << words << std::endl;
  last_news_ = news;
  last_step_ = step;
}

void live_console::print(const std::string& line) { to_.err << live_.clear() << line << std::endl; }

void live_console::clear() { to_.err << live_.clear() << std::flush; }

}  // namespace vsf::cli
