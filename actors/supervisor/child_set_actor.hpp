#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/supervisor/restart_policy.hpp"

namespace vsf::supervisor {

/// How to make one child.
struct child_spec {
  std::string name;  // unique among the siblings that run
  std::string kind;
  std::function<caf::actor()> spawn;
  restart_mode mode = restart_mode::permanent;
  backoff_policy backoff{};
  /// Called with the new handle after every restart (not the first start).
  std::function<void(const caf::actor&)> restarted{};
  /// Called when the child ended and won't be restarted.
  std::function<void(const std::string& reason)> ended{};
};

/// What environment::on_child hears: something became of one of the node's actors. It holds the actor weakly:
/// looking on must not keep one alive.
struct live_child {
  enum class change : std::uint8_t {
    started,
    restarted,  // by its supervisor
    crashed,    // ended by itself with an error
    ended       // as it should, or because its owner ended it
  };
  change what = change::started;
  std::string path;
  std::string kind;
  restart_mode mode = restart_mode::permanent;
  caf::actor_addr who;
};

/// For owners that keep children without a child_set, because there are hundreds of them and none is ever
/// restarted: lies beside the handle; environment::on_child hears of the child's end when it goes. Costs a
/// null pointer in a daemon.
class child_mark {
 public:
  child_mark() = default;
  /// The path is `prefix` and the number.
  child_mark(environment_ptr env, const char* prefix, std::uint64_t number, const char* kind,
             caf::actor_addr who);
  ~child_mark();
  child_mark(child_mark&&) noexcept = default;
  child_mark& operator=(child_mark&&) = delete;
  /// Its end was not intended.
  void crashed();

 private:
  struct marked {
    environment_ptr env;
    live_child child;
  };
  std::unique_ptr<marked> marked_;
};

/// The children of one actor: spawned, monitored, restarted with back-off, reported to telemetry. A member of
/// the owner's state; the owner's behaviour handles `restart_child` by calling on_restart. When the owner
/// ends for whatever reason, its children end too. A child that fails too often takes its owner down with it:
/// escalation.
class child_set {
 public:
  child_set(caf::scheduled_actor* self, environment_ptr env, std::string path);
  ~child_set();
  child_set(const child_set&) = delete;
  child_set& operator=(const child_set&) = delete;

  /// Later reports go here; what happened before is told now.
  void report_to(telemetry_actor telemetry);
  caf::actor add(child_spec spec);
  /// Ends a child for good, without restart and without `ended`.
  void remove(const std::string& name, caf::exit_reason why = caf::exit_reason::user_shutdown);
  void on_restart(const restart_child& message);
  /// The end of an actor that the owner monitors besides these children.
  void on_other_down(std::function<void(const caf::down_msg&)> handler) { other_down_ = std::move(handler); }

  std::size_t running() const;
  std::uint64_t restarts() const { return restarts_; }
  std::vector<std::unique_ptr<fb::ChildReportT>> report() const;

 private:
  struct child {
    child_spec spec;
    restart_tracker tracker;
    caf::actor handle;
    std::uint64_t epoch = 0;
    std::uint32_t restarts = 0;
    std::string last_error{};
  };
  void start(child& c);
  void on_down(const caf::down_msg& message);
  void tell(const child& c, const std::string& reason);
  void show(const child& c, live_child::change what, caf::actor_addr who) const;
  std::string path_of(const child& c) const;

  caf::scheduled_actor* self_;
  environment_ptr env_;
  std::string path_;
  telemetry_actor telemetry_;
  std::function<void(const caf::down_msg&)> other_down_;
  std::map<std::string, child> children_;
  std::map<caf::actor_addr, std::string> by_address_;
  std::uint64_t restarts_ = 0;
  std::uint64_t next_epoch_ = 1;
};

/// A thrown exception ends the actor with an error that carries its text; what it doesn't handle is dropped.
/// Every actor calls this first.
void prepare(caf::scheduled_actor* self);

/// Messages waiting in the actor's own mailbox; only to be asked by the actor itself.
std::uint32_t mailbox_size(caf::scheduled_actor* self);

/// Nanoseconds on the actor clock: the `now` of all pure logic.
inline std::chrono::nanoseconds now(const caf::local_actor* self) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      const_cast<caf::local_actor*>(self)->clock().now().time_since_epoch());
}

/// At most one live timer for an actor: arm() keeps the earliest deadline, stale alarms are told by their id.
class single_alarm {
 public:
  /// Makes an `alarm` come at `at` unless an earlier one is under way.
  template <class Self>
  void arm(Self* self, std::chrono::nanoseconds at) {
    if (armed_ && *armed_ <= at) return;
    armed_ = at;
    const auto current = now(self);
    const auto delay = at > current ? at - current : std::chrono::nanoseconds(0);
    self->delayed_send(self, delay, alarm{++id_});
  }
  /// True if this alarm is the live one; it is then spent.
  bool take(const alarm& message) {
    if (!armed_ || message.id != id_) return false;
    armed_.reset();
    return true;
  }

 private:
  std::optional<std::chrono::nanoseconds> armed_;
  std::uint64_t id_ = 0;
};

}  // namespace vsf::supervisor
