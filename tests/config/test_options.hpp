#pragma once

#include <map>

#include "config/load.hpp"

namespace vsf::config {

/// Options with an environment of their own, so that nothing of the machine's reaches a test.
inline load_options options_with(std::map<std::string, std::string> variables) {
  load_options out;
  out.environment.variable = [variables](const std::string& name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  };
  return out;
}
inline load_options home_only() { return options_with({{"HOME", "/home/ann"}}); }

}  // namespace vsf::config
