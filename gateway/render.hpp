#pragma once

#include "gateway/http.hpp"
#include "messages/schemas.hpp"

/// Turns what the components answered into JSON (and Prometheus text). Names and shapes are those of
/// openapi.json. Pure.
namespace vsf::gateway {

response render_health(const fb::NodeStatus& status);
response render_status(const fb::NodeStatus& status);
response render_metrics(const fb::NodeStatus& status);
response render_resolve(const fb::ResolveResult& found);
response render_transfer(const fb::TransferStatus& transfer, unsigned status_code = 200);
response render_transfers(const fb::TransferList& list, std::uint32_t offset, std::uint32_t limit);
response render_limits(const fb::TransferLimits& limits);
/// `more`: the library goes on after the last of these.
response render_library(const std::vector<record<fb::FileEntry>>& files, bool more);
response render_search(const std::string& query, const std::vector<record<fb::FileEntry>>& own,
                       const record<fb::ResolveResult>& found);
response render_events(const std::vector<record<fb::Event>>& events);
std::string event_json(const fb::Event& event);

}  // namespace vsf::gateway
