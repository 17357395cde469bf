#include "actors/dht/dht_actor.hpp"

#include "actors/dht/client_answers.hpp"
#include "actors/dht/dht_peer_actor.hpp"
#include "actors/dht/keeper_actor.hpp"
#include "actors/dht/lookup_actor.hpp"
#include "actors/dht/sweep.hpp"
#include "actors/shadow_index/leaf_policy.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "config/host_port.hpp"

namespace vsf::dht {

using self_pointer = dht_inner_actor::stateful_pointer<dht_state>;

/// Carries out what the core says. Peers and runs come and go by the hundred, so they are monitored here
/// instead of in the child set, which keeps the disk's keeper.
class dht_runner {
 public:
  dht_runner(self_pointer self, environment_ptr env, identity_ptr who,
             std::shared_ptr<const value_policy> policy, const core_options& options)
      : self_(self),
        env_(std::move(env)),
        who_(std::move(who)),
        policy_(std::move(policy)),
        core_(who_, policy_, *env_->random, options),
        children_(self, env_, "dht") {
    children_.on_other_down([this](const caf::down_msg& message) { on_down(message); });
    supervisor::child_spec spec;
    spec.name = "keeper";
    spec.kind = "dht_keeper";
    const auto me = self_->address();
    spec.spawn = [this, me] {
      auto& system = self_->home_system();
      return caf::actor_cast<caf::actor>(env_->inline_workers
                                             ? system.spawn(keeper, env_, me)
                                             : system.spawn<caf::detached>(keeper, env_, me));
    };
    spec.restarted = [this](const caf::actor& handle) {
      keeper_ = caf::actor_cast<keeper_actor>(handle);
      // What its predecessor had still to read or to write is lost.
      if (!loaded_) self_->send(keeper_, disk_load{});
      carry_out(core_.on_keeper_restarted(time()));
    };
    keeper_ = caf::actor_cast<keeper_actor>(children_.add(std::move(spec)));
    self_->send(keeper_, disk_load{});
  }
  ~dht_runner() {
    for (auto& [id, peer] : live_) caf::anon_send_exit(peer.actor, caf::exit_reason::user_shutdown);
    for (auto& [id, run] : runs_) caf::anon_send_exit(run.actor, caf::exit_reason::user_shutdown);
  }
  dht_runner(const dht_runner&) = delete;
  dht_runner& operator=(const dht_runner&) = delete;

  void on_get(const record<fb::DhtGet>& m, dht_client_actor client) {
    if (m->key() == nullptr) return self_->send(client, make_get_result(m->id(), {}, {}));
    request(m->quorum() ? lookup_goal::quorum : lookup_goal::first, m->id(), from_fb<dht_key>(*m->key()), {},
            std::move(client));
  }
  void on_sweep(const record<fb::DhtSweep>& m, dht_client_actor client) {
    std::vector<sweep_item> items;
    std::vector<dht_key> keys;
    bool in_order = true;
    if (m->items() != nullptr)
      for (const auto* item : *m->items()) {
        if (item == nullptr || item->key() == nullptr) continue;
        const auto key = from_fb<dht_key>(*item->key());
        in_order = in_order && (keys.empty() || keys.back() < key);
        keys.push_back(key);
        items.push_back({key, to_bytes(view_of(item->value())), item->held(), {}});
      }
    if (keys.empty() || keys.size() > max_sweep_items || !in_order)
      return self_->send(client, make_sweep_result(m->id(), keys, {}));
    const auto first = keys.front();
    request(lookup_goal::holders, m->id(), first, std::move(items), std::move(client), std::move(keys));
  }
  void on_find(const record<fb::DhtFind>& m, dht_client_actor client) {
    if (m->target() == nullptr) return self_->send(client, make_find_result(m->id(), {}, {}));
    request(lookup_goal::find, m->id(), from_fb<id160>(*m->target()), {}, std::move(client));
  }

  void on_port(const transport_ready& m) {
    port_ = m.port;
    for (auto& [id, peer] : live_) self_->send(peer.actor, peer_port{port_});
    carry_out(core_.on_ready(time(), m.local));
  }
  void on_datagram(const datagram& m) {
    if (port_) carry_out(core_.on_datagram(time(), m.from, m.payload, m.credit));
  }
  void on_candidate(const contact& who) { carry_out(core_.on_candidate(time(), who)); }
  void on_links(const component_links& m) {
    telemetry_ = m.telemetry;
    if (telemetry_) children_.report_to(telemetry_);
  }
  void on_alarm(const alarm& m) {
    if (timer_.take(m)) carry_out(core_.on_time(time()));
  }
  void on_restart(const restart_child& m) { children_.on_restart(m); }

  void on_spoke(const peer_spoke& m) { carry_out(core_.on_link(time(), m.peer, std::move(*m.effects))); }
  void on_returned(const peer_returned& m) {
    if (const auto it = live_.find(m.peer); it != live_.end()) {
      peer_of_.erase(it->second.actor.address());
      self_->demonitor(it->second.actor.address());
      live_.erase(it);
    }
    carry_out(core_.on_parked(time(), m.peer, m.link));
  }
  void on_asks(const lookup_asks& m) {
    for (const auto& ask : m.asks) carry_out(core_.on_ask(time(), m.run, ask));
  }
  void on_silent(const lookup_silent& m) { carry_out(core_.on_silent(time(), m.who)); }
  void on_over(const lookup_over& m) {
    if (auto ended = runs_.extract(m.run)) {
      run_of_.erase(ended.mapped().actor.address());
      self_->demonitor(ended.mapped().actor.address());
    }
    answer(m.run, *m.result);
    carry_out(core_.on_run_finished(time(), m.run, *m.result));
  }
  void on_resolved(const names_resolved& m) { carry_out(core_.on_resolved(time(), m.where)); }
  void on_disk(const disk_contacts& m) { carry_out(core_.on_known_contacts(time(), m.contacts)); }
  void on_disk(const disk_leaves& m) {
    for (const auto& [publisher, leaf] : m.leaves)
      if (leaf->key() != nullptr && leaf->from() != nullptr)
        carry_out(core_.on_held_leaf(time(), from_fb<dht_key>(*leaf->key()), publisher,
                                     view_of(leaf->signed_leaf()), from_fb(*leaf->from()),
                                     leaf->lease_ends_ms()));
    if (m.last) loaded_ = true;
  }
  void on_disk(const disk_problem& m) {
    ++disk_problems_;
    env_->log(log_level::warning, "dht", m.text);
  }

  void on_report(const report_request& request) {
    if (!telemetry_) return;
    fb::ComponentReportT out;
    out.path = "dht";
    out.kind = dht_state::name;
    out.mailbox = supervisor::mailbox_size(self_);
    core_.report(out);
    auto problems = std::make_unique<fb::CounterT>();
    problems->name = "disk_problems";
    problems->value = disk_problems_;
    out.counters.push_back(std::move(problems));
    out.children = children_.report();
    for (const auto& [id, peer] : live_)
      out.children.push_back(child("dht/peer-" + std::to_string(id), "dht_peer"));
    for (const auto& [id, run] : runs_)
      out.children.push_back(child("dht/lookup-" + std::to_string(id), "lookup"));
    self_->send(telemetry_, record<fb::ComponentReport>::pack(out), request.round);
  }

 private:
  struct client_request {
    lookup_goal goal = lookup_goal::find;
    std::uint64_t id = 0;
    id160 target;
    dht_client_actor client;
    std::vector<dht_key> keys;  // of a sweep
  };
  struct peer_entry {
    dht_peer_actor actor;
    supervisor::child_mark mark;
  };
  struct run_entry {
    lookup_actor actor;
    supervisor::child_mark mark;
  };

  link_time time() const {
    const auto now = supervisor::now(self_);
    return {now, env_->unix_ms(now)};
  }
  static std::unique_ptr<fb::ChildReportT> child(std::string path, const char* kind) {
    auto out = std::make_unique<fb::ChildReportT>();
    out->path = std::move(path);
    out->kind = kind;
    out->running = true;
    return out;
  }

  void request(lookup_goal goal, std::uint64_t id, const id160& target, std::vector<sweep_item> items,
               dht_client_actor client, std::vector<dht_key> keys = {}) {
    if (!client) return;
    const auto run = core_.next_run();
    clients_.emplace(run, client_request{goal, id, target, std::move(client), std::move(keys)});
    carry_out(core_.on_request(time(), run, goal, target, std::move(items)));
  }
  /// Exactly one answer for each request.
  void answer(std::uint64_t run, const lookup_result& result) {
    const auto asked = clients_.extract(run);
    if (!asked) return;
    const auto& c = asked.mapped();
    switch (c.goal) {
      case lookup_goal::find:
        return self_->send(c.client, make_find_result(c.id, c.target, result));
      case lookup_goal::holders:
        return self_->send(c.client, make_sweep_result(c.id, c.keys, result));
      case lookup_goal::first:
      case lookup_goal::quorum:
        return self_->send(c.client, make_get_result(c.id, c.target, result));
    }
  }

  void on_down(const caf::down_msg& message) {
    if (const auto it = peer_of_.find(message.source); it != peer_of_.end()) {
      const auto peer = it->second;
      peer_of_.erase(it);
      if (auto gone = live_.extract(peer)) gone.mapped().mark.crashed();
      tell_crash("dht/peer-" + std::to_string(peer), "dht_peer", message.reason);
      carry_out(core_.on_peer_lost(time(), peer));
    } else if (const auto found = run_of_.find(message.source); found != run_of_.end()) {
      const auto run = found->second;
      run_of_.erase(found);
      if (auto gone = runs_.extract(run)) gone.mapped().mark.crashed();
      tell_crash("dht/lookup-" + std::to_string(run), "lookup", message.reason);
      carry_out(core_.on_run_lost(time(), run));
    }
  }
  void tell_crash(const std::string& path, const char* kind, const caf::error& reason) {
    const auto text = self_->home_system().render(reason);
    env_->log(log_level::error, "dht", path + " ended: " + text);
    if (telemetry_) self_->send(telemetry_, child_changed{path, kind, false, 0, text});
  }

  void carry_out(core_effects effects) {
    disk_changes changes;
    for (auto& e : effects) std::visit([&](auto& x) { carry_out(x, changes); }, e);
    if (!changes.changes.empty()) self_->send(keeper_, std::move(changes));
    if (const auto at = core_.next_deadline(time()); at != nanoseconds::max()) timer_.arm(self_, at);
  }
  void carry_out(send_datagram& e, disk_changes&) {
    if (port_) port_->send(e.to, std::move(e.payload));
  }
  void carry_out(wake_peer& e, disk_changes&) {
    auto peer = self_->spawn(dht_peer, env_, e.peer, std::move(e.link), port_, dht_inner_actor{self_});
    self_->monitor(peer);
    peer_of_[peer.address()] = e.peer;
    if (!e.inputs.empty()) self_->send(peer, peer_work{std::move(e.inputs)});
    supervisor::child_mark mark(env_, "dht/peer-", e.peer, dht_peer_state::name, peer.address());
    live_.emplace(e.peer, peer_entry{std::move(peer), std::move(mark)});
  }
  void carry_out(tell_peer& e, disk_changes&) {
    if (const auto it = live_.find(e.peer); it != live_.end())
      self_->send(it->second.actor, peer_work{{std::move(e.input)}});
  }
  void carry_out(park_peer& e, disk_changes&) {
    if (const auto it = live_.find(e.peer); it != live_.end()) self_->send(it->second.actor, peer_park{});
  }
  void carry_out(start_run& e, disk_changes&) {
    const auto run = e.run;
    if (auto asked = clients_.extract(e.instead_of)) {
      asked.key() = run;
      clients_.insert(std::move(asked));
    }
    auto actor = self_->spawn(lookup_run, env_, who_->node_id, policy_,
                              std::make_shared<const start_run>(std::move(e)), dht_inner_actor{self_});
    self_->monitor(actor);
    run_of_[actor.address()] = run;
    supervisor::child_mark mark(env_, "dht/lookup-", run, lookup_state::name, actor.address());
    runs_.emplace(run, run_entry{std::move(actor), std::move(mark)});
  }
  void carry_out(run_answer& e, disk_changes&) {
    if (const auto it = runs_.find(e.run); it != runs_.end()) self_->send(it->second.actor, std::move(e));
  }
  void carry_out(run_refused& e, disk_changes&) {
    if (const auto it = runs_.find(e.run); it != runs_.end()) self_->send(it->second.actor, e);
  }
  void carry_out(request_refused& e, disk_changes&) { answer(e.run, {}); }
  void carry_out(keep_leaf& e, disk_changes& changes) { changes.changes.emplace_back(std::move(e)); }
  void carry_out(drop_leaf& e, disk_changes& changes) { changes.changes.emplace_back(e); }
  void carry_out(resolve_name& e, disk_changes&) {
    const auto me = self_->address();
    const auto env = env_;
    const auto name = e.host_and_port;
    env_->network->resolve(name, [me, env, name](result<std::vector<endpoint>> found) {
      if (!found)
        return env->log(log_level::warning, "dht", "node.bootstrap: " + name + ": " + found.error().message);
      if (const auto node = caf::actor_cast<caf::strong_actor_ptr>(me))
        caf::anon_send(caf::actor_cast<dht_inner_actor>(node), names_resolved{std::move(*found)});
    });
  }
  void carry_out(save_contacts& e, disk_changes&) {
    self_->send(keeper_, disk_save_contacts{
                             std::make_shared<const std::vector<fb::KnownContactT>>(std::move(e.contacts))});
  }
  void carry_out(network_reached& e, disk_changes&) {
    const auto text = "reached the network through " + to_string(e.who.address);
    env_->log(log_level::info, "dht", text);
    if (!telemetry_) return;
    fb::EventT event;
    event.kind = fb::EventKind::note;
    event.subject = "dht";
    event.text = text;
    self_->send(telemetry_, record<fb::Event>::pack(event));
  }

  self_pointer self_;
  environment_ptr env_;
  identity_ptr who_;
  std::shared_ptr<const value_policy> policy_;
  node_core core_;
  supervisor::child_set children_;
  supervisor::single_alarm timer_;
  keeper_actor keeper_;
  telemetry_actor telemetry_;
  std::shared_ptr<net::datagram_port> port_;
  std::map<std::uint64_t, peer_entry> live_;
  std::map<caf::actor_addr, std::uint64_t> peer_of_, run_of_;  // only looked up in
  std::map<std::uint64_t, run_entry> runs_;
  std::map<std::uint64_t, client_request> clients_;
  bool loaded_ = false;  // all that the disk had
  std::uint64_t disk_problems_ = 0;
};

dht_state::dht_state() = default;
dht_state::~dht_state() = default;

core_options options_for(const config::settings& settings) {
  core_options out;
  for (const auto& host : settings.node.bootstrap) out.bootstrap.push_back(config::to_string(host));
  return out;
}

dht_inner_actor::behavior_type dht(self_pointer self, environment_ptr env, identity_ptr who) {
  auto policy = std::make_shared<const shadow_index::leaf_policy>(who->network);
  auto options = std::make_shared<const core_options>(options_for(env->settings));
  return dht_with(self, std::move(env), std::move(who), std::move(policy), std::move(options));
}

dht_inner_actor::behavior_type dht_with(self_pointer self, environment_ptr env, identity_ptr who,
                                        std::shared_ptr<const value_policy> policy,
                                        std::shared_ptr<const core_options> options) {
  supervisor::prepare(self);
  self->state.runner =
      std::make_unique<dht_runner>(self, std::move(env), std::move(who), std::move(policy), *options);
  const auto run = [self]() -> dht_runner& { return *self->state.runner; };
  return {
      [run](const record<fb::DhtGet>& m, const dht_client_actor& client) { run().on_get(m, client); },
      [run](const record<fb::DhtSweep>& m, const dht_client_actor& client) { run().on_sweep(m, client); },
      [run](const record<fb::DhtFind>& m, const dht_client_actor& client) { run().on_find(m, client); },
      [run](const contact& m) { run().on_candidate(m); },
      [run](const transport_ready& m) { run().on_port(m); },
      [run](const datagram& m) { run().on_datagram(m); },
      [run](const component_links& m) { run().on_links(m); },
      [run](const report_request& m) { run().on_report(m); },
      [run](const alarm& m) { run().on_alarm(m); },
      [run](const restart_child& m) { run().on_restart(m); },
      [run](const peer_spoke& m) { run().on_spoke(m); },
      [run](const peer_returned& m) { run().on_returned(m); },
      [run](const lookup_asks& m) { run().on_asks(m); },
      [run](const lookup_silent& m) { run().on_silent(m); },
      [run](const lookup_over& m) { run().on_over(m); },
      [run](const names_resolved& m) { run().on_resolved(m); },
      [run](const disk_contacts& m) { run().on_disk(m); },
      [run](const disk_leaves& m) { run().on_disk(m); },
      [run](const disk_problem& m) { run().on_disk(m); },
  };
}

}  // namespace vsf::dht
