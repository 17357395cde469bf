#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "messages/types.hpp"

namespace vsf::config {

/// Where `$HOME` and the `$XDG_...` variables come from.
struct path_environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
};
/// The process's own environment; HOME falls back to the user's entry in the password file.
path_environment process_environment();

/// Expands a leading `~`, `$HOME`, `$XDG_DATA_HOME`, `$XDG_CONFIG_HOME`, `$XDG_CACHE_HOME` or
/// `$XDG_STATE_HOME` (with the defaults of the XDG base directory specification) and removes what is
/// redundant. An error says why `text` is no path.
result<std::string> expand_path(std::string_view text, const path_environment& environment);

}  // namespace vsf::config
