// The life of the component, and what it says of itself.
#include "actors/soulseek/hub_actor.hpp"

#include "actors/soulseek/desk_actor.hpp"
#include "actors/soulseek/lister_actor.hpp"
#include "actors/soulseek/session_actor.hpp"

namespace vsf::soulseek {
namespace {

constexpr nanoseconds probe_interval = std::chrono::minutes(1);

share_scan_settings scan_settings(const config::settings& settings) {
  share_scan_settings out;
  for (const auto& path : settings.library.paths) out.roots.push_back({path, share_visibility::everyone});
  for (const auto& path : settings.soulseek.buddy_paths)
    out.roots.push_back({path, share_visibility::buddies});
  if (!settings.transfers.incomplete_dir.empty()) out.excluded.push_back(settings.transfers.incomplete_dir);
  return out;
}

fb::SoulseekLimitsT first_limits(const config::settings& settings) {
  fb::SoulseekLimitsT out;
  out.upload_slots = settings.soulseek.upload_slots;
  out.upload_slots_per_user = static_cast<std::uint32_t>(uploads::options().slots_per_user);
  out.upload_limit_kib = settings.transfers.upload_limit_kib;
  out.upload_limit_per_peer_kib = settings.transfers.upload_limit_per_peer_kib;
  out.download_limit_kib = settings.transfers.download_limit_kib;
  out.active_downloads = settings.transfers.active_downloads;
  out.active_downloads_per_user = static_cast<std::uint32_t>(downloads::options().max_running_per_user);
  return out;
}

dialer_options dialing_options(const config::settings& settings) {
  dialer_options out;
  out.prefer_obfuscated = settings.soulseek.obfuscation;
  return out;
}

}  // namespace

hub::hub(hub_pointer self, environment_ptr env)
    : self_(self),
      me_(self->address()),
      env_(std::move(env)),
      children_(self, env_, "soulseek"),
      dialer_(dialing_options(env_->settings), *env_->random),
      tree_({}),
      searches_({}, *env_->random),
      uploads_(*env_->random),
      shares_(scan_settings(env_->settings)),
      finder_(shares_.index()),
      lists_(shares_.index()) {}

hub::~hub() {
  for (const auto& listener : {listener_, hidden_listener_})
    if (listener) listener->close();
  if (!settings().soulseek.enabled) return;
  // Whoever waits for a file is told so; then each link ends after what was written on it.
  take(uploads_.shut_down(now()));
  dialer_effects last;
  dialer_.shut_down(now(), last);
  for (const auto& e : last)
    if (const auto* closed = std::get_if<close_link>(&e))
      if (const auto it = live_.find(closed->link); it != live_.end())
        caf::anon_send(it->second.actor, link_order{end_link{closed->why}});
}

void hub::add_children() {
  const auto add = [this](const char* name, const char* kind, auto& slot, auto spawn) {
    supervisor::child_spec spec;
    spec.name = name;
    spec.kind = kind;
    spec.spawn = [&slot, spawn] {
      slot = spawn();
      return caf::actor_cast<caf::actor>(slot);
    };
    children_.add(std::move(spec));
  };
  auto& system = self_->home_system();
  add("session", session_state_holder::name, session_,
      [this, &system] { return system.spawn(session, env_, me_); });
  add("desk", desk_state::name, desk_, [this, &system] {
    return env_->inline_workers ? system.spawn(desk, env_, me_)
                                : system.spawn<caf::detached>(desk, env_, me_);
  });
  add("lister", lister_state::name, lister_, [this, &system] {
    return env_->inline_workers ? system.spawn(lister, env_, me_)
                                : system.spawn<caf::detached>(lister, env_, me_);
  });
}

void hub::start() {
  if (!settings().soulseek.enabled) return;
  children_.on_other_down([this](const caf::down_msg& message) {
    const auto it = std::find_if(live_.begin(), live_.end(),
                                 [&](const auto& l) { return l.second.actor.address() == message.source; });
    if (it == live_.end()) return;
    if (message.reason) it->second.mark.crashed();
    hear(link_ended{it->first, "its actor ended"});
    schedule();
  });
  add_children();
  for (const auto& unfit : people_.configure(settings().soulseek.buddies, settings().soulseek.banned))
    log(log_level::error, "soulseek.banned: " + unfit);
  people_changed();
  limits_ = first_limits(settings());
  set_limits({});
  listen();
  rescan();
  schedule();
}

void hub::hear(const rows_read& e) {
  for (const auto& [row, partial] : e.rows) downloads_.restore(row.unpack(), partial);
  take(downloads_.start(now()));
  if (std::exchange(restored_, true)) {
    // The desk began anew: what it was about to keep it has kept, or never will.
    std::set<std::uint64_t> on_disk;
    for (const auto& row : e.social)
      if (const auto* m = row->kept_as_SoulseekPrivateMessage()) on_disk.insert(m->id());
    social_effects out;
    chat_.settle(on_disk, out);
    return take(std::move(out));
  }
  restore_social(e.social);
  self_->send(session_,
              session_order{be_online{{settings().soulseek.username, settings().soulseek.password}}});
}

void hub::on_news(const news& what) {
  std::visit([this](const auto& x) { hear(x); }, what.what);
  schedule();
}

void hub::on_alarm(const alarm& message) {
  if (!timer_.take(message)) return;
  const auto t = now();
  dialer_effects dialled;
  dialer_.on_alarm(t, dialled);
  take(std::move(dialled));
  tree_effects grown;
  tree_.on_alarm(t, grown);
  take(std::move(grown));
  search_effects searched;
  searches_.on_alarm(t, searched);
  take(std::move(searched));
  grant_paid();  // before the downloads look for stalls
  take(downloads_.tick(t));
  take(uploads_.tick(t));
  if (rescan_at_ && *rescan_at_ <= t) rescan();
  if (relisten_at_ && *relisten_at_ <= t) listen();
  lists_.on_alarm(t);
  work_on_lists();
  if (probe_at_ && *probe_at_ <= t) {
    probe_at_ = t + probe_interval;
    self_->send(session_, session_order{probe_server{}});
  }
  expire_waiting();
  expire_questions();
  schedule();
}

void hub::schedule() {
  if (!settings().soulseek.enabled) return;
  auto at = nanoseconds::max();
  for (const auto next :
       {rescan_at_, relisten_at_, probe_at_, dialer_.next_deadline(), tree_.next_deadline(),
        searches_.next_deadline(), downloads_.next_deadline(), uploads_.next_deadline(),
        list_turn_under_way_ ? std::nullopt : lists_.next_deadline(), pace_.next_deadline(now())})
    if (next) at = std::min(at, *next);
  for (const auto& w : waiting_) at = std::min({at, w.until, w.again});
  for (const auto& q : questions_) at = std::min(at, q.until);
  if (at != nanoseconds::max()) timer_.arm(self_, at);
}

void hub::on_links(const component_links& links) {
  links_ = links;
  if (links_.telemetry) children_.report_to(links_.telemetry);
  ask_for_mapping();
}

/// A scan of the library tells of many changes in a row: the folders are listed once they are over.
void hub::on_library(const fb::LibraryChanged&) {
  if (!settings().soulseek.enabled) return;
  constexpr nanoseconds quiet = std::chrono::seconds(5);
  rescan_at_ = std::min(rescan_at_.value_or(nanoseconds::max()), now() + quiet);
  schedule();
}

void hub::tell_event(fb::EventKind kind, const std::string& subject, const std::string& text) {
  if (!links_.telemetry) return;
  fb::EventT event;
  event.kind = kind;
  event.subject = subject;
  event.text = text;
  self_->send(links_.telemetry, record<fb::Event>::pack(event));
}

}  // namespace vsf::soulseek
