#include "config/paths.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace vsf::config {

namespace {

constexpr std::size_t max_path_bytes = 4096;

struct base_folder {
  std::string_view variable;
  std::string_view beneath_home;
};
constexpr std::array<base_folder, 5> base_folders{{{"HOME", ""},
                                                   {"XDG_DATA_HOME", "/.local/share"},
                                                   {"XDG_CONFIG_HOME", "/.config"},
                                                   {"XDG_CACHE_HOME", "/.cache"},
                                                   {"XDG_STATE_HOME", "/.local/state"}}};

bool is_absolute(const std::optional<std::string>& path) {
  return path && !path->empty() && path->front() == '/';
}

result<std::string> base(std::string_view name, const path_environment& environment) {
  for (const auto& folder : base_folders) {
    if (folder.variable != name) continue;
    // The specification: a relative value is as good as none.
    if (auto value = environment.variable(std::string(name)); is_absolute(value)) return *value;
    const auto home = environment.variable("HOME");
    if (!is_absolute(home))
      return fail("the user has no home folder (HOME is not set); give an absolute path");
    return *home + std::string(folder.beneath_home);
  }
  return fail("$" + std::string(name.substr(0, 40)) +
              " is not expanded here, only $HOME, $XDG_DATA_HOME, $XDG_CONFIG_HOME, $XDG_CACHE_HOME and "
              "$XDG_STATE_HOME");
}

}  // namespace

path_environment process_environment() {
  return {[](const std::string& name) -> std::optional<std::string> {
    if (const char* value = std::getenv(name.c_str()); value != nullptr && *value != '\0') return value;
    if (name != "HOME") return std::nullopt;
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr ||
        found->pw_dir == nullptr)
      return std::nullopt;
    return found->pw_dir;
  }};
}

result<std::string> expand_path(std::string_view text, const path_environment& environment) {
  if (text.empty()) return fail("it is empty");
  if (text.size() > max_path_bytes) return fail("it is longer than 4096 bytes");
  if (text.find('\0') != std::string_view::npos) return fail("it contains a zero byte");
  const auto slash = std::min(text.find('/'), text.size());
  const auto first = text.substr(0, slash);
  auto out = std::string(text);
  if (first == "~" || first.starts_with('$')) {
    const auto expanded = base(first == "~" ? "HOME" : first.substr(1), environment);
    if (!expanded) return expanded;
    out = *expanded + std::string(text.substr(slash));
  } else if (first.starts_with('~')) {
    return fail("other users' home folders (" + std::string(first.substr(0, 40)) + ") are not looked up");
  } else if (!first.empty()) {
    return fail("it is not absolute");
  }
  out = std::filesystem::path(out).lexically_normal().string();
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

}  // namespace vsf::config
