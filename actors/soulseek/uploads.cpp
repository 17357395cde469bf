#include "actors/soulseek/uploads.hpp"

#include <algorithm>
#include <utility>

namespace vsf::soulseek {

namespace {

using state = fb::SoulseekTransferState;

constexpr std::size_t max_page = 1000;

std::uint64_t burst_of(std::uint64_t rate, std::uint32_t chunk) {
  return std::max<std::uint64_t>(rate / 2, chunk);
}

}  // namespace

uploads::uploads(options how, crypto::random_source& random)
    : how_(how),
      random_(random),
      bucket_(how.rate_bytes_per_s, burst_of(how.rate_bytes_per_s, how.chunk_bytes)) {
  how_.slots = std::max<std::size_t>(how_.slots, 1);
  how_.slots_per_user = std::max<std::size_t>(how_.slots_per_user, 1);
  how_.chunk_bytes = std::max<std::uint32_t>(how_.chunk_bytes, 1);
  // Others must not guess which token comes next after a restart.
  next_token_ = static_cast<std::uint32_t>(1 + random_.below(1U << 30));
}

uploads::row* uploads::row_of(upload_id id) {
  const auto it = rows_.find(id);
  return it == rows_.end() ? nullptr : &it->second;
}

void uploads::forget_idle() {
  for (auto it = users_.begin(); it != users_.end();)
    it = it->second.by_path.empty() && it->second.looked_up.empty() ? users_.erase(it) : std::next(it);
}

/// nullptr: too many wait already.
uploads::user_row* uploads::user_of(nanoseconds now, const std::string& name) {
  if (const auto it = users_.find(name); it != users_.end()) return &it->second;
  if (users_.size() >= how_.max_users) forget_idle();
  if (users_.size() >= how_.max_users) return nullptr;
  auto& u = users_[name];
  u.window_since = now;
  return &u;
}

/// Beyond the bound nothing is answered: an answer each would be a flood of our own.
bool uploads::may_ask(nanoseconds now, const std::string& from, user_row& u, effects& out) {
  if (now - u.window_since >= how_.window) {
    u.window_since = now;
    u.requests = 0;
    u.noted = false;
  }
  if (++u.requests <= how_.max_requests_per_window) return true;
  ++counters_.requests_dropped;
  if (!std::exchange(u.noted, true))
    out.emplace_back(note{
        shown_reason(from) + " asked for files more than " + std::to_string(how_.max_requests_per_window) +
        " times in " + std::to_string(std::chrono::duration_cast<std::chrono::minutes>(how_.window).count()) +
        " minutes: not answered until they are over"});
  return false;
}

refusal uploads::check(const std::string& from, const user_row& u, std::uint64_t more_bytes) const {
  if (bans_.bans(from, u.address)) return refusal::banned;
  if (shutting_down_) return refusal::shutting_down;
  if (u.by_path.size() + u.looked_up.size() >= how_.max_files_per_user || queued_ >= how_.max_files ||
      lookups_.size() >= how_.max_lookups)
    return refusal::too_many_files;
  if (how_.max_bytes_per_user != 0 &&
      (u.bytes >= how_.max_bytes_per_user || more_bytes > how_.max_bytes_per_user - u.bytes))
    return refusal::too_many_megabytes;
  return refusal::none;
}

void uploads::deny(const std::string& to, const std::string& path, refusal why, effects& out) {
  ++counters_.refused[why];
  out.emplace_back(say{to, said::upload_denied{path, std::string(text_of(why))}});
}

/// `none`: it is queued, or looked up for that.
refusal uploads::request(nanoseconds now, const std::string& from, const std::string& path, effects& out) {
  ++counters_.requests;
  auto* u = user_of(now, from);
  if (u == nullptr) return refusal::too_many_files;
  if (const auto known = u->by_path.find(path); known != u->by_path.end()) {
    ++counters_.requests_repeated;
    auto& r = rows_.at(known->second);
    if (r.now == state::queued && r.not_before > now) {  // its downloader is ready again
      r.not_before = now;
      set_due(r, nanoseconds(-1));
    }
    return refusal::none;
  }
  if (u->looked_up.count(path) != 0) {
    ++counters_.requests_repeated;
    return refusal::none;
  }
  if (const auto why = check(from, *u, 0); why != refusal::none) return why;
  const auto ticket = next_ticket_++;
  lookups_[ticket] = {from, path};
  u->looked_up.insert(path);
  out.emplace_back(look_up{ticket, from, path});
  return refusal::none;
}

void uploads::hear(nanoseconds now, const std::string& from, const said::queue_upload& what, effects& out) {
  if (const auto why = request(now, from, what.path, out); why != refusal::none)
    deny(from, what.path, why, out);
}

/// Never "allowed": whoever is told so opens a connection to whoever says to be this user.
void uploads::hear(nanoseconds now, const std::string& from, const said::legacy_request& what, effects& out) {
  ++counters_.legacy_requests;
  auto why = request(now, from, what.path, out);
  if (why == refusal::none)
    why = refusal::queued;
  else
    ++counters_.refused[why];
  out.emplace_back(say{from, said::response{what.token, false, std::string(text_of(why))}});
}

void uploads::hear(nanoseconds, const std::string& from, const said::place_request& what, effects& out) {
  if (const auto place = place_of(from, what.path); place != 0)
    out.emplace_back(say{from, said::place{what.path, place}});
  else
    ++counters_.ignored;
}

uploads::effects uploads::message(nanoseconds now, const std::string& from,
                                  const std::optional<endpoint>& address, const said::message& what) {
  effects out;
  if (from.empty() || from.size() > max_user_bytes) {
    ++counters_.ignored;
    return out;
  }
  if (const auto* answer = std::get_if<said::response>(&what)) {
    hear(now, from, *answer, out);
    settle(now, out);
    return out;
  }
  auto* u = user_of(now, from);
  if (u != nullptr) {
    if (address) u->address = address;
    if (!may_ask(now, from, *u, out)) return out;
  }
  const auto fits = [](const std::string& path) { return !path.empty() && path.size() <= max_path_bytes; };
  if (const auto* asks = std::get_if<said::queue_upload>(&what); asks != nullptr && fits(asks->path))
    hear(now, from, *asks, out);
  else if (const auto* old = std::get_if<said::legacy_request>(&what); old != nullptr && fits(old->path))
    hear(now, from, *old, out);
  else if (const auto* where = std::get_if<said::place_request>(&what); where != nullptr && fits(where->path))
    hear(now, from, *where, out);
  else
    ++counters_.ignored;
  settle(now, out);
  return out;
}

uploads::effects uploads::looked_up(nanoseconds now, std::uint64_t ticket, const lookup_answer& answer) {
  effects out;
  const auto it = lookups_.find(ticket);
  if (it == lookups_.end()) return out;
  const auto asked = std::move(it->second);
  lookups_.erase(it);
  auto& u = users_[asked.user];
  u.looked_up.erase(asked.path);
  auto why = answer.why;
  if (why == refusal::none) why = check(asked.user, u, answer.size_bytes);
  if (why != refusal::none) {
    deny(asked.user, asked.path, why, out);
    return out;
  }
  auto& r = rows_[next_id_];
  r.id = next_id_++;
  r.user = asked.user;
  r.path = asked.path;
  r.local = answer.local;
  r.size_bytes = answer.size_bytes;
  u.by_path[r.path] = r.id;
  u.bytes += r.size_bytes;
  enqueue(r);
  out.emplace_back(tell{describe(now, r)});
  settle(now, out);
  return out;
}

void uploads::enqueue(row& r) {
  r.order = next_order_++;
  r.now = state::queued;
  users_[r.user].queue[r.order] = r.id;
  ++queued_;
}

void uploads::dequeue(row& r) {
  users_[r.user].queue.erase(r.order);
  --queued_;
}

void uploads::end(nanoseconds now, row& r, state how, refusal why, effects& out) {
  r.now == state::queued ? dequeue(r) : release(r);
  set_due(r, nanoseconds(-1));
  auto& u = users_[r.user];
  u.by_path.erase(r.path);
  u.bytes -= r.size_bytes;
  r.now = how;
  r.why = why;
  if (r.reason.empty()) r.reason = text_of(why);
  history_.push_back(r.id);
  out.emplace_back(tell{describe(now, r)});
  while (history_.size() > how_.max_history) {
    rows_.erase(history_.front());
    history_.pop_front();
  }
}

/// Whatever it is at, with a reason for its user.
void uploads::end_denied(nanoseconds now, row& r, refusal why, effects& out) {
  close_link(r, out);
  deny(r.user, r.path, why, out);
  end(now, r, why == refusal::cancelled ? state::cancelled : state::failed, why, out);
}

void uploads::settle(nanoseconds now, effects& out) {
  fill_slots(now, out);
  grant(now, out);
}

uploads::effects uploads::user_gone(nanoseconds now, const std::string& name) {
  effects out;
  const auto it = users_.find(name);
  if (it == users_.end()) return out;
  for (const auto& [path, id] : std::map<std::string, upload_id>(it->second.by_path)) {
    auto& r = rows_.at(id);
    if (r.now == state::transferring) continue;
    close_link(r, out);
    end(now, r, state::cancelled, refusal::offline, out);
  }
  settle(now, out);
  return out;
}

uploads::effects uploads::set_limits(nanoseconds now, std::size_t slots, std::size_t slots_per_user,
                                     std::uint64_t rate_bytes_per_s, std::uint64_t upload_rate_bytes_per_s) {
  how_.slots = std::max<std::size_t>(slots, 1);
  how_.slots_per_user = std::max<std::size_t>(slots_per_user, 1);
  how_.rate_bytes_per_s = rate_bytes_per_s;
  how_.upload_rate_bytes_per_s = upload_rate_bytes_per_s;
  bucket_.set_rate(now, rate_bytes_per_s, burst_of(rate_bytes_per_s, how_.chunk_bytes));
  for (const auto id : active_)
    rows_.at(id).bucket.set_rate(now, upload_rate_bytes_per_s,
                                 burst_of(upload_rate_bytes_per_s, how_.chunk_bytes));
  effects out;
  settle(now, out);
  return out;
}

uploads::effects uploads::set_bans(nanoseconds now, transfer_bans bans) {
  bans_ = std::move(bans);
  effects out;
  std::vector<upload_id> banned;
  for (const auto& [name, u] : users_)
    if (bans_.bans(name, u.address))
      for (const auto& [path, id] : u.by_path) banned.push_back(id);
  for (const auto id : banned) end_denied(now, rows_.at(id), refusal::banned, out);
  settle(now, out);
  return out;
}

result<uploads::effects> uploads::cancel(nanoseconds now, upload_id id) {
  auto* r = row_of(id);
  if (r == nullptr)
    return fail("There is no upload " + std::to_string(id) + ": the list shows which there are.");
  if (r->now == state::completed || r->now == state::failed || r->now == state::cancelled)
    return fail(r->path + " is at its end already: clear it to forget it.");
  effects out;
  end_denied(now, *r, refusal::cancelled, out);
  settle(now, out);
  return out;
}

result<uploads::effects> uploads::clear(upload_id id) {
  const auto at = std::find(history_.begin(), history_.end(), id);
  if (at == history_.end())
    return fail("Upload " + std::to_string(id) + " is not among those that ended: cancel it first.");
  history_.erase(at);
  rows_.erase(id);
  return effects{};
}

uploads::effects uploads::shut_down(nanoseconds now) {
  shutting_down_ = true;
  effects out;
  std::vector<upload_id> all;
  for (const auto& [name, u] : users_)
    for (const auto& [path, id] : u.by_path) all.push_back(id);
  for (const auto id : all) end_denied(now, rows_.at(id), refusal::shutting_down, out);
  return out;
}

fb::SoulseekTransferT uploads::describe(nanoseconds now, const row& r) const {
  fb::SoulseekTransferT out;
  out.id = r.id;
  out.upload = true;
  out.user = r.user;
  out.remote_path = r.path;
  out.file = r.local;
  out.size = r.size_bytes;
  out.bytes_done = r.sent_bytes;
  out.state = r.now;
  if (r.now != state::completed) out.reason = r.reason;
  const auto elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - r.since).count();
  if (r.now == state::transferring && elapsed_ms > 0)
    out.rate_bytes_per_s = (r.sent_bytes - r.offset_bytes) * 1000 / static_cast<std::uint64_t>(elapsed_ms);
  return out;
}

std::vector<fb::SoulseekTransferT> uploads::list(nanoseconds now, std::size_t offset,
                                                 std::size_t limit) const {
  std::vector<fb::SoulseekTransferT> out;
  limit = std::min(limit, max_page);
  const auto take = [&](upload_id id) {
    if (offset > 0) {
      --offset;
    } else if (out.size() < limit) {
      out.push_back(describe(now, rows_.at(id)));
    }
    return out.size() < limit;
  };
  for (const auto id : active_)
    if (!take(id)) return out;
  std::map<std::uint64_t, upload_id> queue;
  for (const auto& [name, u] : users_) queue.insert(u.queue.begin(), u.queue.end());
  for (const auto& [order, id] : queue)
    if (!take(id)) return out;
  for (auto it = history_.rbegin(); it != history_.rend(); ++it)
    if (!take(*it)) return out;
  return out;
}

}  // namespace vsf::soulseek
