#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vsf::storage {

/// What quarantine keeps at most; the oldest go first, the newest stays whatever its size.
struct quarantine_limits {
  std::size_t files = 32;
  std::uint64_t bytes = std::uint64_t{2} << 30;
};

inline constexpr const char* quarantine_folder = "quarantine";  // beneath the incomplete folder

/// The name of a partial file in quarantine: 16 digits of unix time, so that names sort by age.
std::string quarantine_name(std::string_view partial_name, std::uint64_t unix_ms);
/// Whether a name is one that quarantine_name() makes; others in that folder are not ours to remove.
bool is_quarantine_name(std::string_view name);
/// Those of the files (size in bytes by name) that have to go, oldest first.
std::vector<std::string> quarantine_surplus(const std::map<std::string, std::uint64_t>& sizes,
                                            const quarantine_limits& limits);

}  // namespace vsf::storage
