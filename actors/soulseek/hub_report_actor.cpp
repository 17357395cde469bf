// What the component says of itself.
#include "actors/soulseek/hub_actor.hpp"

namespace vsf::soulseek {
namespace {

struct filled_report {
  fb::ComponentReportT out;

  void count(const char* name, std::uint64_t value) {
    auto c = std::make_unique<fb::CounterT>();
    c->name = name;
    c->value = value;
    out.counters.push_back(std::move(c));
  }
  void gauge(const char* name, std::uint64_t value) {
    auto g = std::make_unique<fb::GaugeT>();
    g->name = name;
    g->value = static_cast<std::int64_t>(value);
    out.gauges.push_back(std::move(g));
  }

  void add(const dialer_counters& c) {
    count("dials", c.dials);
    count("dials_direct", c.dials_direct);
    count("dials_indirect", c.dials_indirect);
    count("dials_inbound", c.dials_inbound);
    count("dials_failed", c.dials_failed);
    count("dials_refused", c.dials_refused);
    count("dials_hidden_failed", c.hidden_failed);
    count("links_accepted", c.accepted);
    count("links_refused",
          c.refused_rate + c.refused_half_open + c.refused_full + c.refused_address + c.refused_per_user);
    count("links_mute", c.init_timeouts);
    count("links_malformed", c.init_malformed + c.unknown_tokens);
    count("links_late", c.late);
    count("links_idle", c.closed_idle);
    count("links_evicted", c.evicted);
    count("links_stalled", c.stalled);
    count("connect_answers", c.answered);
    count("connect_answers_failed", c.answers_failed);
    count("connect_answers_refused", c.answers_refused + c.answers_repeated);
    count("messages_moved", c.moved);
    count("messages_refused", c.refused_queue);
  }
  void add(const search_counters& c) {
    count("searches_started", c.started);
    count("searches_sent", c.sent);
    count("searches_refused", c.refused);
    count("searches_expired", c.expired_waiting);
    count("wishes_sent", c.wishes_sent);
    count("search_answers", c.answers);
    count("search_files", c.files);
    count("search_answers_unknown", c.unknown_token);
    count("search_answers_wrong_user", c.wrong_user);
    count("search_users_dropped", c.dropped_users);
    count("search_files_dropped", c.dropped_files);
    count("searches_heard", c.heard);
    count("searches_heard_repeated", c.heard_duplicate);
    count("searches_heard_over_rate", c.heard_rate);
    count("searches_heard_unfit", c.heard_unfit);
  }
  void add(const session_counters& c) {
    count("server_logins", c.logins);
    count("server_sessions", c.sessions);
    count("server_sessions_lost", c.lost);
    count("server_refusals", c.refused);
    count("server_unanswered", c.unanswered);
    count("server_relogged", c.relogged);
    count("server_probes_answered", c.probes_answered);
    count("server_probes_failed", c.probes_failed);
    count("server_received", c.received);
    count("server_sent", c.sent);
    count("server_malformed", c.malformed);
    count("server_unknown", c.unknown);
    count("server_dropped_offline", c.dropped_offline);
  }
  void add(const tree_counters& c) {
    count("tree_candidates", c.candidates);
    count("tree_candidates_failed", c.candidates_failed);
    count("tree_parents", c.parents);
    count("tree_parents_lost", c.parents_lost);
    count("tree_parents_refused", c.refused_loop + c.refused_level);
    count("tree_children", c.children);
    count("tree_children_refused", c.children_refused);
    count("tree_searches", c.searches);
    count("tree_searches_forwarded", c.searches_forwarded);
    count("tree_searches_dropped",
          c.dropped_duplicate + c.dropped_rate + c.dropped_long + c.dropped_stranger);
    count("tree_malformed", c.malformed);
  }
  void add(const share_scan_counters& c) {
    count("share_scans", c.scans);
    count("share_files_listed", c.listed);
    count("share_files_added", c.added);
    count("share_files_changed", c.changed);
    count("share_files_removed", c.removed);
    count("share_files_refused", c.refused);
    count("share_files_described", c.described);
  }
  void add(const download_counters& c) {
    count("downloads_added", c.added);
    count("downloads_refused", c.add_refused);
    count("downloads_completed", c.completed);
    count("downloads_failed", c.failed);
    count("downloads_retried", c.retries);
    count("downloads_from_next_source", c.next_sources);
    count("download_bytes", c.bytes_written);
    count("download_bytes_cut_off", c.bytes_cut_off);
    count("download_offers_unwanted", c.offers_unwanted + c.tokens_unknown);
    count("download_sizes_changed", c.sizes_changed);
    count("download_partials_lost", c.partials_lost);
    count("download_remote_failures", c.remote_failures);
  }
  void add(const upload_queue_counters& c) {
    count("upload_requests", c.requests);
    count("upload_requests_dropped", c.requests_dropped);
    count("upload_requests_repeated", c.requests_repeated);
    std::uint64_t refused = 0;
    for (const auto& [why, times] : c.refused) refused += times;
    count("uploads_refused", refused);
    count("uploads_begun", c.begun);
    count("uploads_completed", c.completed);
    count("uploads_denied", c.denied);
    count("uploads_broken_off", c.broken_off + c.stalled + c.timed_out + c.unreachable);
    count("upload_read_errors", c.read_errors);
    count("upload_bytes", c.bytes_sent);
  }
  void add(const chat_counters& c) {
    count("messages_received", c.received);
    count("messages_repeated", c.repeated);
    count("messages_sent", c.sent);
    count("messages_not_kept", c.not_kept + c.refused_waiting);
    count("messages_dropped_old", c.dropped_old);
    count("messages_cut", c.cut);
  }
  void add(const room_counters& c) {
    count("rooms_joined", c.joined);
    count("rooms_refused", c.refused + c.put_out);
    count("room_messages", c.messages);
    count("room_messages_dropped", c.messages_dropped);
    count("room_entries_dropped", c.dropped);
    count("room_news_unasked", c.unasked);
  }
};

}  // namespace

void hub::on_report(std::uint64_t round) {
  if (!links_.telemetry) return;
  filled_report r;
  r.out.path = "soulseek";
  r.out.kind = soulseek_state::name;
  r.out.mailbox = supervisor::mailbox_size(self_);
  r.add(dialer_.counters());
  r.add(searches_.counters());
  r.add(session_counted_);
  r.add(tree_.counters());
  r.add(shares_.counters());
  r.add(downloads_.counters());
  r.add(uploads_.counters());
  r.add(chat_.counters());
  r.add(rooms_.counters());
  r.count("wish_downloads", wishes_.counters().picked);
  r.count("wish_files_unfit", wishes_.counters().unfit);
  r.count("ignored_messages", people_.messages_dropped());
  r.count("disk_problems", desk_problems_);
  r.count("answers_refused", answers_refused_);
  r.count("lists_made", lists_.made());
  r.count("lists_refused", lists_.refused());
  r.gauge("links", dialer_.links());
  r.gauge("queued_bytes", dialer_.queued_bytes());
  r.gauge("shared_files", shares_.index().counts().files);
  r.gauge("downloads", downloads_.size());
  r.gauge("uploads_active", uploads_.active());
  r.gauge("uploads_queued", uploads_.queue_length());
  r.gauge("messages_kept", chat_.size());
  r.gauge("messages_unread", chat_.unread());
  r.gauge("rooms", rooms_.joined());
  r.gauge("wishes", wishes_.size());
  r.gauge("users_watched", people_.watched());
  if (settings().soulseek.enabled) r.out.children = children_.report();
  if (!state_.text.empty()) r.out.notes.push_back(state_.text);
  if (!listen_problem_.empty()) r.out.notes.push_back(listen_problem_);
  self_->send(links_.telemetry, record<fb::ComponentReport>::pack(r.out), round);
}

}  // namespace vsf::soulseek
