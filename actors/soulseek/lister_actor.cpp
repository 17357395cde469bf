#include "actors/soulseek/lister_actor.hpp"

#include "actors/soulseek/share_scan.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::soulseek {

lister_actor::behavior_type lister(lister_actor::stateful_pointer<lister_state> self, environment_ptr env,
                                   owner_address owner) {
  supervisor::prepare(self);
  return {[env, owner](const list_folders& job) {
    listing_over over{job.scan, true, {}};
    const std::atomic<bool> stop{false};
    for (const auto& folder : job.folders) {
      const auto report = env->walker->walk(
          folder, {}, is_shared_name,
          [&](std::vector<net::walked_file> batch) {
            tell_owner(owner, files_listed{job.scan, std::move(batch)});
            return true;
          },
          stop);
      over.complete = over.complete && report.complete();
      over.unread.insert(over.unread.end(), report.unread_paths.begin(), report.unread_paths.end());
      for (const auto& problem : report.problems) env->log(log_level::warning, "soulseek", problem);
    }
    tell_owner(owner, std::move(over));
  }};
}

}  // namespace vsf::soulseek
