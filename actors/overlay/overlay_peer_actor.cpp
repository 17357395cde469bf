#include "actors/overlay/overlay_peer_actor.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "actors/overlay/overlay_message.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::overlay {

using self_pointer = overlay_peer_actor::stateful_pointer<overlay_peer_state>;

namespace {

/// The actor behind a weak reference; empty when it is gone.
template <class Handle>
Handle alive(const caf::actor_addr& weak) {
  const auto strong = caf::actor_cast<caf::strong_actor_ptr>(weak);
  return strong ? caf::actor_cast<Handle>(strong) : Handle{};
}

template <class Message>
void tell(const caf::actor_addr& weak, Message message) {
  if (const auto to = alive<overlay_peer_actor>(weak)) caf::anon_send(to, std::move(message));
}

}  // namespace

/// Carries out what the session logic wants.
class peer_runner {
 public:
  peer_runner(self_pointer self, environment_ptr env, const peer_setup& setup)
      : self_(self),
        me_(self->address()),
        env_(std::move(env)),
        key_(setup.key),
        remote_(setup.session.remote),
        link_(setup.link),
        parent_(setup.parent),
        counters_(setup.counters),
        gauges_(setup.gauges),
        links_(setup.links),
        session_(setup.session, supervisor::now(self), *env_->random, *counters_) {}

  ~peer_runner() {
    if (finished_) return;
    try {
      session_.end(fb::GoodbyeReason::shutting_down, "the node ends its sessions", effects_);
      carry_out();
    } catch (const std::exception& e) {
      env_->log(log_level::error, "overlay", std::string("a session could not say goodbye: ") + e.what());
    }
    finish();
  }
  peer_runner(const peer_runner&) = delete;
  peer_runner& operator=(const peer_runner&) = delete;

  void start() {
    // The link's callbacks hold no strong handle: a link must not keep its session alive.
    link_->start({[me = me_](frame packet) { tell(me, packet_received{std::move(packet)}); },
                  [me = me_] { tell(me, link_writable{}); },
                  [me = me_](std::string why) { tell(me, link_closed{std::move(why)}); }});
    session_.start(effects_);
    turn();
    // quit() has no effect before there is a behaviour.
    if (finished_) self_->send(self_, link_writable{});
  }

  void on_packet(frame packet) {
    session_.on_packet(std::move(packet), now(), effects_);
    turn();
  }
  void on_writable() {
    session_.link_writable();
    turn();
  }
  void on_closed(const std::string& why) {
    session_.on_link_closed(why, effects_);
    turn();
  }
  void on_alarm(const alarm& message) {
    if (!alarm_.take(message)) return;
    session_.on_alarm(now(), effects_);
    turn();
  }
  void on_order(const order& what) {
    if (std::holds_alternative<supersede_order>(what.what))
      session_.supersede(now());
    else if (const auto* last = std::get_if<end_order>(&what.what))
      session_.end(last->reason, last->why, effects_);
    turn();
  }
  void set_links(const component_links& links) { links_ = links; }

  void send(const record<fb::OverlayMessage>& message) {
    session_.send(message, now(), effects_);
    turn();
  }
  void send_data(const session_send_data& message) {
    const auto& data = message.data;
    const bulk_header header{data.channel, data.request, data.first_leaf, data.count};
    std::optional<frame> whole;
    if (message.whole.empty())
      whole = build_bulk(header, data.body.view());
    else if (auto given = message.whole; finish_bulk(given, header))
      whole = std::move(given);
    const auto ticket = next_ticket_++;
    tickets_[ticket] = {
        message.sender, {0, data.channel, data.request, data.first_leaf}, whole ? whole->size() : 0};
    session_.send_bulk(std::move(whole), ticket, effects_);
    turn();
  }
  void attach(const channel_attach& message) {
    if (!message.client) return;
    if (auto why = session_.attach(message.channel)) {
      caf::anon_send(message.client, channel_closed{message.channel, *std::move(why)});
      return;
    }
    if (!is_client(message.client.address())) self_->monitor(message.client);
    clients_[message.channel] = message.client;
    turn();
  }
  void detach(std::uint16_t channel) {
    const auto it = clients_.find(channel);
    if (it == clients_.end()) return;
    const auto client = it->second.address();
    clients_.erase(it);
    if (!is_client(client)) self_->demonitor(client);
    session_.detach(channel, now());
    turn();
  }
  /// A client that died without a word: its channels are closed for the peer, too.
  void on_client_down(const caf::actor_addr& who) {
    for (auto it = clients_.begin(); it != clients_.end();) {
      const auto current = it++;
      if (current->second.address() != who) continue;
      fb::CloseRootT close;
      close.channel = current->first;
      session_.send(overlay_message(close), now(), effects_);
      session_.detach(current->first, now());
      clients_.erase(current);
    }
    turn();
  }

  std::unique_ptr<fb::ComponentReportT> report() {
    auto out = std::make_unique<fb::ComponentReportT>();
    out->path = "overlay/peer-" + std::to_string(key_);
    out->kind = overlay_peer_state::name;
    out->mailbox = supervisor::mailbox_size(self_);
    return out;
  }
  const component_links& links() const { return links_; }

 private:
  struct sender {
    session_sender_actor who;
    session_sent sent;
    std::size_t bytes;
  };

  bool is_client(const caf::actor_addr& who) const {
    return std::ranges::any_of(clients_, [&](const auto& x) { return x.second.address() == who; });
  }

  nanoseconds now() const { return supervisor::now(self_); }

  void turn() {
    if (!finished_) advance();
    if (finished_) self_->quit();
  }

  void advance() {
    carry_out();
    gauges_->rtt_us = session_.rtt_us();
    gauges_->channels = static_cast<std::uint32_t>(session_.channels());
    gauges_->own_channels = static_cast<std::uint32_t>(session_.own_channels());
    gauges_->bytes_in = session_.bytes_in();
    gauges_->bytes_out = session_.bytes_out();
    const auto idle = session_.idle_since();
    gauges_->idle_since_ns = idle ? idle->count() : -1;
    if (session_.over()) return finish();
    if (const auto at = session_.next_deadline()) alarm_.arm(self_, *at);
  }

  /// Effects may lead to packets and packets to effects.
  void carry_out() {
    do {
      for (std::size_t i = 0; i < effects_.size(); ++i) {
        auto effect = std::move(effects_[i]);
        std::visit([this](auto& e) { apply(e); }, effect);
      }
      effects_.clear();
      while (const auto* packet = session_.next_packet()) {
        if (!link_->send(*packet)) {
          session_.link_full(now());
          break;
        }
        session_.taken(effects_);
      }
    } while (!effects_.empty());
  }

  void apply(came_up& e) {
    who_ = e.who.node_id;
    if (e.hello.listen_port != 0) {
      reachable_ = contact{e.who.node_id, e.who.static_key, remote_};
      reachable_->address.port = e.hello.listen_port;
    }
    inform(session_up{e.who, std::move(e.hello)});
  }
  void apply(to_channel& e) {
    if (const auto it = clients_.find(e.channel); it != clients_.end())
      caf::anon_send(it->second, channel_message{std::move(e.message)});
  }
  void apply(data_to_channel& e) {
    const auto& h = e.data.header;
    // Whatever becomes of the message, its end lets the peer send one more packet.
    std::shared_ptr<void> credit(link_.get(), [link = link_](void*) { link->grant(1); });
    if (const auto it = clients_.find(h.channel); it != clients_.end())
      caf::anon_send(it->second, channel_data{h.channel, h.request, h.first_leaf, h.count,
                                              std::move(e.data.body), std::move(credit)});
  }
  void apply(to_uploads& e) {
    if (links_.uploads) {
      if (const auto me = alive<overlay_peer_actor>(me_))
        caf::anon_send(links_.uploads, session_request{*who_, me, std::move(e.message), reachable_});
      return;
    }
    const auto use = channel_of(*e.message);
    if (e.message->body_type() == fb::OverlayBody::CloseRoot ||
        e.message->body_type() == fb::OverlayBody::Cancel)
      return;
    fb::DeniedT denied;
    denied.channel = use.channel;
    denied.reason = fb::DenyReason::gone;
    if (const auto* wanted = e.message->body_as_GetData()) denied.request = wanted->request();
    session_.send(overlay_message(denied), now(), effects_);
  }
  void apply(data_sent& e) {
    const auto it = tickets_.find(e.ticket);
    if (it == tickets_.end()) return;
    auto answer = std::move(it->second);
    tickets_.erase(it);
    if (!e.dropped) answer.sent.bytes = answer.bytes;
    if (answer.who) caf::anon_send(answer.who, answer.sent);
  }
  void apply(const give_credit& e) { link_->grant(e.packets); }
  void apply(session_over& e) { why_ = std::move(e.why); }

  void inform(std::variant<connect_result, session_up, session_ended> what) {
    if (const auto parent = alive<overlay_actor>(parent_))
      caf::anon_send(parent, overlay_news{std::make_shared<news>(news{key_, std::move(what)})});
  }

  /// Once: nobody is left waiting for this session.
  void finish() {
    finished_ = true;
    link_->close();
    for (auto& [channel, client] : clients_) caf::anon_send(client, channel_closed{channel, why_});
    clients_.clear();
    for (auto& [ticket, waiting] : tickets_)
      if (waiting.who) caf::anon_send(waiting.who, waiting.sent);
    tickets_.clear();
    if (who_ && links_.uploads)
      if (const auto me = alive<overlay_peer_actor>(me_))
        caf::anon_send(links_.uploads, session_request{*who_, me, {}, {}});
    inform(session_ended{why_});
  }

  self_pointer self_;
  caf::actor_addr me_;
  environment_ptr env_;
  link_key key_;
  endpoint remote_;
  std::shared_ptr<net::stream_link> link_;
  caf::actor_addr parent_;
  std::shared_ptr<counter_board> counters_;
  std::shared_ptr<peer_gauges> gauges_;
  component_links links_;
  session session_;
  session_effects effects_;
  supervisor::single_alarm alarm_;
  std::map<std::uint16_t, channel_client_actor> clients_;
  std::map<std::uint64_t, sender> tickets_;
  std::uint64_t next_ticket_ = 1;
  std::optional<vsf::node_id> who_;
  std::optional<contact> reachable_;  // as it says and we see it
  std::string why_ = "the session ended";
  bool finished_ = false;
};

overlay_peer_state::overlay_peer_state() = default;
overlay_peer_state::~overlay_peer_state() = default;

overlay_peer_actor::behavior_type overlay_peer(self_pointer self, environment_ptr env,
                                               std::shared_ptr<const peer_setup> setup) {
  supervisor::prepare(self);
  self->state.runner = std::make_unique<peer_runner>(self, std::move(env), *setup);
  setup.reset();
  self->set_down_handler([self](caf::down_msg& m) { self->state.runner->on_client_down(m.source); });
  self->state.runner->start();
  return {
      [self](const session_send& m) { self->state.runner->send(m.message); },
      [self](const session_send_data& m) { self->state.runner->send_data(m); },
      [self](const channel_attach& m) { self->state.runner->attach(m); },
      [self](const channel_detach& m) { self->state.runner->detach(m.channel); },
      [self](packet_received& m) { self->state.runner->on_packet(std::move(m.packet)); },
      [self](const link_writable&) { self->state.runner->on_writable(); },
      [self](const link_closed& m) { self->state.runner->on_closed(m.reason); },
      [self](const overlay_order& m) {
        if (m.what) self->state.runner->on_order(*m.what);
      },
      [self](const component_links& m) { self->state.runner->set_links(m); },
      [self](const report_request& m) {
        const auto& telemetry = self->state.runner->links().telemetry;
        if (telemetry)
          self->send(telemetry, record<fb::ComponentReport>::pack(*self->state.runner->report()), m.round);
      },
      [self](const alarm& m) { self->state.runner->on_alarm(m); },
  };
}

}  // namespace vsf::overlay
