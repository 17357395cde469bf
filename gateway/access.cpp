#include "gateway/access.hpp"

namespace vsf::gateway {

namespace {

std::string_view header(const request& asked, const std::string& name) {
  const auto it = asked.headers.find(name);
  return it == asked.headers.end() ? std::string_view{} : std::string_view(it->second);
}

/// "localhost:5030" -> "localhost"; "[::1]:5030" -> "[::1]".
std::string_view without_port(std::string_view host) {
  const auto bracket = host.rfind(']');
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return host;
  return host.substr(0, colon);
}

/// A name that a web page elsewhere can't point at this node by DNS: an address literal or localhost.
bool is_own_host(std::string_view host) {
  host = without_port(host);
  if (host == "localhost" || host == "[::1]") return true;
  return parse_endpoint(std::string(host) + ":1").has_value();
}

bool behind_proxy(const request& asked) {
  for (const auto& [name, value] : asked.headers)
    if (name == "forwarded" || name.starts_with("x-forwarded-")) return true;
  return false;
}

std::string_view offered_key(const request& asked) {
  if (const auto key = header(asked, "x-api-key"); !key.empty()) return key;
  constexpr std::string_view bearer = "Bearer ";
  if (const auto line = header(asked, "authorization"); line.starts_with(bearer))
    return line.substr(bearer.size());
  if (header(asked, "upgrade") != "websocket") return {};
  const auto it = asked.query.find("api_key");
  return it == asked.query.end() ? std::string_view{} : std::string_view(it->second);
}

}  // namespace

std::optional<response> refuse(const request& asked, const access_policy& policy) {
  const auto host = header(asked, "host");
  const bool proxied = behind_proxy(asked);
  const bool local = scope_of(asked.peer) == address_scope::loopback && !proxied;
  const bool key_needed = !policy.api_key.empty() || !local;
  const bool key_right = !policy.api_key.empty() && equal_secret(offered_key(asked), policy.api_key);
  // With the right key the name in Host doesn't matter: a page elsewhere doesn't know the key.
  if (!key_right && !is_own_host(host))
    return problem(421, "wrong_host",
                   "this node does not answer for that name; use its address or localhost, or an API key");
  if (const auto origin = header(asked, "origin"); !origin.empty()) {
    const auto scheme = origin.find("://");
    const bool same = scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
    if (!same) return problem(403, "foreign_origin", "requests from other web pages are not answered");
  }
  if (asked.path == "/health" || !key_needed || key_right) return std::nullopt;
  if (policy.api_key.empty())
    return problem(401, "no_key_set",
                   "only this machine may ask while no API key is set; set gateway.api_key");
  auto out = problem(401, "bad_key", "an API key is needed: send it as X-API-Key");
  out.headers.emplace_back("WWW-Authenticate", "Bearer");
  return out;
}

}  // namespace vsf::gateway
