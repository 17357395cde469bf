#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/paths.hpp"
#include "config/settings.hpp"

namespace vsf::config {

/// Something about a configuration that its author should know: "vsf.yml:3:5: message".
struct diagnostic {
  std::string name;      // of the file
  std::size_t line = 0;  // from 1; 0: the file as a whole
  std::size_t column = 0;
  std::string message;
};
std::string to_string(const diagnostic& x);

struct load_options {
  path_environment environment = process_environment();
  /// Wins over node.data_dir (--data-dir); relative to the current folder. Other defaults follow it.
  std::optional<std::string> data_dir;
};

/// `values` count only without errors. Warnings: keys that are accepted but have no effect yet, a file with
/// secrets that others can read.
struct load_report {
  settings values;
  std::vector<diagnostic> errors;
  std::vector<diagnostic> warnings;
};

/// Never throws, whatever the text is. All errors at once, in the order of the text.
load_report check_text(const std::string& text, const std::string& name, const load_options& options = {});
load_report check_file(const std::string& path, const load_options& options = {});

/// As above; the error has one line for each error.
result<settings> load_text(const std::string& text, const std::string& name,
                           const load_options& options = {});
result<settings> load_file(const std::string& path, const load_options& options = {});
/// What a node has that is told nothing. Fails only if the user has no home folder and there is no data_dir.
result<settings> defaults(const load_options& options = {});

/// $XDG_CONFIG_HOME/vsf/vsf.yml
result<std::string> default_config_path(const path_environment& environment = process_environment());

}  // namespace vsf::config
