#include "actors/swarm/upload_logic.hpp"

#include <algorithm>
#include <utility>

namespace vsf::swarm {

namespace {

fb::DenyReason reason_of(file_problem problem) {
  switch (problem) {
    case file_problem::not_shared:
      return fb::DenyReason::not_shared;
    case file_problem::gone:
      return fb::DenyReason::gone;
    default:
      return fb::DenyReason::read_error;
  }
}

/// What may gather in a bucket: a frame goes out at once, and a quarter of a second's worth.
std::uint64_t burst_bytes(const upload_logic::options& how, std::uint64_t rate_bytes_per_s) {
  return std::max(std::uint64_t{how.leaves_per_frame} * leaf_size, rate_bytes_per_s / 4);
}

}  // namespace

upload_logic::upload_logic(options how)
    : how_(how),
      slots_(how.slots),
      trees_(how.tree_cache_bytes),
      bucket_(how.rate_bytes_per_s, burst_bytes(how, how.rate_bytes_per_s)) {}

std::size_t upload_logic::requests_queued() const {
  std::size_t total = 0;
  for (const auto number : wanting_) total += sessions_.at(number).requests;
  return total;
}

void upload_logic::deny(session_number to, std::uint16_t number, std::uint32_t id, fb::DenyReason reason,
                        effects& out) {
  ++counters_.denied[static_cast<std::size_t>(reason)];
  fb::DeniedT no;
  no.channel = number;
  no.request = id;
  no.reason = reason;
  out.push_back(say{to, overlay_message(std::move(no))});
}

void upload_logic::close(nanoseconds now, session_number from, session& s, std::uint16_t number) {
  const auto it = s.channels.find(number);
  if (it == s.channels.end()) return;
  opening_.erase(it->second.opening);
  s.proofs -= std::min(s.proofs, it->second.proofs.size());
  s.requests -= it->second.requests.size();
  if (s.requests == 0) wanting_.erase(from);
  s.channels.erase(it);
  --channels_;
  if (s.channels.empty()) slots_.rest(now, s.who);
}

/// They lost their slots.
void upload_logic::close_all(nanoseconds now, const std::vector<node_id>& whose, effects& out) {
  if (whose.empty()) return;
  for (auto& [number, s] : sessions_) {
    if (std::find(whose.begin(), whose.end(), s.who) == whose.end()) continue;
    while (!s.channels.empty()) {
      const auto last = s.channels.begin()->first;
      close(now, number, s, last);
      deny(number, last, 0, fb::DenyReason::no_slot, out);
    }
  }
}

void upload_logic::erase_if_empty(session_number number) {
  const auto it = sessions_.find(number);
  if (it == sessions_.end()) return;
  const auto& s = it->second;
  if (s.channels.empty() && s.in_flight == 0 && !s.remembered) sessions_.erase(it);
}

upload_logic::effects upload_logic::message(nanoseconds now, session_number from, const node_id& who,
                                            const fb::OverlayMessage& what,
                                            const std::optional<contact>& reachable) {
  effects out;
  const auto known = sessions_.find(from);
  if (known == sessions_.end() && sessions_.size() >= how_.max_sessions) {
    ++counters_.sessions_refused;
    if (const auto* open = what.body_as_OpenRoot())
      deny(from, open->channel(), 0, fb::DenyReason::no_slot, out);
    return out;
  }
  auto& s = known == sessions_.end() ? sessions_[from] : known->second;
  s.who = who;
  s.reachable = reachable;
  if (const auto* open = what.body_as_OpenRoot()) {
    open_root(now, from, s, *open, out);
  } else if (const auto* proof = what.body_as_GetProof()) {
    get_proof(now, from, s, *proof, out);
  } else if (const auto* data = what.body_as_GetData()) {
    get_data(now, from, s, *data, out);
  } else if (const auto* given_up = what.body_as_Cancel()) {
    cancel(from, s, *given_up);
  } else if (const auto* ended = what.body_as_CloseRoot()) {
    close(now, from, s, ended->channel());
  }
  pump(now, out);
  erase_if_empty(from);
  return out;
}

upload_logic::effects upload_logic::session_ended(nanoseconds now, session_number number) {
  effects out;
  const auto it = sessions_.find(number);
  if (it == sessions_.end()) return out;
  auto& s = it->second;
  while (!s.channels.empty()) close(now, number, s, s.channels.begin()->first);
  slots_.drop(s.who);
  sessions_.erase(it);
  // Words that were still under way can begin a session of this number again; its reads are not these.
  for (auto& [ticket, job] : reading_)
    if (job.session == number) job.session = 0;
  pump(now, out);
  return out;
}

/// Who waits for us is not idle, only who does not take what it asked for.
void upload_logic::mark_waited_for(nanoseconds now) {
  for (const auto number : wanting_)
    if (const auto& s = sessions_.at(number); s.in_flight < how_.frames_in_flight_per_session)
      slots_.use(now, s.who);
}

void upload_logic::open_root(nanoseconds now, session_number from, session& s, const fb::OpenRoot& what,
                             effects& out) {
  const auto number = what.channel();
  close(now, from, s, number);  // a downloader that was restarted begins again
  if (number == 0 || what.root() == nullptr) {
    deny(from, number, 0, fb::DenyReason::bad_request, out);
    return;
  }
  if (s.channels.size() >= how_.max_channels_per_session) {
    deny(from, number, 0, fb::DenyReason::no_slot, out);
    return;
  }
  mark_waited_for(now);
  const auto slot = slots_.ask(now, s.who);
  close_all(now, slot.evicted, out);
  if (!slot.granted) {
    deny(from, number, 0, fb::DenyReason::no_slot, out);
    return;
  }
  if (!s.remembered)
    s.bucket = token_bucket(how_.peer_rate_bytes_per_s, burst_bytes(how_, how_.peer_rate_bytes_per_s));
  s.remembered = true;
  channel c;
  c.root = from_fb<digest>(*what.root());
  c.born = c.opening = next_ticket_++;
  c.rechecked = now;
  c.shares = what.shares();
  opening_[c.opening] = {from, number};
  out.push_back(open_file{c.opening, c.root});
  s.channels.emplace(number, std::move(c));
  ++channels_;
}

upload_logic::effects upload_logic::file_opened(nanoseconds now, std::uint64_t ticket,
                                                const shared_files::opening& what) {
  effects out;
  const auto found = opening_.find(ticket);
  if (found == opening_.end()) return out;
  const auto job = found->second;
  opening_.erase(found);
  auto& s = sessions_.at(job.session);
  auto& c = s.channels.at(job.channel);
  c.opening = 0;
  c.file = what.file ? what.file : part_of(c.root);
  if (!c.file) {
    if (what.problem == file_problem::gone) ++counters_.files_gone;
    close(now, job.session, s, job.channel);
    deny(job.session, job.channel, 0, reason_of(what.problem), out);
    pump(now, out);
    erase_if_empty(job.session);
    return out;
  }
  c.rechecked = now;
  slots_.use(now, s.who);
  ++counters_.roots_opened;
  fb::RootOpenedT yes;
  yes.channel = job.channel;
  yes.size = c.file->size_bytes;
  if (c.file->part) {
    ++counters_.parts_opened;
    yes.pieces = c.file->part->pieces().raw();
  }
  out.push_back(say{job.session, overlay_message(std::move(yes))});
  introduce(job.session, s, job.channel, out);
  return out;
}

void upload_logic::file_lost(nanoseconds now, const digest& root, file_problem problem, effects& out) {
  if (problem == file_problem::gone) ++counters_.files_gone;
  trees_.erase(root);
  std::vector<session_number> touched;
  for (auto& [id, s] : sessions_) {
    std::vector<std::uint16_t> numbers;
    for (const auto& [number, c] : s.channels)
      if (c.root == root && c.file) numbers.push_back(number);
    for (const auto number : numbers) {
      close(now, id, s, number);
      deny(id, number, 0, reason_of(problem), out);
    }
    if (!numbers.empty()) touched.push_back(id);
  }
  for (const auto id : touched) erase_if_empty(id);
}

void upload_logic::get_data(nanoseconds now, session_number from, session& s, const fb::GetData& what,
                            effects& out) {
  const auto it = s.channels.find(what.channel());
  if (it == s.channels.end()) {
    deny(from, what.channel(), 0, fb::DenyReason::no_slot, out);
    return;
  }
  auto& c = it->second;
  const auto leaves = c.file ? leaf_count(c.file->size_bytes) : 0;
  const bool known = std::any_of(c.requests.begin(), c.requests.end(),
                                 [&](const request& r) { return r.id == what.request(); });
  if (what.request() == 0 || what.count() == 0 || what.count() > 64 || what.first_leaf() >= leaves ||
      what.count() > leaves - what.first_leaf() || known || !has_leaves(c, what.first_leaf(), what.count())) {
    close(now, from, s, what.channel());
    deny(from, what.channel(), 0, fb::DenyReason::bad_request, out);
    return;
  }
  slots_.use(now, s.who);
  if (s.requests >= how_.max_requests_per_session &&
      c.requests.size() >= how_.max_requests_per_session / how_.max_channels_per_session) {
    deny(from, what.channel(), what.request(), fb::DenyReason::rate_limited, out);
    return;
  }
  c.requests.push_back({what.request(), what.first_leaf(), what.count()});
  ++s.requests;
  wanting_.insert(from);
}

void upload_logic::cancel(session_number from, session& s, const fb::Cancel& what) {
  const auto it = s.channels.find(what.channel());
  if (it == s.channels.end()) return;
  s.requests -= std::erase_if(it->second.requests, [&](const request& r) { return r.id == what.request(); });
  if (s.requests == 0) wanting_.erase(from);
}

upload_logic::effects upload_logic::set_limits(nanoseconds now, const fb::TransferLimits& limits) {
  effects out;
  how_.rate_bytes_per_s = std::uint64_t{limits.upload_limit_kib()} * 1024;
  bucket_.set_rate(now, how_.rate_bytes_per_s, burst_bytes(how_, how_.rate_bytes_per_s));
  const auto per_peer = std::uint64_t{limits.upload_limit_per_peer_kib()} * 1024;
  if (per_peer != how_.peer_rate_bytes_per_s)
    for (auto& [number, s] : sessions_) s.bucket.set_rate(now, per_peer, burst_bytes(how_, per_peer));
  how_.peer_rate_bytes_per_s = per_peer;
  mark_waited_for(now);
  close_all(now, slots_.set_slots(now, limits.upload_slots()), out);
  pump(now, out);
  return out;
}

}  // namespace vsf::swarm
