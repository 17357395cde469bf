#pragma once

#include <functional>
#include <queue>

#include "actors/dht/node_core.hpp"
#include "tests/actors/dht/toy_values.hpp"

namespace vsf::dht::tests {

/// Whole DHT nodes without actors: real cryptography, datagrams with latency and loss, virtual time.
class core_world {
 public:
  struct sent {
    endpoint from, to;
    frame payload;
  };
  struct node {
    std::shared_ptr<const identity::identity> me;
    endpoint address;
    core_options options;
    std::unique_ptr<node_core> core;
    std::map<std::uint64_t, std::shared_ptr<peer_link>> live;
    std::map<std::uint64_t, std::unique_ptr<run_logic>> runs;
    std::map<std::uint64_t, lookup_result> results;
    std::vector<contact> saved;
    std::size_t most_live = 0;
    bool up = true;
    contact as_contact() const { return {me->node_id, me->dh_key.key, address}; }
  };

  explicit core_world(std::uint64_t seed, const std::string& network = "test/0")
      : random(seed), network_(network) {}

  static std::shared_ptr<const identity::identity> make_me(const std::string& network,
                                                           crypto::random_source& random) {
    return std::make_shared<const identity::identity>(
        identity::make_solved_identity(identity::parse_network(network).value(), random));
  }
  static core_options default_options() {
    core_options out;
    out.handshakes = {1e6, 1e6};
    out.service.questions = {1e6, 1e6};
    return out;
  }

  node& add(core_options options = default_options(),
            std::shared_ptr<const identity::identity> me = nullptr) {
    auto n = std::make_unique<node>();
    n->me = me ? std::move(me) : make_me(network_, random);
    n->address = endpoint::v4(0x30000000 + (static_cast<std::uint32_t>(nodes.size()) + 1) * 256, 50315);
    n->options = std::move(options);
    nodes.push_back(std::move(n));
    start(*nodes.back());
    return *nodes.back();
  }
  /// Forgets everything but the identity, as after a crash.
  void start(node& n) {
    n.live.clear();
    n.runs.clear();
    n.up = true;
    n.core = std::make_unique<node_core>(n.me, std::make_shared<const toy_policy>(), random, n.options);
    carry_out(n, n.core->on_ready(time(), n.address));
  }

  link_time time() const {
    return {now, 1'800'000'000'000 + static_cast<std::uint64_t>(now / std::chrono::milliseconds(1))};
  }

  void carry_out(node& n, core_effects effects) {
    for (auto& e : effects) std::visit([&](auto& x) { act(n, x); }, e);
  }
  void deliver(node& n, const endpoint& from, const frame& payload) {
    if (n.up) carry_out(n, n.core->on_datagram(time(), from, payload));
  }

  std::uint64_t request(node& n, lookup_goal goal, const id160& target, std::vector<sweep_item> items = {}) {
    const auto run = n.core->next_run();
    carry_out(n, n.core->on_request(time(), run, goal, target, std::move(items)));
    return run;
  }
  /// Waits for the answer of a request.
  lookup_result ask(node& n, lookup_goal goal, const id160& target, std::vector<sweep_item> items = {}) {
    const auto run = request(n, goal, target, std::move(items));
    while (!n.results.contains(run)) step();
    return n.results.at(run);
  }
  /// How many took the value.
  std::size_t put(node& n, const dht_key& key, bytes value) {
    return ask(n, lookup_goal::holders, key, {{key, std::move(value), false, {}}})
        .outcomes.at(0)
        .stored_at.size();
  }
  void run_for(nanoseconds span) {
    const auto end = now + span;
    while (next_event() <= end) step();
    now = end;
  }
  node* at(const endpoint& address) {
    for (auto& n : nodes)
      if (n->address == address) return n.get();
    return nullptr;
  }

  crypto::seeded_random random;
  std::vector<std::unique_ptr<node>> nodes;
  nanoseconds now{std::chrono::seconds(10)};
  unsigned loss_per_mille = 0;
  std::vector<sent> log;  // every datagram while `logging`
  bool logging = false;
  /// May change what travels; false: it is lost.
  std::function<bool(sent&)> on_wire;

 private:
  struct event {
    nanoseconds at;
    std::uint64_t order;
    sent what;
    bool operator<(const event& other) const { return at != other.at ? at > other.at : order > other.order; }
  };

  nanoseconds next_event() const {
    auto at = wire_.empty() ? nanoseconds::max() : wire_.top().at;
    for (const auto& n : nodes) {
      if (!n->up) continue;
      at = std::min(at, std::max(now, n->core->next_deadline(time())));
      for (const auto& [id, run] : n->runs) at = std::min(at, run->next_deadline());
    }
    return at;
  }
  void step() {
    const auto at = next_event();
    now = std::max(now, at);
    if (!wire_.empty() && wire_.top().at <= at) {
      const auto next = wire_.top();
      wire_.pop();
      if (auto* n = this->at(next.what.to)) deliver(*n, next.what.from, next.what.payload);
      return;
    }
    for (auto& n : nodes) {
      if (!n->up) continue;
      if (n->core->next_deadline(time()) <= now) return carry_out(*n, n->core->on_time(time()));
      for (auto& [id, run] : n->runs)
        if (run->next_deadline() <= now) return carry_out(*n, id, run->on_time(now));
    }
  }

  void send(const endpoint& from, const endpoint& to, frame payload) {
    sent s{from, to, std::move(payload)};
    if (s.payload.size() > datagram_limit) throw std::logic_error("a datagram is too large");
    if (logging) log.push_back(s);
    if (on_wire && !on_wire(s)) return;
    if (random.below(1000) < loss_per_mille) return;
    wire_.push({now + std::chrono::milliseconds(10 + random.below(40)), ++order_, std::move(s)});
  }

  void work(node& n, std::uint64_t peer, const peer_input& input) {
    const auto it = n.live.find(peer);
    if (it == n.live.end()) return;
    auto& link = *it->second;
    link_effects effects;
    if (const auto* a = std::get_if<peer_ask>(&input))
      effects = link.ask(time(), a->tag, a->whom, a->what, a->retry, random);
    if (const auto* r = std::get_if<peer_reply>(&input))
      effects = link.reply(time(), r->session, r->message.raw().view());
    if (const auto* a = std::get_if<peer_adopt>(&input))
      effects = link.adopt(time(), std::move(*a->established), a->peer, a->nonce);
    if (const auto* d = std::get_if<peer_datagram>(&input))
      effects = link.on_datagram(time(), d->from, parse_datagram(d->payload.view(), link.network()), random);
    carry_out(n, n.core->on_link(time(), peer, std::move(effects)));
  }
  void carry_out(node& n, std::uint64_t run, lookup_effects effects) {
    for (auto& e : effects) {
      if (auto* ask = std::get_if<ask_peer>(&e)) carry_out(n, n.core->on_ask(time(), run, *ask));
      if (auto* silent = std::get_if<peer_silent>(&e)) carry_out(n, n.core->on_silent(time(), silent->who));
      if (auto* over = std::get_if<lookup_finished>(&e)) {
        n.results[run] = over->result;
        n.runs.erase(run);
        carry_out(n, n.core->on_run_finished(time(), run, over->result));
      }
    }
  }

  void act(node& n, send_datagram& e) { send(n.address, e.to, std::move(e.payload)); }
  void act(node& n, wake_peer& e) {
    n.live[e.peer] = std::move(e.link);
    n.most_live = std::max(n.most_live, n.live.size());
    for (const auto& input : e.inputs) work(n, e.peer, input);
  }
  void act(node& n, tell_peer& e) { work(n, e.peer, e.input); }
  void act(node& n, park_peer& e) {
    const auto it = n.live.find(e.peer);
    if (it == n.live.end()) return;
    auto link = std::move(it->second);
    n.live.erase(it);
    auto effects = link->compact(time());
    carry_out(n, n.core->on_link(time(), e.peer, std::move(effects)));
    carry_out(n, n.core->on_parked(time(), e.peer, std::move(link)));
  }
  void act(node& n, start_run& e) {
    auto& run = n.runs[e.run];
    run = make_run(e, n.me->node_id, std::make_shared<const toy_policy>(), time().unix_ms / 1000);
    auto effects = run->start(now, e.seeds);
    carry_out(n, e.run, std::move(effects));
  }
  void act(node& n, run_answer& e) {
    const auto it = n.runs.find(e.run);
    if (it != n.runs.end())
      carry_out(n, e.run, it->second->on_answer(now, time().unix_ms / 1000, e.ask, e.answer));
  }
  void act(node& n, run_refused& e) {
    const auto it = n.runs.find(e.run);
    if (it != n.runs.end()) carry_out(n, e.run, it->second->on_refused(now, e.ask));
  }
  void act(node& n, request_refused& e) { n.results[e.run] = {}; }
  void act(node& n, resolve_name& e) {
    if (const auto found = parse_endpoint(e.host_and_port))
      carry_out(n, n.core->on_resolved(time(), {*found}));
  }
  void act(node& n, save_contacts& e) {
    n.saved.clear();
    for (const auto& c : e.contacts) n.saved.push_back(from_fb(*c.contact));
  }
  void act(node&, network_reached&) {}
  void act(node&, keep_leaf&) {}
  void act(node&, drop_leaf&) {}

  std::string network_;
  std::priority_queue<event> wire_;
  std::uint64_t order_ = 0;
};

}  // namespace vsf::dht::tests
