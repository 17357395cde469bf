#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::sim {

/// One actor of a simulated node, as its supervisor announced it.
struct live_actor {
  std::string path;
  std::string kind;
  supervisor::restart_mode mode = supervisor::restart_mode::permanent;
  caf::actor_addr who;
};

/// The actors of a node below its root, as environment::on_child tells them, and what became of each path.
/// The root has no supervisor: when it ends, so does the process.
class live_tree {
 public:
  struct history {
    std::string kind;
    std::uint64_t crashes = 0;   // ended by themselves with an error
    std::uint64_t restarts = 0;  // brought back by their supervisor
    std::uint64_t ends = 0;      // as they should
    bool operator==(const history&) const = default;
  };

  void note(const supervisor::live_child& child);
  /// The node ended with all its actors.
  void clear() { actors_.clear(); }

  /// By path.
  std::vector<live_actor> actors() const;
  const live_actor* find(const std::string& path) const;
  /// Of those that crashed, were brought back, or ended though they are of the kind that is kept; by path.
  const std::map<std::string, history>& past() const { return past_; }
  /// All that ever were here.
  const std::set<std::string>& kinds() const { return kinds_; }
  /// Ends an actor as a fault of its own would; false: there is none of this path.
  bool kill(const std::string& path) const;

 private:
  std::map<std::string, live_actor> actors_;
  std::map<std::string, history> past_;
  std::set<std::string> kinds_;
};

}  // namespace vsf::sim
