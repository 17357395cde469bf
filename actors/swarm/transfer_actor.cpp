#include "actors/swarm/transfer_actor.hpp"

#include <concepts>
#include <stdexcept>
#include <utility>

#include <caf/sec.hpp>

#include "actors/swarm/source_actor.hpp"

namespace vsf::swarm {

namespace {

using self_pointer = transfer_actor::stateful_pointer<transfer_state>;

void run(self_pointer self, transfer_logic::effects effects);

std::chrono::nanoseconds now(self_pointer self) { return supervisor::now(self); }

std::string child_name(source_number number) { return "source-" + std::to_string(number); }

struct executor {
  self_pointer self;

  void operator()(const transfer_logic::resolve& e) const {
    auto& st = self->state;
    fb::ResolveT ask;
    ask.id = ++st.resolve_id;
    ask.mbid = st.logic->status().mbid ? std::make_unique<fb::Bytes16>(*st.logic->status().mbid) : nullptr;
    ask.fresh = e.fresh;
    if (st.setup.links.resolver)
      self->send(st.setup.links.resolver, record<fb::Resolve>::pack(ask),
                 caf::actor_cast<resolve_client_actor>(self));
  }
  void operator()(const transfer_logic::connect& e) const {
    auto& st = self->state;
    // 0 is no channel; a number comes again only after 65,535 others.
    const auto channel = static_cast<std::uint16_t>(1 + st.setup.channels->fetch_add(1) % 65535);
    supervisor::child_spec spec;
    spec.name = child_name(e.source);
    spec.kind = source_state::name;
    spec.mode = supervisor::restart_mode::temporary;
    spec.spawn = [=, me = self] {
      auto& state = me->state;
      const auto handle = me->system().spawn(
          source, source_setup{caf::actor_cast<transfer_actor>(me), state.setup.links.overlay, e, channel});
      state.sources[e.source] = handle;
      return caf::actor_cast<caf::actor>(handle);
    };
    spec.ended = [number = e.source, me = self](const std::string& reason) {
      auto& state = me->state;
      state.sources.erase(number);
      run(me, state.logic->source_over(now(me), number, source_logic::end::lost, reason));
    };
    if (!st.setup.links.overlay) {
      run(self,
          st.logic->source_over(now(self), e.source, source_logic::end::lost, "the overlay is not running"));
      return;
    }
    st.children->add(std::move(spec));
  }
  void operator()(const transfer_logic::disconnect& e) const {
    self->state.sources.erase(e.source);
    self->state.children->remove(child_name(e.source));
  }
  void operator()(const transfer_logic::ask_proof& e) const { order(e.source, {e}); }
  void operator()(const transfer_logic::ask_data& e) const { order(e.source, {e}); }
  void operator()(const transfer_logic::cancel_data& e) const { order(e.source, {e}); }
  void operator()(const transfer_logic::check& e) const {
    const auto& env = *self->state.setup.env;
    // Nothing that works for the transfer keeps it alive.
    const auto answer = [me = caf::actor_addr(self->address()), epoch = e.epoch](auto found) {
      if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(me))
        caf::anon_send(caf::actor_cast<transfer_actor>(strong), file_analyzed{epoch, {}, std::move(found)});
    };
    if (env.analyzer)
      env.analyzer->analyze(env.files->partial_path(e.partial_name), {.fingerprint = e.fingerprint}, answer);
    else
      answer(result<record<fb::FileEntry>>(fail("no analyzer is running")));
  }
  void operator()(const transfer_logic::warn& e) const {
    auto& st = self->state;
    st.setup.env->log(log_level::warning, "swarm/transfer-" + st.setup.id, e.text);
    if (!st.setup.links.telemetry) return;
    fb::EventT event;
    event.kind = fb::EventKind::warning;
    event.subject = st.setup.id;
    event.text = e.text;
    self->send(st.setup.links.telemetry, record<fb::Event>::pack(event));
  }
  template <class Command>
  requires std::constructible_from<disk_command, Command>
  void operator()(Command& command) const {
    auto& st = self->state;
    ++st.jobs;
    self->send(st.setup.worker,
               disk_job{st.disk, disk_command(std::move(command)), caf::actor_cast<transfer_actor>(self)});
  }

  void order(source_number number, source_order what) const {
    const auto it = self->state.sources.find(number);
    if (it != self->state.sources.end()) self->send(it->second, std::move(what));
  }
};

/// Tells the swarm what is to be told, and sets the timer.
void settle(self_pointer self) {
  auto& st = self->state;
  const auto status = st.logic->take_status(now(self));
  const bool over = st.logic->is_at_rest() && st.jobs == 0;
  if (status || over) {
    auto news = std::make_shared<transfer_news>();
    news->transfer = st.setup.id;
    news->counted = st.logic->take_counters();
    news->over = over;
    news->forgotten = over && st.logic->is_forgotten();
    news->controls = st.controls;
    self->send(st.setup.swarm, transfer_progress{status ? record<fb::TransferStatus>::pack(*status)
                                                        : record<fb::TransferStatus>{},
                                                 std::move(news)});
  }
  if (const auto at = st.logic->next_deadline()) st.timer.arm(self, *at);
}

void run(self_pointer self, transfer_logic::effects effects) {
  for (auto& e : effects) std::visit(executor{self}, e);
  settle(self);
}

/// Peers may have what came; those that ask for it hear of it.
void offer_part(self_pointer self, const storage::shared_part_ptr& part,
                const std::vector<std::uint32_t>& pieces) {
  const auto& setup = self->state.setup;
  if (part && setup.env->settings.transfers.share_partial && setup.links.uploads)
    self->send(setup.links.uploads, part_grew{part, pieces});
}

transfer_logic::effects take_answer(self_pointer self, const disk_answer& answer) {
  auto& logic = *self->state.logic;
  const auto at = now(self);
  const auto epoch = answer.epoch;
  if (const auto* a = std::get_if<disk_answer::opened>(&answer.what)) {
    offer_part(self, a->part, {});
    return logic.disk_opened(at, epoch, a->state);
  }
  if (const auto* a = std::get_if<disk_answer::proved>(&answer.what))
    return logic.proof_checked(at, epoch, a->source, a->piece, a->good);
  if (const auto* a = std::get_if<disk_answer::wrote>(&answer.what)) {
    offer_part(self, a->part, a->completed);
    return logic.leaves_checked(at, epoch, a->source, a->first_leaf, a->count, a->good, a->bad);
  }
  if (std::holds_alternative<disk_answer::checkpointed>(answer.what)) return logic.checkpointed(at, epoch);
  if (const auto* a = std::get_if<disk_answer::finished>(&answer.what))
    return logic.finished(at, epoch, a->path);
  if (const auto* a = std::get_if<disk_answer::hashed>(&answer.what))
    return logic.hashed(at, epoch, a->sha256);
  if (const auto* a = std::get_if<disk_answer::hash_failed>(&answer.what))
    return logic.hash_failed(at, epoch, a->reason);
  if (const auto* a = std::get_if<disk_answer::quarantined>(&answer.what))
    return logic.quarantined(at, a->removed);
  if (const auto* a = std::get_if<disk_answer::failed>(&answer.what))
    return logic.disk_failed(at, epoch, a->reason, a->no_room);
  return {};
}

transfer_logic::effects take_report(self_pointer self, const source_report& report) {
  auto& logic = *self->state.logic;
  const auto at = now(self);
  const auto number = report.source;
  if (const auto* e = std::get_if<source_logic::opened>(&report.what))
    return logic.source_opened(at, number, report.pace, e->pieces);
  if (const auto* e = std::get_if<source_logic::has_since>(&report.what))
    return logic.source_has(at, number, e->pieces);
  if (const auto* e = std::get_if<source_logic::heard_of>(&report.what))
    return logic.heard_of(at, number, e->sharers);
  if (const auto* e = std::get_if<source_logic::proof_came>(&report.what))
    return logic.proof_came(at, number, e->piece, e->message);
  if (const auto* e = std::get_if<source_logic::data_came>(&report.what))
    return logic.data_came(at, number, *e, report.pace);
  if (const auto* e = std::get_if<source_logic::request_failed>(&report.what))
    return logic.request_failed(at, number, e->request, report.pace);
  if (const auto* e = std::get_if<source_logic::unasked>(&report.what)) return logic.unasked(at, e->bytes);
  if (const auto* e = std::get_if<source_logic::over>(&report.what))
    return logic.source_over(at, number, e->how, e->reason);
  return {};
}

transfer_logic::effects take_command(self_pointer self, const fb::FetchControl& control) {
  auto& logic = *self->state.logic;
  ++self->state.controls;
  switch (control.verb()) {
    case fb::FetchVerb::cancel:
      return logic.cancel(now(self));
    case fb::FetchVerb::retry:
      return logic.retry(now(self));
    case fb::FetchVerb::forget:
      return logic.drop(now(self));
    case fb::FetchVerb::pause:
      return logic.pause(now(self));
    case fb::FetchVerb::resume:
      return logic.resume(now(self));
    case fb::FetchVerb::prioritize:
      return logic.prioritize(now(self), control.priority());
    case fb::FetchVerb::move:
      break;  // the swarm's own
  }
  return {};
}

std::set<storage::offer> banned_of(self_pointer self, const fb::ResolveResult& answer) {
  const auto& env = *self->state.setup.env;
  auto found = storage::ban_store(env.store).among(offers_of(answer));
  if (found) return std::move(*found);
  env.log(log_level::error, "swarm/transfer-" + self->state.setup.id, found.error().message);
  return {};
}

fb::TransferRecordT load(const transfer_setup& setup) {
  const auto found = storage::transfer_store(setup.env->store).get(setup.id);
  if (!found) throw std::runtime_error(found.error().message);
  if (!*found || (**found)->status() == nullptr)
    throw std::runtime_error("there is no transfer " + setup.id + " in the store");
  return (**found).unpack();
}

std::uint64_t min_free_bytes(const config::settings& all) {
  return std::uint64_t{all.transfers.min_free_mib} << 20;
}

}  // namespace

transfer_actor::behavior_type transfer(self_pointer self, transfer_setup setup) {
  supervisor::prepare(self);
  auto& state = self->state;
  state.setup = std::move(setup);
  state.children.emplace(self, state.setup.env, "swarm/transfer-" + state.setup.id);
  state.children->report_to(state.setup.links.telemetry);
  if (!state.setup.worker) throw std::runtime_error("no disk worker is running");
  auto from = load(state.setup);
  state.disk =
      std::make_shared<transfer_disk>(transfer_disk::places{state.setup.env->files, state.setup.env->store,
                                                            state.setup.env->settings.transfers.download_dir,
                                                            min_free_bytes(state.setup.env->settings)},
                                      state.setup.id, from.synced);
  transfer_logic::options how;
  how.max_active = state.setup.env->settings.transfers.sources_per_download;
  how.shares = state.setup.env->settings.transfers.share_partial;
  how.order = state.setup.env->random->u64();
  state.logic.emplace(state.setup.who->node_id, std::move(from), how);
  if (state.setup.rate_bytes_per_s != 0) state.logic->set_rate(now(self), state.setup.rate_bytes_per_s);
  const bool unhashed =
      state.logic->status().state == fb::TransferState::done && state.logic->status().sha256 == nullptr;
  state.logic->know_time(now(self), state.setup.env->unix_ms(now(self)));
  if (!state.logic->is_at_rest() || unhashed) run(self, state.logic->start(now(self)));
  return {
      [self](const record<fb::FetchControl>& control) {
        run(self, take_command(self, *control));
        return record<fb::TransferStatus>::pack(self->state.logic->status());
      },
      [self](const record<fb::ResolveResult>& answer) {
        if (answer->id() == self->state.resolve_id)
          run(self, self->state.logic->resolved(now(self), *answer, banned_of(self, *answer)));
      },
      [self](const source_report& report) { run(self, take_report(self, report)); },
      [self](const disk_answer& answer) {
        --self->state.jobs;
        run(self, take_answer(self, answer));
      },
      [self](const file_analyzed& answer) {
        auto& logic = *self->state.logic;
        const auto epoch = static_cast<std::uint32_t>(answer.id);
        run(self, answer.entry ? logic.content_seen(now(self), epoch, answer.entry->unpack())
                               : logic.content_unseen(now(self), epoch, answer.entry.error().message));
      },
      [self](const rate_share& share) {
        run(self, self->state.logic->set_rate(now(self), share.bytes_per_s));
      },
      [self](const component_links& links) {
        const auto old = std::exchange(self->state.setup.links, links);
        self->state.children->report_to(links.telemetry);
        const bool resolver = old.resolver != links.resolver;
        if (resolver || old.dht != links.dht || old.transport != links.transport)
          run(self, self->state.logic->mesh_restarted(now(self), resolver));
      },
      [self](const alarm& message) {
        if (self->state.timer.take(message)) run(self, self->state.logic->tick(now(self)));
      },
      [self](const restart_child& message) { self->state.children->on_restart(message); },
  };
}

}  // namespace vsf::swarm
