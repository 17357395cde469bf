#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

namespace vsf::tests {

/// Actors under a virtual clock: nothing runs but what a test runs, time passes only in run_for(). At the end
/// every actor must be gone; one that keeps itself alive fails the test.
class virtual_time : public ::testing::Test {
 protected:
  struct config : caf::actor_system_config {
    config() {
      set("scheduler.policy", caf::atom("testing"));
      set("logger.inline-output", true);
    }
  };

  /// Remembers an actor to end it with the test.
  template <class Handle>
  Handle keep(Handle handle) {
    roots_.push_back(caf::actor_cast<caf::actor>(handle));
    return handle;
  }

  std::chrono::nanoseconds now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(scheduler().clock().now().time_since_epoch());
  }

  /// Runs what is ready, then one timeout after another until `span` has passed.
  void run_for(std::chrono::nanoseconds span) {
    auto& clock = scheduler().clock();
    const auto end = clock.now() + span;
    scheduler().run();
    while (!clock.schedule().empty() && clock.schedule().begin()->first <= end) {
      clock.trigger_timeout();
      scheduler().run();
    }
    clock.current_time = end;
  }
  void settle() { scheduler().run(); }

  /// Asks and waits in virtual time for the answer; throws what went wrong.
  template <class T, class Handle, class... Ts>
  T ask(const Handle& whom, Ts&&... xs) {
    std::optional<T> answer;
    std::string problem = "no answer";
    auto probe = system_->spawn([&](caf::event_based_actor* self) {
      self->request(whom, caf::infinite, std::forward<Ts>(xs)...)
          .then([&](T& x) { answer = std::move(x); }, [&](caf::error& e) { problem = system_->render(e); });
    });
    for (int i = 0; i < 100 && !answer && problem == "no answer"; ++i)
      run_for(std::chrono::milliseconds(100));
    caf::anon_send_exit(probe, caf::exit_reason::kill);
    scheduler().run();
    if (!answer) throw std::runtime_error("ask failed: " + problem);
    return std::move(*answer);
  }

  caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  }
  caf::actor_system& system() { return *system_; }

  void TearDown() override {
    for (auto& a : roots_) caf::anon_send_exit(a, caf::exit_reason::kill);
    roots_.clear();
    scheduler().run();
    scheduler().clock().cancel_all();
    scheduler().run();
    EXPECT_EQ(system_->registry().running(), 0u) << "an actor outlived its test";
    if (system_->registry().running() != 0) system_->await_actors_before_shutdown(false);
    system_.reset();
  }

 private:
  config config_;
  std::unique_ptr<caf::actor_system> system_ = std::make_unique<caf::actor_system>(config_);
  std::vector<caf::actor> roots_;
};

}  // namespace vsf::tests
