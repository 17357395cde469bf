#include "actors/swarm/swarm_actor.hpp"

#include <utility>

#include <caf/sec.hpp>

#include "actors/swarm/disk_worker_actor.hpp"
#include "actors/swarm/transfer_actor.hpp"
#include "messages/mutant.hpp"

namespace vsf::swarm {

namespace {

using self_pointer = swarm_actor::stateful_pointer<swarm_state>;

caf::error sorry(std::string text) { return caf::make_error(caf::sec::runtime_error, std::move(text)); }

std::string child_name(const std::string& id) { return "transfer-" + id; }

void start_worker(self_pointer self, std::size_t number) {
  supervisor::child_spec spec;
  spec.name = "disk-" + std::to_string(number);
  spec.kind = disk_worker_state::name;
  spec.spawn = [self, number] {
    auto& st = self->state;
    st.disks[number] = st.env->inline_workers ? self->system().spawn(disk_worker, st.env)
                                              : self->system().spawn<caf::detached>(disk_worker, st.env);
    return caf::actor_cast<caf::actor>(st.disks[number]);
  };
  spec.restarted = [self, number](const caf::actor&) {
    // What its predecessor was to do for them is lost: they begin again from what is stored.
    for (const auto& [id, t] : self->state.transfers)
      if (t.worker == number && t.handle) caf::anon_send_exit(t.handle, caf::exit_reason::kill);
  };
  self->state.children->add(std::move(spec));
}

void start_transfer(self_pointer self, const std::string& id) {
  auto& st = self->state;
  auto& t = st.transfers[id];
  t = {};
  t.worker = st.next_worker++ % swarm_state::workers;
  supervisor::child_spec spec;
  spec.name = child_name(id);
  spec.kind = transfer_state::name;
  // One that always fails is tried more and more rarely and never takes the swarm down with it.
  spec.backoff.base = std::chrono::milliseconds(500);
  spec.backoff.cap = std::chrono::seconds(60);
  spec.spawn = [self, id] {
    auto& s = self->state;
    auto& mine = s.transfers[id];
    mine.controls = 0;  // what was on its way to a predecessor is lost
    mine.handle = self->system().spawn(
        transfer, transfer_setup{id, s.env, s.who, caf::actor_cast<swarm_actor>(self), s.disks[mine.worker],
                                 *s.links, s.channels, mine.share_bytes_per_s});
    return caf::actor_cast<caf::actor>(mine.handle);
  };
  st.children->add(std::move(spec));
}

void share_out(self_pointer self) {
  auto& st = self->state;
  const auto limit = std::uint64_t{st.limits.download_limit_kib} * 1024;
  for (const auto& [id, share] : st.registry.shares(limit)) {
    const auto it = st.transfers.find(id);
    if (it == st.transfers.end() || it->second.share_bytes_per_s == share) continue;
    it->second.share_bytes_per_s = share;
    self->send(it->second.handle, rate_share{share});
  }
}

/// What follows every change: turns, shares, events.
void settle(self_pointer self) {
  auto& st = self->state;
  if (!st.links) return;
  for (const auto& id : st.registry.take_turns()) start_transfer(self, id);
  share_out(self);
  const auto now = supervisor::now(self);
  for (const auto& status : st.registry.take_events(now)) {
    if (!st.links->telemetry) continue;
    fb::EventT event;
    event.kind = fb::EventKind::transfer_changed;
    event.subject = string_of(status->transfer());
    event.text = describe(*status);
    self->send(st.links->telemetry, record<fb::Event>::pack(event));
  }
  if (const auto at = st.registry.next_event()) st.timer.arm(self, *at);
}

fb::TransferLimitsT configured_limits(const config::settings& all) {
  const auto& t = all.transfers;
  fb::TransferLimitsT out;
  out.upload_limit_kib = t.upload_limit_kib;
  out.download_limit_kib = t.download_limit_kib;
  out.upload_limit_per_peer_kib = t.upload_limit_per_peer_kib;
  out.upload_slots = t.upload_slots;
  out.active_downloads = t.active_downloads;
  return out;
}

record<fb::TransferLimits> on_limits(self_pointer self, const fb::TransferLimits& wanted) {
  auto& st = self->state;
  wanted.UnPackTo(&st.limits);
  st.registry.set_max_running(std::max<std::uint32_t>(1, st.limits.active_downloads));
  if (st.links && st.links->uploads)
    self->send(st.links->uploads, record<fb::TransferLimits>::pack(st.limits));
  settle(self);
  return record<fb::TransferLimits>::pack(self->state.limits);
}

void load(self_pointer self) {
  auto& st = self->state;
  const auto loaded = st.store->for_each([&](const std::string&, const record<fb::TransferRecord>& transfer) {
    if (transfer->status() != nullptr) {
      fb::TransferStatusT status;
      transfer->status()->UnPackTo(&status);
      st.registry.restore(std::move(status));
    }
    return true;
  });
  if (loaded) return;
  ++st.store_errors;
  st.store_problem = loaded.error().message;
}

caf::result<record<fb::TransferStatus>> on_start(self_pointer self, const fb::FetchStart& what) {
  auto& st = self->state;
  if (what.mbid() == nullptr) return sorry("a download needs the MBID of a recording");
  const auto wanted = from_fb<mbid>(*what.mbid());
  const auto begun =
      st.registry.start(wanted, what.priority(), st.env->unix_ms(supervisor::now(self)), *st.env->random);
  if (!begun) return sorry(begun.error().message);
  if (!begun->is_new) {
    ++st.joined;
    return begun->status;
  }
  fb::TransferRecordT stored;
  stored.status = std::make_unique<fb::TransferStatusT>(begun->status.unpack());
  // Whoever is told that it began may rely on it.
  const auto how = mutant(mutation::early_ack) ? storage::durability::buffered : storage::durability::synced;
  if (const auto done = st.store->put(stored, {}, how); !done) {
    ++st.store_errors;
    st.store_problem = done.error().message;
    st.registry.erase(stored.status->transfer);
    return sorry(done.error().message);
  }
  ++st.started;
  for (const auto& id : st.registry.surplus()) {
    if (!st.store->erase(id, storage::durability::buffered)) ++st.store_errors;
    st.registry.erase(id);
  }
  settle(self);
  return begun->status;
}

/// Writes the registry's status of a transfer without an actor into its record.
result<void> store_status(self_pointer self, const std::string& id) {
  auto& st = self->state;
  const auto stored = st.store->get(id);
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return fail("the record of transfer " + id + " is gone from the store");
  auto transfer = (**stored).unpack();
  transfer.status = std::make_unique<fb::TransferStatusT>(st.registry.find(id)->unpack());
  return st.store->put(transfer, {}, storage::durability::synced);
}

/// What a command does to a transfer that has no actor because it waits or is paused; nothing: its actor has
/// to do it.
std::optional<caf::result<record<fb::TransferStatus>>> in_queue(self_pointer self, const std::string& id,
                                                                const fb::FetchControl& control) {
  using answer = caf::result<record<fb::TransferStatus>>;
  auto& st = self->state;
  auto& registry = st.registry;
  std::vector<std::string> changed{id};
  const bool waits = registry.waits(id);
  const auto state = (*registry.find(id))->state();
  if (control.verb() == fb::FetchVerb::move) {
    if (!waits) return answer{sorry("it does not wait for its turn, so it has no place in the queue")};
    changed = registry.move(id, control.place());
  } else if (registry.has_actor(id) || (!waits && state != fb::TransferState::paused)) {
    return std::nullopt;
  } else if (control.verb() == fb::FetchVerb::pause) {
    registry.pause(id);
  } else if (control.verb() == fb::FetchVerb::resume && state == fb::TransferState::paused) {
    registry.resume(id);
  } else if (control.verb() == fb::FetchVerb::prioritize) {
    registry.prioritize(id, control.priority());
  } else {
    return std::nullopt;
  }
  for (const auto& one : changed)
    if (const auto done = store_status(self, one); !done) return answer{sorry(done.error().message)};
  settle(self);
  return answer{registry.describe_one(id)};
}

caf::result<record<fb::TransferStatus>> on_control(self_pointer self,
                                                   const record<fb::FetchControl>& control) {
  auto& st = self->state;
  const auto id = string_of(control->transfer());
  if (st.registry.find(id) == nullptr)
    return caf::make_error(caf::sec::invalid_argument,
                           "there is no transfer " + id + "; list them to see their ids");
  if (!st.links) return sorry("the node is still starting; try again in a moment");
  if (auto done = in_queue(self, id, *control)) return *std::move(done);
  if (!st.registry.has_actor(id)) {
    st.registry.run_now(id);
    start_transfer(self, id);
  }
  auto& t = st.transfers.at(id);
  ++t.controls;
  return self->delegate(t.handle, control);
}

void add(transfer_counters& to, const transfer_counters& x) {
  to.bytes_received += x.bytes_received;
  to.bytes_verified += x.bytes_verified;
  to.bytes_wasted += x.bytes_wasted;
  to.bad_leaves += x.bad_leaves;
  to.bad_proofs += x.bad_proofs;
  to.sources_lost += x.sources_lost;
  to.sources_refused += x.sources_refused;
  to.sources_banned += x.sources_banned;
  to.resolves += x.resolves;
  to.sha256_mismatches += x.sha256_mismatches;
  to.contents_agreed += x.contents_agreed;
  to.contents_unknown += x.contents_unknown;
  to.contents_unread += x.contents_unread;
  to.contents_rejected += x.contents_rejected;
  to.quarantine_removed += x.quarantine_removed;
}

void on_progress(self_pointer self, const transfer_progress& progress) {
  auto& st = self->state;
  if (progress.status) st.registry.update(progress.status);
  if (const auto& news = progress.news) {
    add(st.totals, news->counted);
    for (const auto& [who, bytes] : news->counted.verified_from) st.traffic.add(who, 0, bytes);
    const auto it = st.transfers.find(news->transfer);
    // A command that is on its way to it may give it new work.
    if (news->over && it != st.transfers.end() && it->second.controls == news->controls) {
      st.transfers.erase(it);
      st.children->remove(child_name(news->transfer));
      st.registry.actor_gone(news->transfer);
      if (news->forgotten) st.registry.erase(news->transfer);
    }
  }
  settle(self);
}

record<fb::ComponentReport> report(self_pointer self) {
  auto& st = self->state;
  fb::ComponentReportT out;
  out.path = out.kind = "swarm";
  out.mailbox = supervisor::mailbox_size(self);
  const auto count = [&](const char* name, std::uint64_t value) {
    auto c = std::make_unique<fb::CounterT>();
    c->name = name;
    c->value = value;
    out.counters.push_back(std::move(c));
  };
  count("downloads_started", st.started);
  count("downloads_joined", st.joined);
  count("bytes_received", st.totals.bytes_received);
  count("bytes_verified", st.totals.bytes_verified);
  count("bytes_wasted", st.totals.bytes_wasted);
  count("bad_leaves", st.totals.bad_leaves);
  count("bad_proofs", st.totals.bad_proofs);
  count("sources_lost", st.totals.sources_lost);
  count("sources_refused", st.totals.sources_refused);
  count("sources_banned", st.totals.sources_banned);
  count("resolves", st.totals.resolves);
  count("sha256_mismatches", st.totals.sha256_mismatches);
  count("contents_agreed", st.totals.contents_agreed);
  count("contents_unknown", st.totals.contents_unknown);
  count("contents_unread", st.totals.contents_unread);
  count("contents_rejected", st.totals.contents_rejected);
  count("quarantine_removed", st.totals.quarantine_removed);
  count("store_errors", st.store_errors);
  count("actor_restarts", st.children->restarts());
  for (const auto state : fb::EnumValuesTransferState()) {
    auto g = std::make_unique<fb::GaugeT>();
    g->name = "transfers";
    g->label = "state=\"" + std::string(fb::EnumNameTransferState(state)) + '"';
    g->value = static_cast<std::int64_t>(st.registry.count(state));
    out.gauges.push_back(std::move(g));
  }
  out.traffic = st.traffic.report();
  out.children = st.children->report();
  if (!st.store_problem.empty()) out.notes.push_back("Downloads can't be stored: " + st.store_problem);
  return record<fb::ComponentReport>::pack(out);
}

}  // namespace

swarm_actor::behavior_type swarm(self_pointer self, environment_ptr env, identity_ptr who) {
  supervisor::prepare(self);
  auto& state = self->state;
  state.env = std::move(env);
  state.who = std::move(who);
  state.children.emplace(self, state.env, "swarm");
  state.store.emplace(state.env->store);
  state.limits = configured_limits(state.env->settings);
  state.registry.set_max_running(state.limits.active_downloads);
  state.channels = std::make_shared<std::atomic<std::uint32_t>>(
      static_cast<std::uint32_t>(state.env->random->below(65535)));
  for (std::size_t i = 0; i < swarm_state::workers; ++i) start_worker(self, i);
  load(self);
  return {
      [self](const record<fb::FetchStart>& what) { return on_start(self, *what); },
      [self](const record<fb::FetchControl>& control) { return on_control(self, control); },
      [self](const list_transfers& page) {
        const auto& registry = self->state.registry;
        if (page.only.empty()) return record<fb::TransferList>::pack(registry.list(page.offset, page.limit));
        fb::TransferListT one;
        if (registry.find(page.only) != nullptr)
          one.transfers.push_back(
              std::make_unique<fb::TransferStatusT>(registry.describe_one(page.only).unpack()));
        return record<fb::TransferList>::pack(one);
      },
      [self](const transfer_progress& progress) { on_progress(self, progress); },
      [self](const record<fb::TransferLimits>& wanted) { return on_limits(self, *wanted); },
      [self](const limits_request&) { return record<fb::TransferLimits>::pack(self->state.limits); },
      [self](const component_links& links) {
        auto& st = self->state;
        st.links = links;
        st.children->report_to(links.telemetry);
        for (const auto& [id, t] : st.transfers) self->send(t.handle, links);
        settle(self);
      },
      [self](const report_request& request) {
        const auto& links = self->state.links;
        if (links && links->telemetry) self->send(links->telemetry, report(self), request.round);
      },
      [self](const alarm& message) {
        if (self->state.timer.take(message)) settle(self);
      },
      [self](const restart_child& message) { self->state.children->on_restart(message); },
  };
}

}  // namespace vsf::swarm
