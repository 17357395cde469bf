#include "sim/population.hpp"

#include <cmath>

namespace vsf::sim {

population::population(world& the_world) : world_(the_world), random_(the_world.random().u64()) {
  const auto& churn = world_.plan().population.churn;
  // The mean of a Weibull distribution is its scale times gamma(1 + 1 / shape).
  session_scale_s_ = churn.session_mean_s / std::tgamma(1 + 1 / churn.session_shape);
}

void population::schedule() {
  const auto spread_us = static_cast<std::uint64_t>(world_.plan().population.join_spread_s * 1e6);
  const auto count = world_.nodes().size();
  for (std::size_t i = 0; i < count; ++i)
    world_.at(std::chrono::microseconds(spread_us * i / count), [this, i] {
      world_.start_node(i);
      expect_leave(i);
    });
}

/// In (0, 1).
double population::draw_open_unit() {
  return (static_cast<double>(random_.u64() >> 11) + 0.5) / static_cast<double>(std::uint64_t{1} << 53);
}

double population::session_s() {
  const auto shape = world_.plan().population.churn.session_shape;
  return session_scale_s_ * std::pow(-std::log(draw_open_unit()), 1 / shape);
}

double population::absence_s() {
  return -std::log(draw_open_unit()) * world_.plan().population.churn.absence_mean_s;
}

void population::expect_leave(std::size_t index) {
  if (session_scale_s_ <= 0) return;
  const auto session = world_.nodes()[index]->session;
  world_.at(world_.now() + seconds(session_s()), [this, index, session] {
    const auto& node = *world_.nodes()[index];
    // A fault may have ended it before.
    if (node.up && node.session == session) leave(index);
  });
}

void population::leave(std::size_t index) {
  const bool cut = draw_open_unit() < world_.plan().population.churn.power_cut;
  world_.stop_node(index, cut ? fault::kind::power_cut : fault::kind::process_kill);
  world_.at(world_.now() + seconds(absence_s()), [this, index] {
    if (world_.nodes()[index]->up) return;
    world_.start_node(index);
    expect_leave(index);
  });
}

}  // namespace vsf::sim
