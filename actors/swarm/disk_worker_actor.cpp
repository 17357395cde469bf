#include "actors/swarm/disk_worker_actor.hpp"

#include <utility>

#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::swarm {

namespace {

using answer = disk_answer;

disk_answer failed(std::uint32_t epoch, const error& why) { return {epoch, answer::failed{why.message}}; }

struct runner {
  transfer_disk& disk;

  disk_answer operator()(const transfer_logic::open_disk& c) const {
    auto state = disk.open(c.root, c.size_bytes, c.partial_name, c.finishing_as);
    if (!state) return failed(c.epoch, state.error());
    return {c.epoch, answer::opened{{std::move(state->had), std::move(state->proven), state->bytes_kept,
                                     state->bytes_recovered, std::move(state->finished_path)},
                                    disk.part()}};
  }
  disk_answer operator()(const transfer_logic::check_proof& c) const {
    const auto* proof = c.message->body_as_Proof();
    if (proof == nullptr) return {c.epoch, answer::proved{c.source, c.piece, false}};
    const auto good = disk.prove(c.piece, view_of(proof->leaves()), view_of(proof->uncles()));
    if (!good) return failed(c.epoch, good.error());
    return {c.epoch, answer::proved{c.source, c.piece, *good}};
  }
  disk_answer operator()(const transfer_logic::write_leaves& c) const {
    const auto written = disk.write(c.first_leaf, c.count, c.wanted, c.body.view());
    if (!written) return failed(c.epoch, written.error());
    return {c.epoch, answer::wrote{c.source, c.first_leaf, c.count, written->good, written->bad,
                                   written->completed.empty() ? nullptr : disk.part(), written->completed}};
  }
  disk_answer operator()(transfer_logic::checkpoint& c) const {
    const auto done = disk.checkpoint(std::move(c.transfer));
    if (!done) return failed(c.epoch, done.error());
    return {c.epoch, answer::checkpointed{}};
  }
  disk_answer operator()(transfer_logic::save& c) const {
    return plain(disk.save(std::move(c.transfer), c.how == transfer_logic::stored::synced
                                                      ? storage::durability::synced
                                                      : storage::durability::buffered));
  }
  disk_answer operator()(transfer_logic::finish& c) const {
    if (!c.transfer.status || !c.transfer.status->mbid)
      return failed(c.epoch, {"The transfer has no recording id."});
    const auto name = disk.choose_name(from_fb<mbid>(*c.transfer.status->mbid));
    if (!name) return failed(c.epoch, name.error());
    auto path = disk.finish(std::move(c.transfer), *name);
    if (!path) return failed(c.epoch, path.error());
    return {c.epoch, answer::finished{std::move(*path)}};
  }
  disk_answer operator()(transfer_logic::settle& c) const {
    return plain(disk.settle(std::move(c.transfer)));
  }
  disk_answer operator()(const transfer_logic::hash_file& c) const {
    const auto sha256 = disk.hash_finished(c.path);
    if (!sha256) return {c.epoch, answer::hash_failed{sha256.error().message}};
    return {c.epoch, answer::hashed{*sha256}};
  }
  disk_answer operator()(transfer_logic::discard& c) const {
    return plain(disk.discard(std::move(c.transfer), c.partial_name));
  }
  disk_answer operator()(transfer_logic::quarantine& c) const {
    const auto moved = disk.quarantine(std::move(c.transfer), c.partial_name, c.unix_ms, c.bans);
    if (!moved) return failed(0, moved.error());
    return {0, answer::quarantined{*moved}};
  }
  disk_answer operator()(const transfer_logic::forget& c) const { return plain(disk.forget(c.partial_name)); }

  static disk_answer plain(const result<void>& done) {
    if (!done) return failed(0, done.error());
    return {0, answer::done{}};
  }
};

}  // namespace

disk_answer carry_out(transfer_disk& disk, disk_command command) {
  auto out = std::visit(runner{disk}, command);
  if (auto* failure = std::get_if<answer::failed>(&out.what)) failure->no_room = disk.short_of_room();
  return out;
}

disk_worker_actor::behavior_type disk_worker(disk_worker_actor::stateful_pointer<disk_worker_state> self,
                                             environment_ptr env) {
  supervisor::prepare(self);
  const auto work = [self](disk_job& job) {
    self->send(job.answer_to, carry_out(*job.disk, std::move(job.command)));
  };
  return {[=](disk_job& job) {
            if (!self->state.line.hold(self, *env, job)) work(job);
          },
          [=](const alarm& message) { self->state.line.on_alarm(self, message, work); }};
}

}  // namespace vsf::swarm
