#include "sim/live_tree.hpp"

#include "sim/world.hpp"

namespace vsf::sim {

void live_tree::note(const supervisor::live_child& child) {
  using change = supervisor::live_child::change;
  const bool begins = child.what == change::started || child.what == change::restarted;
  // Sessions and lookups come and go by the thousand; those that ended as they should leave no trace.
  const bool usual = child.what == change::started ||
                     (child.what == change::ended && child.mode == supervisor::restart_mode::temporary);
  if (!usual) {
    auto& past = past_[child.path];
    past.kind = child.kind;
    ++(child.what == change::restarted ? past.restarts
       : child.what == change::crashed ? past.crashes
                                       : past.ends);
  }
  if (begins) {
    kinds_.insert(child.kind);
    actors_[child.path] = {child.path, child.kind, child.mode, child.who};
  } else if (const auto it = actors_.find(child.path); it != actors_.end() && it->second.who == child.who) {
    actors_.erase(it);  // else the next one of this path is there already
  }
}

std::vector<live_actor> live_tree::actors() const {
  std::vector<live_actor> out;
  for (const auto& [path, actor] : actors_) out.push_back(actor);
  return out;
}

const live_actor* live_tree::find(const std::string& path) const {
  const auto it = actors_.find(path);
  return it == actors_.end() ? nullptr : &it->second;
}

bool live_tree::kill(const std::string& path) const {
  const auto* actor = find(path);
  const auto strong = actor == nullptr ? nullptr : caf::actor_cast<caf::strong_actor_ptr>(actor->who);
  if (!strong) return false;
  caf::anon_send_exit(caf::actor_cast<caf::actor>(strong), caf::exit_reason::kill);
  return true;
}

std::vector<live_actor> world::live_actors(std::size_t index) const { return nodes_[index]->tree->actors(); }

bool world::kill_actor(std::size_t index, const std::string& path) { return nodes_[index]->tree->kill(path); }

std::optional<live_actor> world::kill_random_actor(std::size_t index, crypto::random_source& random) {
  std::map<std::string, std::vector<live_actor>> by_kind;
  for (auto& actor : live_actors(index)) by_kind[actor.kind].push_back(std::move(actor));
  if (by_kind.empty()) return std::nullopt;
  const auto kind = std::next(by_kind.begin(), static_cast<std::ptrdiff_t>(random.below(by_kind.size())));
  const auto& victim = kind->second[random.below(kind->second.size())];
  if (!kill_actor(index, victim.path)) return std::nullopt;
  return victim;
}

}  // namespace vsf::sim
