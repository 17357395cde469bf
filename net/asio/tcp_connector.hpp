#pragma once

#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "net/asio/io_core.hpp"
#include "net/asio/socket_binding.hpp"
#include "net/network.hpp"

namespace vsf::net {

using connect_handler = std::function<void(result<std::shared_ptr<stream_link>>)>;

/// Makes one TCP connection within `timeout`; calls on_done exactly once: on the io thread, or in the
/// caller's when the runtime has stopped. At most asio_limits::pending_connects at a time, more fail at once.
void start_connect(const std::shared_ptr<io_core>& core, std::shared_ptr<stream_counters> counters,
                   const endpoint& to, std::chrono::milliseconds timeout, stream_framing framing,
                   connect_handler on_done, const socket_binding& binding = {});

}  // namespace vsf::net
