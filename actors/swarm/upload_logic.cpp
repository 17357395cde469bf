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

bytes join(const std::vector<digest>& hashes) {
  bytes out;
  out.reserve(hashes.size() * digest::length);
  for (const auto& h : hashes) out.insert(out.end(), h.begin(), h.end());
  return out;
}

}  // namespace

upload_logic::upload_logic(options how) : how_(how), trees_(how.tree_cache_bytes) {
  if (how.rate_bytes_per_s == 0) return;
  const std::uint64_t one_frame = std::uint64_t{how.leaves_per_frame} * leaf_size;
  bucket_ = token_bucket(how.rate_bytes_per_s, std::max(one_frame, how.rate_bytes_per_s / 4));
}

std::size_t upload_logic::requests_queued() const {
  std::size_t total = 0;
  for (const auto& [number, s] : sessions_) total += s.requests.size();
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

void upload_logic::close(session& s, std::uint16_t number) {
  const auto it = s.channels.find(number);
  if (it == s.channels.end()) return;
  opening_.erase(it->second.opening);
  s.proofs -= std::min(s.proofs, it->second.proofs.size());
  s.channels.erase(it);
  --channels_;
  std::erase_if(s.requests, [&](const request& r) { return r.channel == number; });
}

void upload_logic::erase_if_empty(session_number number) {
  const auto it = sessions_.find(number);
  if (it != sessions_.end() && it->second.channels.empty() && it->second.in_flight == 0) sessions_.erase(it);
}

upload_logic::effects upload_logic::message(nanoseconds now, session_number from,
                                            const fb::OverlayMessage& what) {
  effects out;
  if (sessions_.count(from) == 0 && sessions_.size() >= how_.max_sessions) {
    ++counters_.sessions_refused;
    if (const auto* open = what.body_as_OpenRoot())
      deny(from, open->channel(), 0, fb::DenyReason::no_slot, out);
    return out;
  }
  auto& s = sessions_[from];
  if (const auto* open = what.body_as_OpenRoot()) {
    open_root(now, from, s, *open, out);
  } else if (const auto* proof = what.body_as_GetProof()) {
    get_proof(now, from, s, *proof, out);
  } else if (const auto* data = what.body_as_GetData()) {
    get_data(now, from, s, *data, out);
  } else if (const auto* cancel = what.body_as_Cancel()) {
    std::erase_if(s.requests, [&](const request& r) {
      return r.channel == cancel->channel() && r.id == cancel->request();
    });
  } else if (const auto* ended = what.body_as_CloseRoot()) {
    close(s, ended->channel());
  }
  pump(now, out);
  erase_if_empty(from);
  return out;
}

upload_logic::effects upload_logic::session_ended(nanoseconds now, session_number number) {
  effects out;
  const auto it = sessions_.find(number);
  if (it == sessions_.end()) return out;
  while (!it->second.channels.empty()) close(it->second, it->second.channels.begin()->first);
  sessions_.erase(it);
  // Words that were still under way can begin a session of this number again; its reads are not these.
  for (auto& [ticket, job] : reading_)
    if (job.session == number) job.session = 0;
  pump(now, out);
  return out;
}

bool upload_logic::make_room(nanoseconds now, effects& out) {
  session_number who = 0;
  std::uint16_t number = 0;
  auto oldest = now - how_.idle;
  for (const auto& [id, s] : sessions_)
    for (const auto& [at, c] : s.channels)
      if (c.used < oldest) {
        oldest = c.used;
        who = id;
        number = at;
      }
  if (number == 0) return false;
  close(sessions_.at(who), number);
  deny(who, number, 0, fb::DenyReason::no_slot, out);
  return true;
}

void upload_logic::open_root(nanoseconds now, session_number from, session& s, const fb::OpenRoot& what,
                             effects& out) {
  const auto number = what.channel();
  close(s, number);  // a downloader that was restarted begins again
  if (number == 0 || what.root() == nullptr) {
    deny(from, number, 0, fb::DenyReason::bad_request, out);
    return;
  }
  if (s.channels.size() >= how_.max_channels_per_session ||
      (channels_ >= how_.max_channels && !make_room(now, out))) {
    deny(from, number, 0, fb::DenyReason::no_slot, out);
    return;
  }
  channel c;
  c.root = from_fb<digest>(*what.root());
  c.born = c.opening = next_ticket_++;
  c.used = c.rechecked = now;
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
  if (!what.file) {
    if (what.problem == file_problem::gone) ++counters_.files_gone;
    close(s, job.channel);
    deny(job.session, job.channel, 0, reason_of(what.problem), out);
    pump(now, out);
    erase_if_empty(job.session);
    return out;
  }
  c.file = what.file;
  c.used = c.rechecked = now;
  ++counters_.roots_opened;
  fb::RootOpenedT yes;
  yes.channel = job.channel;
  yes.size = what.file->size_bytes;
  out.push_back(say{job.session, overlay_message(std::move(yes))});
  return out;
}

void upload_logic::say_proof(session_number to, std::uint16_t number, const hash_tree& tree,
                             std::uint32_t piece, effects& out) {
  const auto proof = tree.prove(piece);
  fb::ProofT message;
  message.channel = number;
  message.piece = piece;
  message.leaves = join(proof.leaves);
  message.uncles = join(proof.uncles);
  ++counters_.proofs_served;
  out.push_back(say{to, overlay_message(std::move(message))});
}

void upload_logic::get_proof(nanoseconds now, session_number from, session& s, const fb::GetProof& what,
                             effects& out) {
  const auto it = s.channels.find(what.channel());
  if (it == s.channels.end()) {
    deny(from, what.channel(), 0, fb::DenyReason::no_slot, out);  // closed by us meanwhile
    return;
  }
  auto& c = it->second;
  if (!c.file || what.piece() >= piece_count(c.file->size_bytes)) {
    close(s, what.channel());
    deny(from, what.channel(), 0, fb::DenyReason::bad_request, out);
    return;
  }
  c.used = now;
  if (const auto tree = trees_.get(c.root)) {
    say_proof(from, what.channel(), *tree, what.piece(), out);
    return;
  }
  if (s.proofs >= how_.max_proofs_per_session) {
    close(s, what.channel());
    deny(from, what.channel(), 0, fb::DenyReason::rate_limited, out);
    return;
  }
  c.proofs.push_back(what.piece());
  ++s.proofs;
  if (hashing_.emplace(c.root, true).second) out.push_back(hash_file{c.file});
}

upload_logic::effects upload_logic::file_hashed(nanoseconds now, const digest& root,
                                                const shared_files::hashing& what) {
  effects out;
  hashing_.erase(root);
  if (!what.tree) {
    if (what.problem == file_problem::gone) ++counters_.files_gone;
    file_lost(root, reason_of(what.problem), out);
    pump(now, out);
    return out;
  }
  ++counters_.trees_built;
  trees_.put(what.tree);
  for (auto& [id, s] : sessions_)
    for (auto& [number, c] : s.channels) {
      if (c.root != root) continue;
      for (const auto piece : c.proofs) say_proof(id, number, *what.tree, piece, out);
      s.proofs -= std::min(s.proofs, c.proofs.size());
      c.proofs.clear();
      c.used = now;
    }
  return out;
}

void upload_logic::file_lost(const digest& root, fb::DenyReason reason, effects& out) {
  trees_.erase(root);
  std::vector<session_number> touched;
  for (auto& [id, s] : sessions_) {
    std::vector<std::uint16_t> numbers;
    for (const auto& [number, c] : s.channels)
      if (c.root == root && c.file) numbers.push_back(number);
    for (const auto number : numbers) {
      close(s, number);
      deny(id, number, 0, reason, out);
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
  const bool known = std::any_of(s.requests.begin(), s.requests.end(), [&](const request& r) {
    return r.channel == what.channel() && r.id == what.request();
  });
  if (what.request() == 0 || what.count() == 0 || what.count() > 64 || what.first_leaf() >= leaves ||
      what.count() > leaves - what.first_leaf() || known) {
    close(s, what.channel());
    deny(from, what.channel(), 0, fb::DenyReason::bad_request, out);
    return;
  }
  c.used = now;
  if (s.requests.size() >= how_.max_requests_per_session) {
    deny(from, what.channel(), what.request(), fb::DenyReason::rate_limited, out);
    return;
  }
  s.requests.push_back({what.channel(), what.request(), what.first_leaf(), what.count()});
}

upload_logic::session* upload_logic::next_turn() {
  const auto ready = [&](const session& s) {
    return !s.requests.empty() && s.in_flight < how_.frames_in_flight_per_session;
  };
  auto it = sessions_.upper_bound(last_served_);
  for (std::size_t i = 0; i < sessions_.size(); ++i, ++it) {
    if (it == sessions_.end()) it = sessions_.begin();
    if (!ready(it->second)) continue;
    last_served_ = it->first;
    return &it->second;
  }
  return nullptr;
}

void upload_logic::pump(nanoseconds now, effects& out) {
  wait_.reset();
  while (reading_.size() < how_.reads_in_flight) {
    const auto turn = last_served_;
    auto* s = next_turn();
    if (s == nullptr) return;
    auto& r = s->requests.front();
    auto& c = s->channels.at(r.channel);
    const auto count = std::min(r.left, how_.leaves_per_frame);
    std::uint64_t length = 0;
    for (std::uint16_t i = 0; i < count; ++i) length += leaf_length(c.file->size_bytes, r.next_leaf + i);
    if (!bucket_.take(now, length)) {
      last_served_ = turn;  // it stays this session's turn
      wait_ = bucket_.ready_at(now, length);
      return;
    }
    const bool recheck = now - c.rechecked >= how_.recheck;
    if (recheck) c.rechecked = now;
    c.used = now;
    const auto ticket = next_ticket_++;
    reading_[ticket] = {last_served_, r.channel, c.born, r.id, r.next_leaf, count, c.file};
    out.push_back(read_leaves{ticket, c.file, r.next_leaf, count, recheck});
    ++s->in_flight;
    r.next_leaf += count;
    r.left = static_cast<std::uint16_t>(r.left - count);
    if (r.left == 0) s->requests.pop_front();
  }
}

upload_logic::effects upload_logic::leaves_read(nanoseconds now, std::uint64_t ticket,
                                                const shared_files::reading& what) {
  effects out;
  const auto found = reading_.find(ticket);
  if (found == reading_.end()) return out;
  const auto job = found->second;
  reading_.erase(found);
  const auto it = sessions_.find(job.session);
  if (it != sessions_.end()) {
    auto& s = it->second;
    const auto c = s.channels.find(job.channel);
    const bool current = c != s.channels.end() && c->second.born == job.born;
    if (!current || what.problem != file_problem::none) {
      if (s.in_flight > 0) --s.in_flight;
      if (current) {
        if (what.problem == file_problem::gone) ++counters_.files_gone;
        file_lost(digest(job.file->root), reason_of(what.problem), out);
      }
      erase_if_empty(job.session);
    } else {
      counters_.bytes_served += what.size_bytes;
      ++counters_.frames_served;
      out.push_back(send_frame{job.session, job.channel, job.request, job.first_leaf, job.count, what.whole});
    }
  }
  pump(now, out);
  return out;
}

upload_logic::effects upload_logic::frame_sent(nanoseconds now, session_number number) {
  effects out;
  const auto it = sessions_.find(number);
  if (it == sessions_.end()) return out;
  if (it->second.in_flight > 0) --it->second.in_flight;
  pump(now, out);
  erase_if_empty(number);
  return out;
}

upload_logic::effects upload_logic::tick(nanoseconds now) {
  effects out;
  pump(now, out);
  return out;
}

}  // namespace vsf::swarm
