#include "sim/workload.hpp"

#include <algorithm>
#include <utility>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "sim/asker.hpp"

namespace vsf::sim {

namespace {

using namespace std::chrono_literals;

struct client_state {
  static inline const char* name = "sim-client";
};

/// A recording counts as available from this long after its holder came up: it joins, scans and publishes
/// first.
constexpr auto publishing_grace = 60s;
constexpr auto poll_interval = 250ms;
constexpr auto download_limit = 300s;

}  // namespace

workload::workload(world& the_world, operation_log& log)
    : world_(the_world),
      population_(the_world),
      faults_(the_world),
      log_(log),
      random_(the_world.random().u64()) {
  const auto& recordings = world_.music().recordings();
  for (std::size_t i = 0; i < recordings.size(); ++i) index_of_[recordings[i].id] = i;
  for (const auto& node : world_.nodes()) node_of_[node->who.node_id] = node->index;
  probe_ = spawn_asker(world_.system());
  resolve_client_ = world_.system().spawn(
      [this](resolve_client_actor::stateful_pointer<client_state>) -> resolve_client_actor::behavior_type {
        return {[this](const record<fb::ResolveResult>& answer) { on_resolved(answer); }};
      });
}

workload::~workload() {
  caf::anon_send_exit(probe_, caf::exit_reason::kill);
  caf::anon_send_exit(resolve_client_, caf::exit_reason::kill);
}

virtual_time workload::end() const {
  const auto& plan = world_.plan();
  return seconds(plan.end_s());
}

void workload::schedule() {
  const auto& plan = world_.plan();
  population_.schedule();
  faults_.schedule();
  const auto begin = plan.population.join_spread_s + plan.timeline.warmup_s;
  const auto hours = plan.timeline.workload_s / 3600;
  const auto nodes = static_cast<double>(plan.nodes);
  const auto spread = [&](double per_node, auto action) {
    const auto count = static_cast<std::uint64_t>(per_node * nodes);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto offset_us = random_.below(static_cast<std::uint64_t>(plan.timeline.workload_s * 1e6));
      world_.at(seconds(begin) + std::chrono::microseconds(offset_us), action);
    }
  };
  const auto& w = plan.workload;
  spread(w.resolves_per_node + w.resolves_per_node_hour * hours, [this] { begin_resolve(); });
  spread(w.downloads_per_node + w.downloads_per_node_hour * hours, [this] { begin_download(); });
  spread(w.soulseek_downloads_per_node, [this] { begin_soulseek_download(); });
  for (const auto& crowd : w.flash_crowds) world_.at(seconds(crowd.at_s), [this, crowd] { gather(crowd); });
  world_.on_stop = [this](std::size_t index) { node_stopped(index); };
}

/// They all want what one of the live nodes has.
void workload::gather(const flash_crowd& crowd) {
  if (world_.live_nodes() == 0) return;
  const auto& owned = world_.nodes()[pick_live_node()]->shared;
  if (owned.empty()) return;
  const auto recording = owned[random_.below(owned.size())].recording;
  const auto count = static_cast<std::uint64_t>(crowd.share * static_cast<double>(world_.live_nodes()));
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto offset_us = random_.below(static_cast<std::uint64_t>(crowd.over_s * 1e6) + 1);
    world_.at(world_.now() + std::chrono::microseconds(offset_us), [this, recording] {
      if (world_.live_nodes() == 0) return;
      const auto index = pick_live_node();
      if (!world_.nodes()[index]->serves(recording)) download(index, recording);
    });
  }
}

void workload::node_stopped(std::size_t index) {
  std::vector<std::uint64_t> theirs;
  for (const auto& [id, r] : running_)
    if (r.op.node == index) theirs.push_back(id);
  for (const auto id : theirs) finish(id, operation::outcome::node_died);
}

std::size_t workload::pick_live_node() {
  for (;;) {
    const auto i = random_.below(world_.nodes().size());
    if (world_.nodes()[i]->up) return i;
  }
}

std::size_t workload::pick_recording(std::size_t asking) {
  for (int tries = 0;; ++tries) {
    const auto pick = world_.music().draw(random_);
    if (tries == 1000) return pick;  // it has everything
    if (!world_.nodes()[asking]->serves(pick)) return pick;
  }
}

bool workload::holds(std::size_t index, std::size_t recording, virtual_time since) const {
  const auto& node = *world_.nodes()[index];
  return node.up && node.up_since <= since && node.serves(recording);
}

std::vector<std::size_t> workload::live_holders(std::size_t recording, std::size_t except,
                                                virtual_time since) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < world_.nodes().size(); ++i)
    if (i != except && holds(i, recording, since) && world_.can_connect(except, i)) out.push_back(i);
  return out;
}

void workload::begin_resolve() {
  if (world_.live_nodes() == 0) return;
  const auto index = pick_live_node();
  const auto& node = *world_.nodes()[index];
  const auto recording = pick_recording(index);
  const auto id = next_id_++;
  auto& r = running_[id];
  r.op.what = operation::kind::resolve;
  r.op.node = index;
  r.op.target = world_.music().recordings()[recording].id;
  r.op.started_us = static_cast<std::uint64_t>(world_.now() / 1us);
  if (!node.links.resolver) return finish(id, operation::outcome::failed, "the mesh of this node is not up");
  fb::ResolveT question;
  question.id = id;
  question.mbid = box(r.op.target);
  question.kind = fb::LeafKind::recording;
  caf::anon_send(node.links.resolver, record<fb::Resolve>::pack(question), resolve_client_);
}

void workload::on_resolved(const record<fb::ResolveResult>& answer) {
  const auto it = running_.find(answer->id());
  if (it == running_.end()) return;
  auto& op = it->second.op;
  const auto recording = recording_index(op.target);
  const auto since = std::chrono::microseconds(op.started_us) - publishing_grace;
  op.replicas = answer->replicas();
  op.asked = answer->asked();
  bool invented = false;
  if (answer->candidates() != nullptr) {
    for (const auto* candidate : *answer->candidates()) {
      if (candidate->node() == nullptr || candidate->contact() == nullptr) continue;
      const auto who = node_of_.find(from_fb<node_id>(*candidate->node()));
      auto& named = op.candidates.emplace_back();
      if (candidate->variant() != nullptr) named.root = from_fb<digest>(candidate->variant()->root());
      named.issued_at_s = candidate->issued_at_s();
      if (who == node_of_.end()) {
        invented = true;
        continue;
      }
      named.node = static_cast<std::int64_t>(who->second);
      if (holds(who->second, recording, since)) ++op.holders_found;
    }
  }
  finish(answer->id(), invented               ? operation::outcome::wrong
                       : op.holders_found > 0 ? operation::outcome::ok
                                              : operation::outcome::empty);
}

void workload::begin_download() {
  if (world_.live_nodes() == 0) return;
  const auto index = pick_live_node();
  download(index, pick_recording(index));
}

void workload::download(std::size_t index, std::size_t recording) {
  const auto& node = *world_.nodes()[index];
  const auto id = next_id_++;
  auto& r = running_[id];
  r.op.what = operation::kind::download;
  r.op.node = index;
  r.op.target = world_.music().recordings()[recording].id;
  r.op.started_us = static_cast<std::uint64_t>(world_.now() / 1us);
  if (!node.links.swarm) return finish(id, operation::outcome::failed, "the mesh of this node is not up");
  fb::FetchStartT start;
  start.id = id;
  start.mbid = box(r.op.target);
  const auto request = record<fb::FetchStart>::pack(start);
  caf::anon_send(probe_,
                 asker_task{[this, id, request, swarm = node.links.swarm](caf::event_based_actor* self) {
                   self->request(swarm, 5s, request)
                       .then([this, id](const record<fb::TransferStatus>& status) { on_status(id, status); },
                             [this, id](const caf::error&) {
                               finish(id, operation::outcome::failed, "the swarm did not answer");
                             });
                 }});
}

void workload::poll_download(std::uint64_t id) {
  const auto it = running_.find(id);
  if (it == running_.end()) return;
  const auto& node = *world_.nodes()[it->second.op.node];
  const auto age = world_.now() - std::chrono::microseconds(it->second.op.started_us);
  if (age > download_limit) return finish(id, operation::outcome::timed_out);
  if (!node.links.swarm) return poll_again(id);
  caf::anon_send(probe_, asker_task{[this, id, swarm = node.links.swarm](caf::event_based_actor* self) {
                   self->request(swarm, 5s, list_transfers{0, 1000})
                       .then([this, id](const record<fb::TransferList>& list) { on_list(id, *list); },
                             // Its supervisor brings it back, and it brings back its transfers.
                             [this, id](const caf::error&) { poll_again(id); });
                 }});
}

void workload::poll_again(std::uint64_t id) {
  world_.at(world_.now() + poll_interval, [this, id] { poll_download(id); });
}

void workload::on_list(std::uint64_t id, const fb::TransferList& list) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  if (list.transfers() != nullptr)
    for (const auto* t : *list.transfers()) {
      if (string_of(t->transfer()) != found->second.transfer) continue;
      fb::TransferStatusT status;
      t->UnPackTo(&status);
      return on_status(id, record<fb::TransferStatus>::pack(status));
    }
  finish(id, operation::outcome::failed, "the transfer vanished from the list");
}

void workload::on_status(std::uint64_t id, const record<fb::TransferStatus>& status) {
  const auto it = running_.find(id);
  if (it == running_.end()) return;
  it->second.transfer = string_of(status->transfer());
  it->second.op.bytes = status->bytes_received();
  switch (status->state()) {
    case fb::TransferState::done:
      check_file(it->second.op, string_of(status->path()));
      return finish(
          id, it->second.op.end == operation::outcome::pending ? operation::outcome::ok : it->second.op.end);
    case fb::TransferState::failed:
    case fb::TransferState::cancelled:
      return finish(id, operation::outcome::failed, string_of(status->reason()));
    default:
      poll_again(id);
  }
}

void workload::check_file(operation& op, const std::string& path) {
  auto& node = *world_.nodes()[op.node];
  const auto file = node.files->open_finished(path);
  if (!file) {
    op.end = operation::outcome::wrong;
    op.reason = file.error().message;
    return;
  }
  bytes content((*file)->size());
  const auto got = (*file)->read_at(0, content);
  const auto hash = crypto::sha256(content);
  op.sha256 = to_hex(hash);
  const auto& music = world_.music();
  const auto recording = recording_index(op.target);
  const auto& encodings = music.recordings()[recording].encodings;
  const bool right = got && *got == content.size() &&
                     std::any_of(encodings.begin(), encodings.end(),
                                 [&](auto encoding) { return music.sha256(encoding) == hash; });
  if (right) return;
  for (std::size_t known = 0; known < music.files().size(); ++known)
    if (music.files()[known].recording == recording && music.sha256(known) == hash) {
      op.end = operation::outcome::fake;
      op.reason = "the finished file sounds like another recording";
      return;
    }
  op.end = operation::outcome::wrong;
  op.reason = "the finished file is nobody's";
}

void workload::finish(std::uint64_t id, operation::outcome end, std::string reason) {
  const auto it = running_.find(id);
  if (it == running_.end()) return;
  auto op = std::move(it->second.op);
  running_.erase(it);
  op.end = end;
  if (!reason.empty()) op.reason = std::move(reason);
  op.elapsed_us = static_cast<std::uint64_t>(world_.now() / 1us) - op.started_us;
  op.holders_alive = live_holders(recording_index(op.target), op.node,
                                  std::chrono::microseconds(op.started_us) - publishing_grace);
  log_.write(op);
}

void workload::close() {
  while (!running_.empty()) finish(running_.begin()->first, operation::outcome::timed_out);
}

}  // namespace vsf::sim
