#pragma once

#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "gateway/cli/soulseek_commands.hpp"

namespace vsf::cli {

/// Which of the commands was given, with its words.
struct soulseek_request {
  const soulseek_command* command = nullptr;  // none: nothing after `soulseek`, or only a group
  std::map<std::string, std::vector<std::string>> given{};
};

/// Declares `soulseek` and all its commands; `into` must live until all is parsed.
void declare_soulseek(CLI::App& app, soulseek_request& into);

}  // namespace vsf::cli
