#pragma once

#include "config/paths.hpp"
#include "config/schema.hpp"
#include "config/yaml_tree.hpp"

namespace vsf::config {

/// Puts the value of one key into its field, or says what is wrong with it ("takes true or false, not
/// \"yes\"") and where. The field keeps its value on an error.
tl::expected<void, yaml_error> read_value(const key_spec& spec, const yaml_node& node,
                                          const path_environment& environment, field_ref field);

/// Text of a stranger for a message: at most 60 bytes, everything but printable ASCII replaced.
std::string shown(std::string_view text);

}  // namespace vsf::config
