#include "actors/telemetry/telemetry_actor.hpp"

#include <algorithm>
#include <utility>

#include <caf/sec.hpp>

namespace vsf::telemetry {

namespace {

using namespace std::chrono_literals;

// A component that is busy for longer is shown as it was not: missing from this status, and said so in its
// notes.
constexpr auto round_deadline = 400ms;

using self_pointer = telemetry_actor::stateful_pointer<telemetry_state>;

std::uint64_t unix_ms(self_pointer self) { return self->state.env->unix_ms(supervisor::now(self)); }

template <class... Handles>
std::size_t ask_all(self_pointer self, std::uint64_t round, const Handles&... handles) {
  std::size_t asked = 0;
  const auto ask = [&](const auto& handle) {
    if (!handle) return;
    self->send(handle, report_request{round});
    ++asked;
  };
  (ask(handles), ...);
  return asked;
}

std::unique_ptr<fb::ComponentReportT> own_report(self_pointer self) {
  auto& st = self->state;
  auto report = std::make_unique<fb::ComponentReportT>();
  report->path = "telemetry";
  report->kind = "telemetry";
  report->mailbox = supervisor::mailbox_size(self);
  const auto count = [&](const char* name, std::uint64_t value) {
    auto c = std::make_unique<fb::CounterT>();
    c->name = name;
    c->value = value;
    report->counters.push_back(std::move(c));
  };
  count("events", st.events_seen);
  count("events_lost", st.events_lost);
  count("subscribers_refused", st.subscribers_refused);
  count("actor_restarts", st.tree.restarts_total());
  for (const auto& [path, row] : st.tree.rows()) {
    auto child = std::make_unique<fb::ChildReportT>();
    child->path = path;
    child->kind = row.kind;
    child->running = row.running;
    child->restarts = row.restarts;
    child->last_error = row.last_error;
    report->children.push_back(std::move(child));
  }
  return report;
}

void finish_round(self_pointer self) {
  auto& st = self->state;
  fb::NodeStatusT status;
  const auto who = st.links ? st.links->who : nullptr;
  status.ready = who != nullptr;
  if (who) {
    status.node = box(who->node_id);
    status.identity = box(who->signing_key.identity);
  }
  status.network = st.env->settings.node.network;
  status.version = VSF_VERSION;
  status.started_ms = st.started_ms;
  status.now_ms = unix_ms(self);
  status.reports = st.round->take_reports();
  st.round.reset();
  for (auto& report : status.reports) {
    for (auto& peer : report->peers) status.peers.push_back(std::move(peer));
    report->peers.clear();
    for (const auto& gauge : report->gauges) {
      if (gauge->name == "puzzle_tried") status.puzzle_tried = static_cast<std::uint64_t>(gauge->value);
      if (gauge->name == "puzzle_expected") status.puzzle_expected = static_cast<std::uint64_t>(gauge->value);
    }
  }
  status.reports.push_back(own_report(self));
  const auto answer = record<fb::NodeStatus>::pack(status);
  for (auto& promise : std::exchange(st.waiting, {})) promise.deliver(answer);
}

void start_round(self_pointer self) {
  auto& st = self->state;
  const auto id = st.next_round++;
  std::size_t asked = 0;
  if (st.links) {
    const auto& l = *st.links;
    asked = ask_all(self, id, l.port_mapping, l.transport, l.dht, l.overlay, l.resolver, l.publisher,
                    l.library, l.swarm, l.uploads, l.soulseek, l.node);
  }
  st.round.emplace(id, asked, supervisor::now(self) + round_deadline);
  if (asked == 0)
    finish_round(self);
  else
    st.timer.arm(self, st.round->deadline());
}

void on_event(self_pointer self, const record<fb::Event>& what) {
  auto& st = self->state;
  auto event = what.unpack();
  ++st.events_seen;
  event.time_ms = unix_ms(self);
  const auto stored = st.events->append(event);
  if (stored)
    event.seq = *stored;
  else
    ++st.events_lost;
  const auto told = record<fb::Event>::pack(event);
  for (const auto& client : st.subscribers) self->send(client, told);
}

}  // namespace

telemetry_actor::behavior_type telemetry(self_pointer self, environment_ptr env) {
  supervisor::prepare(self);
  auto& st = self->state;
  st.env = std::move(env);
  st.events.emplace(st.env->store);
  st.started_ms = unix_ms(self);
  self->set_down_handler([self](caf::down_msg& down) {
    auto& subscribers = self->state.subscribers;
    std::erase_if(subscribers, [&](const auto& s) { return s.address() == down.source; });
  });
  return {
      [=](status_request) -> caf::result<record<fb::NodeStatus>> {
        auto& state = self->state;
        if (state.waiting.size() >= telemetry_state::max_waiting)
          return caf::make_error(caf::sec::runtime_error,
                                 std::string("too many status requests at once; ask again"));
        auto promise = self->make_response_promise<record<fb::NodeStatus>>();
        state.waiting.push_back(promise);
        if (!state.round) start_round(self);
        return promise;
      },
      [=](const record<fb::ComponentReport>& report, std::uint64_t round) {
        auto& state = self->state;
        if (state.round && state.round->id() == round && state.round->add(report)) finish_round(self);
      },
      [=](const record<fb::Event>& what) { on_event(self, what); },
      [=](const subscribe& request) {
        auto& state = self->state;
        if (state.subscribers.size() >= telemetry_state::max_subscribers) {
          ++state.subscribers_refused;
          return;
        }
        self->monitor(request.client);
        state.subscribers.push_back(request.client);
      },
      [=](const child_changed& change) {
        auto& tree = self->state.tree;
        const bool restarted = tree.is_restart(change.path, change.running, change.restarts);
        tree.changed(change.path, change.kind, change.running, change.restarts, change.reason);
        if (restarted) {
          fb::EventT event;
          event.kind = fb::EventKind::actor_restarted;
          event.subject = change.path;
          event.text =
              change.path + " was restarted (" + std::to_string(change.restarts) + "): " + change.reason;
          on_event(self, record<fb::Event>::pack(event));
        }
      },
      [=](const component_links& links) { self->state.links = links; },
      [=](const alarm& message) {
        auto& state = self->state;
        if (!state.timer.take(message) || !state.round) return;
        if (state.round->due(supervisor::now(self)))
          finish_round(self);
        else
          state.timer.arm(self, state.round->deadline());
      },
  };
}

}  // namespace vsf::telemetry
