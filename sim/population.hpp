#pragma once

#include <functional>

#include "sim/world.hpp"

namespace vsf::sim {

/// Who is there when: nodes join one after another, leave after sessions of Weibull length and come back
/// after exponential times (Stutzbach, Rejaie 2006 found Weibull sessions in Kad, Gnutella and BitTorrent).
class population {
 public:
  explicit population(world& the_world);

  /// Lets everybody join; from then on it goes by itself.
  void schedule();

 private:
  void expect_leave(std::size_t index);
  void leave(std::size_t index);
  double session_s();
  double absence_s();
  double draw_open_unit();

  world& world_;
  crypto::seeded_random random_;
  double session_scale_s_ = 0;
};

}  // namespace vsf::sim
