#include "gateway/assets.hpp"

#include <span>

namespace vsf::gateway {

// Generated from web/dist and openapi.json by cmake/embed.cmake.
std::span<const asset> embedded_assets();
std::string_view embedded_openapi();

const asset* find_asset(std::string_view path) {
  if (path == "/") path = "/index.html";
  for (const auto& a : embedded_assets())
    if (a.path == path) return &a;
  return nullptr;
}

response asset_response(const asset& file) {
  response out{200, std::string(file.content_type), std::string(file.data)};
  out.headers = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
       "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cache-Control",
       file.path.starts_with("/assets/") ? "public, max-age=31536000, immutable" : "no-cache"}};
  return out;
}

std::string_view openapi_json() { return embedded_openapi(); }

}  // namespace vsf::gateway
