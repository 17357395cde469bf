#include "sim/recorder.hpp"

#include <utility>

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "storage/event_store.hpp"
#include "storage/leaf_stores.hpp"

namespace vsf::sim {

namespace {

using namespace std::chrono_literals;

constexpr auto sample_interval = 30s;
constexpr std::size_t nodes_per_sample = 4;

/// Asks one node's telemetry for its status.
struct status_task {
  telemetry_actor whom;
  std::function<void(const fb::NodeStatus&)> done;
};

}  // namespace

}  // namespace vsf::sim

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::sim::status_task)

namespace vsf::sim {

recorder::recorder(world& the_world, operation_log& log, std::uint64_t seed, std::string crypto)
    : world_(the_world), log_(log), next_event_(the_world.nodes().size(), 0) {
  const auto& nodes = world_.nodes();
  for (const auto& node : nodes) node_of_[node->who.node_id] = node->index;
  run_ = {to_yaml(world_.plan()),
          seed,
          nodes.size(),
          std::move(crypto),
          nodes.empty() ? std::string() : nodes.front()->who.network.name,
          world::unix_ms_at_start,
          log.memory_bytes_before()};
  probe_ = world_.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[=](status_task& task) {
      // Without a limit: a timeout would be one more event. A node that dies drops its promise.
      self->request(task.whom, caf::infinite, status_request{})
          .then([done = task.done](const record<fb::NodeStatus>& status) { done(*status); },
                [](const caf::error&) {});
    }};
  });
  world_.heard = {[this](std::size_t index) { node_started(index); },
                  [this](std::size_t index, fault::kind how) { node_stopping(index, how); }};
  world_.on_fault = [this, before = std::move(world_.on_fault)](const fault& what,
                                                                const std::vector<std::size_t>& whom) {
    if (before) before(what, whom);
    fault_played(what, whom);
  };
  if (!log_.listening()) return;
  for (const auto& node : nodes)
    node->env->on_put_acknowledged = [this, index = node->index](const vsf::put_acknowledged& put) {
      put_acknowledged_by(index, put);
    };
}

recorder::~recorder() {
  world_.heard = {};
  world_.on_fault = nullptr;
  for (const auto& node : world_.nodes()) node->env->on_put_acknowledged = nullptr;
  caf::anon_send_exit(probe_, caf::exit_reason::kill);
}

std::uint64_t recorder::now_us() { return static_cast<std::uint64_t>(world_.now() / 1us); }

void recorder::begin() {
  log_.write(run_);
  if (log_.listening()) write_catalogue();
  world_.at(sample_interval, [this] { tick(); });
}

void recorder::write_catalogue() {
  const auto& music = world_.music();
  // Only what somebody shares: hashing the rest would cost time and tell nothing.
  std::map<std::size_t, std::set<catalogue::file_index>> shared;
  for (const auto& node : world_.nodes())
    for (const auto& offer : node->shared) shared[offer.recording].insert(offer.file);
  for (const auto& [recording, files] : shared) {
    recording_record out;
    out.mbid = music.recordings()[recording].id;
    for (const auto file : files)
      out.encodings.push_back(
          {music.files()[file].size, music.root(file), music.sha256(file), music.files()[file].genuine()});
    log_.write(out);
  }
  for (const auto& node : world_.nodes())
    for (const auto& offer : node->shared)
      log_.write(share_record{node->index, music.recordings()[offer.recording].id, music.root(offer.file)});
}

void recorder::node_started(std::size_t index) {
  const auto& node = *world_.nodes()[index];
  // Numbers that a power cut took back are given again.
  if (const auto last = storage::event_store(node.store).last_seq()) next_event_[index] = *last + 1;
  log_.write(node_record{now_us(), index, "up", node.who.node_id, node.who.signing_key.identity});
}

void recorder::node_stopping(std::size_t index, fault::kind how) {
  const auto& node = *world_.nodes()[index];
  harvest(index);
  log_.write(node_record{now_us(), index, to_string(how), node.who.node_id, node.who.signing_key.identity});
}

void recorder::fault_played(const fault& f, const std::vector<std::size_t>& victims) {
  harvest_all();
  log_.write(fault_record{now_us(), to_string(f.what), f.value, f.for_s, victims});
}

void recorder::put_acknowledged_by(std::size_t index, const vsf::put_acknowledged& put) {
  const auto& node = *world_.nodes()[index];
  ack_record out;
  out.at_us = now_us();
  out.node = index;
  out.key = put.key;
  out.publisher = node.who.signing_key.identity;
  out.seq = put.seq;
  // What was put is what the node keeps as its own; a later version of it is put again right away.
  const auto own = storage::own_leaf_store(node.store).get(put.key);
  if (!own || !*own) return;
  const auto raw = view_of((**own)->signed_leaf());
  const auto wrapped = record<fb::SignedLeaf>::parse_copy(raw);
  const auto leaf = wrapped ? record<fb::Leaf>::parse_copy(view_of((*wrapped)->leaf())) : std::nullopt;
  if (!leaf || (*leaf)->seq() != put.seq) return;
  for (const auto& holder : put.holders)
    if (const auto at = node_of_.find(holder); at != node_of_.end()) out.holders.push_back(at->second);
  out.hash = write_leaf(raw);
  log_.write(out);
}

digest recorder::write_leaf(byte_view raw) {
  const auto hash = crypto::sha256(raw);
  if (leaves_written_.insert(hash).second) log_.write(leaf_record{hash, bytes(raw.begin(), raw.end())});
  return hash;
}

void recorder::harvest(std::size_t index) {
  const auto& node = *world_.nodes()[index];
  // A node's clock may be wrong: what counts is how long ago it was by that clock.
  const auto unix_ms_now = node.env->unix_ms(world_.actor_time());
  const storage::event_store events(node.store);
  auto& next = next_event_[index];
  const auto read = events.for_each(next, [&](const record<fb::Event>& event) {
    next = event->seq() + 1;
    if (event->kind() != fb::EventKind::actor_restarted) return true;
    ++restarts_;
    const auto age_us = (unix_ms_now - std::min(unix_ms_now, event->time_ms())) * 1000;
    log_.write(restart_record{now_us() - std::min(now_us(), age_us), index, string_of(event->subject()),
                              string_of(event->text())});
    return true;
  });
  if (read) return;
  ++restarts_;
  log_.write(restart_record{now_us(), index, "event_store", read.error().message});
}

void recorder::harvest_all() {
  for (const auto& node : world_.nodes())
    if (node->up) harvest(node->index);
}

void recorder::tick() {
  harvest_all();
  if (log_.listening()) {
    memory_bytes_ = resident_memory_bytes();
    disk_bytes_ = 0;
    for (const auto& node : world_.nodes())
      disk_bytes_ += node->store->approximate_bytes() + node->files->used_bytes();
    world_.aside([this] {
      for (std::size_t k = 0; k < nodes_per_sample; ++k) ask_for_sample(next_sampled_++ % next_event_.size());
    });
  }
  world_.at(world_.now() + sample_interval, [this] { tick(); });
}

void recorder::ask_for_sample(std::size_t index) {
  const auto& telemetry = world_.nodes()[index]->links.telemetry;
  if (!telemetry) return;
  caf::anon_send(probe_, status_task{telemetry, [this, index](const fb::NodeStatus& status) {
                                       write_sample(index, status);
                                     }});
}

void recorder::write_sample(std::size_t index, const fb::NodeStatus& status) {
  sample_record out;
  out.at_us = now_us();
  out.node = index;
  out.memory_bytes = memory_bytes_;
  out.disk_bytes = disk_bytes_;
  if (status.reports() == nullptr) return;
  for (const auto* report : *status.reports()) {
    const auto path = string_of(report->path());
    if (out.mailbox_of.empty() || report->mailbox() > out.mailbox) {
      out.mailbox = report->mailbox();
      out.mailbox_of = path;
    }
    if (report->gauges() == nullptr) continue;
    for (const auto* gauge : *report->gauges()) {
      auto name = path + '.' + string_of(gauge->name());
      if (const auto label = string_of(gauge->label()); !label.empty()) name += '{' + label + '}';
      out.gauges[name] = gauge->value();
    }
  }
  log_.write(out);
}

void recorder::write_stored(std::size_t index) {
  const storage::held_leaf_store held(world_.nodes()[index]->store);
  const auto read = held.for_each([&](const dht_key& key, const public_key& publisher, const auto& row) {
    stored_record out;
    out.node = index;
    out.key = key;
    out.publisher = publisher;
    out.lease_ends_ms = row->lease_ends_ms();
    const auto raw = view_of(row->signed_leaf());
    const auto wrapped = record<fb::SignedLeaf>::parse_copy(raw);
    if (const auto leaf =
            wrapped ? record<fb::Leaf>::parse_copy(view_of((*wrapped)->leaf())) : std::nullopt) {
      out.seq = (*leaf)->seq();
      out.ttl_s = (*leaf)->ttl_s();
    }
    out.hash = write_leaf(raw);
    log_.write(out);
    return true;
  });
  if (!read) log_.write(restart_record{now_us(), index, "held_leaf_store", read.error().message});
}

bool recorder::close() {
  harvest_all();
  if (log_.listening())
    for (const auto& node : world_.nodes())
      if (node->up) write_stored(node->index);
  return log_.close(now_us());
}

}  // namespace vsf::sim
