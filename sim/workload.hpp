#pragma once

#include <map>

#include "messages/soulseek_schemas.hpp"
#include "sim/fault_player.hpp"
#include "sim/operation_log.hpp"
#include "sim/population.hpp"
#include "sim/world.hpp"

namespace vsf::sim {

/// What happens to the nodes of a world: they join and leave, faults meet them, and their users resolve and
/// download as the scenario says. Logs what came of it. Knows the truth (who serves
/// what, what the bytes are) and compares.
class workload {
 public:
  workload(world& the_world, operation_log& log);
  ~workload();
  workload(const workload&) = delete;
  workload& operator=(const workload&) = delete;

  /// Schedules everything; world::run_until(end()) then makes it happen.
  void schedule();
  virtual_time end() const;
  /// Operations that never ended, as timed out.
  void close();

 private:
  struct running {
    operation op;
    std::string transfer;  // a download's id
    // Of soulseek_download:
    catalogue::file_index file = 0;
    std::uint32_t search = 0;
    std::uint64_t soulseek_transfer = 0;
  };
  void gather(const flash_crowd& crowd);
  void node_stopped(std::size_t index);
  void begin_resolve();
  void begin_download();
  void download(std::size_t node, std::size_t recording);
  void poll_download(std::uint64_t id);
  void poll_again(std::uint64_t id);
  void on_list(std::uint64_t id, const fb::TransferList& list);
  void on_resolved(const record<fb::ResolveResult>& answer);
  void on_status(std::uint64_t id, const record<fb::TransferStatus>& status);
  // workload_soulseek.cpp
  void begin_soulseek_download();
  template <class Want>
  void ask_soulseek(std::uint64_t id, Want want);
  void on_reply(std::uint64_t id, const fb::SoulseekReply& reply);
  void on_results(std::uint64_t id, const fb::SoulseekResultsAnswer& results);
  void on_transfers(std::uint64_t id, const fb::SoulseekTransfersAnswer& answer);
  void poll_soulseek(std::uint64_t id);
  void finish(std::uint64_t id, operation::outcome end, std::string reason = {});
  void check_file(operation& op, const std::string& path);
  bool holds(std::size_t node, std::size_t recording, virtual_time since) const;
  std::vector<std::size_t> live_holders(std::size_t recording, std::size_t except, virtual_time since) const;
  std::size_t pick_live_node();
  std::size_t pick_recording(std::size_t asking);
  std::size_t recording_index(const mbid& id) const { return index_of_.at(id); }

  world& world_;
  population population_;
  fault_player faults_;
  operation_log& log_;
  crypto::seeded_random random_;
  std::map<mbid, std::size_t> index_of_;
  std::map<node_id, std::size_t> node_of_;
  std::map<std::uint64_t, running> running_;
  std::uint64_t next_id_ = 1;
  caf::actor probe_;
  resolve_client_actor resolve_client_;
};

}  // namespace vsf::sim
