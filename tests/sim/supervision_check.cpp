#include "tests/sim/supervision_check.hpp"

#include <algorithm>

namespace vsf::sim {

namespace {

bool follows(const std::string& kind, const live_actor* victim) {
  return victim != nullptr &&
         std::any_of(std::begin(consequences), std::end(consequences),
                     [&](const auto& c) { return victim->kind == c.killed && kind == c.follows; });
}

live_tree::history since(const tree_past& before, const std::string& path, live_tree::history now) {
  if (const auto it = before.find(path); it != before.end()) {
    now.crashes -= it->second.crashes;
    now.restarts -= it->second.restarts;
    now.ends -= it->second.ends;
  }
  return now;
}

std::string times(std::uint64_t n) { return std::to_string(n) + (n == 1 ? " time" : " times"); }

void check_victim(const live_actor& victim, const live_tree::history& past, const live_tree& after,
                  std::vector<std::string>& out) {
  if (past.crashes != 1)
    out.push_back("its end was noticed by its supervisor " + times(past.crashes) + " instead of once");
  const auto* present = after.find(victim.path);
  if (present != nullptr && present->who == victim.who) out.push_back("it is listed though it is dead");
  const std::uint64_t wanted = victim.mode == supervisor::restart_mode::temporary ? 0 : 1;
  if (past.restarts != wanted)
    out.push_back("it was brought back " + times(past.restarts) + " instead of " + times(wanted));
  // A transfer may be done meanwhile.
  if (wanted == 1 && past.restarts == 1 && present == nullptr && past.ends == 0)
    out.push_back("it was brought back but does not run");
}

}  // namespace

std::vector<std::string> breaches(const tree_past& before, const live_tree& after, const live_actor* victim) {
  std::vector<std::string> out;
  bool seen = false;
  for (const auto& [path, now] : after.past()) {
    const auto past = since(before, path, now);
    if (victim != nullptr && path == victim->path) {
      seen = true;
      check_victim(*victim, past, after, out);
      continue;
    }
    if (past.crashes == 0 && past.restarts == 0) continue;
    if (!follows(now.kind, victim))
      out.push_back(path + " crashed " + times(past.crashes) + " and was brought back " +
                    times(past.restarts) + ", too");
    else if (past.crashes > 1 || past.restarts != past.crashes)
      out.push_back(path + ", which dies with it, crashed " + times(past.crashes) + " and was brought back " +
                    times(past.restarts));
  }
  if (victim != nullptr && !seen) out.push_back("nobody noticed its end");
  return out;
}

}  // namespace vsf::sim
