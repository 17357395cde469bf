// What is shared, and the files that come and go.
#include "actors/soulseek/hub_actor.hpp"
#include "actors/soulseek/share_browse.hpp"
#include "actors/soulseek/wire_said.hpp"

namespace vsf::soulseek {
namespace {

constexpr std::size_t max_search_answer = 300;
constexpr std::size_t chunks_ahead = 8;

}  // namespace

// ---- Shares

void hub::rescan() {
  list_folders job;
  job.scan = ++scan_;
  job.folders = shares_.begin();
  self_->send(lister_, std::move(job));
  rescan_at_.reset();
  if (const auto minutes = settings().library.scan_interval_minutes; minutes > 0)
    rescan_at_ = now() + std::chrono::minutes(minutes);
}

void hub::hear(const files_listed& e) {
  if (e.scan == scan_) shares_.see(e.files);
}

void hub::hear(const listing_over& e) {
  if (e.scan != scan_) return;
  shares_.finish(e.complete, e.unread);
  while (shares_.sweep_some()) {
  }
  shares_changed();
  self_->send(desk_, desk_job{read_library{}});
}

void hub::hear(const files_described& e) {
  for (const auto& entry : e.files) shares_.describe(*entry);
}

void hub::shares_changed() {
  const auto counts = shares_.index().counts();
  self_->send(session_, session_order{shared_counts{counts.folders, counts.files}});
}

file hub::described(share_file_id id, bool whole_path) const {
  const auto& index = shares_.index();
  const auto shared = index.at(id);
  file out;
  out.name = whole_path ? index.path(id) : std::string(index.name(id));
  out.size = shared.size_bytes;
  out.attrs = wire_attributes(shared.attributes);
  return out;
}

void hub::give_list(const std::string& user) {
  if (auto list = lists_.ask(user, people_.is_buddy(user), now()))
    send_to_user(user, *std::move(list));
  else
    work_on_lists();
}

/// In turns with everything else that comes.
void hub::work_on_lists() {
  if (!lists_.busy(now()) || std::exchange(list_turn_under_way_, true)) return;
  tell_owner(me_, list_turn{});
}

void hub::hear(const list_turn&) {
  list_turn_under_way_ = false;
  for (auto& ready : lists_.turn(now())) send_to_user(ready.user, std::move(ready.message));
  work_on_lists();
}

void hub::act(const answer_search& e) {
  if (people_.is_banned(e.user)) return;
  const auto found = finder_.match(e.query, people_.is_buddy(e.user), max_search_answer);
  if (found.empty()) return;
  peer::file_search_response answer;
  answer.username = user_;
  answer.token = e.token;
  for (const auto id : found.everyone) answer.files.push_back(described(id, true));
  if (!found.buddies.empty()) answer.private_files.emplace();
  for (const auto id : found.buddies) answer.private_files->push_back(described(id, true));
  answer.slot_free = uploads_.free_slot();
  answer.speed = uploads_.average_speed_bytes_per_s();
  answer.queue_length = static_cast<std::uint32_t>(uploads_.queue_length());
  send_to_user(e.user, share(encode(answer)));
}

// ---- What another user says

void hub::answer_peer(const std::string& user, const endpoint& from, const peer::message& message) {
  if (const auto said = said_by(message)) {
    take(downloads_.message(now(), user, *said));
    take(uploads_.message(now(), user, from, *said));
    return;
  }
  const bool banned = people_.is_banned(user, from);
  if (std::holds_alternative<peer::shared_file_list_request>(message)) {
    if (!banned) return give_list(user);
    send_to_user(user, share(encode(peer::shared_file_list_response{})));
    return;
  }
  if (const auto* wanted = std::get_if<peer::folder_contents_request>(&message)) {
    peer::folder_contents_response answer{wanted->token, wanted->folder, {}};
    if (const auto folder = banned ? std::nullopt : shares_.index().find_folder(wanted->folder)) {
      const bool buddy = people_.is_buddy(user);
      share_browser browser(shares_.index(), buddy ? share_audience::both : share_audience::everyone,
                            *folder);
      while (browser.next()) {
        answer.folders.push_back({std::string(browser.path()), {}});
        for (const auto id : shares_.index().files(browser.folder()))
          if (buddy || !shares_.index().for_buddies(id))
            answer.folders.back().files.push_back(described(id, false));
      }
    }
    send_to_user(user, share(encode(answer)));
    return;
  }
  if (std::holds_alternative<peer::user_info_request>(message)) {
    peer::user_info_response answer;
    answer.description = settings().soulseek.description;
    answer.upload_slots = static_cast<std::uint32_t>(uploads_.slots());
    answer.queue_length = static_cast<std::uint32_t>(uploads_.queue_length());
    answer.slot_free = uploads_.free_slot();
    answer.permitted = upload_permission::no_one;
    send_to_user(user, share(encode(answer)));
    return;
  }
  if (const auto* results = std::get_if<peer::file_search_response>(&message)) {
    search_effects out;
    searches_.on_answer(user, *results, now(), out);
    return take(std::move(out));
  }
  answer_waiting(user, message);
}

// ---- Uploads

void hub::take(uploads::effects effects) {
  for (const auto& e : effects) std::visit([this](const auto& x) { act(x); }, e);
}
void hub::act(const uploads::say& e) { send_to_user(e.user, encode_said(e.what)); }

void hub::act(const uploads::look_up& e) {
  uploads::lookup_answer answer;
  if (const auto id = shares_.find(e.path, people_.is_buddy(e.user))) {
    answer.why = refusal::none;
    answer.local = shares_.local_path(*id);
    answer.size_bytes = shares_.index().at(*id).size_bytes;
  }
  take(uploads_.looked_up(now(), e.ticket, answer));
}

void hub::act(const uploads::open_file_link& e) {
  serving_[e.id] = {0, e.token, e.local};
  const auto ticket = next_ticket_++;
  purposes_[ticket] = for_upload{e.id};
  dialer_effects out;
  dialer_.request(ticket, e.user, connection_type::file, now(), out);
  take(std::move(out));
}

void hub::on_file_link(const for_upload& why, link_id link) {
  const auto it = serving_.find(why.id);
  if (it == serving_.end()) {
    dialer_effects out;
    dialer_.close(link, "the upload was given up", now(), out);
    return take(std::move(out));
  }
  it->second.link = link;
  upload_of_[link] = why.id;
  dialer_.hold(link);
  order(link, {write_raw{encode_token(it->second.token)}});
}

void hub::hear(const file_offset_came& e) {
  if (const auto it = upload_of_.find(e.link); it != upload_of_.end())
    take(uploads_.offset(now(), it->second, e.offset_bytes));
}

void hub::act(const uploads::send_bytes& e) {
  self_->send(desk_, desk_job{read_piece{e.id, e.local, e.offset_bytes, e.length_bytes}});
}

void hub::hear(const piece_read& e) {
  const auto it = serving_.find(e.upload);
  if (it == serving_.end()) return;
  if (!e.data) {
    log(log_level::warning, e.data.error().message);
    return take(uploads_.read_failed(now(), e.upload));
  }
  order(it->second.link, {write_chunk{*e.data, e.upload}});
}

void hub::hear(const chunk_written& e) {
  dialer_.on_traffic(e.link, now());
  take(uploads_.sent(now(), e.upload, e.length_bytes));
}

void hub::act(const uploads::close_file_link& e) {
  const auto it = serving_.find(e.id);
  if (it == serving_.end()) return;
  const auto link = it->second.link;
  serving_.erase(it);
  if (link == 0) return;
  upload_of_.erase(link);
  dialer_effects out;
  dialer_.close(link, "the upload is over", now(), out);
  take(std::move(out));
}

void hub::act(const uploads::report_speed& e) {
  say_to_server_now(encode(to_server::send_upload_speed{e.bytes_per_s}));
}

// ---- Downloads

void hub::take(downloads::effects effects) {
  for (const auto& e : effects) std::visit([this](const auto& x) { act(x); }, e);
}
void hub::act(const downloads::say& e) { send_to_user(e.user, encode_said(e.what)); }

void hub::act(const downloads::need_link& e) {
  const auto ticket = next_ticket_++;
  purposes_[ticket] = for_peer_link{e.user};
  dialer_effects out;
  dialer_.request(ticket, e.user, connection_type::peer, now(), out);
  take(std::move(out));
}

void hub::act(const downloads::watch& e) {
  social_effects out;
  people_.watch(e.user, e.on, out);
  take(std::move(out));
}

void hub::hear(const file_token_came& e) {
  const auto* user = dialer_.user_of(e.link);
  if (user == nullptr) return;
  dialer_.hold(e.link);
  take(downloads_.file_connection(now(), e.link, *user, e.token));
}

void hub::act(const downloads::take_file& e) {
  receiving_[e.connection] = {e, e.offset_bytes, false};
  self_->send(desk_, desk_job{open_partial{e.connection, e}});
}

void hub::hear(const partial_opened& e) {
  const auto it = receiving_.find(e.link);
  if (it == receiving_.end()) return;
  if (e.lost) return take(downloads_.partial_lost(now(), e.what.id, e.what.partial));
  if (!e.done) return take(downloads_.disk_failed(now(), e.what.id, e.done.error().message));
  it->second.open = true;
  order(e.link, {write_raw{encode_offset(e.what.offset_bytes)}});
  if (pace_.rate_bytes_per_s() == 0) return order(e.link, {grant_chunks{chunks_ahead}});
  pace_.owe(e.link, 0);
  grant_paid();
}

void hub::hear(const file_bytes_came& e) {
  dialer_.on_traffic(e.link, now());
  const auto it = receiving_.find(e.link);
  if (it == receiving_.end() || !it->second.open) {
    // It has not been told from where: these bytes belong nowhere.
    dialer_effects out;
    dialer_.close(e.link, "it sent a file before it was asked for", now(), out);
    take(std::move(out));
    return link_lost(e.link);
  }
  const auto taken = downloads_.admit(now(), e.link, e.chunk.size());
  if (taken == 0) return order(e.link, {grant_chunks{1}});
  auto& r = it->second;
  self_->send(desk_, desk_job{write_piece{e.link, r.what.partial, r.offset_bytes, e.chunk, taken}});
  r.offset_bytes += taken;
}

void hub::hear(const piece_written& e) {
  const auto it = receiving_.find(e.link);
  if (it == receiving_.end()) return;
  if (!e.done) return take(downloads_.disk_failed(now(), it->second.what.id, e.done.error().message));
  pace_.owe(e.link, e.length_bytes);
  grant_paid();
  take(downloads_.written(now(), e.link, e.length_bytes));
}

void hub::act(const downloads::close_file& e) {
  receiving_.erase(e.connection);
  pace_.forget(e.connection);
  dialer_effects out;
  dialer_.close(e.connection, "the file is here, or isn't wanted", now(), out);
  take(std::move(out));
}

void hub::act(const downloads::finish_file& e) { self_->send(desk_, desk_job{finish_partial{e}}); }

void hub::hear(const partial_finished& e) {
  if (!e.lost.empty())
    take(downloads_.partial_lost(now(), e.id, e.lost));
  else if (e.path)
    take(downloads_.file_finished(now(), e.id, *e.path));
  else
    take(downloads_.disk_failed(now(), e.id, e.path.error().message));
}

void hub::act(const downloads::set_aside& e) {
  self_->send(desk_, desk_job{put_aside{e.partial, unix_ms(), false}});
}
void hub::act(const downloads::discard& e) {
  self_->send(desk_, desk_job{put_aside{e.partial, unix_ms(), true}});
}
void hub::act(const downloads::store& e) { self_->send(desk_, desk_job{keep_row{e}}); }
void hub::act(const downloads::erase& e) { self_->send(desk_, desk_job{forget_row{e.id}}); }

void hub::hear(const desk_problem& e) {
  ++desk_problems_;
  log(log_level::error, e.text);
}

void hub::tell_transfer(const fb::SoulseekTransferT& how) {
  tell_event(fb::EventKind::transfer_changed, "soulseek/" + std::to_string(how.id),
             std::string(how.upload ? "to " : "from ") + how.user + ": " + how.remote_path + ": " +
                 fb::EnumNameSoulseekTransferState(how.state) +
                 (how.reason.empty() ? "" : ", " + how.reason));
}

}  // namespace vsf::soulseek
