// The life of the component, what people ask of it, and what it says of itself.
#include "actors/soulseek/desk_actor.hpp"
#include "actors/soulseek/hub_actor.hpp"
#include "actors/soulseek/lister_actor.hpp"
#include "actors/soulseek/session_actor.hpp"
#include "config/host_port.hpp"

namespace vsf::soulseek {
namespace {

share_scan_settings scan_settings(const config::settings& settings) {
  share_scan_settings out;
  for (const auto& path : settings.library.paths) out.roots.push_back({path, share_visibility::everyone});
  if (!settings.transfers.incomplete_dir.empty()) out.excluded.push_back(settings.transfers.incomplete_dir);
  return out;
}

uploads::options upload_options(const config::settings& settings) {
  uploads::options out;
  out.slots = settings.soulseek.upload_slots;
  out.rate_bytes_per_s = std::uint64_t{settings.transfers.upload_limit_kib} * 1024;
  return out;
}

template <class Answer>
record<fb::SoulseekReply> reply(Answer answer) {
  fb::SoulseekReplyT out;
  out.got.Set(std::move(answer));
  return record<fb::SoulseekReply>::pack(out);
}
record<fb::SoulseekReply> problem(std::string code, std::string text) {
  fb::SoulseekProblemT out;
  out.code = std::move(code);
  out.text = std::move(text);
  return reply(std::move(out));
}

std::unique_ptr<fb::SoulseekFileT> told(const file& f, std::string path, bool restricted) {
  auto out = std::make_unique<fb::SoulseekFileT>();
  out->path = std::move(path);
  out->size = f.size;
  out->bitrate_kbps = f.attrs.bitrate.value_or(0);
  out->duration_s = f.attrs.duration.value_or(0);
  out->sample_rate_hz = f.attrs.sample_rate.value_or(0);
  out->bit_depth = f.attrs.bit_depth.value_or(0);
  out->vbr = f.attrs.vbr.value_or(0) != 0;
  out->restricted = restricted;
  return out;
}

fb::SoulseekState told(vsf::soulseek::session_state state) {
  switch (state) {
    case vsf::soulseek::session_state::offline:
      return fb::SoulseekState::off;
    case vsf::soulseek::session_state::resolving:
    case vsf::soulseek::session_state::connecting:
      return fb::SoulseekState::connecting;
    case vsf::soulseek::session_state::logging_in:
      return fb::SoulseekState::logging_in;
    case vsf::soulseek::session_state::online:
      return fb::SoulseekState::online;
    case vsf::soulseek::session_state::backing_off:
      return fb::SoulseekState::waiting;
    case vsf::soulseek::session_state::stopped:
      return fb::SoulseekState::stopped;
  }
  return fb::SoulseekState::off;
}

void add_folders(const std::vector<folder>& folders, bool restricted, fb::SoulseekBrowseAnswerT& out,
                 std::uint32_t offset, std::uint32_t limit) {
  for (const auto& f : folders) {
    const auto number = out.folders_total++;
    out.files_total += static_cast<std::uint32_t>(f.files.size());
    if (number < offset || number >= std::uint64_t{offset} + limit) continue;
    auto shown = std::make_unique<fb::SoulseekFolderT>();
    shown->path = f.name;
    shown->restricted = restricted;
    for (const auto& x : f.files) shown->files.push_back(told(x, x.name, restricted));
    out.folders.push_back(std::move(shown));
  }
}

}  // namespace

hub::hub(hub_pointer self, environment_ptr env)
    : self_(self),
      me_(self->address()),
      env_(std::move(env)),
      children_(self, env_, "soulseek"),
      dialer_({}, *env_->random),
      tree_({}),
      searches_({}, *env_->random),
      uploads_(upload_options(env_->settings), *env_->random),
      shares_(scan_settings(env_->settings)),
      finder_(shares_.index()) {}

hub::~hub() {
  if (listener_) listener_->close();
  for (auto& [id, link] : live_) caf::anon_send_exit(link.actor, caf::exit_reason::user_shutdown);
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
  listen();
  rescan();
  self_->send(session_,
              session_order{be_online{{settings().soulseek.username, settings().soulseek.password}}});
  schedule();
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
  take(downloads_.tick(t));
  take(uploads_.tick(t));
  if (rescan_at_ && *rescan_at_ <= t) rescan();
  expire_waiting();
  schedule();
}

void hub::schedule() {
  if (!settings().soulseek.enabled) return;
  auto at = rescan_at_.value_or(nanoseconds::max());
  for (const auto next : {dialer_.next_deadline(), tree_.next_deadline(), searches_.next_deadline(),
                          downloads_.next_deadline(), uploads_.next_deadline()})
    if (next) at = std::min(at, *next);
  for (const auto& w : waiting_) at = std::min(at, w.until);
  if (at != nanoseconds::max()) timer_.arm(self_, at);
}

void hub::on_links(const component_links& links) {
  links_ = links;
  if (links_.telemetry) children_.report_to(links_.telemetry);
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

void hub::on_report(std::uint64_t round) {
  if (!links_.telemetry) return;
  fb::ComponentReportT out;
  out.path = "soulseek";
  out.kind = soulseek_state::name;
  out.mailbox = supervisor::mailbox_size(self_);
  const auto count = [&](const char* name, std::uint64_t value) {
    auto c = std::make_unique<fb::CounterT>();
    c->name = name;
    c->value = value;
    out.counters.push_back(std::move(c));
  };
  const auto gauge = [&](const char* name, std::uint64_t value) {
    auto g = std::make_unique<fb::GaugeT>();
    g->name = name;
    g->value = static_cast<std::int64_t>(value);
    out.gauges.push_back(std::move(g));
  };
  count("dials", dialer_.counters().dials);
  count("dials_failed", dialer_.counters().dials_failed);
  count("links_accepted", dialer_.counters().accepted);
  count("searches_sent", searches_.counters().sent);
  count("search_answers", searches_.counters().answers);
  count("searches_heard", searches_.counters().heard);
  count("downloads_completed", downloads_.counters().completed);
  count("download_bytes", downloads_.counters().bytes_written);
  count("uploads_completed", uploads_.counters().completed);
  count("upload_bytes", uploads_.counters().bytes_sent);
  count("upload_requests", uploads_.counters().requests);
  count("upload_requests_dropped", uploads_.counters().requests_dropped);
  count("disk_problems", desk_problems_);
  count("answers_refused", answers_refused_);
  gauge("links", dialer_.links());
  gauge("queued_bytes", dialer_.queued_bytes());
  gauge("shared_files", shares_.index().counts().files);
  gauge("downloads", downloads_.size());
  gauge("uploads_active", uploads_.active());
  gauge("uploads_queued", uploads_.queue_length());
  if (settings().soulseek.enabled) out.children = children_.report();
  if (!state_.text.empty()) out.notes.push_back(state_.text);
  if (!listen_problem_.empty()) out.notes.push_back(listen_problem_);
  self_->send(links_.telemetry, record<fb::ComponentReport>::pack(out), round);
}

// ---- What people ask

/// One function for each question; what can't be answered at once is left open in `later`.
struct hub::asks {
  hub& h;
  bool later = false;

  record<fb::SoulseekReply> status() {
    fb::SoulseekStatusAnswerT out;
    out.state = told(h.state_.state);
    out.reason = h.state_.text;
    if (h.state_.until > h.now())
      out.until_ms =
          h.unix_ms() + static_cast<std::uint64_t>((h.state_.until - h.now()) / std::chrono::milliseconds(1));
    out.username = h.settings().soulseek.username;
    out.server = config::to_string(h.settings().soulseek.server);
    if (h.listener_) out.listen = std::make_unique<fb::Endpoint>(to_fb(h.listener_->local()));
    out.shared_files = h.shares_.index().counts().files;
    out.shared_folders = h.shares_.index().counts().folders;
    out.peer_links = static_cast<std::uint32_t>(h.dialer_.links());
    out.parent = h.tree_.parent();
    out.branch_level = static_cast<std::int32_t>(h.tree_.level());
    out.branch_root = h.tree_.root();
    out.children = static_cast<std::uint32_t>(h.tree_.children());
    out.downloads_active = static_cast<std::uint32_t>(h.downloads_.running());
    out.uploads_active = static_cast<std::uint32_t>(h.uploads_.active());
    out.uploads_queued = static_cast<std::uint32_t>(h.uploads_.queue_length());
    out.privileged_s = h.privileged_s_;
    return reply(std::move(out));
  }

  record<fb::SoulseekReply> search(const fb::SoulseekSearchAskT& ask) {
    const auto kind = !ask.user.empty()   ? search_kind::user
                      : !ask.room.empty() ? search_kind::room
                                          : search_kind::everybody;
    search_effects out;
    const auto token =
        h.searches_.start(kind, ask.text, ask.user.empty() ? ask.room : ask.user, h.now(), out);
    h.take(std::move(out));
    if (!token) return problem("search_refused", token.error().message);
    return reply([&] {
      fb::SoulseekSearchBegunT begun;
      begun.search = *token;
      return begun;
    }());
  }

  record<fb::SoulseekReply> results(const fb::SoulseekResultsAskT& ask) {
    const auto* row = h.searches_.find(ask.search);
    if (row == nullptr)
      return problem("unknown_search", "there is no search with this number; it may be over for long");
    fb::SoulseekResultsAnswerT out;
    out.search = ask.search;
    out.text = row->query;
    out.running = row->at != search_row::state::ended;
    out.users = static_cast<std::uint32_t>(row->users.size());
    out.files = static_cast<std::uint32_t>(row->files);
    out.dropped = static_cast<std::uint32_t>(row->dropped);
    std::uint32_t number = 0;
    for (const auto& [user, has] : row->users) {
      if (number++ < ask.offset) continue;
      if (out.results.size() >= ask.limit) break;
      auto shown = std::make_unique<fb::SoulseekResultT>();
      shown->user = user;
      shown->free_slot = has.slot_free;
      shown->speed_bytes_per_s = has.speed_bytes_per_s;
      shown->queue = has.queue;
      for (const auto& f : has.files) shown->files.push_back(told(f, f.name, false));
      for (const auto& f : has.private_files) shown->files.push_back(told(f, f.name, true));
      out.results.push_back(std::move(shown));
    }
    return reply(std::move(out));
  }

  record<fb::SoulseekReply> download(const fb::SoulseekDownloadAskT& ask) {
    downloads::wanted wanted;
    wanted.from = {ask.user, ask.path, ask.size};
    auto added = h.downloads_.add(h.now(), h.unix_ms(), wanted, *h.env_->random);
    if (!added) return problem("download_refused", added.error().message);
    h.take(std::move(added->then));
    auto how = h.downloads_.find(h.now(), added->id);
    return reply(how ? std::move(*how) : fb::SoulseekTransferT{});
  }

  record<fb::SoulseekReply> transfers(const fb::SoulseekTransfersAskT& ask) {
    fb::SoulseekTransfersAnswerT out;
    auto rows = ask.uploads ? h.uploads_.list(h.now(), ask.offset, ask.limit)
                            : h.downloads_.list(h.now(), ask.offset, ask.limit);
    for (auto& row : rows) out.transfers.push_back(std::make_unique<fb::SoulseekTransferT>(std::move(row)));
    out.total = static_cast<std::uint32_t>(ask.uploads ? h.uploads_.size() : h.downloads_.size());
    return reply(std::move(out));
  }

  record<fb::SoulseekReply> control(const fb::SoulseekControlT& ask) {
    if (ask.upload) {
      auto done = ask.verb == fb::SoulseekVerb::cancel ? h.uploads_.cancel(h.now(), ask.id)
                                                       : h.uploads_.clear(ask.id);
      if (!done) return problem("not_possible", done.error().message);
      h.take(std::move(*done));
      return reply(fb::SoulseekDoneT{});
    }
    auto done = [&]() -> result<downloads::effects> {
      switch (ask.verb) {
        case fb::SoulseekVerb::cancel:
          return h.downloads_.cancel(h.now(), ask.id);
        case fb::SoulseekVerb::retry:
          return h.downloads_.retry(h.now(), ask.id);
        case fb::SoulseekVerb::pause:
          return h.downloads_.pause(h.now(), ask.id);
        case fb::SoulseekVerb::resume:
          return h.downloads_.resume(h.now(), ask.id);
        case fb::SoulseekVerb::forget:
          return h.downloads_.clear(h.now(), ask.id);
      }
      return tl::unexpected(error{"there is no such command"});
    }();
    if (!done) return problem("not_possible", done.error().message);
    h.take(std::move(*done));
    return reply(fb::SoulseekDoneT{});
  }

  record<fb::SoulseekReply> message(const fb::SoulseekMessageAskT& ask) {
    if (h.state_.state != vsf::soulseek::session_state::online)
      return problem("offline", "not logged in: messages go through the server");
    h.say_to_server_now(ask.room.empty() ? encode(to_server::message_user{ask.user, ask.text})
                                         : encode(to_server::say_chatroom{ask.room, ask.text}));
    return reply(fb::SoulseekDoneT{});
  }

  /// Asks another user; the answer comes when it is here.
  record<fb::SoulseekReply> wait(waiting_answer w, bytes question) {
    if (h.waiting_.size() >= max_waiting_answers) {
      ++h.answers_refused_;
      return problem("busy", "too many questions to other users are open; try again in a minute");
    }
    w.until = h.now() + answer_timeout;
    w.promise = h.self_->make_response_promise<record<fb::SoulseekReply>>();
    const auto user = w.user;
    h.waiting_.push_back(std::move(w));
    later = true;
    h.send_to_user(user, share(std::move(question)));
    return {};
  }
  record<fb::SoulseekReply> browse(const fb::SoulseekBrowseAskT& ask) {
    waiting_answer w;
    w.user = ask.user;
    w.folder = ask.folder;
    w.offset = ask.offset;
    w.limit = ask.limit;
    if (ask.folder.empty()) return wait(std::move(w), encode(peer::shared_file_list_request{}));
    w.what = waiting_answer::kind::folder;
    w.token = h.next_token_++;
    const auto token = w.token;
    return wait(std::move(w), encode(peer::folder_contents_request{token, ask.folder}));
  }
  record<fb::SoulseekReply> info(const fb::SoulseekUserAskT& ask) {
    waiting_answer w;
    w.what = waiting_answer::kind::info;
    w.user = ask.user;
    return wait(std::move(w), encode(peer::user_info_request{}));
  }
};

reply_promise hub::on_ask(const record<fb::SoulseekAsk>& ask) {
  asks to{*this};
  const auto what = ask.unpack();
  const auto& want = what.want;
  auto answer = [&]() -> record<fb::SoulseekReply> {
    if (want.AsSoulseekStatusAsk() != nullptr) return to.status();
    if (!settings().soulseek.enabled)
      return problem("disabled", "Soulseek is off: set soulseek.enabled, username and password");
    if (want.AsSoulseekLogin() != nullptr) {
      self_->send(session_,
                  session_order{be_online{{settings().soulseek.username, settings().soulseek.password}}});
      return reply(fb::SoulseekDoneT{});
    }
    if (want.AsSoulseekLogout() != nullptr) {
      self_->send(session_, session_order{be_offline{}});
      return reply(fb::SoulseekDoneT{});
    }
    if (const auto* x = want.AsSoulseekSearchAsk()) return to.search(*x);
    if (const auto* x = want.AsSoulseekResultsAsk()) return to.results(*x);
    if (const auto* x = want.AsSoulseekBrowseAsk()) return to.browse(*x);
    if (const auto* x = want.AsSoulseekUserAsk()) return to.info(*x);
    if (const auto* x = want.AsSoulseekDownloadAsk()) return to.download(*x);
    if (const auto* x = want.AsSoulseekTransfersAsk()) return to.transfers(*x);
    if (const auto* x = want.AsSoulseekControl()) return to.control(*x);
    if (const auto* x = want.AsSoulseekMessageAsk()) return to.message(*x);
    return problem("bad_question", "there is no such question");
  }();
  schedule();
  if (to.later) return waiting_.empty() ? reply_promise{} : waiting_.back().promise;
  auto promise = self_->make_response_promise<record<fb::SoulseekReply>>();
  promise.deliver(std::move(answer));
  return promise;
}

void hub::answer_waiting(const std::string& user, const peer::message& message) {
  const auto* list = std::get_if<peer::shared_file_list_response>(&message);
  const auto* contents = std::get_if<peer::folder_contents_response>(&message);
  const auto* info = std::get_if<peer::user_info_response>(&message);
  using kind = waiting_answer::kind;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const bool fits = it->user == user &&
                      ((list != nullptr && it->what == kind::browse) ||
                       (contents != nullptr && it->what == kind::folder && contents->token == it->token) ||
                       (info != nullptr && it->what == kind::info));
    if (!fits) {
      ++it;
      continue;
    }
    if (info != nullptr) {
      fb::SoulseekUserAnswerT out;
      out.user = user;
      out.description = info->description;
      out.picture_size = info->picture ? static_cast<std::uint32_t>(info->picture->size()) : 0;
      out.upload_slots = info->upload_slots;
      out.queue = info->queue_length;
      out.free_slot = info->slot_free;
      it->promise.deliver(reply(std::move(out)));
    } else {
      fb::SoulseekBrowseAnswerT out;
      out.user = user;
      const auto limit = it->limit == 0 ? 1000 : it->limit;
      add_folders(list != nullptr ? list->folders : contents->folders, false, out, it->offset, limit);
      if (list != nullptr && list->private_folders)
        add_folders(*list->private_folders, true, out, it->offset, limit);
      it->promise.deliver(reply(std::move(out)));
    }
    it = waiting_.erase(it);
  }
}

void hub::expire_waiting() {
  for (auto& w : waiting_)
    if (w.until <= now())
      w.promise.deliver(problem("no_answer", w.user + " did not answer within a minute; try again later"));
  std::erase_if(waiting_, [&](const waiting_answer& w) { return w.until <= now(); });
}

}  // namespace vsf::soulseek
