#include <algorithm>

#include "config/schema.hpp"

namespace vsf::config {

namespace {

constexpr std::size_t line_bytes = 100;

std::string_view parent_of(std::string_view key) {
  const auto dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
}

/// Words of `text` in comment lines of at most 100 columns.
std::string comment(std::string_view text, std::size_t indent) {
  std::string out;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) out += std::string(indent, ' ') + '#' + line + '\n';
    line.clear();
  };
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    if (indent + 2 + line.size() + word.size() > line_bytes) end_line();
    line += ' ' + std::string(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  end_line();
  return out;
}

std::string described(const key_spec& spec) {
  std::string out(spec.description);
  switch (spec.type) {
    case value_type::number:
    case value_type::choice:
    case value_type::network:
      out += " (" + expectation(spec) + ")";
      break;
    default:
      break;
  }
  if (!spec.waits_for.empty())
    out += " No effect in " + std::string(program_version()) + ": " + std::string(spec.waits_for) + ".";
  return out;
}

std::size_t depth_of(std::string_view key) {
  return static_cast<std::size_t>(std::count(key.begin(), key.end(), '.'));
}

}  // namespace

std::string sample() {
  std::string out =
      "# Configuration of a Virtual Soulfind node, with every key at its default. Put it at\n"
      "# $XDG_CONFIG_HOME/vsf/vsf.yml (usually ~/.config/vsf/vsf.yml), or name it with --config; a node\n"
      "# starts without any file. `vsfd --check-config` says what is wrong with it.\n"
      "# Lines like \"# key: value\" have no effect yet, or show a default that follows from another key.\n";
  for (const auto& section : sections()) {
    const auto indent = 2 * depth_of(section.key);
    const auto leaf =
        section.key.substr(parent_of(section.key).empty() ? 0 : parent_of(section.key).size() + 1);
    out += '\n' + comment(section.description, indent) + std::string(indent, ' ') + std::string(leaf) + ":\n";
    for (const auto& spec : schema()) {
      if (parent_of(spec.key) != section.key) continue;
      out += comment(described(spec), indent + 2) + std::string(indent + 2, ' ');
      if (spec.derived || !spec.waits_for.empty()) out += "# ";
      out +=
          std::string(spec.key.substr(section.key.size() + 1)) + ": " + std::string(spec.default_text) + '\n';
    }
  }
  return out;
}

std::string reference() {
  std::string out =
      "# Configuration reference\n\n"
      "Every key of `vsf.yml`. Unknown keys and bad values are errors; `vsfd --check-config` lists them "
      "all.\n";
  for (const auto& section : sections()) {
    out += "\n## `" + std::string(section.key) + "`\n" + std::string(section.description) + "\n\n";
    out += "| key | takes | default | meaning |\n| --- | --- | --- | --- |\n";
    for (const auto& spec : schema()) {
      if (parent_of(spec.key) != section.key) continue;
      auto meaning = std::string(spec.description);
      if (!spec.waits_for.empty())
        meaning +=
            " **No effect in " + std::string(program_version()) + "**: " + std::string(spec.waits_for) + ".";
      out += "| `" + std::string(spec.key) + "` | " + expectation(spec) + " | `" +
             std::string(spec.default_text) + "` | " + meaning + " |\n";
    }
  }
  return out;
}

}  // namespace vsf::config
