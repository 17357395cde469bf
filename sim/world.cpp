#include "sim/world.hpp"

#include <algorithm>
#include <utility>

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/node/node_actor.hpp"
#include "storage/event_store.hpp"

namespace vsf::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t mesh_port = 50315;
constexpr std::uint64_t unix_ms_at_start = 1'800'000'000'000;  // 2027-01-15
constexpr const char* music_folder = "/music";

/// Answers from the catalogue what a sandboxed analyzer would find in the file's bytes, of which it reads
/// only as many as tell the catalogue's recordings apart: shared files and downloads alike.
class table_analyzer final : public library::analyzer {
 public:
  table_analyzer(const catalogue& music, std::shared_ptr<storage::file_system> files)
      : music_(music), files_(std::move(files)) {}

  void analyze(std::string path, library::analyze_options, done on_done) override {
    const auto file = files_->open_shared(path);
    if (!file) return on_done(tl::unexpected(file.error()));
    catalogue::head_bytes head{};
    const auto got = (*file)->read_at(0, head);
    if (!got) return on_done(tl::unexpected(got.error()));
    if (const auto index = music_.find(head))
      return on_done(record<fb::FileEntry>::pack(music_.entry(*index, path, 1)));
    fb::FileEntryT unknown;
    unknown.path = path;
    unknown.problem = "not an audio file we know";
    unknown.fault = fb::FileFault::not_audio;
    on_done(record<fb::FileEntry>::pack(unknown));
  }

 private:
  const catalogue& music_;
  std::shared_ptr<storage::file_system> files_;
};

struct listener_state {
  static inline const char* name = "sim-listener";
};

links_listener_actor::behavior_type listen_for_links(links_listener_actor::stateful_pointer<listener_state>,
                                                     sim_node* node) {
  return {[=](const component_links& links) { node->links = links; }};
}

}  // namespace

world::caf_config::caf_config() {
  set("scheduler.policy", caf::atom("testing"));
  set("logger.inline-output", true);
}

world::world(const scenario& plan, std::uint64_t seed)
    : plan_(plan),
      seed_(seed),
      system_(std::make_unique<caf::actor_system>(config_)),
      random_(seed),
      music_({.seed = seed,
              .recordings = plan.catalogue.recordings,
              .zipf_exponent = plan.catalogue.zipf_exponent,
              .min_bytes = plan.catalogue.min_kib * 1024,
              .max_bytes = plan.catalogue.max_kib * 1024}) {
  epoch_ = std::chrono::nanoseconds(scheduler().clock().now().time_since_epoch());
  const internet_options options{.seed = seed,
                                 .loss_per_million = static_cast<std::uint32_t>(plan.network.loss * 1e6),
                                 .uplink_bytes_per_s = plan.network.uplink_kib_per_s * 1024};
  net_ = std::make_shared<internet>(
      events_, trace_,
      [this] { return std::chrono::nanoseconds(scheduler().clock().now().time_since_epoch()); }, options);
  const auto network = identity::parse_network("sim/" + std::to_string(plan.population.puzzle_bits)).value();
  for (std::size_t i = 0; i < plan.nodes; ++i) {
    auto node = std::make_unique<sim_node>();
    node->index = i;
    crypto::seeded_random own(latency::mix(seed) ^ latency::mix(i + 1));
    node->who = identity::make_solved_identity(network, own);
    node->machine = net_->add_host(i);
    node->store = std::shared_ptr<storage::memory_store>(storage::make_memory_store());
    node->files = std::make_shared<storage::memory_files>();
    while (node->shared.size() < std::min(plan.catalogue.files_per_node, plan.catalogue.recordings)) {
      const auto pick = music_.draw(random_);
      if (std::find(node->shared.begin(), node->shared.end(), pick) == node->shared.end())
        node->shared.push_back(pick);
    }
    fill_environment(*node);
    nodes_.push_back(std::move(node));
  }
}

world::~world() {
  for (auto& node : nodes_)
    if (node->up) stop_node(node->index, fault::kind::power_cut);
  scheduler().run();
  scheduler().clock().cancel_all();
  scheduler().run();
  while (events_.next_time()) events_.pop();  // their closures hold handles
  nodes_.clear();
}

void world::fill_environment(sim_node& node) {
  auto env = std::make_shared<environment>();
  auto& s = env->settings;
  s.node.network = node.who.network.name;
  s.node.listen = endpoint::v4(0, mesh_port);
  s.library.paths = {music_folder};
  s.library.watch = false;
  // Known contacts are nodes that are there before it: the first of all has none.
  for (std::size_t k = 0; node.index > 0 && k < plan_.population.bootstrap_contacts; ++k) {
    const auto other = nodes_[random_.below(node.index)]->machine->address();
    const auto text = to_string(other);
    s.node.bootstrap.push_back({text.substr(0, text.rfind(':')), mesh_port});
  }
  auto walker = std::make_shared<library::table_walker>();
  for (const auto index : node.shared) {
    const auto path = std::string(music_folder) + "/" + catalogue::file_name(index);
    walker->put({path, music_.recordings()[index].size, 1});
    node.files->share(path, music_.recordings()[index].size, music_.content(index));
  }
  env->network = node.machine;
  env->store = node.store;
  env->files = node.files;
  env->walker = walker;
  env->analyzer = std::make_shared<table_analyzer>(music_, node.files);
  env->random =
      std::make_shared<crypto::seeded_random>(latency::mix(seed_ ^ 0xE7Au) ^ latency::mix(node.index));
  env->unix_ms = [epoch = epoch_](std::chrono::nanoseconds actor_now) {
    return unix_ms_at_start + static_cast<std::uint64_t>((actor_now - epoch) / 1ms);
  };
  env->log = [this](log_level level, std::string_view, std::string_view) {
    if (level >= log_level::warning) ++warnings_;
  };
  env->on_child = [tree = node.tree](const supervisor::live_child& child) { tree->note(child); };
  env->inline_workers = true;
  node.env = env;
}

void world::start_node(std::size_t index) {
  auto& node = *nodes_[index];
  node.machine->power_on();
  node.up = true;
  node.up_since = now();
  node.root = system_->spawn(node::node, environment_ptr(node.env), node::node_options{node.who, {}});
  const auto listener = system_->spawn(listen_for_links, &node);
  node.listener = caf::actor_cast<caf::actor>(listener);
  caf::anon_send(node.root, add_listener{listener});
}

void world::stop_node(std::size_t index, fault::kind how) {
  auto& node = *nodes_[index];
  node.up = false;
  if (how == fault::kind::power_cut) {
    node.machine->cut();
    node.store->crash();
    node.files->crash();
  } else {
    node.machine->close_sockets();
  }
  caf::anon_send_exit(node.root, caf::exit_reason::kill);
  caf::anon_send_exit(node.listener, caf::exit_reason::kill);
  node.root = nullptr;
  node.tree->clear();
  node.listener = nullptr;
  node.links = {};
}

void world::schedule_by(std::uint64_t schedule_seed) {
  schedule_.reset();
  if (schedule_seed != 0) schedule_.emplace(schedule_seed);
}

void world::run_ready_actors() {
  auto& queue = scheduler();
  if (!schedule_) {
    queue.run();
    return;
  }
  while (!queue.jobs.empty()) {
    const auto turn = static_cast<std::ptrdiff_t>(schedule_->below(queue.jobs.size()));
    std::iter_swap(queue.jobs.begin(), queue.jobs.begin() + turn);
    queue.run_once();
  }
}

void world::run_until(virtual_time end) {
  auto& clock = scheduler().clock();
  const auto limit = end + epoch_;
  for (;;) {
    run_ready_actors();
    const auto event = events_.next_time();
    std::optional<virtual_time> timeout;
    if (!clock.schedule().empty()) timeout = clock.schedule().begin()->first.time_since_epoch();
    const auto next = !timeout ? event : !event ? timeout : std::optional(std::min(*event, *timeout));
    if (!next || *next > limit) break;
    if (event && *event == *next) {
      clock.current_time = std::max(clock.current_time, caf::actor_clock::time_point(*next));
      events_.pop()();
    } else {
      clock.trigger_timeout();
    }
  }
  clock.current_time = std::max(clock.current_time, caf::actor_clock::time_point(limit));
}

std::size_t world::live_nodes() const {
  return static_cast<std::size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& n) { return n->up; }));
}

std::uint64_t world::actor_restarts() const {
  std::uint64_t out = 0;
  for (const auto& node : nodes_) {
    const storage::event_store events(node->store);
    const auto read = events.for_each(0, [&](const record<fb::Event>& event) {
      if (event->kind() == fb::EventKind::actor_restarted) ++out;
      return true;
    });
    if (!read) ++out;
  }
  return out;
}

}  // namespace vsf::sim
