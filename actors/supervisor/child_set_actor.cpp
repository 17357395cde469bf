#include "actors/supervisor/child_set_actor.hpp"

#include <exception>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/sec.hpp>

#include "messages/mutant.hpp"

namespace vsf::supervisor {

void prepare(caf::scheduled_actor* self) {
  self->set_exception_handler([](std::exception_ptr& what) -> caf::error {
    try {
      std::rethrow_exception(what);
    } catch (const std::exception& e) {
      return caf::make_error(caf::sec::runtime_error, std::string(e.what()));
    } catch (...) {
      return caf::make_error(caf::sec::runtime_error, std::string("unknown exception"));
    }
  });
  // caf::drop answers even what was not a request with an error, and an error that comes unasked ends an
  // actor.
  self->set_default_handler([self](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
    if (self->current_message_id().is_request()) return caf::sec::unexpected_message;
    return caf::delegated<caf::message>{};
  });
  self->set_error_handler([](caf::scheduled_actor*, caf::error&) {});
}

std::uint32_t mailbox_size(caf::scheduled_actor* self) {
  self->mailbox().fetch_more();
  return static_cast<std::uint32_t>(self->mailbox().size());
}

child_mark::child_mark(environment_ptr env, const char* prefix, std::uint64_t number, const char* kind,
                       caf::actor_addr who) {
  if (!env->on_child) return;
  marked_ = std::make_unique<marked>();
  marked_->env = std::move(env);
  marked_->child = {live_child::change::started, prefix + std::to_string(number), kind,
                    restart_mode::temporary, std::move(who)};
  marked_->env->on_child(marked_->child);
  marked_->child.what = live_child::change::ended;
}

child_mark::~child_mark() {
  if (marked_) marked_->env->on_child(marked_->child);
}

void child_mark::crashed() {
  if (marked_) marked_->child.what = live_child::change::crashed;
}

child_set::child_set(caf::scheduled_actor* self, environment_ptr env, std::string path)
    : self_(self), env_(std::move(env)), path_(std::move(path)) {
  self_->set_down_handler([this](caf::down_msg& message) { on_down(message); });
}

child_set::~child_set() {
  // The state of an actor dies with it, whatever the reason: no child outlives its owner.
  for (auto& [name, c] : children_) {
    if (!c.handle) continue;
    show(c, live_child::change::ended, c.handle.address());
    caf::anon_send_exit(c.handle, caf::exit_reason::user_shutdown);
  }
}

void child_set::report_to(telemetry_actor telemetry) {
  if (telemetry == telemetry_) return;
  telemetry_ = std::move(telemetry);
  for (const auto& [name, c] : children_) tell(c, c.last_error);
}

caf::actor child_set::add(child_spec spec) {
  const auto name = spec.name;
  remove(name);
  auto tracker = restart_tracker(spec.backoff);
  auto& c = children_.emplace(name, child{std::move(spec), std::move(tracker), {}, next_epoch_++, 0, {}})
                .first->second;
  start(c);
  return c.handle;
}

void child_set::remove(const std::string& name, caf::exit_reason why) {
  const auto it = children_.find(name);
  if (it == children_.end()) return;
  auto gone = std::move(it->second);
  children_.erase(it);
  if (!gone.handle) return;
  by_address_.erase(gone.handle.address());
  show(gone, live_child::change::ended, gone.handle.address());
  self_->demonitor(gone.handle.address());
  caf::anon_send_exit(gone.handle, why);
  gone.handle = nullptr;
  tell(gone, "removed");
}

void child_set::start(child& c) {
  c.handle = c.spec.spawn();
  by_address_[c.handle.address()] = c.spec.name;
  self_->monitor(c.handle);
  show(c, c.restarts == 0 ? live_child::change::started : live_child::change::restarted, c.handle.address());
  tell(c, c.last_error);
}

void child_set::on_down(const caf::down_msg& message) {
  const auto found = by_address_.find(message.source);
  if (found == by_address_.end()) {
    if (other_down_) other_down_(message);
    return;
  }
  const auto name = found->second;
  by_address_.erase(found);
  auto& c = children_.at(name);
  c.handle = nullptr;
  const bool normal = !message.reason || message.reason == caf::exit_reason::normal;
  c.last_error = normal ? "ended" : self_->system().render(message.reason);
  show(c, normal ? live_child::change::ended : live_child::change::crashed, message.source);
  if (c.spec.mode == restart_mode::temporary || (c.spec.mode == restart_mode::transient && normal)) {
    const auto gone = std::move(children_.extract(name).mapped());
    tell(gone, gone.last_error);
    if (gone.spec.ended) gone.spec.ended(gone.last_error);
    return;
  }
  const auto delay = c.tracker.on_failure(now(self_), *env_->random);
  if (!delay) {
    env_->log(log_level::error, path_, "giving up on " + name + ": " + c.last_error);
    self_->quit(
        caf::make_error(caf::sec::runtime_error, path_ + "/" + name + " failed too often: " + c.last_error));
    return;
  }
  env_->log(log_level::warning, path_,
            name + " ended (" + c.last_error + "), back in " + std::to_string(delay->count()) + " ms");
  tell(c, c.last_error);
  self_->clock().schedule_message(self_->clock().now() + *delay, caf::strong_actor_ptr{self_->ctrl()},
                                  caf::make_mailbox_element(nullptr, caf::make_message_id(), caf::no_stages,
                                                            restart_child{name, c.epoch}));
}

void child_set::on_restart(const restart_child& message) {
  const auto it = children_.find(message.name);
  if (it == children_.end() || it->second.epoch != message.epoch || it->second.handle) return;
  if (mutant(mutation::no_restart)) return;
  auto& c = it->second;
  ++c.restarts;
  ++restarts_;
  start(c);
  if (c.spec.restarted) c.spec.restarted(c.handle);
}

std::size_t child_set::running() const { return by_address_.size(); }

std::vector<std::unique_ptr<fb::ChildReportT>> child_set::report() const {
  std::vector<std::unique_ptr<fb::ChildReportT>> out;
  for (const auto& [name, c] : children_) {
    auto r = std::make_unique<fb::ChildReportT>();
    r->path = path_of(c);
    r->kind = c.spec.kind;
    r->running = static_cast<bool>(c.handle);
    r->restarts = c.restarts;
    r->last_error = c.last_error;
    out.push_back(std::move(r));
  }
  return out;
}

void child_set::tell(const child& c, const std::string& reason) {
  if (!telemetry_) return;
  caf::anon_send(telemetry_,
                 child_changed{path_of(c), c.spec.kind, static_cast<bool>(c.handle), c.restarts, reason});
}

void child_set::show(const child& c, live_child::change what, caf::actor_addr who) const {
  if (env_->on_child) env_->on_child({what, path_of(c), c.spec.kind, c.spec.mode, std::move(who)});
}

std::string child_set::path_of(const child& c) const {
  return path_.empty() ? c.spec.name : path_ + "/" + c.spec.name;
}

}  // namespace vsf::supervisor
