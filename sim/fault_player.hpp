#pragma once

#include "sim/world.hpp"

namespace vsf::sim {

/// Plays the scenario's faults: draws whom each one meets, and takes it back when its time is over.
class fault_player {
 public:
  explicit fault_player(world& the_world);

  void schedule();

 private:
  void play(const fault& f);
  std::vector<std::size_t> draw_victims(double share);
  void stop(const fault& f, std::size_t victim);
  void change_network(const fault& f);
  void set_conditions();
  void at_node(const fault& f, std::size_t victim, std::function<void()> back);
  void for_a_time(const fault& f, std::function<void()> back);

  world& world_;
  crypto::seeded_random random_;
  struct active {
    std::uint64_t id = 0;
    fault::kind what = fault::kind::loss;
    double value = 0;
  };
  std::vector<active> active_;
  std::uint64_t next_ = 0;
  std::map<std::pair<fault::kind, std::size_t>, std::uint64_t> turns_;
};

}  // namespace vsf::sim
