#include "actors/shadow_index/resolver_actor.hpp"

#include <utility>

#include "actors/shadow_index/report.hpp"

namespace vsf::shadow_index {

namespace {

using self_pointer = resolver_actor::stateful_pointer<resolver_state>;

std::uint64_t unix_s(self_pointer self) { return self->state.env->unix_ms(supervisor::now(self)) / 1000; }

void carry_out(self_pointer self, const send_get& get) {
  // Without a DHT the question waits for one (or for its deadline).
  if (!self->state.links.dht) return;
  fb::DhtGetT message;
  message.id = get.id;
  message.key = box(get.key);
  message.quorum = true;
  self->send(self->state.links.dht, record<fb::DhtGet>::pack(message), dht_client_actor(self));
}

void carry_out(self_pointer self, const send_find& find) {
  if (!self->state.links.dht) return;
  fb::DhtFindT message;
  message.id = find.id;
  message.target = box(find.target);
  self->send(self->state.links.dht, record<fb::DhtFind>::pack(message), dht_client_actor(self));
}

void carry_out(self_pointer self, give_answer& give) {
  auto& st = self->state;
  for (const auto token : give.askers) {
    const auto at = st.askers.find(token);
    if (at == st.askers.end()) continue;
    give.answer.id = at->second.id;
    ++st.answers;
    self->send(at->second.client, record<fb::ResolveResult>::pack(give.answer));
    st.askers.erase(at);
  }
}

void carry_out(self_pointer self, resolve_logic::effects effects) {
  for (auto& effect : effects) std::visit([&](auto& e) { carry_out(self, e); }, effect);
  if (const auto next = self->state.logic->next_deadline()) self->state.timer.arm(self, *next);
}

void on_question(self_pointer self, const fb::Resolve& question, const resolve_client_actor& client) {
  auto& st = self->state;
  if (question.mbid() == nullptr || st.askers.size() >= resolver_state::max_askers) {
    ++st.refused;
    fb::ResolveResultT nothing;
    nothing.id = question.id();
    nothing.kind = question.kind();
    if (question.mbid() != nullptr) nothing.mbid = std::make_unique<fb::Bytes16>(*question.mbid());
    self->send(client, record<fb::ResolveResult>::pack(nothing));
    return;
  }
  const auto token = st.next_asker++;
  st.askers[token] = {client, question.id()};
  carry_out(self, st.logic->ask({token, from_fb<mbid>(*question.mbid()), question.kind(), question.fresh()},
                                supervisor::now(self), unix_s(self)));
}

void report(self_pointer self, std::uint64_t round) {
  const auto& st = self->state;
  if (!st.links.telemetry) return;
  fb::ComponentReportT out;
  out.path = "shadow_index/resolver";
  out.kind = resolver_state::name;
  out.mailbox = supervisor::mailbox_size(self);
  const auto& c = st.logic->counters();
  add_counter(out, "questions", c.questions);
  add_counter(out, "answers", st.answers);
  add_counter(out, "cache_hits", c.cache_hits, "kind=\"found\"");
  add_counter(out, "cache_hits", c.negative_hits, "kind=\"nothing\"");
  add_counter(out, "cache_evictions", c.evicted);
  add_counter(out, "questions_joined", c.coalesced);
  add_counter(out, "questions_refused", c.refused + st.refused);
  add_counter(out, "lookups", c.runs);
  add_counter(out, "leaves_rejected", c.rejected_leaves);
  add_counter(out, "answers_late", c.late_leaves, "kind=\"leaves\"");
  add_counter(out, "answers_late", c.late_contacts, "kind=\"contacts\"");
  add_gauge(out, "cached", st.logic->cached());
  add_gauge(out, "running", st.logic->running());
  self->send(st.links.telemetry, record<fb::ComponentReport>::pack(out), round);
}

}  // namespace

resolver_actor::behavior_type resolver(self_pointer self, environment_ptr env, identity_ptr who) {
  supervisor::prepare(self);
  auto& st = self->state;
  st.env = env;
  st.logic.emplace(resolve_settings{}, who->network, who->node_id);
  return {
      [=](const record<fb::Resolve>& question, const resolve_client_actor& client) {
        on_question(self, *question, client);
      },
      [=](const record<fb::DhtGetResult>& result) {
        carry_out(self, self->state.logic->on_leaves(*result, supervisor::now(self), unix_s(self)));
      },
      [=](const record<fb::DhtSweepResult>&) {},
      [=](const record<fb::DhtFindResult>& result) {
        carry_out(self, self->state.logic->on_contacts(*result, supervisor::now(self)));
      },
      [=](const component_links& links) {
        auto& state = self->state;
        const bool other_dht = links.dht != state.links.dht;
        state.links = links;
        if (other_dht) carry_out(self, state.logic->ask_again());
      },
      [=](report_request request) { report(self, request.round); },
      [=](const alarm& message) {
        if (self->state.timer.take(message))
          carry_out(self, self->state.logic->on_deadline(supervisor::now(self)));
      },
  };
}

}  // namespace vsf::shadow_index
