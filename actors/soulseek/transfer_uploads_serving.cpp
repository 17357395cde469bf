#include <algorithm>

#include "actors/soulseek/uploads.hpp"

namespace vsf::soulseek {

namespace {

using state = fb::SoulseekTransferState;

constexpr std::chrono::nanoseconds none{-1};
constexpr std::size_t speeds_kept = 10;
constexpr std::uint64_t telling_bytes = 1 << 20;  // less says little of how fast we are

}  // namespace

void uploads::set_due(row& r, nanoseconds due) {
  if (r.due >= nanoseconds(0)) due_.erase({r.due, r.id});
  r.due = due;
  if (due >= nanoseconds(0)) due_.emplace(due, r.id);
}

void uploads::changed(nanoseconds now, row& r, effects& out) {
  if (r.told && now - *r.told < how_.event_interval) return;
  r.told = now;
  out.emplace_back(tell{describe(now, r)});
}

uploads::row* uploads::row_with(const std::string& from, std::uint32_t token) {
  const auto it = tokens_.find(token);
  if (it == tokens_.end()) return nullptr;
  auto* r = row_of(it->second);
  return r != nullptr && r->user == from && r->now == state::requested ? r : nullptr;
}

void uploads::begin(nanoseconds now, row& r, effects& out) {
  dequeue(r);
  active_.insert(r.id);
  auto& u = users_[r.user];
  ++u.active;
  u.turn = next_turn_++;
  while (next_token_ == 0 || tokens_.count(next_token_) != 0) ++next_token_;
  r.token = next_token_++;
  tokens_[r.token] = r.id;
  r.now = state::requested;
  r.reason.clear();
  r.offset_bytes = r.granted_bytes = r.sent_bytes = 0;
  set_due(r, now + how_.response_timeout);
  ++counters_.begun;
  out.emplace_back(say{r.user, said::offer{r.token, r.path, r.size_bytes}});
  out.emplace_back(tell{describe(now, r)});
}

/// Gives the slot back.
void uploads::release(row& r) {
  if (active_.erase(r.id) == 0) return;
  --users_[r.user].active;
  tokens_.erase(r.token);
  r.token = 0;
}

void uploads::close_link(row& r, effects& out) {
  if (r.now == state::starting || r.now == state::transferring) out.emplace_back(close_file_link{r.id});
}

void uploads::put_back(nanoseconds now, row& r, nanoseconds wait, refusal why, effects& out) {
  release(r);
  enqueue(r);
  r.why = why;
  r.reason = text_of(why);
  r.not_before = now + wait;
  r.sent_bytes = r.granted_bytes = r.offset_bytes = 0;
  set_due(r, r.not_before);
  out.emplace_back(tell{describe(now, r)});
}

/// Nothing was sent; `attempts` times in all.
void uploads::try_again(nanoseconds now, row& r, refusal why, effects& out) {
  if (++r.attempts < how_.attempts) {
    put_back(now, r, how_.retry, why, out);
    return;
  }
  ++counters_.given_up;
  out.emplace_back(say{r.user, said::upload_failed{r.path}});
  end(now, r, state::failed, why, out);
}

/// Bytes were moving: the downloader is told, and asks again if it wants the rest.
void uploads::break_off(nanoseconds now, row& r, refusal why, effects& out) {
  out.emplace_back(say{r.user, said::upload_failed{r.path}});
  end(now, r, state::failed, why, out);
}

void uploads::finish(nanoseconds now, row& r, effects& out) {
  const auto count = r.size_bytes - r.offset_bytes;
  const auto elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - r.since).count();
  const auto speed = count * 1000 / static_cast<std::uint64_t>(std::max<std::int64_t>(elapsed_ms, 1));
  const auto told = static_cast<std::uint32_t>(std::min<std::uint64_t>(speed, 0xFFFFFFFFU));
  if (count > 0) out.emplace_back(report_speed{told});
  if (count >= telling_bytes) speeds_.push_back(told);
  while (speeds_.size() > speeds_kept) speeds_.pop_front();
  ++counters_.completed;
  end(now, r, state::completed, refusal::none, out);
}

void uploads::hear(nanoseconds now, const std::string& from, const said::response& what, effects& out) {
  auto* r = row_with(from, what.token);
  if (r == nullptr) {
    ++counters_.ignored;
    return;
  }
  if (what.allowed) {
    r->now = state::starting;
    set_due(*r, now + how_.connect_timeout);
    out.emplace_back(open_file_link{r->id, r->user, r->token, r->local, r->size_bytes});
    out.emplace_back(tell{describe(now, *r)});
    return;
  }
  ++counters_.denied;
  const auto why = refusal_of(what.reason);
  if (why == refusal::queued) {  // it has no room; it asks again when it has
    put_back(now, *r, how_.retry_queued, why, out);
    return;
  }
  r->reason = shown_reason(what.reason);
  const auto how = why == refusal::complete    ? state::completed
                   : why == refusal::cancelled ? state::cancelled
                                               : state::failed;
  end(now, *r, how, why, out);
}

uploads::effects uploads::link_failed(nanoseconds now, const std::string& name) {
  effects out;
  const auto it = users_.find(name);
  if (it == users_.end()) return out;
  for (const auto& [path, id] : std::map<std::string, upload_id>(it->second.by_path)) {
    auto& r = rows_.at(id);
    if (r.now != state::requested) continue;
    ++counters_.unreachable;
    try_again(now, r, refusal::unreachable, out);
  }
  settle(now, out);
  return out;
}

uploads::effects uploads::file_link_failed(nanoseconds now, upload_id id) {
  effects out;
  auto* r = row_of(id);
  if (r == nullptr || r->now != state::starting) return out;
  ++counters_.unreachable;
  try_again(now, *r, refusal::unreachable, out);
  settle(now, out);
  return out;
}

uploads::effects uploads::offset(nanoseconds now, upload_id id, std::uint64_t offset_bytes) {
  effects out;
  auto* r = row_of(id);
  if (r == nullptr || r->now != state::starting) return out;
  if (offset_bytes > r->size_bytes) {
    // It has more than there is; told finally, or it would ask for ever.
    ++counters_.offsets_refused;
    end_denied(now, *r, refusal::cancelled, out);
    settle(now, out);
    return out;
  }
  r->now = state::transferring;
  r->since = now;
  r->offset_bytes = r->granted_bytes = r->sent_bytes = offset_bytes;
  const auto rate = how_.upload_rate_bytes_per_s;
  r->bucket = swarm::token_bucket(rate, std::max<std::uint64_t>(rate / 2, how_.chunk_bytes));
  set_due(*r, now + (offset_bytes == r->size_bytes ? how_.nothing_to_send : how_.stall));
  out.emplace_back(tell{describe(now, *r)});
  settle(now, out);
  return out;
}

uploads::effects uploads::sent(nanoseconds now, upload_id id, std::uint32_t length_bytes) {
  effects out;
  auto* r = row_of(id);
  if (r == nullptr || r->now != state::transferring) return out;
  const auto taken = std::min<std::uint64_t>(length_bytes, r->granted_bytes - r->sent_bytes);
  r->sent_bytes += taken;
  counters_.bytes_sent += taken;
  set_due(*r, now + how_.stall);
  changed(now, *r, out);
  settle(now, out);
  return out;
}

uploads::effects uploads::read_failed(nanoseconds now, upload_id id) {
  effects out;
  auto* r = row_of(id);
  if (r == nullptr || (r->now != state::starting && r->now != state::transferring)) return out;
  ++counters_.read_errors;
  end_denied(now, *r, refusal::read_error, out);
  settle(now, out);
  return out;
}

uploads::effects uploads::file_closed(nanoseconds now, upload_id id) {
  effects out;
  auto* r = row_of(id);
  if (r == nullptr) return out;
  if (r->now == state::starting) {
    ++counters_.broken_off;
    try_again(now, *r, refusal::broken_off, out);
  } else if (r->now == state::transferring && r->sent_bytes == r->size_bytes) {
    finish(now, *r, out);
  } else if (r->now == state::transferring) {
    ++counters_.broken_off;
    break_off(now, *r, refusal::broken_off, out);
  }
  settle(now, out);
  return out;
}

bool uploads::grant_one(nanoseconds now, row& r, effects& out) {
  const auto left = r.size_bytes - r.granted_bytes;
  const auto in_flight = r.granted_bytes - r.sent_bytes;
  if (left == 0 || in_flight >= std::uint64_t{how_.chunk_bytes} * how_.chunks_in_flight) return false;
  const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, how_.chunk_bytes));
  const auto ready = std::max(bucket_.ready_at(now, length), r.bucket.ready_at(now, length));
  if (ready > now) {
    if (!grant_at_ || ready < *grant_at_) grant_at_ = ready;
    if (in_flight == 0) set_due(r, ready + how_.stall);  // it waits for us, not for the downloader
    return false;
  }
  bucket_.take(now, length);
  r.bucket.take(now, length);
  out.emplace_back(send_bytes{r.id, r.local, r.granted_bytes, length});
  r.granted_bytes += length;
  return true;
}

/// One chunk for each in turn, until nobody can take more.
void uploads::grant(nanoseconds now, effects& out) {
  grant_at_.reset();
  for (bool any = true; any;) {
    any = false;
    std::vector<upload_id> turns(active_.upper_bound(last_granted_), active_.end());
    turns.insert(turns.end(), active_.begin(), active_.upper_bound(last_granted_));
    for (const auto id : turns) {
      auto& r = rows_.at(id);
      if (r.now != state::transferring || !grant_one(now, r, out)) continue;
      last_granted_ = id;
      any = true;
    }
  }
}

void uploads::timed_out(nanoseconds now, row& r, effects& out) {
  switch (r.now) {
    case state::requested:
    case state::starting:
      ++counters_.timed_out;
      close_link(r, out);
      try_again(now, r, refusal::no_answer, out);
      break;
    case state::transferring:
      close_link(r, out);
      // The downloader is to close, but some wait for us when a file is empty.
      if (r.offset_bytes == r.size_bytes) return finish(now, r, out);
      ++counters_.stalled;
      break_off(now, r, refusal::stalled, out);
      break;
    default:
      break;  // queued: its time has come, fill_slots() sees it
  }
}

uploads::effects uploads::tick(nanoseconds now) {
  effects out;
  while (!due_.empty() && due_.begin()->first <= now) {
    auto& r = rows_.at(due_.begin()->second);
    set_due(r, none);
    timed_out(now, r, out);
  }
  settle(now, out);
  return out;
}

std::optional<uploads::nanoseconds> uploads::next_deadline() const {
  auto out = grant_at_;
  if (!due_.empty() && (!out || due_.begin()->first < *out)) out = due_.begin()->first;
  return out;
}

}  // namespace vsf::soulseek
