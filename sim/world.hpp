#pragma once

#include <memory>
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
  std::vector<std::size_t> shared;  // recordings it serves
  bool up = false;
  virtual_time up_since{0};
};

/// Nodes, network and time of one simulation: everything happens on the calling thread, event by event, in an
/// order that the seed alone decides.
class world {
 public:
  world(const scenario& plan, std::uint64_t seed);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  virtual_time now() {
    return std::chrono::nanoseconds(scheduler().clock().now().time_since_epoch()) - epoch_;
  }
  /// 0: actors that have something to do take turns first come, first served. Anything else draws whose turn
  /// it is; each still sees its messages in their order, as with the threads of the daemon.
  void schedule_by(std::uint64_t schedule_seed);
  event_queue& events() { return events_; }
  /// Schedules by this world's clock, which begins at zero.
  void at(virtual_time when, std::function<void()> what) { events_.at(when + epoch_, std::move(what)); }
  /// Runs everything that happens until then.
  void run_until(virtual_time end);

  void start_node(std::size_t index);
  /// Power cut: nothing is said to anybody, unsynced writes are gone. Process kill: the kernel closes the
  /// links.
  void stop_node(std::size_t index, fault::kind how);

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
  void fill_environment(sim_node& node);
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
  std::vector<std::unique_ptr<sim_node>> nodes_;
  std::uint64_t warnings_ = 0;
};

}  // namespace vsf::sim
