#pragma once

#include <functional>
#include <memory>

#include "gateway/access.hpp"
#include "gateway/routes.hpp"

namespace vsf::gateway {

/// What the server needs of the node; called on the server's thread.
struct server_hooks {
  /// Answers a want, sooner or later, from any thread, exactly once.
  std::function<void(want, std::function<void(response)>)> ask;
};

struct server_limits {
  std::size_t max_connections = 256;
  std::size_t max_websockets = 64;
  std::size_t max_body_bytes = 64 * 1024;
  std::size_t max_header_bytes = 16 * 1024;
  unsigned idle_timeout_s = 30;  // for a request to arrive, and for an answer to leave
};

/// HTTP/1.1 and WebSocket over Beast on one thread of its own, with TLS when the settings name a certificate.
class http_server {
 public:
  virtual ~http_server() = default;
  virtual endpoint local() const = 0;
  virtual void stop() = 0;
  /// Sends a text to every open event stream. From any thread.
  virtual void broadcast(std::shared_ptr<const std::string> text) = 0;
};

struct tls_files {
  std::string certificate, key;  // PEM; empty: no TLS
};

result<std::unique_ptr<http_server>> start_server(const access_policy& policy, const tls_files& tls,
                                                  server_hooks hooks, server_limits limits = {});

}  // namespace vsf::gateway
