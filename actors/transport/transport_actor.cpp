#include "actors/transport/transport_actor.hpp"

#include <utility>

#include "actors/supervisor/child_set_actor.hpp"
#include "actors/transport/port_plan.hpp"

namespace vsf::transport {

using self_pointer = transport_actor::stateful_pointer<transport_state>;

class transport_runner {
 public:
  transport_runner(self_pointer self, environment_ptr env) : self_(self), env_(std::move(env)) {}
  ~transport_runner() {
    if (port_.listener) port_.listener->close();
    if (port_.datagrams) port_.datagrams->close();
  }
  transport_runner(const transport_runner&) = delete;
  transport_runner& operator=(const transport_runner&) = delete;

  void open() {
    const auto me = self_->address();
    auto opened = open_mesh_port(
        *env_->network, env_->settings.node.listen,
        [me](const endpoint& from, frame payload) {
          pass_on(me, datagram{from, std::move(payload)});
        },
        [me](std::shared_ptr<net::stream_link> link) { pass_on(me, link_accepted{std::move(link)}); });
    if (!opened) {
      const auto delay = plan_.on_failure(opened.error().message, *env_->random);
      env_->log(log_level::warning, "transport",
                opened.error().message + " (again in " + std::to_string(delay.count()) + " ms)");
      alarm_.arm(self_, supervisor::now(self_) + delay);
      return;
    }
    plan_.on_success();
    port_ = *std::move(opened);
    env_->log(log_level::info, "transport", "mesh port open at " + to_string(port_.datagrams->local()));
    announce();
  }

  void on_alarm(const alarm& message) {
    if (alarm_.take(message) && !port_.datagrams) open();
  }

  void on_links(const component_links& links) {
    links_ = links;
    announce();
  }

  void on_datagram(const datagram& message) {
    const auto& port = port_.datagrams;
    if (!port) return;
    if (!links_.dht) {
      ++no_receiver_;
      port->consumed(1);
      return;
    }
    // Wherever the message ends, handled or dropped, its credit goes back.
    std::shared_ptr<void> credit(port.get(), [port](void*) { port->consumed(1); });
    self_->send(links_.dht, datagram{message.from, message.payload, std::move(credit)});
  }

  void on_link(const link_accepted& message) {
    if (!message.link) return;
    if (links_.overlay) return self_->send(links_.overlay, message);
    ++no_receiver_;
    message.link->close();
  }

  void on_report(const report_request& request) {
    if (!links_.telemetry) return;
    fb::ComponentReportT out;
    out.path = "transport";
    out.kind = transport_state::name;
    out.mailbox = supervisor::mailbox_size(self_);
    const auto counter = [&](std::string name, std::string label, std::uint64_t value) {
      auto one = std::make_unique<fb::CounterT>();
      one->name = std::move(name);
      one->label = std::move(label);
      one->value = value;
      out.counters.push_back(std::move(one));
    };
    if (port_.datagrams) {
      const auto& c = port_.datagrams->counters();
      counter("datagrams_received", "", c.received);
      counter("datagram_bytes_received", "", c.received_bytes);
      counter("datagrams_sent", "", c.sent);
      counter("datagram_bytes_sent", "", c.sent_bytes);
      counter("datagrams_dropped", "reason=\"no_credit\"", c.dropped_no_credit);
      counter("datagrams_dropped", "reason=\"oversize\"", c.dropped_oversize);
      counter("datagrams_dropped", "reason=\"queue_full\"", c.dropped_queue_full);
      counter("datagrams_dropped", "reason=\"send_error\"", c.send_errors);
    }
    counter("datagrams_dropped", "reason=\"no_receiver\"", no_receiver_);
    const auto& streams = env_->network->streams();
    counter("links_accepted", "", streams.accepted);
    counter("links_refused", "", streams.refused);
    counter("links_connected", "", streams.connected);
    counter("link_failures", "", streams.connect_failed);
    counter("link_protocol_errors", "", streams.protocol_errors);
    counter("link_bytes_received", "", streams.bytes_in);
    counter("link_bytes_sent", "", streams.bytes_out);
    counter("link_queue_full", "", streams.queue_full);
    counter("link_buffer_waits", "", streams.buffer_waits);
    counter("port_open_failures", "", plan_.failures());
    auto open = std::make_unique<fb::GaugeT>();
    open->name = "port";
    open->value = port_.datagrams ? port_.datagrams->local().port : 0;
    out.gauges.push_back(std::move(open));
    if (auto note = plan_.note()) out.notes.push_back(*std::move(note));
    self_->send(links_.telemetry, record<fb::ComponentReport>::pack(out), request.round);
  }

 private:
  /// From the io thread; holds the actor weakly, so that a port does not keep it alive.
  template <class Message>
  static void pass_on(const caf::actor_addr& weak, Message message) {
    if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(weak))
      caf::anon_send(caf::actor_cast<transport_actor>(strong), std::move(message));
  }

  void announce() {
    if (!port_.datagrams) return;
    const transport_ready ready{port_.datagrams, port_.datagrams->local()};
    if (links_.dht) self_->send(links_.dht, ready);
    if (links_.overlay) self_->send(links_.overlay, ready);
    if (!links_.port_mapping) return;
    const auto wanted = [&](net::port_protocol protocol) {
      return net::wanted_port{protocol, ready.local, "mesh"};
    };
    self_->send(
        links_.port_mapping,
        listening_ports{"transport", {wanted(net::port_protocol::udp), wanted(net::port_protocol::tcp)}});
  }

  self_pointer self_;
  environment_ptr env_;
  component_links links_;
  mesh_port port_;
  retry_plan plan_;
  supervisor::single_alarm alarm_;
  std::uint64_t no_receiver_ = 0;
};

transport_state::transport_state() = default;
transport_state::~transport_state() = default;

transport_actor::behavior_type transport(self_pointer self, environment_ptr env) {
  supervisor::prepare(self);
  self->state.runner = std::make_unique<transport_runner>(self, std::move(env));
  self->state.runner->open();
  return {
      [self](const datagram& m) { self->state.runner->on_datagram(m); },
      [self](const link_accepted& m) { self->state.runner->on_link(m); },
      [self](const component_links& m) { self->state.runner->on_links(m); },
      [self](const report_request& m) { self->state.runner->on_report(m); },
      [self](const alarm& m) { self->state.runner->on_alarm(m); },
  };
}

}  // namespace vsf::transport
