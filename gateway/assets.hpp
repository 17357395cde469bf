#pragma once

#include <string_view>

#include "gateway/http.hpp"

namespace vsf::gateway {

/// A file of the page, compiled in.
struct asset {
  std::string_view path;  // "/index.html"
  std::string_view content_type;
  std::string_view data;
};

/// "/" is the page itself; nullptr: no such file.
const asset* find_asset(std::string_view path);
/// With the headers that keep the page to itself: content security policy, no framing, no sniffing; files
/// whose name carries a hash may be kept for good.
response asset_response(const asset& file);
/// gateway/openapi.json, compiled in.
std::string_view openapi_json();

}  // namespace vsf::gateway
