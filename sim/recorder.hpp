#pragma once

#include <map>
#include <set>

#include "sim/operation_log.hpp"
#include "sim/world.hpp"

namespace vsf::sim {

/// Writes into the log what happens in a world beside the users' operations: who is there, what is shared,
/// faults, restarts, acknowledged puts, samples of the nodes' own figures, and at the end what they hold for
/// others. Looks on only: with and without it, the same packets are sent.
class recorder {
 public:
  recorder(world& the_world, operation_log& log, std::uint64_t seed, std::string crypto);
  ~recorder();
  recorder(const recorder&) = delete;
  recorder& operator=(const recorder&) = delete;

  /// To be called before anything is scheduled and after everything was run.
  void begin();
  /// False: a line could not be written.
  bool close();
  /// How often supervisors brought an actor back, as the nodes' event stores say; a store that can't be read
  /// counts as one.
  std::uint64_t restarts() const { return restarts_; }

 private:
  void write_catalogue();
  void node_started(std::size_t index);
  void node_stopping(std::size_t index, fault::kind how);
  void fault_played(const fault& f, const std::vector<std::size_t>& victims);
  void put_acknowledged_by(std::size_t index, const vsf::put_acknowledged& put);
  void harvest(std::size_t index);
  void harvest_all();
  void tick();
  void ask_for_sample(std::size_t index);
  void write_sample(std::size_t index, const fb::NodeStatus& status);
  void write_stored(std::size_t index);
  digest write_leaf(byte_view raw);
  std::uint64_t now_us();

  world& world_;
  operation_log& log_;
  run_record run_;
  std::map<node_id, std::size_t> node_of_;
  std::vector<std::uint64_t> next_event_;  // of each node's event store
  std::set<digest> leaves_written_;
  std::uint64_t restarts_ = 0;
  std::size_t next_sampled_ = 0;
  std::uint64_t memory_bytes_ = 0, disk_bytes_ = 0;
  caf::actor probe_;
};

}  // namespace vsf::sim
