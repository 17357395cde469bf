// What people ask of the component.
#include "actors/soulseek/hub_actor.hpp"
#include "actors/soulseek/replies.hpp"
#include "config/host_port.hpp"

namespace vsf::soulseek {
namespace {

record<fb::SoulseekReply> unknown_search() {
  return problem("unknown_search", "there is no search with this number; it may be over for long");
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

/// One function for each question; what can't be answered at once is left open in `later`.
struct hub::asks {
  hub& h;
  reply_promise promise;
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
    out.away = h.away_;
    out.server_answers = h.probe_at_ && h.probed_.alive;
    out.server_latency_ms = static_cast<std::uint32_t>(h.probed_.latency / std::chrono::milliseconds(1));
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
    if (row == nullptr) return unknown_search();
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

  record<fb::SoulseekReply> end_search(const fb::SoulseekSearchEndT& ask) {
    if (h.searches_.find(ask.search) == nullptr) return unknown_search();
    search_effects out;
    if (ask.keep)
      h.searches_.stop(ask.search, h.now(), out);
    else
      h.searches_.close(ask.search, out);
    h.take(std::move(out));
    return reply(fb::SoulseekDoneT{});
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
        case fb::SoulseekVerb::move:
          return h.downloads_.move(h.now(), ask.id, ask.place);
      }
      return tl::unexpected(error{"there is no such command"});
    }();
    if (!done) return problem("not_possible", done.error().message);
    h.take(std::move(*done));
    return reply(fb::SoulseekDoneT{});
  }

  /// Asks another user; the answer comes when it is here.
  record<fb::SoulseekReply> wait(waiting_answer w, bytes question) {
    if (h.waiting_.size() >= max_waiting_answers) {
      ++h.answers_refused_;
      return problem("busy", "too many questions to other users are open; try again in a minute");
    }
    w.until = h.now() + answer_timeout;
    w.again = h.now() + w.patience();
    w.promise = promise;
    w.shares.user = w.user;
    w.question = share(std::move(question));
    const auto [user, message] = std::pair(w.user, w.question);
    h.waiting_.push_back(std::move(w));
    h.dialer_.hold_user(user);
    later = true;
    h.put_question(user, message);
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
  record<fb::SoulseekReply> fetch(const fb::SoulseekFolderAskT& ask) {
    waiting_answer w;
    w.what = waiting_answer::kind::fetch;
    w.user = ask.user;
    w.folder = ask.folder;
    w.token = h.next_token_++;
    w.fetch.emplace(ask.user, ask.folder);
    w.fetched.user = ask.user;
    w.fetched.folder = ask.folder;
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
  asks to{*this, self_->make_response_promise<record<fb::SoulseekReply>>()};
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
    if (const auto* x = want.AsSoulseekSearchEnd()) return to.end_search(*x);
    if (const auto* x = want.AsSoulseekAway()) {
      away_ = x->away;
      self_->send(session_, session_order{be_away{x->away}});
      return reply(fb::SoulseekDoneT{});
    }
    if (const auto* x = want.AsSoulseekFolderAsk()) return to.fetch(*x);
    asking more{want, to.promise};
    for (const auto part : {&hub::ask_talk, &hub::ask_people, &hub::ask_wishes})
      if (auto said = (this->*part)(more)) {
        to.later = more.later;
        return std::move(*said);
      }
    return problem("bad_question", "there is no such question");
  }();
  schedule();
  if (!to.later) to.promise.deliver(std::move(answer));
  return to.promise;
}

/// The question is answered: nobody waits for it, and the link to that user may idle again.
void hub::answered(waiting_answer& w, record<fb::SoulseekReply> with) {
  w.promise.deliver(std::move(with));
  dialer_.release_user(w.user, now());
  w.until = nanoseconds(0);
}

void hub::answer_waiting(const std::string& user, const peer::message& message) {
  using kind = waiting_answer::kind;
  const auto* contents = std::get_if<peer::folder_contents_response>(&message);
  const auto* info = std::get_if<peer::user_info_response>(&message);
  std::vector<shared_bytes> further;
  downloads::effects begun;
  for (auto& w : waiting_) {
    if (w.user != user) continue;
    if (info != nullptr && w.what == kind::info) {
      fb::SoulseekUserAnswerT out;
      out.user = user;
      out.description = info->description;
      out.picture_size = info->picture ? static_cast<std::uint32_t>(info->picture->size()) : 0;
      out.upload_slots = info->upload_slots;
      out.queue = info->queue_length;
      out.free_slot = info->slot_free;
      answered(w, reply(std::move(out)));
    } else if (contents != nullptr && w.what == kind::folder && contents->token == w.token) {
      add_folders(contents->folders, false, w.shares, w.offset, w.limit);
      answered(w, reply(std::move(w.shares)));
    } else if (contents != nullptr && w.what == kind::fetch && contents->token == w.token) {
      auto more = take_folders(w, contents->folders);
      std::move(more.begin(), more.end(), std::back_inserter(begun));
      if (w.fetch->goes_deeper()) {
        answered(w, fetched(w));
      } else {
        // Most clients list the one folder only: what is below it is in the list of all they share.
        w.what = kind::fetch_rest;
        w.again = now() + w.patience();
        w.question = share(encode(peer::shared_file_list_request{}));
        further.push_back(w.question);
      }
    }
  }
  std::erase_if(waiting_, [](const waiting_answer& w) { return w.until == nanoseconds(0); });
  take(std::move(begun));
  for (const auto& question : further) put_question(user, question);
}

/// The downloads it begins are left to the caller, who walks through what waits.
downloads::effects hub::take_folders(waiting_answer& w, const std::vector<folder>& folders) {
  downloads::effects begun;
  for (const auto& wanted : w.fetch->take(folders)) {
    // A folder may be fetched again for what was missing.
    const auto here = downloads_.completed(wanted.from.user, wanted.from.path);
    auto added =
        here ? downloads::added{*here, false, {}} : downloads_.add(now(), unix_ms(), wanted, *env_->random);
    if (!added) {
      if (w.fetched.refused++ == 0) w.fetched.reason = added.error().message;
      continue;
    }
    ++w.fetched.files;
    w.fetched.bytes += wanted.from.size_bytes;
    if (w.fetched.ids.size() < 1000) w.fetched.ids.push_back(added->id);
    std::move(added->then.begin(), added->then.end(), std::back_inserter(begun));
  }
  if (w.fetch->beyond() == 0) return begun;
  w.fetched.refused = static_cast<std::uint32_t>(w.fetch->beyond());
  w.fetched.reason = "A folder is fetched up to " + std::to_string(folder_fetch::max_files) +
                     " files: fetch those below it one by one.";
  return begun;
}

/// All that is listed of a folder is being fetched.
record<fb::SoulseekReply> hub::fetched(waiting_answer& w) {
  if (w.fetched.files == 0 && w.fetched.refused == 0)
    return problem("unknown_folder", w.user + " shares no files in " + w.folder);
  return reply(std::move(w.fetched));
}

/// What has come of a folder is being fetched, whatever went wrong then; nothing came: the problem.
record<fb::SoulseekReply> hub::fetched_or(waiting_answer& w, record<fb::SoulseekReply> otherwise) {
  if (w.what != waiting_answer::kind::fetch_rest || w.fetched.files == 0) return otherwise;
  if (w.fetched.reason.empty())
    w.fetched.reason = "The folders below it were not listed; ask again for them.";
  return reply(std::move(w.fetched));
}

/// A share list comes in parts, of which only those that were asked for are kept.
void hub::hear(const shares_came& e) {
  const auto* user = dialer_.user_of(e.link);
  if (user == nullptr) return;
  dialer_.on_traffic(e.link, now());
  downloads::effects begun;
  for (auto& w : waiting_) {
    if (w.user != *user) continue;
    if (w.what == waiting_answer::kind::fetch_rest) {
      w.again = nanoseconds::max();
      if (!e.restricted) {
        auto more = take_folders(w, e.folders);
        std::move(more.begin(), more.end(), std::back_inserter(begun));
      }
      if (e.last && !e.broken)
        answered(w, fetched(w));
      else if (e.last)
        answered(w, fetched_or(w, problem("bad_answer", w.user + "'s list of files can't be read")));
      continue;
    }
    if (w.what != waiting_answer::kind::browse) continue;
    add_folders(e.folders, e.restricted, w.shares, w.offset, w.limit);
    w.until = now() + answer_timeout;
    w.again = nanoseconds::max();
    if (e.last && e.broken)
      answered(w, problem("bad_answer", w.user + "'s list of files can't be read (" +
                                            std::string(to_string(*e.broken)) + "); ask for one folder"));
    else if (e.last)
      answered(w, reply(std::move(w.shares)));
  }
  std::erase_if(waiting_, [](const waiting_answer& w) { return w.until == nanoseconds(0); });
  take(std::move(begun));
}

void hub::on_unreachable(const std::string& user, const std::string& text) {
  for (auto& w : waiting_)
    if (w.user == user) answered(w, fetched_or(w, problem("unreachable", text)));
  std::erase_if(waiting_, [](const waiting_answer& w) { return w.until == nanoseconds(0); });
}

void hub::put_question(const std::string& user, const shared_bytes& question) {
  const auto ticket = send_to_user(user, question);
  for (auto& w : waiting_)  // unless it failed already
    if (w.question == question) w.ticket = ticket;
}

/// Once more what a link took and nobody answered.
template <class Which>
void hub::repeat_questions(Which which) {
  std::vector<std::pair<std::string, shared_bytes>> lost;
  for (auto& w : waiting_) {
    if (!which(w)) continue;
    const bool taken = !purposes_.contains(w.ticket);
    w.again = taken && w.repeats >= max_repeats ? nanoseconds::max() : now() + w.patience();
    if (!taken || w.repeats >= max_repeats) continue;
    ++w.repeats;
    w.shares = {};
    w.shares.user = w.user;
    lost.emplace_back(w.user, w.question);
  }
  for (const auto& [user, question] : lost) put_question(user, question);
}

/// Some clients end a link when they have sent what they dialled for, whatever is on its way to them. What a
/// link didn't take the dialer moves to another by itself.
void hub::on_peer_link_over(const std::string& user) {
  repeat_questions([&](const waiting_answer& w) { return w.user == user; });
}

void hub::expire_waiting() {
  for (auto& w : waiting_)
    if (w.until <= now())
      answered(w, fetched_or(
                      w, problem("no_answer", w.user + " did not answer within a minute; try again later")));
  std::erase_if(waiting_, [](const waiting_answer& w) { return w.until == nanoseconds(0); });
  // Nicotine+ passes over a question that comes within half a second of the same one.
  repeat_questions([&](const waiting_answer& w) { return w.again <= now(); });
}

}  // namespace vsf::soulseek
