#pragma once

#include "sim/world.hpp"

namespace vsf::sim {

/// People at the nodes of a world in which actors crash. Whoever asked something of a node on which an actor
/// crashed in the seconds before or until the answer came asks again, as a person whose program said "try
/// again" would; a crash at another node is no excuse, and neither is one for what had been acknowledged.
class supervised_users {
 public:
  explicit supervised_users(world& where);
  ~supervised_users();
  supervised_users(const supervised_users&) = delete;
  supervised_users& operator=(const supervised_users&) = delete;

  /// So many of each, at random nodes and times between the two.
  void schedule(std::size_t resolves, std::size_t downloads, virtual_time from, virtual_time to);

  struct tally {
    std::size_t resolves = 0, resolved = 0, downloads = 0, downloaded = 0, asked_again = 0, unlocated = 0,
                never_located = 0;
  };
  const tally& counted() const { return tally_; }
  void crashed(std::size_t node) { last_crash_[node] = world_.now(); }
  /// What failed or did not end, a line each.
  std::vector<std::string> failures() const;
  /// Transfers that a swarm acknowledged and does not list as done. Runs the world a little.
  std::vector<std::string> lost_transfers();

 private:
  struct operation {
    bool download = false;
    std::size_t node = 0;
    std::size_t recording = 0;
    virtual_time began{0};
    std::uint64_t asked = 0;  // how often
    virtual_time asked_at{0};
    std::string transfer;
  };
  void begin(bool download);
  void ask(std::uint64_t id);
  void ask_resolver(std::uint64_t id);
  void ask_swarm(std::uint64_t id);
  void poll(std::uint64_t id);
  void on_resolved(const record<fb::ResolveResult>& answer);
  void on_status(std::uint64_t id, const fb::TransferStatus& status);
  void check_file(std::uint64_t id, const std::string& path);
  /// It went wrong: again if this node crashed meanwhile, else for good.
  void disturbed(std::uint64_t id, const std::string& what);
  void fail(std::uint64_t id, const std::string& what);
  void run(std::function<void(caf::event_based_actor*)> task);

  world& world_;
  crypto::seeded_random random_;
  std::map<std::uint64_t, operation> running_;
  std::map<std::pair<std::size_t, std::string>, std::size_t> acknowledged_;  // node and transfer -> recording
  std::map<std::size_t, virtual_time> last_crash_;                           // by node
  std::vector<std::string> failures_;
  tally tally_;
  std::uint64_t next_id_ = 1;
  caf::actor probe_;
  resolve_client_actor client_;
};

/// Leaves that a node's publisher counts as held by others, but that are not on that many others' disks; and
/// shared files whose leaf is on nobody's.
std::vector<std::string> lost_leaves(world& where);

}  // namespace vsf::sim
