#include "actors/overlay/overlay_actor.hpp"

#include <utility>

#include "actors/overlay/overlay_peer_actor.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::overlay {

using self_pointer = overlay_actor::stateful_pointer<overlay_state>;

namespace {

constexpr std::chrono::milliseconds connect_timeout{5000};

std::string child_name(link_key key) { return "peer-" + std::to_string(key); }

}  // namespace

/// Carries out what the roster wants.
class overlay_runner {
 public:
  overlay_runner(self_pointer self, environment_ptr env, const identity::identity& who,
                 overlay_options options)
      : self_(self),
        env_(env),
        options_(options),
        local_(local_side::of(who)),
        counters_(std::make_shared<counter_board>()),
        roster_(who.node_id, options.roster, *counters_),
        children_(self, std::move(env), "overlay") {}
  /// Whoever waits for a session is answered, whatever happened here.
  ~overlay_runner() {
    for (const auto& [ticket, w] : tickets_)
      caf::anon_send(w.client, overlay_failed{w.id, "this node's overlay ended; try again"});
  }
  overlay_runner(const overlay_runner&) = delete;
  overlay_runner& operator=(const overlay_runner&) = delete;

  void on_links(const component_links& links) {
    links_ = links;
    children_.report_to(links.telemetry);
    for (const auto& [key, peer] : peers_) self_->send(peer.handle, links);
  }
  void on_transport(const transport_ready& ready) { listen_port_ = ready.port ? ready.local.port : 0; }
  void on_restart(const restart_child& message) { children_.on_restart(message); }

  void on_accepted(const std::shared_ptr<net::stream_link>& link) {
    if (!link) return;
    const auto key = roster_.on_accepted(link->remote());
    if (!key) return link->close();
    spawn_peer(*key, link, link->remote(), std::nullopt);
  }

  void on_dial(const overlay_dial& dial) {
    if (!dial.client) return;
    const auto ticket = next_ticket_++;
    tickets_[ticket] = {dial.client, dial.id, dial.who.id};
    roster_.on_dial(
        ticket, dial.who, supervisor::now(self_), [this](link_key key) { return in_use(key); }, effects_);
    turn();
  }

  void on_news(const news& told) {
    if (const auto* connected = std::get_if<connect_result>(&told.what))
      on_connected(told.key, *connected);
    else if (const auto* up = std::get_if<session_up>(&told.what))
      roster_.on_up(
          told.key, up->who, up->hello, supervisor::now(self_),
          [this](link_key key) { return idle_since(key); }, effects_);
    else if (const auto* ended = std::get_if<session_ended>(&told.what))
      on_over(told.key, ended->why);
    turn();
  }

  void on_alarm(const alarm& message) {
    if (!alarm_.take(message)) return;
    roster_.on_alarm(supervisor::now(self_), effects_);
    turn();
  }

  void on_report(const report_request& request) {
    if (!links_.telemetry) return;
    fb::ComponentReportT out;
    out.path = "overlay";
    out.kind = overlay_state::name;
    out.mailbox = supervisor::mailbox_size(self_);
    for (std::size_t i = 0; i < count_total; ++i) {
      auto counter = std::make_unique<fb::CounterT>();
      counter->name = counter_names[i].name;
      counter->label = counter_names[i].label;
      counter->value = counters_->get(static_cast<count>(i));
      out.counters.push_back(std::move(counter));
    }
    add_gauge(out, "sessions", roster_.sessions().size());
    add_gauge(out, "half_open_links", roster_.half_open());
    add_gauge(out, "dials_waiting", tickets_.size());
    out.children = children_.report();
    for (const auto& [key, row] : roster_.sessions()) out.peers.push_back(peer_info(key, row));
    if (roster_.sessions().size() >= options_.roster.sessions)
      out.notes.push_back("all " + std::to_string(options_.roster.sessions) +
                          " sessions with other nodes are in use; new ones wait until an idle one ends");
    if (listen_port_ == 0)
      out.notes.push_back("the mesh port is not open: other nodes can't connect to this one");
    self_->send(links_.telemetry, record<fb::ComponentReport>::pack(out), request.round);
  }

 private:
  struct waiting {
    overlay_client_actor client;
    std::uint64_t id = 0;
    vsf::node_id whom;
  };
  struct live_peer {
    overlay_peer_actor handle;
    std::shared_ptr<peer_gauges> gauges;
  };

  static void add_gauge(fb::ComponentReportT& out, std::string name, std::size_t value) {
    auto gauge = std::make_unique<fb::GaugeT>();
    gauge->name = std::move(name);
    gauge->value = static_cast<std::int64_t>(value);
    out.gauges.push_back(std::move(gauge));
  }

  std::unique_ptr<fb::PeerInfoT> peer_info(link_key key, const roster::session_row& row) const {
    auto out = std::make_unique<fb::PeerInfoT>();
    out->id = box(row.id);
    out->address = box(row.remote);
    out->inbound = !row.dialled;
    out->since_ms = env_->unix_ms(row.since);
    if (const auto it = peers_.find(key); it != peers_.end()) {
      const auto& gauges = *it->second.gauges;
      out->rtt_us = gauges.rtt_us;
      out->bytes_in = gauges.bytes_in;
      out->bytes_out = gauges.bytes_out;
      out->channels = gauges.channels;
    }
    return out;
  }

  std::optional<nanoseconds> idle_since(link_key key) const {
    const auto it = peers_.find(key);
    if (it == peers_.end()) return std::nullopt;
    const auto since = it->second.gauges->idle_since_ns.load();
    return since < 0 ? std::nullopt : std::optional(nanoseconds(since));
  }

  bool in_use(link_key key) const {
    const auto it = peers_.find(key);
    return it != peers_.end() && it->second.gauges->own_channels != 0;
  }

  void on_connected(link_key key, const connect_result& connected) {
    const auto whom = dialled_.extract(key);
    const auto problem = connected.link ? std::nullopt : std::optional(connected.link.error().message);
    const bool wanted = roster_.on_connected(key, problem, effects_) && !whom.empty();
    if (problem) return;
    if (!wanted) return (*connected.link)->close();
    const auto& who = whom.mapped();
    spawn_peer(key, *connected.link, who.address,
               expected_peer{who.id, who.key.is_zero() ? std::nullopt : std::optional(who.key)});
  }

  void spawn_peer(link_key key, std::shared_ptr<net::stream_link> link, const endpoint& remote,
                  std::optional<expected_peer> whom) {
    auto setup = std::make_shared<peer_setup>();
    setup->key = key;
    setup->link = std::move(link);
    setup->session = session_setup{local_, std::move(whom), remote, listen_port_, options_.session};
    setup->parent = self_->address();
    setup->counters = counters_;
    setup->gauges = std::make_shared<peer_gauges>();
    setup->links = links_;
    const auto gauges = setup->gauges;
    supervisor::child_spec spec;
    spec.name = child_name(key);
    spec.kind = overlay_peer_state::name;
    spec.mode = supervisor::restart_mode::temporary;
    spec.spawn = [self = self_, env = env_, setup = std::move(setup)]() mutable {
      // The child alone keeps its link.
      return caf::actor_cast<caf::actor>(
          self->spawn(overlay_peer, env, std::shared_ptr<const peer_setup>(std::move(setup))));
    };
    spec.ended = [this, key](const std::string& reason) {
      on_over(key, reason);
      turn();
    };
    const auto child = children_.add(std::move(spec));
    peers_[key] = {caf::actor_cast<overlay_peer_actor>(child), gauges};
  }

  void on_over(link_key key, const std::string& why) {
    roster_.on_over(key, why, effects_);
    peers_.erase(key);
  }

  void turn() {
    for (std::size_t i = 0; i < effects_.size(); ++i) {
      auto effect = std::move(effects_[i]);
      std::visit([this](auto& e) { apply(e); }, effect);
    }
    effects_.clear();
    if (const auto at = roster_.next_deadline()) alarm_.arm(self_, *at);
  }

  void apply(const connect_link& e) {
    dialled_[e.key] = e.whom;
    env_->network->connect(
        e.whom.address, connect_timeout,
        [me = self_->address(), key = e.key](result<std::shared_ptr<net::stream_link>> link) {
          const auto strong = caf::actor_cast<caf::strong_actor_ptr>(me);
          if (!strong) return;  // the link closes with its last reference
          caf::anon_send(caf::actor_cast<overlay_actor>(strong),
                         overlay_news{std::make_shared<news>(news{key, connect_result{std::move(link)}})});
        });
  }
  void apply(const dial_done& e) {
    const auto asked = tickets_.extract(e.ticket);
    const auto it = peers_.find(e.key);
    if (asked.empty()) return;
    const auto& w = asked.mapped();
    if (it != peers_.end())
      self_->send(w.client, overlay_up{w.id, w.whom, it->second.handle});
    else
      self_->send(w.client, overlay_failed{w.id, "the session ended"});
  }
  void apply(dial_failed& e) {
    const auto asked = tickets_.extract(e.ticket);
    if (asked.empty()) return;
    self_->send(asked.mapped().client, overlay_failed{asked.mapped().id, std::move(e.reason)});
  }
  void apply(end_session& e) { give_order(e.key, end_order{e.reason, std::move(e.why)}); }
  void apply(const supersede_session& e) { give_order(e.key, supersede_order{}); }
  void apply(const node_came& e) {
    const auto it = roster_.sessions().find(e.key);
    if (it == roster_.sessions().end()) return;
    tell_people(fb::EventKind::peer_up, e.id,
                (it->second.dialled ? "connected to " : "connected from ") + to_string(it->second.remote));
  }
  void apply(const node_went& e) { tell_people(fb::EventKind::peer_down, e.id, e.why); }
  void apply(const node_met& e) {
    if (links_.dht) self_->send(links_.dht, e.who);
  }

  void give_order(link_key key, std::variant<supersede_order, end_order> what) {
    const auto it = peers_.find(key);
    if (it == peers_.end()) return;
    self_->send(it->second.handle, overlay_order{std::make_shared<order>(order{std::move(what)})});
  }

  void tell_people(fb::EventKind kind, const vsf::node_id& id, std::string text) {
    if (!links_.telemetry) return;
    fb::EventT event;
    event.kind = kind;
    event.subject = to_hex(id);
    event.text = std::move(text);
    self_->send(links_.telemetry, record<fb::Event>::pack(event));
  }

  self_pointer self_;
  environment_ptr env_;
  overlay_options options_;
  std::shared_ptr<const local_side> local_;
  std::shared_ptr<counter_board> counters_;
  component_links links_;
  std::uint16_t listen_port_ = 0;
  roster roster_;
  roster_effects effects_;
  supervisor::single_alarm alarm_;
  std::map<std::uint64_t, waiting> tickets_;
  std::uint64_t next_ticket_ = 1;
  std::map<link_key, contact> dialled_;
  std::map<link_key, live_peer> peers_;
  supervisor::child_set children_;
};

overlay_state::overlay_state() = default;
overlay_state::~overlay_state() = default;

overlay_actor::behavior_type overlay_with(self_pointer self, environment_ptr env, identity_ptr who,
                                          overlay_options options) {
  supervisor::prepare(self);
  self->state.runner = std::make_unique<overlay_runner>(self, std::move(env), *who, options);
  return {
      [self](const overlay_dial& m) { self->state.runner->on_dial(m); },
      [self](const transport_ready& m) { self->state.runner->on_transport(m); },
      [self](const link_accepted& m) { self->state.runner->on_accepted(m.link); },
      [self](const overlay_news& m) {
        if (m.what) self->state.runner->on_news(*m.what);
      },
      [self](const component_links& m) { self->state.runner->on_links(m); },
      [self](const report_request& m) { self->state.runner->on_report(m); },
      [self](const alarm& m) { self->state.runner->on_alarm(m); },
      [self](const restart_child& m) { self->state.runner->on_restart(m); },
  };
}

overlay_actor::behavior_type overlay(self_pointer self, environment_ptr env, identity_ptr who) {
  return overlay_with(self, std::move(env), std::move(who), {});
}

}  // namespace vsf::overlay
