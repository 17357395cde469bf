#include "storage/quarantine.hpp"

#include <algorithm>

namespace vsf::storage {

namespace {
constexpr std::size_t digits = 16;
}  // namespace

std::string quarantine_name(std::string_view partial_name, std::uint64_t unix_ms) {
  const auto number = std::to_string(unix_ms);
  return std::string(digits - std::min(digits, number.size()), '0') + number + '-' +
         std::string(partial_name);
}

bool is_quarantine_name(std::string_view name) {
  return name.size() > digits + 1 && name[digits] == '-' &&
         std::all_of(name.begin(), name.begin() + digits, [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<std::string> quarantine_surplus(const std::map<std::string, std::uint64_t>& sizes,
                                            const quarantine_limits& limits) {
  std::uint64_t bytes = 0;
  for (const auto& [name, size] : sizes) bytes += size;
  auto files = sizes.size();
  std::vector<std::string> out;
  for (auto it = sizes.begin(); files > 1 && (files > limits.files || bytes > limits.bytes); ++it) {
    out.push_back(it->first);
    bytes -= it->second;
    --files;
  }
  return out;
}

}  // namespace vsf::storage
