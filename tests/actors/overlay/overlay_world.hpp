#pragma once

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/overlay/overlay_actor.hpp"
#include "actors/overlay/overlay_message.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "actors/transport/transport_actor.hpp"
#include "tests/actors/overlay/session_pair.hpp"
#include "tests/support/pair_network.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::tests {

/// A handle of any type to an actor written for a test, which ignores what it doesn't handle.
template <class Handle>
Handle stand_in(const caf::actor& actor) {
  return caf::actor_cast<Handle>(caf::actor_cast<caf::strong_actor_ptr>(actor));
}

/// A channel client that remembers what it got.
struct channel_log {
  std::vector<record<fb::OverlayMessage>> messages;
  std::vector<channel_data> data;  // credits dropped unless `hold`
  std::vector<channel_closed> closed;
  bool hold = false;
};

/// One node: transport and overlay for real, the others play dead but remember what they are told.
struct overlay_node {
  std::string label;
  identity_ptr who;
  std::shared_ptr<environment> env;
  endpoint address;
  transport_actor transport;
  overlay_actor overlay;
  caf::actor telemetry, dht, uploads;
  component_links links;

  std::vector<contact> met;
  std::vector<session_request> requests;
  std::vector<fb::EventT> events;
  std::vector<overlay_up> up;
  std::vector<overlay_failed> failed;
  std::vector<session_sent> sent;
  std::vector<std::string> log;
  std::map<std::string, fb::ComponentReportT> reports;
  std::uint64_t round = 0;
  overlay::overlay_options options;

  contact as_contact(bool with_key = true) const {
    return {who->node_id, with_key ? who->dh_key.key : static_key{}, address};
  }
  overlay_peer_actor peer() const { return up.back().peer; }
};

class overlay_world : public virtual_time {
 protected:
  void SetUp() override { net = std::make_unique<pair_network>(system()); }
  void TearDown() override {
    for (auto& l : logs_) l->data.clear();
    for (auto& n : nodes) {
      n->up.clear();
      n->requests.clear();
      n->links = {};
    }
    end_nodes();
    net.reset();
    virtual_time::TearDown();
  }
  void end_nodes() {
    for (auto& n : nodes) {
      end(n->overlay);
      end(n->transport);
    }
    run_for(1s);
  }
  template <class Handle>
  void end(Handle& handle) {
    if (handle) caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
    handle = Handle{};
  }

  overlay_node& add_node(std::uint32_t ip, overlay::overlay_options options = {},
                         const std::string& network = "test/4", std::uint64_t seed = 0) {
    auto n = std::make_unique<overlay_node>();
    auto& node = *n;
    nodes.push_back(std::move(n));
    node.label = "node " + std::to_string(nodes.size());
    node.who =
        std::make_shared<identity::identity>(make_node(seed == 0 ? 100 + nodes.size() : seed, network));
    node.address = endpoint::v4(ip, 50315);
    node.env = std::make_shared<environment>();
    node.env->settings.node.listen = node.address;
    node.env->network = net->host(node.address);
    node.env->random = std::make_shared<crypto::seeded_random>(1000 + nodes.size());
    node.env->unix_ms = [](std::chrono::nanoseconds t) {
      return 1'700'000'000'000u + static_cast<std::uint64_t>(t / 1ms);
    };
    node.env->log = [&node](log_level, std::string_view, std::string_view text) {
      node.log.emplace_back(text);
    };
    node.env->inline_workers = true;
    node.options = options;
    spawn_probes(node);
    spawn_components(node);
    return node;
  }
  /// The components again, as the root does after a restart.
  void spawn_components(overlay_node& node) {
    node.transport = keep(system().spawn(transport::transport, environment_ptr(node.env)));
    node.overlay =
        keep(system().spawn(overlay::overlay_with, environment_ptr(node.env), node.who, node.options));
    distribute(node);
  }
  void distribute(overlay_node& node) {
    node.links = {};
    node.links.transport = node.transport;
    node.links.overlay = node.overlay;
    node.links.telemetry = stand_in<telemetry_actor>(node.telemetry);
    node.links.dht = stand_in<dht_actor>(node.dht);
    node.links.uploads = stand_in<uploads_actor>(node.uploads);
    caf::anon_send(node.transport, node.links);
    caf::anon_send(node.overlay, node.links);
    settle();
  }

  void dial(overlay_node& from, const contact& whom, std::uint64_t id = 1) {
    auto client = keep(system().spawn([&from](caf::event_based_actor*) -> caf::behavior {
      return {[&from](const overlay_up& m) { from.up.push_back(m); },
              [&from](const overlay_failed& m) { from.failed.push_back(m); }};
    }));
    caf::anon_send(from.overlay, overlay_dial{id, whom, stand_in<overlay_client_actor>(client)});
  }
  /// A session from one to the other, or an empty handle.
  overlay_peer_actor connect(overlay_node& from, overlay_node& to, bool with_key = true) {
    const auto before = from.up.size();
    dial(from, to.as_contact(with_key));
    run_for(500ms);
    if (from.up.size() > before) return from.peer();
    ADD_FAILURE() << "no session: " << (from.failed.empty() ? "no answer" : from.failed.back().reason);
    for (const auto* n : {&from, &to})
      for (const auto& line : n->log) std::cerr << n->label << ": " << line << std::endl;
    return {};
  }
  channel_log& new_log() { return *logs_.emplace_back(std::make_unique<channel_log>()); }
  caf::actor open_channel(const overlay_peer_actor& peer, std::uint16_t channel, channel_log& log) {
    auto client = keep(system().spawn([&log](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[&log](const channel_message& m) { log.messages.push_back(m.message); },
              [&log](const channel_data& m) {
                log.data.push_back(m);
                if (!log.hold) log.data.back().credit.reset();
              },
              [&log](const channel_closed& m) { log.closed.push_back(m); }};
    }));
    caf::anon_send(peer, channel_attach{channel, stand_in<channel_client_actor>(client)});
    settle();
    return client;
  }
  template <class Body>
  void say(const overlay_peer_actor& peer, Body body) {
    caf::anon_send(peer, session_send{overlay::overlay_message(std::move(body))});
  }
  static fb::OpenRootT open_root(std::uint16_t channel) {
    fb::OpenRootT m;
    m.channel = channel;
    return m;
  }

  const fb::ComponentReportT& report(overlay_node& node, const std::string& path = "overlay") {
    node.reports.clear();
    ++node.round;
    if (path == "overlay")
      caf::anon_send(node.overlay, report_request{node.round});
    else
      caf::anon_send(node.transport, report_request{node.round});
    settle();
    return node.reports.at(path);
  }
  std::uint64_t counter(overlay_node& node, const std::string& name, const std::string& label = "",
                        const std::string& path = "overlay") {
    for (const auto& c : report(node, path).counters)
      if (c->name == name && c->label == label) return c->value;
    throw std::out_of_range(name + " " + label);
  }
  std::size_t count_events(const overlay_node& node, fb::EventKind kind) {
    return static_cast<std::size_t>(
        std::count_if(node.events.begin(), node.events.end(), [&](const auto& e) { return e.kind == kind; }));
  }

  std::unique_ptr<pair_network> net;
  std::vector<std::unique_ptr<overlay_node>> nodes;

 private:
  std::vector<std::unique_ptr<channel_log>> logs_;

  void spawn_probes(overlay_node& node) {
    node.telemetry = keep(system().spawn([&node](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[&node](const record<fb::Event>& e) { node.events.push_back(e.unpack()); },
              [&node](const record<fb::ComponentReport>& r, std::uint64_t) {
                auto report = r.unpack();
                const auto path = report.path;
                node.reports[path] = std::move(report);
              }};
    }));
    node.dht = keep(system().spawn([&node](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[&node](const contact& c) { node.met.push_back(c); }};
    }));
    node.uploads = keep(system().spawn([&node](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[&node](const session_request& r) { node.requests.push_back(r); },
              [&node](const session_sent& s) { node.sent.push_back(s); }};
    }));
  }
};

}  // namespace vsf::tests
