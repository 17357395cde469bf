#include "gateway/service.hpp"

#include <utility>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "gateway/gateway_actor.hpp"
#include "gateway/server.hpp"

namespace vsf::gateway {

namespace {

class running_service final : public service {
 public:
  running_service(caf::actor_system& system, gateway_actor asker, std::unique_ptr<http_server> server)
      : system_(system), asker_(std::move(asker)), server_(std::move(server)) {}
  ~running_service() override { stop(); }

  endpoint local() const override { return server_->local(); }
  void stop() override {
    if (!asker_) return;
    server_->stop();
    // Its answers refer to connections of the server: it is gone before they are.
    caf::scoped_actor self{system_};
    self->monitor(asker_);
    caf::anon_send_exit(asker_, caf::exit_reason::user_shutdown);
    asker_ = nullptr;
    self->receive([](const caf::down_msg&) {});
  }

 private:
  caf::actor_system& system_;
  gateway_actor asker_;
  std::unique_ptr<http_server> server_;
};

}  // namespace

result<std::unique_ptr<service>> start(caf::actor_system& system, environment_ptr env, node_actor root) {
  const auto& settings = env->settings.gateway;
  if (settings.api_key.empty() && scope_of(settings.listen) != address_scope::loopback)
    return fail("gateway.listen is " + to_string(settings.listen) +
                ", which others can reach: set gateway.api_key, or listen on 127.0.0.1");
  const gateway_actor asker = system.spawn(gateway, env);
  server_hooks hooks;
  hooks.ask = [asker](want what, std::function<void(response)> done) {
    caf::anon_send(asker, http_query{std::move(what), std::move(done)});
  };
  auto server = start_server({settings.api_key, settings.listen}, {settings.tls_cert, settings.tls_key},
                             std::move(hooks));
  if (!server) {
    caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
    return tl::unexpected(server.error());
  }
  caf::anon_send(asker, event_sink{[raw = server->get()](const std::string& text) {
                   raw->broadcast(std::make_shared<const std::string>(text));
                 }});
  caf::anon_send(root, add_listener{links_listener_actor(asker)});
  return std::unique_ptr<service>(std::make_unique<running_service>(system, asker, std::move(*server)));
}

}  // namespace vsf::gateway
