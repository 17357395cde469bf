#include "sim/server_host.hpp"

#include <stdexcept>

#include "sim/soulseek_server/network_server.hpp"

namespace vsf::sim {

namespace server = soulseek::test_server;

namespace {

constexpr std::uint16_t server_port = 2242;

}  // namespace

server_host::server_host(std::shared_ptr<host> machine, clock now, timer at) : machine_(std::move(machine)) {
  machine_->power_on();
  const auto weak = std::make_shared<std::weak_ptr<server::network_server>>();
  server_ = std::make_shared<server::network_server>(
      machine_,
      server::network_server::hooks{[now] { return std::chrono::duration_cast<server::time_ms>(now()); },
                                    [now, at, weak](server::time_ms when) {
                                      at(std::max(now(), virtual_time(when)), [weak] {
                                        if (const auto alive = weak->lock()) alive->tick();
                                      });
                                    },
                                    {}},
      server::server_options{});
  *weak = server_;
  if (const auto opened = server_->open(endpoint::v4(0, server_port)); !opened)
    throw std::runtime_error("the simulated Soulseek server can't listen: " + opened.error().message);
}

server_host::~server_host() { server_->close(); }

config::host_port server_host::address() const {
  auto at = machine_->address();
  at.port = server_port;
  return config::parse_host_port(to_string(at)).value();
}

void server_host::die() {
  server_->control([](server::server_core& core, server::time_ms now) { core.die(now); });
}

void server_host::come_back() {
  server_->control([](server::server_core& core, server::time_ms) { core.come_back(); });
}

std::set<std::string> server_host::online() const {
  std::set<std::string> out;
  server_->control([&](server::server_core& core, server::time_ms) { out = core.online(); });
  return out;
}

}  // namespace vsf::sim
