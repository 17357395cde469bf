#pragma once

#include <utility>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/asio/io_core.hpp"
#include "net/network.hpp"

namespace vsf::net {

using resolve_handler = std::function<void(result<std::vector<endpoint>>)>;

/// Resolves "name:port", "1.2.3.4:port" or "[v6]:port"; at most asio_limits::resolved_addresses, in the
/// system's order of preference. Calls on_done exactly once: on the io thread, or in the caller's when the
/// runtime has stopped. Look-ups go one after the other; at most asio_limits::pending_resolves wait, more
/// fail at once.
void start_resolve(const std::shared_ptr<io_core>& core, std::shared_ptr<stream_counters> counters,
                   const std::string& host_and_port, resolve_handler on_done);

}  // namespace vsf::net
