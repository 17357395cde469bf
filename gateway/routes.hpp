#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateway/http.hpp"
#include "messages/soulseek_schemas.hpp"

namespace vsf::gateway {

/// What a request wants of the node. The gateway actor fetches it; render.hpp turns the answer into a
/// response.
struct want_health {};
struct want_metrics {};
struct want_status {};
struct want_resolve {
  mbid id;
  fb::LeafKind kind = fb::LeafKind::recording;
  bool fresh = false;
};
struct want_downloads {
  std::uint32_t offset = 0, limit = 100;
};
struct want_download {
  std::string id;
};
struct want_content {
  std::string id;
};
struct want_fetch {
  mbid id;
  fb::Priority priority = fb::Priority::normal;
};
struct want_control {
  std::string id;
  fb::FetchVerb verb = fb::FetchVerb::cancel;
  fb::Priority priority = fb::Priority::normal;  // of prioritize
  std::uint32_t place = 0;                       // of move; 0 is next
};
struct want_limits {};
struct want_new_limits {
  fb::TransferLimitsT all;
};
struct want_library {
  std::string after;
  std::uint32_t limit = 100;
};
struct want_rescan {};
struct want_search {
  std::string text;
  std::uint32_t limit = 50;
};
struct want_events {
  std::uint32_t limit = 100;
};
struct want_event_stream {};
struct want_soulseek {
  record<fb::SoulseekAsk> ask;
};

using want = std::variant<want_health, want_metrics, want_status, want_resolve, want_downloads, want_download,
                          want_content, want_fetch, want_control, want_limits, want_new_limits, want_library,
                          want_rescan, want_search, want_events, want_event_stream, want_soulseek>;

/// One line of the routing table. `{x}` in a pattern stands for one path segment.
struct route {
  std::string_view method;
  std::string_view pattern;
  std::string_view summary;
};
/// Every route, in the order they are tried. The OpenAPI file describes exactly these (a test compares them).
const std::vector<route>& routes();

/// The want behind a request, or the response that says why not (404, 405, 400). Static files and the OpenAPI
/// file are answered with a response too.
std::variant<want, response> route_request(const request& asked);

}  // namespace vsf::gateway
