#include "sim/operation_log.hpp"

#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define VSF_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VSF_SANITIZED
#endif
#endif

namespace vsf::sim {

result<operation_log> operation_log::open(const std::optional<std::string>& path, bool keep_lines) {
  operation_log out;
  out.keep_lines_ = keep_lines;
  out.memory_bytes_before_ = resident_memory_bytes();
  if (!path) return out;
  out.out_.emplace(*path, std::ios::trunc);
  if (!*out.out_)
    return fail("cannot write the operation log " + *path + ": no such folder or no permission");
  return out;
}

void operation_log::write(const log_record& what) {
  if (const auto* done = std::get_if<operation>(&what)) done_.push_back(*done);
  if (!listening()) return;
  ++records_;
  auto line = to_json_line(what);
  if (out_) *out_ << line << '\n';
  if (keep_lines_) lines_.push_back(std::move(line));
}

bool operation_log::close(std::uint64_t at_us) {
  write(end_record{at_us, records_ + 1});
  if (out_) out_->flush();
  return !out_ || out_->good();
}

std::uint64_t resident_memory_bytes() {
#ifdef VSF_SANITIZED
  return 0;  // what a sanitizer holds back is not the nodes'
#else
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return file ? resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
#endif
}

}  // namespace vsf::sim
