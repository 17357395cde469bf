#include "gateway/cli/file_name.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

namespace fs = std::filesystem;
constexpr std::size_t max_name_bytes = 200;
constexpr int max_numbered = 1000;

std::string reason() { return std::strerror(errno); }

/// Cut to `most` bytes between characters; the extension stays.
std::string shortened(const std::string& name, std::size_t most) {
  if (name.size() <= most) return name;
  const auto dot = name.rfind('.');
  const auto tail = dot != std::string::npos && name.size() - dot <= 16 ? name.substr(dot) : std::string();
  auto cut = most - tail.size();
  while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0u) == 0x80) --cut;
  return name.substr(0, cut) + tail;
}

bool same_content(const fs::path& a, const fs::path& b) {
  std::error_code ec;
  if (!fs::is_regular_file(b, ec) || fs::file_size(a, ec) != fs::file_size(b, ec) || ec) return false;
  std::ifstream left(a, std::ios::binary);
  std::ifstream right(b, std::ios::binary);
  std::array<char, 64 * 1024> one{};
  std::array<char, 64 * 1024> other{};
  while (left && right) {
    left.read(one.data(), one.size());
    right.read(other.data(), other.size());
    const auto n = left.gcount();
    if (n != right.gcount() || std::memcmp(one.data(), other.data(), static_cast<std::size_t>(n)) != 0)
      return false;
  }
  return left.eof() && right.eof();
}

std::string numbered(const std::string& name, int number) {
  if (number == 1) return name;
  const auto dot = name.rfind('.');
  const auto at = dot == std::string::npos || dot == 0 ? name.size() : dot;
  return name.substr(0, at) + " (" + std::to_string(number) + ")" + name.substr(at);
}

}  // namespace

std::string safe_file_name(std::string_view offered, std::string_view fallback) {
  const auto slash = offered.rfind('/');
  auto name = printable(slash == std::string_view::npos ? offered : offered.substr(slash + 1));
  const auto start = name.find_first_not_of(". ");
  if (start == std::string::npos) return std::string(fallback);
  return shortened(name.substr(start), max_name_bytes);
}

arriving_file::~arriving_file() {
  if (stream_ != nullptr) std::fclose(stream_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

result<void> arriving_file::open(const std::string& folder) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) return fail("cannot make the folder " + folder + ": " + ec.message());
  folder_ = folder;
  auto path = (fs::path(folder) / ".vsf-XXXXXX.part").string();
  const int fd = ::mkostemps(path.data(), 5, O_CLOEXEC);
  if (fd < 0) return fail("cannot write into " + folder + ": " + reason() + "; choose another with --out");
  path_ = path;
  // mkostemps makes it private; a finished file is as public as the user's other files.
  const auto mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd, 0666 & ~mask);
  stream_ = ::fdopen(fd, "wb");
  return {};
}

result<std::string> arriving_file::keep(const std::string& name) {
  const bool written = std::fflush(stream_) == 0 && ::fsync(::fileno(stream_)) == 0;
  const auto why = reason();
  std::fclose(stream_);
  stream_ = nullptr;
  if (!written) return fail("cannot write " + path_ + ": " + why);
  for (int number = 1; number <= max_numbered; ++number) {
    const auto target = (fs::path(folder_) / numbered(name, number)).string();
    // Unlike plain rename(), this never replaces a file that is there.
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) {
      path_.clear();
      return target;
    }
    const bool unsupported = errno == EINVAL || errno == ENOSYS;
    if (unsupported && ::access(target.c_str(), F_OK) != 0 && ::rename(path_.c_str(), target.c_str()) == 0) {
      path_.clear();
      return target;
    }
    if (errno != EEXIST && !unsupported) return fail("cannot name the file " + target + ": " + reason());
    if (same_content(path_, target)) return target;  // the destructor removes the second copy
  }
  return fail("cannot name the file: " + folder_ + " has " + std::to_string(max_numbered) + " files named " +
              name);
}

}  // namespace vsf::cli
