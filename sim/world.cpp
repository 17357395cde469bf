#include "sim/world.hpp"

#include <algorithm>
#include <utility>

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/node/node_actor.hpp"
#include "config/host_port.hpp"
#include "storage/event_store.hpp"

namespace vsf::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t mesh_port = 50315;
constexpr std::uint16_t soulseek_port = 50300;
constexpr std::uint64_t most_at_once = 5'000;  // timers and deliveries at one instant, for each node
constexpr const char* music_folder = "/music";

/// Answers from the catalogue what a sandboxed analyzer would find in the file's bytes, of which it reads
/// only as many as tell the catalogue's files apart: shared files and downloads alike.
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
    if (const auto file_index = music_.find(head))
      return on_done(record<fb::FileEntry>::pack(music_.entry(*file_index, path, 1)));
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

/// Whether the one could open a connection to the other.
bool accepts(const host& from, const host& to) { return to.reachable() && from.ipv6() == to.ipv6(); }

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
              .tracks_per_release = plan.catalogue.tracks_per_release,
              .zipf_exponent = plan.catalogue.zipf_exponent,
              .min_bytes = plan.catalogue.min_kib * 1024,
              .max_bytes = plan.catalogue.max_kib * 1024,
              .second_encodings = plan.catalogue.second_encoding > 0}) {
  epoch_ = std::chrono::nanoseconds(scheduler().clock().now().time_since_epoch());
  internet_options options;
  options.seed = seed;
  options.nat_mapping_s = plan.network.nat_mapping_s;
  net_ = std::make_shared<internet>(
      events_, trace_,
      [this] { return std::chrono::nanoseconds(scheduler().clock().now().time_since_epoch()); }, options);
  net_->set_conditions(plan.network);
  const auto network = identity::parse_network("sim/" + std::to_string(plan.population.puzzle_bits)).value();
  if (plan.soulseek.server)
    server_ = std::make_unique<server_host>(
        net_->add_host(plan.nodes, {}), [this] { return now(); },
        [this](virtual_time when, std::function<void()> what) { at(when, std::move(what)); });
  for (std::size_t i = 0; i < plan.nodes; ++i) add_node(i, network);
}

void world::add_node(std::size_t index, const identity::network_parameters& network) {
  auto node = std::make_unique<sim_node>();
  node->index = index;
  crypto::seeded_random own(latency::mix(seed_) ^ latency::mix(index + 1));
  node->who = identity::make_solved_identity(network, own);
  const auto unit = [&] { return static_cast<double>(own.below(1'000'000)) / 1e6; };
  host_options access;
  access.uplink_bytes_per_s = plan_.network.uplink_kib_per_s * 1024;
  access.downlink_bytes_per_s = plan_.network.downlink_kib_per_s * 1024;
  if (index != 0) {
    auto ticket = unit();
    for (std::size_t kind = 0; kind < nat_types; ++kind) {
      if (ticket < plan_.network.nat[kind]) {
        access.nat = static_cast<nat_type>(kind);
        break;
      }
      ticket -= plan_.network.nat[kind];
    }
  }
  access.ipv6 = unit() < plan_.network.ipv6;
  // The first of its address family can be reached by everybody: somebody must be there to begin with.
  const bool first_of_v4 =
      std::none_of(nodes_.begin(), nodes_.end(), [](const auto& n) { return !n->machine->ipv6(); });
  if (access.ipv6 || first_of_v4) access.nat = nat_type::open;
  const auto skew_ms = static_cast<std::uint64_t>(plan_.population.clock_skew_s * 1000);
  node->clock_offset =
      std::chrono::milliseconds(own.below(2 * skew_ms + 1)) - std::chrono::milliseconds(skew_ms);
  node->machine = net_->add_host(index, access);
  node->store = std::shared_ptr<storage::memory_store>(storage::make_memory_store());
  node->files = std::make_shared<storage::memory_files>();
  give_files(*node);
  fill_environment(*node);
  nodes_.push_back(std::move(node));
}

void world::give_files(sim_node& node) {
  const auto& plan = plan_.catalogue;
  const auto unit = [&] { return static_cast<double>(random_.below(1'000'000)) / 1e6; };
  while (node.shared.size() < std::min(plan.files_per_node, plan.recordings)) {
    const auto pick = music_.draw(random_);
    if (std::any_of(node.shared.begin(), node.shared.end(),
                    [&](const auto& o) { return o.recording == pick; }))
      continue;
    const auto& encodings = music_.recordings()[pick].encodings;
    if (plan.fake > 0 && plan.recordings > 1 && unit() < plan.fake) {
      const auto other = (pick + 1 + random_.below(plan.recordings - 1)) % plan.recordings;
      node.shared.push_back({pick, music_.add_fake(pick, other, random_), false});
    } else {
      const bool second = plan.second_encoding > 0 && unit() < plan.second_encoding;
      node.shared.push_back({pick, second ? encodings.back() : encodings.front(), true});
    }
  }
}

world::~world() {
  on_stop = nullptr;
  heard = {};
  for (auto& node : nodes_)
    if (node->up) stop_node(node->index, fault::kind::power_cut);
  server_ = nullptr;
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
  s.node.bootstrap = choose_bootstrap(*node.machine);
  auto walker = std::make_shared<library::table_walker>();
  for (const auto& offer : node.shared) {
    const auto path = std::string(music_folder) + "/" + music_.file_name(offer.file);
    const auto size = music_.files()[offer.file].size;
    walker->put({path, size, 1});
    node.files->share(path, size, music_.content(offer.file));
  }
  if (server_) {
    s.soulseek.enabled = true;
    s.soulseek.server = server_->address();
    s.soulseek.username = user_name(node.index);
    s.soulseek.password = "simulated";
    s.soulseek.listen = endpoint::v4(0, soulseek_port);
  }
  env->network = node.machine;
  env->store = node.store;
  env->files = node.files;
  env->walker = walker;
  env->analyzer = std::make_shared<table_analyzer>(music_, node.files);
  env->random =
      std::make_shared<crypto::seeded_random>(latency::mix(seed_ ^ 0xE7Au) ^ latency::mix(node.index));
  env->unix_ms = [epoch = epoch_, owner = &node](std::chrono::nanoseconds actor_now) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(unix_ms_at_start) +
                                      (actor_now - epoch + owner->clock_offset) / 1ms);
  };
  env->disk_latency = [owner = &node] { return owner->disk_latency; };
  env->log = [this](log_level level, std::string_view, std::string_view) {
    if (level >= log_level::warning) ++warnings_;
  };
  env->on_child = [tree = node.tree](const supervisor::live_child& child) { tree->note(child); };
  env->inline_workers = true;
  node.env = env;
}

/// Known contacts are nodes that were there before.
std::vector<config::host_port> world::choose_bootstrap(const host& whose) {
  std::vector<std::size_t> known;
  for (const auto& node : nodes_)
    if (accepts(whose, *node->machine)) known.push_back(node->index);
  std::vector<config::host_port> out;
  for (std::size_t k = 0; !known.empty() && k < plan_.population.bootstrap_contacts; ++k) {
    auto at = nodes_[known[random_.below(known.size())]]->machine->address();
    at.port = mesh_port;
    out.push_back(config::parse_host_port(to_string(at)).value());
  }
  return out;
}

std::string user_name(std::size_t index) { return "user-" + std::to_string(index); }

bool sim_node::serves(std::size_t recording) const {
  return std::any_of(shared.begin(), shared.end(),
                     [&](const auto& o) { return o.recording == recording && o.genuine; });
}

std::uint64_t world::separate(const std::vector<std::size_t>& who, bool one_way) {
  std::set<std::size_t> set(who.begin(), who.end());
  const auto id = net_->partition(set, one_way);
  partitions_[id] = {std::move(set), one_way};
  return id;
}

void world::rejoin(std::uint64_t id) {
  net_->heal(id);
  partitions_.erase(id);
}

bool world::can_connect(std::size_t from, std::size_t to) const {
  if (!accepts(*nodes_[from]->machine, *nodes_[to]->machine)) return false;
  return std::none_of(partitions_.begin(), partitions_.end(), [&](const auto& one) {
    return one.second.who.count(from) != one.second.who.count(to);
  });
}

void world::set_uplink(std::size_t index, std::uint64_t bytes_per_s) {
  nodes_[index]->machine->set_uplink(bytes_per_s);
}

void world::start_node(std::size_t index) {
  auto& node = *nodes_[index];
  node.machine->power_on();
  node.up = true;
  node.up_since = now();
  ++node.session;
  node.root = system_->spawn(node::node, environment_ptr(node.env), node::node_options{node.who, {}});
  const auto listener = system_->spawn(listen_for_links, &node);
  node.listener = caf::actor_cast<caf::actor>(listener);
  caf::anon_send(node.root, add_listener{listener});
  if (heard.started) heard.started(index);
}

void world::stop_node(std::size_t index, fault::kind how) {
  auto& node = *nodes_[index];
  if (heard.stopping) heard.stopping(index, how);
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
  if (on_stop) on_stop(index);
}

void world::schedule_by(std::uint64_t schedule_seed) {
  schedule_.reset();
  if (schedule_seed != 0) schedule_.emplace(schedule_seed);
}

void world::aside(const std::function<void()>& ask) {
  const auto turns = std::exchange(schedule_, std::nullopt);
  ask();
  run_ready_actors();
  schedule_ = turns;
}

void world::run_ready_actors() {
  auto& queue = scheduler();
  if (!schedule_) {
    queue.run();
    return;
  }
  while (!queue.jobs.empty()) {
    if (queue.jobs.size() == 1) {  // without a draw: nobody's turn depends on who asks aside
      queue.run_once();
      continue;
    }
    const auto turn = static_cast<std::ptrdiff_t>(schedule_->below(queue.jobs.size()));
    std::iter_swap(queue.jobs.begin(), queue.jobs.begin() + turn);
    queue.run_once();
  }
}

void world::run_until(virtual_time end) {
  auto& clock = scheduler().clock();
  const auto limit = end + epoch_;
  auto last = clock.current_time;
  std::uint64_t at_once = 0;
  for (;;) {
    run_ready_actors();
    at_once = clock.current_time == last ? at_once + 1 : 0;
    last = clock.current_time;
    if (at_once > most_at_once * nodes_.size())
      throw time_stands_still("time stands still at " + std::to_string(now() / 1us) +
                              " us: something is due again and again");
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
