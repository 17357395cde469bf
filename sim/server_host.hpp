#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "config/host_port.hpp"
#include "sim/internet.hpp"

namespace vsf::soulseek::test_server {
class network_server;
}

namespace vsf::sim {

/// The Soulseek server, on a host of its own that everybody can reach.
class server_host {
 public:
  using clock = std::function<virtual_time()>;
  using timer = std::function<void(virtual_time when, std::function<void()>)>;
  server_host(std::shared_ptr<host> machine, clock now, timer at);
  ~server_host();
  server_host(const server_host&) = delete;
  server_host& operator=(const server_host&) = delete;

  config::host_port address() const;
  /// Ends all connections and takes none.
  void die();
  void come_back();
  /// Who is logged in.
  std::set<std::string> online() const;

 private:
  std::shared_ptr<host> machine_;
  std::shared_ptr<soulseek::test_server::network_server> server_;
};

}  // namespace vsf::sim
