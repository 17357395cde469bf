#pragma once

#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "sim/catalogue.hpp"
#include "sim/event_queue.hpp"
#include "sim/internet.hpp"
#include "sim/live_tree.hpp"
#include "sim/scenario.hpp"
#include "sim/server_host.hpp"
#include "storage/memory_files.hpp"

namespace vsf::sim {

/// One simulated machine with the daemon's own actors on it.
struct sim_node {
  std::size_t index = 0;
  std::shared_ptr<host> machine;
  std::shared_ptr<storage::memory_store> store;
  std::shared_ptr<storage::memory_files> files;
  std::shared_ptr<environment> env;
  std::shared_ptr<live_tree> tree = std::make_shared<live_tree>();
  identity::identity who;
  node_actor root;
  component_links links;
  caf::actor listener;
  struct offer {
    std::size_t recording = 0;  // as the file says
    catalogue::file_index file = 0;
    bool genuine = true;
  };
  std::vector<offer> shared;
  bool up = false;
  virtual_time up_since{0};
  std::uint64_t session = 0;     // how often it came up
  virtual_time clock_offset{0};  // by which its wall clock is wrong
  virtual_time disk_latency{0};

  bool serves(std::size_t recording) const;
};

/// What a node is called at the Soulseek server.
std::string user_name(std::size_t index);

inline virtual_time seconds(double s) { return virtual_time(static_cast<std::int64_t>(s * 1e9)); }

/// Something happens again and again without time going on: a timer that is due and stays so.
struct time_stands_still : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Nodes, network and time of one simulation: everything happens on the calling thread, event by event, in an
/// order that the seed alone decides.
class world {
 public:
  world(const scenario& plan, std::uint64_t seed);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  static constexpr std::uint64_t unix_ms_at_start = 1'800'000'000'000;  // 2027-01-15

  /// As the actors read their clock.
  std::chrono::nanoseconds actor_time() { return now() + epoch_; }
  virtual_time now() {
    return std::chrono::nanoseconds(scheduler().clock().now().time_since_epoch()) - epoch_;
  }
  /// 0: actors that have something to do take turns first come, first served. Anything else draws whose turn
  /// it is; each still sees its messages in their order, as with the threads of the daemon.
  void schedule_by(std::uint64_t schedule_seed);
  event_queue& events() { return events_; }
  /// Schedules by this world's clock, which begins at zero.
  void at(virtual_time when, std::function<void()> what) { events_.at(when + epoch_, std::move(what)); }
  /// Runs everything that happens until then. Throws time_stands_still.
  void run_until(virtual_time end);

  void start_node(std::size_t index);
  /// Power cut: nothing is said to anybody, unsynced writes are gone. Process kill: the kernel closes the
  /// links.
  void stop_node(std::size_t index, fault::kind how);
  /// Is told of every stop, after it.
  std::function<void(std::size_t index)> on_stop;
  /// What a log hears: after a start, before a stop. Null: nobody listens.
  struct listeners {
    std::function<void(std::size_t index)> started;
    std::function<void(std::size_t index, fault::kind how)> stopping;
  };
  listeners heard;
  /// Between two events: asks actors something and lets them answer without a change to whose turn it is in
  /// what follows.
  void aside(const std::function<void()>& ask);
  /// Is told of every fault and whom it meets, before it happens.
  std::function<void(const fault& what, const std::vector<std::size_t>& whom)> on_fault;

  internet& network() { return *net_; }
  /// Null: the scenario has none.
  server_host* soulseek_server() { return server_.get(); }
  /// These and the others can't reach each other, or (one way) the others don't hear these, until rejoin().
  std::uint64_t separate(const std::vector<std::size_t>& who, bool one_way);
  void rejoin(std::uint64_t id);
  /// Whether `from` could open a connection to `to` now, were it up: addresses, NAT, partitions.
  bool can_connect(std::size_t from, std::size_t to) const;
  void set_uplink(std::size_t index, std::uint64_t bytes_per_s);
  void set_disk_latency(std::size_t index, virtual_time each) { nodes_[index]->disk_latency = each; }

  /// The actors of a node below its root, by path.
  std::vector<live_actor> live_actors(std::size_t index) const;
  /// Ends one as a fault of its own would; false: there is none of this path.
  bool kill_actor(std::size_t index, const std::string& path);
  /// One of a kind drawn first: sessions would be nearly all of them otherwise. Nothing: the node is off.
  std::optional<live_actor> kill_random_actor(std::size_t index, crypto::random_source& random);

  std::vector<std::unique_ptr<sim_node>>& nodes() { return nodes_; }
  const catalogue& music() const { return music_; }
  const scenario& plan() const { return plan_; }
  crypto::seeded_random& random() { return random_; }
  caf::actor_system& system() { return *system_; }
  std::uint64_t trace_hash() const { return trace_.value(); }
  const internet_counters& network_counters() const { return net_->counters(); }
  std::uint64_t warnings() const { return warnings_; }
  std::size_t live_nodes() const;
  /// How often supervisors brought an actor back, from the events in the nodes' own stores; an unreadable
  /// store counts too.
  std::uint64_t actor_restarts() const;

 private:
  struct caf_config : caf::actor_system_config {
    caf_config();
  };
  caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  }
  void add_node(std::size_t index, const identity::network_parameters& network);
  void give_files(sim_node& node);
  void fill_environment(sim_node& node);
  std::vector<config::host_port> choose_bootstrap(const host& whose);
  void run_ready_actors();

  scenario plan_;
  std::uint64_t seed_;
  caf_config config_;
  std::unique_ptr<caf::actor_system> system_;
  virtual_time epoch_{0};
  event_queue events_;
  trace trace_;
  crypto::seeded_random random_;
  std::optional<crypto::seeded_random> schedule_;
  std::shared_ptr<internet> net_;
  catalogue music_;
  std::unique_ptr<server_host> server_;
  std::vector<std::unique_ptr<sim_node>> nodes_;
  struct partition {
    std::set<std::size_t> who;
    bool one_way = false;
  };
  std::map<std::uint64_t, partition> partitions_;
  std::uint64_t warnings_ = 0;
};

}  // namespace vsf::sim
