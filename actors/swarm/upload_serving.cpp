// Of upload_logic: whose turn it is, and what becomes of what was read.

#include <algorithm>
#include <utility>

#include "actors/swarm/upload_logic.hpp"

namespace vsf::swarm {

/// Of the next of its channels that wants something; the session has requests.
upload_logic::serving upload_logic::frame_of(session_number number, session& s) const {
  auto it = s.channels.upper_bound(s.last_channel);
  for (std::size_t i = 0; i <= s.channels.size(); ++i, ++it) {
    if (it == s.channels.end()) it = s.channels.begin();
    if (!it->second.requests.empty()) break;
  }
  const auto& r = it->second.requests.front();
  serving out{number, &s, it, std::min(r.left, how_.leaves_per_frame), 0};
  for (std::uint16_t i = 0; i < out.count; ++i)
    out.length_bytes += leaf_length(it->second.file->size_bytes, r.next_leaf + i);
  return out;
}

/// Of the next session that may have a frame; else wait_ says when the first of those held back by their own
/// limit may.
std::optional<upload_logic::serving> upload_logic::next_turn(nanoseconds now) {
  auto it = wanting_.upper_bound(last_served_);
  for (std::size_t i = 0; i < wanting_.size(); ++i, ++it) {
    if (it == wanting_.end()) it = wanting_.begin();
    auto& s = sessions_.at(*it);
    if (s.in_flight >= how_.frames_in_flight_per_session) continue;
    auto next = frame_of(*it, s);
    const auto at = s.bucket.ready_at(now, next.length_bytes);
    if (at <= now) return next;
    wait_ = wait_ ? std::min(*wait_, at) : at;
  }
  return std::nullopt;
}

void upload_logic::pump(nanoseconds now, effects& out) {
  wait_.reset();
  while (reading_.size() < how_.reads_in_flight) {
    const auto next = next_turn(now);
    if (!next) return;
    if (!bucket_.take(now, next->length_bytes)) {
      wait_ = bucket_.ready_at(now, next->length_bytes);  // it stays this session's turn
      return;
    }
    auto& s = *next->of;
    auto& c = next->at->second;
    auto& r = c.requests.front();
    s.bucket.take(now, next->length_bytes);
    last_served_ = next->number;
    s.last_channel = next->at->first;
    const bool recheck = now - c.rechecked >= how_.recheck;
    if (recheck) c.rechecked = now;
    const auto ticket = next_ticket_++;
    reading_[ticket] = {last_served_, s.last_channel, c.born, r.id, r.next_leaf, next->count, c.file};
    out.push_back(read_leaves{ticket, c.file, r.next_leaf, next->count, recheck});
    ++s.in_flight;
    r.next_leaf += next->count;
    r.left = static_cast<std::uint16_t>(r.left - next->count);
    if (r.left != 0) continue;
    c.requests.pop_front();
    if (--s.requests == 0) wanting_.erase(last_served_);
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
      if (current) file_lost(now, job.file->root, what.problem, out);
      erase_if_empty(job.session);
    } else {
      s.untaken.push_back(static_cast<std::uint32_t>(what.size_bytes));
      out.push_back(send_frame{job.session, job.channel, job.request, job.first_leaf, job.count, what.whole});
    }
  }
  pump(now, out);
  return out;
}

upload_logic::effects upload_logic::frame_sent(nanoseconds now, session_number number, bool taken) {
  effects out;
  const auto it = sessions_.find(number);
  if (it == sessions_.end() || it->second.untaken.empty()) return out;
  auto& s = it->second;
  const auto length = s.untaken.front();
  s.untaken.pop_front();
  if (s.in_flight > 0) --s.in_flight;
  if (taken) {
    counters_.bytes_served += length;
    ++counters_.frames_served;
    traffic_.add(s.who, length, 0);
    slots_.use(now, s.who);
  } else {
    ++counters_.frames_dropped;
  }
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
