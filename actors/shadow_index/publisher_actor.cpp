#include "actors/shadow_index/publisher_actor.hpp"

#include <algorithm>
#include <utility>

#include "actors/shadow_index/report.hpp"
#include "messages/mutant.hpp"

namespace vsf::shadow_index {

namespace {

using self_pointer = publisher_actor::stateful_pointer<publisher_state>;
using std::chrono::nanoseconds;

plan_settings plan_from(const config::settings& settings) {
  const auto& index = settings.mesh.shadow_index;
  plan_settings out;
  out.interval = std::chrono::minutes(index.publish_interval_minutes);
  out.lease = std::chrono::hours(std::max<std::uint32_t>(1, index.shard_ttl_hours));
  out.new_per_round = index.max_shards_per_publish;
  out.datagrams_per_minute = settings.mesh.privacy.dht_rate_limit_per_minute;
  return out;
}

void say_published(self_pointer self, nanoseconds now) {
  const auto& st = self->state;
  if (!st.links.telemetry) return;
  const auto status = st.logic->status(now);
  fb::EventT event;
  event.kind = fb::EventKind::published;
  event.subject = "shadow_index";
  event.text = "all " + std::to_string(status.keys) + " keys of this node are in the DHT";
  self->send(st.links.telemetry, record<fb::Event>::pack(event));
}

void work(self_pointer self) {
  auto& st = self->state;
  // Without a DHT nothing could be put; what changes meanwhile is found in the stores.
  if (!st.logic || !st.links.dht) return;
  const auto now = supervisor::now(self);
  auto done = st.logic->step(now, st.env->unix_ms(now));
  for (const auto& text : done.problems) st.env->log(log_level::error, "shadow_index", text);
  for (const auto& sweep : done.sweeps) self->send(st.links.dht, sweep, dht_client_actor(self));
  if (done.all_published) say_published(self, now);
  if (mutant(mutation::lost_publisher_alarm)) return;
  if (const auto next = st.logic->next_deadline(now)) st.timer.arm(self, *next);
}

void on_change(self_pointer self, const fb::LibraryChanged& change) {
  auto& logic = self->state.logic;
  if (!logic) return;
  if (change.recordings() != nullptr)
    for (const auto* id : *change.recordings()) logic->changed(fb::LeafKind::recording, from_fb<mbid>(*id));
  if (change.releases() != nullptr)
    for (const auto* id : *change.releases()) logic->changed(fb::LeafKind::release, from_fb<mbid>(*id));
  work(self);
}

void on_links(self_pointer self, const component_links& links) {
  auto& st = self->state;
  const bool other_dht = links.dht != st.links.dht;
  st.links = links;
  if (!st.logic || !links.dht) return;
  if (other_dht) st.logic->dht_restarted(supervisor::now(self));
  work(self);
}

void add_endings(fb::ComponentReportT& out, const std::string& name, const put_endings& c) {
  add_counter(out, name, c.taken, "outcome=\"taken\"");
  add_counter(out, name, c.refused, "outcome=\"taken_by_nobody\"");
  add_counter(out, name, c.unheard, "outcome=\"nobody_to_ask\"");
  add_counter(out, name, c.unanswered, "outcome=\"no_answer\"");
}

void report(self_pointer self, std::uint64_t round) {
  const auto& st = self->state;
  if (!st.links.telemetry) return;
  fb::ComponentReportT out;
  out.path = "shadow_index/publisher";
  out.kind = publisher_state::name;
  out.mailbox = supervisor::mailbox_size(self);
  if (!st.logic) {
    out.notes.push_back(
        "mesh.shadow_index.enabled is false: nothing is published, others don't find this node's files.");
  } else {
    const auto now = supervisor::now(self);
    const auto& c = st.logic->counters();
    const auto s = st.logic->status(now);
    add_counter(out, "sweeps", c.sweeps);
    add_counter(out, "sweep_timeouts", st.logic->sweep_timeouts());
    add_counter(out, "datagrams_written", c.datagrams);
    add_counter(out, "puts", c.keys_put);
    add_endings(out, "puts_ended", c.puts);
    add_endings(out, "renewals_ended", c.renewals);
    add_counter(out, "leaves_signed", c.leaves_signed, "reason=\"changed\"");
    add_counter(out, "leaves_signed", c.leaves_renewed, "reason=\"renewed\"");
    add_counter(out, "leaves_signed", c.tombstones, "reason=\"withdrawn\"");
    add_counter(out, "leaves_unchanged", c.unchanged);
    add_counter(out, "rounds", st.logic->rounds());
    add_counter(out, "store_errors", c.store_errors);
    add_counter(out, "keys_refused", c.over_limit);
    add_gauge(out, "keys", s.keys);
    add_gauge(out, "keys_alive", s.alive);
    add_gauge(out, "keys_pending", s.pending);
    add_gauge(out, "keys_withdrawing", s.withdrawing);
    add_gauge(out, "keys_beyond_rate", s.beyond_rate);
    add_gauge(out, "puts_in_flight", s.in_flight);
    add_gauge(out, "leaves_to_build", st.logic->to_build());
    add_gauge(out, "full_publish_s", static_cast<std::uint64_t>(s.full_publish / std::chrono::seconds(1)));
    out.notes = st.logic->notes(now);
    const auto wanted = std::chrono::minutes(st.env->settings.mesh.shadow_index.publish_interval_minutes);
    if (st.logic->settings().interval < wanted)
      out.notes.push_back(
          "Rounds are " + std::to_string(st.logic->settings().interval / std::chrono::minutes(1)) +
          " min apart, half of mesh.shadow_index.shard_ttl_hours, so that nothing lapses in between.");
  }
  self->send(st.links.telemetry, record<fb::ComponentReport>::pack(out), round);
}

}  // namespace

publisher_actor::behavior_type publisher(self_pointer self, environment_ptr env, identity_ptr who) {
  supervisor::prepare(self);
  auto& st = self->state;
  st.env = env;
  if (env->settings.mesh.shadow_index.enabled)
    st.logic.emplace(env->store, who, plan_from(env->settings), *env->random);
  return {
      [=](const record<fb::LibraryChanged>& change) { on_change(self, *change); },
      [=](const record<fb::DhtGetResult>&) {},
      [=](const record<fb::DhtSweepResult>& result) {
        auto& logic = self->state.logic;
        if (!logic) return;
        const auto now = supervisor::now(self);
        logic->on_sweep(*result, now, self->state.env->unix_ms(now));
        work(self);
      },
      [=](const record<fb::DhtFindResult>&) {},
      [=](const component_links& links) { on_links(self, links); },
      [=](report_request request) { report(self, request.round); },
      [=](const alarm& message) {
        if (self->state.timer.take(message)) work(self);
      },
  };
}

}  // namespace vsf::shadow_index
