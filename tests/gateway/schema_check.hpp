#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "gateway/http.hpp"

namespace vsf::gateway::test {

/// Where a value breaks its JSON schema (the part of JSON Schema that openapi.json uses: $ref, oneOf, type,
/// const, enum, properties, required, additionalProperties: false, items, minimum, maximum, maxItems,
/// pattern); empty: nowhere. A keyword it doesn't know counts as a breach, so that none is passed over
/// unnoticed.
std::vector<std::string> schema_breaches(const nlohmann::json& document, const nlohmann::json& schema,
                                         const nlohmann::json& value, const std::string& where = "$");

/// The OpenAPI file.
const nlohmann::json& document();
/// What is wrong with a body by the schema of that name there, one breach a line.
std::string breaches(const std::string& schema, const std::string& body);
std::string breaches(const std::string& schema, const response& answer);

}  // namespace vsf::gateway::test
