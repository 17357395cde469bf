#pragma once

#include "gateway/http.hpp"

namespace vsf::gateway {

/// Who may ask: loopback without a key unless one is set or a proxy shows itself; everybody else with the
/// key.
struct access_policy {
  std::string api_key;  // empty: none
  endpoint listen;      // what Host and Origin must name
};

/// nullopt: come in. Otherwise what to answer: 401 (key missing or wrong), 403 (foreign Origin), 421 (a Host
/// that is not this node: DNS rebinding). `/health` needs no key. The key comes as `X-API-Key` or
/// `Authorization: Bearer`; a WebSocket, which can't set headers in a browser, may bring it as `?api_key=`.
std::optional<response> refuse(const request& asked, const access_policy& policy);

}  // namespace vsf::gateway
