#pragma once

#include <map>
#include <set>

#include "sim/operation_log.hpp"
#include "sim/stranger.hpp"
#include "sim/world.hpp"

namespace vsf::sim {

/// When the last fault of a plan that passes is over and whoever comes back is back; nullopt: some last to
/// the end.
std::optional<double> healed_at_s(const scenario& plan);

/// What a run is put to beside its scenario, so that broken promises show: nodes that send other bytes than
/// they published, strangers who try to get in, downloads that begin right before a node is stopped. Looks at
/// the nodes' disks afterwards. Everything follows from the seed.
class auditor {
 public:
  auditor(world& the_world, std::uint64_t seed);
  ~auditor();
  auditor(const auditor&) = delete;
  auditor& operator=(const auditor&) = delete;

  /// After the workload's.
  void schedule();
  /// At the end: figures by name.
  std::map<std::string, double> finish(const std::vector<operation>& operations);

 private:
  struct download {
    std::size_t node = 0;
    std::string id;
    auto operator<=>(const download&) const = default;
  };

  void begin_downloads(std::size_t every);
  void begin_download(std::size_t node);
  void turn_into_liar(std::size_t node);
  void send_stranger();
  void ask_everybody();
  void on_status(const record<fb::NodeStatus>& status);
  void before_stop(std::size_t node, fault::kind how);
  void settled(const std::vector<operation>& operations, std::map<std::string, double>& out) const;
  void look_at_disks(std::map<std::string, double>& out) const;
  enum class finding : std::uint8_t { whole, fake, wrong };
  finding look_at_file(const sim_node& node, const fb::TransferStatus& status) const;
  std::optional<std::size_t> pick_live();
  bool was_up_long_enough(const operation& op) const;

  world& world_;
  crypto::seeded_random random_;
  caf::actor probe_;
  std::map<mbid, std::size_t> index_of_;
  std::set<std::size_t> liars_;
  std::vector<caf::actor> forgers_;
  std::vector<std::vector<std::uint64_t>> started_us_;  // by node
  std::set<download> acknowledged_;
  /// What a download had when its node was stopped for the first time.
  struct at_stop {
    digest root{};
    double useful = 0, verified = 0;  // bytes
    double lost = 0;                  // bytes, in all power cuts
    std::size_t rejections = 0;
    bool gave_up = false;  // it took another file meanwhile
  };
  void note_choices();
  static at_stop before_of(const fb::TransferStatus& status);
  static void note_stop(at_stop& interrupted, const fb::TransferRecord& transfer, fault::kind how);
  std::map<download, at_stop> interrupted_;
  std::vector<std::shared_ptr<stranger>> strangers_;
  stranger::complaints complaints_;
  std::map<std::string, double> counted_;  // of all nodes' reports
  std::set<std::string> problems_;
};

}  // namespace vsf::sim
