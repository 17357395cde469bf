#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messages/types.hpp"

namespace vsf::config {

/// A place in a text, counted from 1.
struct text_place {
  std::size_t line = 1;
  std::size_t column = 1;
};

/// One node of a YAML document, with where it stands. Nodes that an alias names are shared.
struct yaml_node {
  enum class kind : std::uint8_t { null, scalar, list, map };
  struct member;

  kind what = kind::null;
  text_place place;
  std::string text;     // scalar
  bool quoted = false;  // scalar in quotes or as a block
  std::vector<std::shared_ptr<const yaml_node>> items;
  std::vector<member> members;
};

struct yaml_node::member {
  std::string key;
  text_place place;
  std::shared_ptr<const yaml_node> value;
};

struct yaml_error {
  text_place place;
  std::string message;
};

inline constexpr std::size_t max_yaml_bytes = 1024 * 1024;
inline constexpr std::size_t max_yaml_nodes = 10'000;

/// The one document of `text`; null when it is empty. Refuses what a configuration has no use for: several
/// documents, tags, keys that are no plain words, more than 10,000 nodes, an alias to what is around it.
/// Nothing is copied for an alias, so a text can't unfold to more than its own size.
tl::expected<std::shared_ptr<const yaml_node>, yaml_error> parse_yaml(const std::string& text);

}  // namespace vsf::config
