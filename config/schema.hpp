#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.hpp"

namespace vsf::config {

enum class value_type : std::uint8_t {
  boolean,  // true or false
  number,   // whole, min to max
  text,     // min to max bytes, no control characters
  secret,   // as text; never shown in a message
  network,  // min to max bytes: a-z 0-9 . _ -, perhaps /BITS
  choice,   // one of `choices`
  listen,   // IP:port to listen on, port 0: the kernel's choice
  address,  // host:port to dial
  addresses,
  path,  // absolute, or beginning with ~, $HOME or $XDG_...; empty only if min is 0
  paths,
  texts,  // at most `max`, each of 1 to 256 bytes, no control characters
  url     // http:// or https://
};

/// Where a value of a key is kept.
using field_ref = std::variant<bool*, std::uint32_t*, std::string*, endpoint*, host_port*,
                               std::vector<std::string>*, std::vector<host_port>*>;

/// One key of the configuration file. This table drives validation, the sample file and the reference.
struct key_spec {
  std::string_view key;  // "mesh.capture.enabled"
  value_type type;
  std::uint32_t min;
  std::uint32_t max;
  std::string_view default_text;  // as YAML
  std::string_view description;
  field_ref (*field)(settings&);
  /// Empty: something acts on the key in this version. Otherwise what has to come first: "Soulseek comes
  /// later".
  std::string_view waits_for;
  std::vector<std::string_view> choices = {};
  /// The default follows from another key and is shown as a comment.
  bool derived = false;
};

struct section_spec {
  std::string_view key;
  std::string_view description;
};

/// In the order of the sample file.
const std::vector<key_spec>& schema();
const std::vector<section_spec>& sections();
const key_spec* find_key(std::string_view key);
bool is_section(std::string_view key);

/// The valid key that somebody who wrote `unknown` (dotted, within a valid section or none) most likely
/// meant; empty when nothing is near.
std::string nearest_key(std::string_view unknown);
/// Insertions, deletions, replacements and swaps of neighbours from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// "a whole number from 1 to 1440": what a key takes, for messages and the reference.
std::string expectation(const key_spec& spec);

/// "0.1": the version whose keys the table describes.
std::string_view program_version();

/// The sample file: every key with its default and its meaning; keys without effect yet are comments.
std::string sample();
/// The same as a Markdown table.
std::string reference();

}  // namespace vsf::config
