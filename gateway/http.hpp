#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/types.hpp"

namespace vsf::gateway {

/// An HTTP request as handlers see it, free of Beast.
struct request {
  std::string method;  // "GET"
  std::string path;    // without the query; decoded but for %2F and %25, see decode_segment()
  std::map<std::string, std::string> query;    // decoded; of a repeated key the last
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  endpoint peer;
};

struct response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};
  /// A file to send instead of the body.
  std::optional<std::string> finished_download{};
};

/// Splits and decodes a request target ("/a%20b?x=1&y"); nullopt: malformed, or longer than 2,048 bytes.
std::optional<std::pair<std::string, std::map<std::string, std::string>>> parse_target(
    std::string_view target);

/// A segment of a path, between two slashes, wholly decoded: it may have a slash in it.
std::string decode_segment(std::string_view segment);

/// {"error": {"code", "message"}} with the given status.
response problem(unsigned status, std::string_view code, std::string_view message);

/// Equal in a time that depends on the lengths only.
bool equal_secret(std::string_view a, std::string_view b);

}  // namespace vsf::gateway
