#pragma once

#include <algorithm>
#include <deque>
#include <utility>

#include "actors/environment.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::swarm {

/// The jobs of a worker whose disk takes its time (environment::disk_latency): each begins when the one
/// before is done, and is carried out when its own time is over. Jobs that wait here die with the worker, as
/// those in its mailbox do.
template <class Job>
class disk_line {
 public:
  /// True: the job waits, and an `alarm` comes for it. False: the disk takes no time, carry it out now.
  template <class Self>
  bool hold(Self* self, const environment& env, Job& job) {
    if (!env.disk_latency) return false;
    const auto takes = env.disk_latency();
    if (takes.count() <= 0 && waiting_.empty()) return false;
    busy_until_ = std::max(busy_until_, supervisor::now(self)) + takes;
    waiting_.emplace_back(busy_until_, std::move(job));
    timer_.arm(self, waiting_.front().first);
    return true;
  }
  template <class Self, class CarryOut>
  void on_alarm(Self* self, const alarm& message, CarryOut carry_out) {
    if (!timer_.take(message)) return;
    const auto now = supervisor::now(self);
    while (!waiting_.empty() && waiting_.front().first <= now) {
      auto job = std::move(waiting_.front().second);
      waiting_.pop_front();
      carry_out(job);
    }
    if (!waiting_.empty()) timer_.arm(self, waiting_.front().first);
  }

 private:
  std::deque<std::pair<std::chrono::nanoseconds, Job>> waiting_;
  std::chrono::nanoseconds busy_until_{0};
  supervisor::single_alarm timer_;
};

}  // namespace vsf::swarm
