#include "actors/swarm/upload_engine_actor.hpp"

#include <algorithm>
#include <utility>

namespace vsf::swarm {

namespace {

using self_pointer = upload_engine_actor::stateful_pointer<upload_engine_state>;
using relay_pointer = session_sender_actor::stateful_pointer<session_relay_state>;

session_sender_actor::behavior_type session_relay(relay_pointer self, upload_engine_actor engine,
                                                  std::uint64_t number, overlay_peer_actor peer) {
  supervisor::prepare(self);
  self->monitor(peer);
  self->set_down_handler([=](const caf::down_msg&) { self->send(engine, session_gone{number}); });
  return {[=](const session_sent& sent) { self->send(engine, session_credit{number, sent.bytes != 0}); }};
}

struct executor {
  self_pointer self;

  void operator()(const upload_logic::say& e) const {
    const auto it = self->state.sessions.find(e.session);
    if (it != self->state.sessions.end()) self->send(it->second.peer, session_send{e.message});
  }
  void operator()(const upload_logic::send_frame& e) const {
    const auto it = self->state.sessions.find(e.session);
    if (it == self->state.sessions.end()) return;
    self->send(it->second.peer,
               session_send_data{channel_data{e.channel, e.request, e.first_leaf, e.count, {}},
                                 it->second.relay, e.whole});
  }
  void operator()(const upload_logic::open_file& e) const { read({e}); }
  void operator()(const upload_logic::read_leaves& e) const { read({e}); }
  void operator()(const upload_logic::hash_file& e) const {
    self->send(self->state.workers.hasher, file_job{{e}, caf::actor_cast<upload_engine_actor>(self)});
  }
  void operator()(const upload_logic::read_proof& e) const { read({e}); }
  void read(file_command command) const {
    self->send(self->state.workers.reader,
               file_job{std::move(command), caf::actor_cast<upload_engine_actor>(self)});
  }
};

void run(self_pointer self, const upload_logic::effects& effects) {
  for (const auto& e : effects) std::visit(executor{self}, e);
  if (const auto at = self->state.logic->next_deadline()) self->state.timer.arm(self, *at);
}

void end_session(self_pointer self, std::uint64_t number) {
  auto& st = self->state;
  const auto it = st.sessions.find(number);
  if (it == st.sessions.end()) return;
  self->demonitor(it->second.relay.address());
  caf::anon_send_exit(it->second.relay, caf::exit_reason::user_shutdown);
  st.by_relay.erase(it->second.relay.address());
  if (const auto known = st.by_node.find(it->second.who);
      known != st.by_node.end() && known->second == number)
    st.by_node.erase(known);
  st.sessions.erase(it);
  run(self, st.logic->session_ended(supervisor::now(self), number));
}

/// The number of this session; a node that comes back over a new one begins anew.
std::uint64_t session_of(self_pointer self, const session_request& request) {
  auto& st = self->state;
  if (const auto known = st.by_node.find(request.who); known != st.by_node.end()) {
    const auto number = known->second;
    if (st.sessions.at(number).peer == request.peer) return number;
    end_session(self, number);
  }
  const auto number = st.next_session++;
  const auto relay =
      self->system().spawn(session_relay, caf::actor_cast<upload_engine_actor>(self), number, request.peer);
  self->monitor(relay);
  st.by_relay[relay.address()] = number;
  supervisor::child_mark mark(st.env, "swarm/uploads/engine/relay-", number, session_relay_state::name,
                              relay.address());
  st.sessions.emplace(number,
                      upload_engine_state::session{request.who, request.peer, relay, std::move(mark)});
  st.by_node[request.who] = number;
  return number;
}

void on_request(self_pointer self, const session_request& request) {
  auto& st = self->state;
  if (!request.peer) return;
  if (request.message) {
    run(self, st.logic->message(supervisor::now(self), session_of(self, request), request.who,
                                *request.message, request.reachable));
    return;
  }
  const auto known = st.by_node.find(request.who);
  if (known != st.by_node.end() && st.sessions.at(known->second).peer == request.peer)
    end_session(self, known->second);
}

void on_relay_down(self_pointer self, const caf::down_msg& down) {
  auto& st = self->state;
  const auto it = st.by_relay.find(down.source);
  if (it == st.by_relay.end()) return;
  const auto number = it->second;
  auto& lost = st.sessions.at(number);
  lost.mark.crashed();
  st.env->log(log_level::error, "swarm/uploads",
              "a relay ended: " + self->system().render(down.reason) + "; its session begins anew");
  end_session(self, number);
}

void on_answer(self_pointer self, const file_answer& answer) {
  auto& logic = *self->state.logic;
  const auto now = supervisor::now(self);
  if (const auto* a = std::get_if<file_answer::opened>(&answer.what))
    run(self, logic.file_opened(now, a->ticket, a->what));
  else if (const auto* b = std::get_if<file_answer::read>(&answer.what))
    run(self, logic.leaves_read(now, b->ticket, b->what));
  else if (const auto* c = std::get_if<file_answer::hashed>(&answer.what))
    run(self, logic.file_hashed(now, c->root, c->what));
  else if (const auto* d = std::get_if<file_answer::proved>(&answer.what))
    run(self, logic.proof_read(now, d->ticket, d->proof));
}

record<fb::ComponentReport> report(self_pointer self) {
  auto& st = self->state;
  fb::ComponentReportT out;
  out.path = "swarm/uploads";
  out.kind = "uploads";
  out.mailbox = supervisor::mailbox_size(self);
  const auto count = [&](const char* name, std::uint64_t value, std::string label = {}) {
    auto c = std::make_unique<fb::CounterT>();
    c->name = name;
    c->label = std::move(label);
    c->value = value;
    out.counters.push_back(std::move(c));
  };
  const auto gauge = [&](const char* name, std::size_t value) {
    auto g = std::make_unique<fb::GaugeT>();
    g->name = name;
    g->value = static_cast<std::int64_t>(value);
    out.gauges.push_back(std::move(g));
  };
  const auto& c = st.logic->counters();
  count("bytes_served", c.bytes_served);
  count("frames_served", c.frames_served);
  count("frames_dropped", c.frames_dropped);
  count("proofs_served", c.proofs_served);
  count("roots_opened", c.roots_opened);
  count("parts_opened", c.parts_opened);
  count("part_proofs_served", c.part_proofs_served);
  count("sharers_told", c.sharers_told);
  count("trees_built", c.trees_built);
  count("trees_loaded", c.trees_loaded);
  count("kept_trees_evicted", c.kept_trees_evicted);
  count("kept_trees_corrupt", c.kept_trees_corrupt);
  count("kept_tree_errors", c.kept_tree_errors);
  count("trees_dropped", st.logic->trees().dropped());
  count("files_gone", c.files_gone);
  count("sessions_refused", c.sessions_refused);
  count("slots_taken_back", st.logic->slots().evicted());
  count("waiting_peers_forgotten", st.logic->slots().forgotten());
  count("traffic_peers_folded", st.logic->traffic().folded());
  for (std::size_t i = 0; i < c.denied.size(); ++i)
    count("denied", c.denied[i],
          "reason=\"" + std::string(fb::EnumNameDenyReason(static_cast<fb::DenyReason>(i))) + '"');
  gauge("sessions", st.logic->sessions());
  gauge("channels", st.logic->channels());
  gauge("requests_queued", st.logic->requests_queued());
  gauge("tree_cache_bytes", st.logic->trees().bytes());
  gauge("slots", st.logic->slots().slots());
  gauge("slots_held", st.logic->slots().held());
  gauge("peers_waiting", st.logic->slots().waiting());
  out.traffic = st.logic->traffic().report();
  return record<fb::ComponentReport>::pack(out);
}

}  // namespace

upload_engine_state::~upload_engine_state() {
  for (const auto& [number, s] : sessions) caf::anon_send_exit(s.relay, caf::exit_reason::user_shutdown);
}

upload_engine_actor::behavior_type upload_engine(self_pointer self, environment_ptr env,
                                                 upload_workers workers) {
  supervisor::prepare(self);
  auto& state = self->state;
  state.env = std::move(env);
  state.workers = std::move(workers);
  upload_logic::options how;
  const auto& configured = state.env->settings.transfers;
  how.rate_bytes_per_s = std::uint64_t{configured.upload_limit_kib} * 1024;
  how.peer_rate_bytes_per_s = std::uint64_t{configured.upload_limit_per_peer_kib} * 1024;
  how.slots.slots = std::max<std::uint32_t>(1, configured.upload_slots);
  how.shares_parts = configured.share_partial;
  state.logic.emplace(how);
  self->set_down_handler([self](const caf::down_msg& down) { on_relay_down(self, down); });
  return {
      [self](const session_request& request) { on_request(self, request); },
      [self](const session_credit& credit) {
        run(self, self->state.logic->frame_sent(supervisor::now(self), credit.session, credit.taken));
      },
      [self](const session_gone& gone) { end_session(self, gone.session); },
      [self](const file_answer& answer) { on_answer(self, answer); },
      [self](const part_grew& news) {
        run(self, self->state.logic->part_grew(supervisor::now(self), news.part, news.pieces));
      },
      [self](const record<fb::TransferLimits>& limits) {
        run(self, self->state.logic->set_limits(supervisor::now(self), *limits));
      },
      [self](const component_links& links) { self->state.links = links; },
      [self](const report_request& request) {
        const auto& links = self->state.links;
        if (links && links->telemetry) self->send(links->telemetry, report(self), request.round);
      },
      [self](const alarm& message) {
        if (self->state.timer.take(message)) run(self, self->state.logic->tick(supervisor::now(self)));
      },
  };
}

}  // namespace vsf::swarm
