#include "tests/sim/supervised_users.hpp"

#include <algorithm>

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/shadow_index/keys.hpp"
#include "net/crypto/crypto.hpp"
#include "storage/leaf_stores.hpp"

namespace vsf::sim {

struct user_task {
  std::function<void(caf::event_based_actor*)> run;
};

}  // namespace vsf::sim

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::sim::user_task)

namespace vsf::sim {

using namespace std::chrono_literals;

namespace {

constexpr auto answer_within = 6s;  // the resolver promises 5 s
constexpr auto recovery = 5s;       // a DHT has to find its way back into the mesh
constexpr auto patience = 30s;
constexpr auto poll_interval = 500ms;
constexpr auto download_within = 200s;

}  // namespace

supervised_users::supervised_users(world& where) : world_(where), random_(where.random().u64()) {
  probe_ = world_.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[=](user_task& task) { task.run(self); }};
  });
  client_ =
      world_.system().spawn([this](resolve_client_actor::pointer) -> resolve_client_actor::behavior_type {
        return {[this](const record<fb::ResolveResult>& answer) { on_resolved(answer); }};
      });
}

supervised_users::~supervised_users() {
  caf::anon_send_exit(probe_, caf::exit_reason::kill);
  caf::anon_send_exit(client_, caf::exit_reason::kill);
}

void supervised_users::schedule(std::size_t resolves, std::size_t downloads, virtual_time from,
                                virtual_time to) {
  const auto span_us = static_cast<std::uint64_t>((to - from) / 1us);
  for (std::size_t i = 0; i < resolves + downloads; ++i)
    world_.at(from + std::chrono::microseconds(random_.below(span_us)),
              [this, download = i < downloads] { begin(download); });
}

void supervised_users::begin(bool download) {
  const auto id = next_id_++;
  auto& op = running_[id];
  op.download = download;
  op.node = random_.below(world_.nodes().size());
  op.began = world_.now();
  // Only what somebody else has: everything asked for has to be found.
  const auto& nodes = world_.nodes();
  const auto held = [&](std::size_t recording) {
    return !nodes[op.node]->serves(recording) &&
           std::any_of(nodes.begin(), nodes.end(), [&](const auto& n) { return n->serves(recording); });
  };
  do op.recording = world_.music().draw(random_);
  while (!held(op.recording));
  ++(download ? tally_.downloads : tally_.resolves);
  ask(id);
}

void supervised_users::run(std::function<void(caf::event_based_actor*)> task) {
  caf::anon_send(probe_, user_task{std::move(task)});
}

void supervised_users::ask(std::uint64_t id) {
  auto& op = running_.at(id);
  ++op.asked;
  op.asked_at = world_.now();
  if (op.download)
    ask_swarm(id);
  else
    ask_resolver(id);
}

void supervised_users::fail(std::uint64_t id, const std::string& what) {
  const auto& op = running_.at(id);
  failures_.push_back(std::string(op.download ? "download" : "resolve") + " of recording " +
                      std::to_string(op.recording) + " by node " + std::to_string(op.node) + " at " +
                      std::to_string(op.began / 1ms) + " ms: " + what);
  running_.erase(id);
}

void supervised_users::disturbed(std::uint64_t id, const std::string& what) {
  auto& op = running_.at(id);
  const auto crash = last_crash_.find(op.node);
  if (crash == last_crash_.end() || crash->second + recovery < op.asked_at) return fail(id, what);
  ++tally_.asked_again;
  world_.at(world_.now() + 1s, [this, id] {
    if (running_.contains(id)) ask(id);
  });
}

void supervised_users::ask_resolver(std::uint64_t id) {
  const auto& op = running_.at(id);
  fb::ResolveT question;
  question.id = id;
  question.mbid = box(world_.music().recordings()[op.recording].id);
  question.kind = fb::LeafKind::recording;
  caf::anon_send(world_.nodes()[op.node]->links.resolver, record<fb::Resolve>::pack(question), client_);
  world_.at(world_.now() + answer_within, [this, id, asked = op.asked] {
    const auto it = running_.find(id);
    if (it != running_.end() && it->second.asked == asked) disturbed(id, "no answer");
  });
}

void supervised_users::on_resolved(const record<fb::ResolveResult>& answer) {
  const auto it = running_.find(answer->id());
  if (it == running_.end()) return;
  std::size_t found = 0;
  if (answer->candidates() != nullptr)
    for (const auto* candidate : *answer->candidates())
      for (const auto& node : world_.nodes())
        if (candidate->node() != nullptr && candidate->contact() != nullptr &&
            from_fb<node_id>(*candidate->node()) == node->who.node_id && node->serves(it->second.recording))
          ++found;
  const bool says_nothing = answer->replicas() == 0 || answer->publishers() > 0;
  if (found == 0 && says_nothing && world_.now() - it->second.began < patience) {
    ++tally_.unlocated;
    world_.at(world_.now() + 2s, [this, id = it->first] {
      if (running_.contains(id)) ask(id);
    });
    ++it->second.asked;  // this question is answered
    return;
  }
  if (found == 0 && says_nothing) {
    ++tally_.never_located;
    running_.erase(it);
    return;
  }
  if (found == 0)
    return disturbed(answer->id(), "found none of those who have it (" + std::to_string(answer->replicas()) +
                                       " nodes answered, " + std::to_string(answer->publishers()) +
                                       " publishers)");
  ++tally_.resolved;
  running_.erase(it);
}

void supervised_users::ask_swarm(std::uint64_t id) {
  const auto& op = running_.at(id);
  fb::FetchStartT start;
  start.id = id;
  start.mbid = box(world_.music().recordings()[op.recording].id);
  run([this, id, swarm = world_.nodes()[op.node]->links.swarm,
       request = record<fb::FetchStart>::pack(start)](caf::event_based_actor* self) {
    self->request(swarm, 5s, request)
        .then(
            [this, id](const record<fb::TransferStatus>& status) {
              if (const auto it = running_.find(id); it != running_.end()) {
                it->second.transfer = string_of(status->transfer());
                acknowledged_[{it->second.node, it->second.transfer}] = it->second.recording;
                on_status(id, *status);
              }
            },
            [this, id](const caf::error&) {
              if (running_.contains(id)) disturbed(id, "the swarm did not begin it");
            });
  });
}

void supervised_users::poll(std::uint64_t id) {
  const auto it = running_.find(id);
  if (it == running_.end()) return;
  const auto& op = it->second;
  if (world_.now() - op.began > download_within) return fail(id, "was not done in time");
  run([this, id, swarm = world_.nodes()[op.node]->links.swarm,
       which = op.transfer](caf::event_based_actor* self) {
    self->request(swarm, 5s, list_transfers{0, 1, which})
        .then(
            [this, id](const record<fb::TransferList>& list) {
              if (!running_.contains(id)) return;
              if (list->transfers() == nullptr || list->transfers()->size() != 1)
                return fail(id, "was acknowledged and is gone");
              on_status(id, *list->transfers()->Get(0));
            },
            [this, id](const caf::error&) {
              if (running_.contains(id)) disturbed(id, "the swarm did not say how far it is");
            });
  });
}

void supervised_users::on_status(std::uint64_t id, const fb::TransferStatus& status) {
  switch (status.state()) {
    case fb::TransferState::done:
      return check_file(id, string_of(status.path()));
    case fb::TransferState::failed:
    case fb::TransferState::cancelled:
      return fail(id, "ended: " + string_of(status.reason()));
    default:
      world_.at(world_.now() + poll_interval, [this, id] { poll(id); });
  }
}

void supervised_users::check_file(std::uint64_t id, const std::string& path) {
  const auto& op = running_.at(id);
  const auto file = world_.nodes()[op.node]->files->open_finished(path);
  if (!file) return fail(id, file.error().message);
  bytes content((*file)->size());
  const auto got = (*file)->read_at(0, content);
  const auto& encodings = world_.music().recordings()[op.recording].encodings;
  const auto sum = crypto::sha256(content);
  if (!got || *got != content.size() || std::none_of(encodings.begin(), encodings.end(), [&](auto index) {
        return world_.music().sha256(index) == sum;
      }))
    return fail(id, "has another SHA-256 than the recording's");
  ++tally_.downloaded;
  running_.erase(id);
}

std::vector<std::string> supervised_users::failures() const {
  auto out = failures_;
  for (const auto& [id, op] : running_)
    out.push_back("node " + std::to_string(op.node) + " still waits for recording " +
                  std::to_string(op.recording) + " since " + std::to_string(op.began / 1ms) + " ms");
  return out;
}

std::vector<std::string> supervised_users::lost_transfers() {
  std::set<std::pair<std::size_t, std::string>> done;
  for (const auto& node : world_.nodes())
    run([&done, index = node->index, swarm = node->links.swarm](caf::event_based_actor* self) {
      self->request(swarm, 5s, list_transfers{0, 1000})
          .then(
              [&done, index](const record<fb::TransferList>& list) {
                if (list->transfers() == nullptr) return;
                for (const auto* t : *list->transfers())
                  if (t->state() == fb::TransferState::done) done.emplace(index, string_of(t->transfer()));
              },
              [](const caf::error&) {});
    });
  world_.run_until(world_.now() + 6s);
  std::vector<std::string> out;
  for (const auto& [which, recording] : acknowledged_)
    if (!done.contains(which))
      out.push_back("node " + std::to_string(which.first) + " does not list transfer " + which.second +
                    " of recording " + std::to_string(recording) + " as done");
  return out;
}

std::vector<std::string> lost_leaves(world& where) {
  std::vector<std::string> out;
  for (const auto& node : where.nodes()) {
    const auto copies = [&](const dht_key& key, byte_view raw) {
      std::size_t n = 0;
      for (const auto& other : where.nodes()) {
        if (other == node) continue;
        const auto held = storage::held_leaf_store(other->store).get(key, node->who.signing_key.identity);
        if (held && *held && std::ranges::equal(view_of((**held)->signed_leaf()), raw)) ++n;
      }
      return n;
    };
    std::set<dht_key> published;
    const auto read =
        storage::own_leaf_store(node->store)
            .for_each([&](const dht_key& key, const record<fb::OwnLeaf>& leaf) {
              const auto n = copies(key, view_of(leaf->signed_leaf()));
              if (n > 0) published.insert(key);
              if (n < leaf->holders())
                out.push_back("node " + std::to_string(node->index) + ": " + std::to_string(leaf->holders()) +
                              " took leaf " + to_hex(key) + ", " + std::to_string(n) + " have it");
              return true;
            });
    if (!read) out.push_back(read.error().message);
    for (const auto& offer : node->shared) {
      const auto& id = where.music().recordings()[offer.recording].id;
      if (const auto key = shadow_index::recording_key(id); !published.contains(key))
        out.push_back("node " + std::to_string(node->index) + ": the leaf of " + to_string(id) +
                      " is on nobody's disk");
    }
  }
  return out;
}

}  // namespace vsf::sim
