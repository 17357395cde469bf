#include "tests/gateway/schema_check.hpp"

#include <algorithm>
#include <regex>
#include <set>

#include "gateway/assets.hpp"

namespace vsf::gateway::test {

namespace {

using nlohmann::json;

bool is_of_type(const std::string& type, const json& value) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == "null" && value.is_null();
}

bool has_type(const json& types, const json& value) {
  if (types.is_string()) return is_of_type(types.get<std::string>(), value);
  return std::any_of(types.begin(), types.end(),
                     [&](const json& t) { return is_of_type(t.get<std::string>(), value); });
}

class checker {
 public:
  checker(const json& document, std::vector<std::string>& breaches)
      : document_(document), breaches_(breaches) {}

  void check(const json& schema, const json& value, const std::string& where) {
    static const std::set<std::string> known{"$ref",        "oneOf",      "type",     "const",
                                             "enum",        "properties", "required", "additionalProperties",
                                             "items",       "minimum",    "maximum",  "pattern",
                                             "description", "format",     "default",  "minLength",
                                             "maxLength",   "maxItems"};
    for (const auto& [keyword, _] : schema.items())
      if (known.count(keyword) == 0) breach(where, "its schema has the unknown keyword " + keyword);
    if (schema.contains("$ref"))
      return check(document_.at(json::json_pointer(schema["$ref"].get<std::string>().substr(1))), value,
                   where);
    if (schema.contains("oneOf")) check_one_of(schema["oneOf"], value, where);
    if (schema.contains("type") && !has_type(schema["type"], value))
      return breach(where, "is " + value.dump() + ", not of type " + schema["type"].dump());
    if (schema.contains("const") && schema["const"] != value)
      breach(where, "is not " + schema["const"].dump());
    if (schema.contains("enum") && std::count(schema["enum"].begin(), schema["enum"].end(), value) == 0)
      breach(where, value.dump() + " is none of the listed");
    if (schema.contains("minimum") && value.is_number() && value < schema["minimum"])
      breach(where, "too small");
    if (schema.contains("maximum") && value.is_number() && value > schema["maximum"])
      breach(where, "too large");
    if (schema.contains("pattern") && value.is_string() &&
        !std::regex_search(value.get<std::string>(), std::regex(schema["pattern"].get<std::string>())))
      breach(where, value.dump() + " does not match " + schema["pattern"].dump());
    if (value.is_object()) check_object(schema, value, where);
    if (schema.contains("maxItems") && value.is_array() && value.size() > schema["maxItems"])
      breach(where, "has too many items");
    if (value.is_array() && schema.contains("items"))
      for (std::size_t i = 0; i < value.size(); ++i)
        check(schema["items"], value[i], where + "[" + std::to_string(i) + "]");
  }

 private:
  void breach(const std::string& where, const std::string& what) { breaches_.push_back(where + ": " + what); }

  void check_one_of(const json& choices, const json& value, const std::string& where) {
    int fitting = 0;
    std::vector<std::string> tried;
    for (const auto& choice : choices) {
      std::vector<std::string> inner;
      checker(document_, inner).check(choice, value, where);
      fitting += inner.empty();
      tried.insert(tried.end(), inner.begin(), inner.end());
    }
    if (fitting == 1) return;
    breach(where, std::to_string(fitting) + " of its alternatives fit");
    breaches_.insert(breaches_.end(), tried.begin(), tried.end());
  }

  void check_object(const json& schema, const json& value, const std::string& where) {
    for (const auto& name : schema.value("required", json::array()))
      if (!value.contains(name.get<std::string>())) breach(where, "lacks " + name.get<std::string>());
    const auto properties = schema.value("properties", json::object());
    for (const auto& [name, inner] : value.items()) {
      if (properties.contains(name))
        check(properties[name], inner, where + "." + name);
      else if (!schema.value("additionalProperties", true))
        breach(where, "has " + name + ", which is not described");
    }
  }

  const json& document_;
  std::vector<std::string>& breaches_;
};

}  // namespace

std::vector<std::string> schema_breaches(const json& document, const json& schema, const json& value,
                                         const std::string& where) {
  std::vector<std::string> out;
  checker(document, out).check(schema, value, where);
  return out;
}

const json& document() {
  static const json parsed = json::parse(openapi_json());
  return parsed;
}

std::string breaches(const std::string& schema, const std::string& body) {
  std::string out;
  for (const auto& b :
       schema_breaches(document(), document()["components"]["schemas"].at(schema), json::parse(body)))
    out += b + "\n";
  return out;
}
std::string breaches(const std::string& schema, const response& answer) {
  return answer.content_type == "application/json" ? breaches(schema, answer.body)
                                                   : "it is " + answer.content_type + "\n";
}

}  // namespace vsf::gateway::test
